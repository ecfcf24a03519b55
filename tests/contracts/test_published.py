"""The paper's values: what is covered, that each has a source, and whom they are shown for."""

import pytest

from linearity.contracts import published as values
from linearity.contracts.published import TASKS, Published, published

FIGURE_1 = [
    "Llama-2-7B", "Llama-2-7B-chat", "Llama-2-13B", "GPT-J-6B", "OPT-125M", "OPT-1.3B", "OPT-13B",
    "OPT-30B", "GPT-2", "GPT-2 large", "GPT-2 XL", "Falcon-7B", "Falcon-7B-instruct", "BLOOM-560M",
    "BLOOM-1.1B", "BLOOM-3B", "BLOOM-7.1B", "Pythia-70M", "Pythia-2.8B", "TinyLlama-1.1B 3T",
    "Mistral-7B", "Llama-3-8B", "Phi-3-mini 4k", "Phi-3-mini 128k",
]  # fmt: skip
TABLE_1 = ["OPT-125M", "OPT-1.3B", "OPT-2.7B", "Llama-2-7B", "GPT-2", "GPT-2 large", "GPT-2 XL"]


def covered() -> dict[str, Published]:
    return {found.name: found for found in values._MODELS.values()}


def test_the_24_models_of_figure_1_and_the_7_of_table_1_are_covered() -> None:
    known = covered()

    assert [name for name, found in known.items() if found.update] == [
        name for name in known if name in FIGURE_1
    ]
    assert set(known) == {*FIGURE_1, "OPT-2.7B"}
    assert {name for name, found in known.items() if found.fine_tuning} == set(TABLE_1)


@pytest.mark.parametrize("name", [*FIGURE_1, "OPT-2.7B"])
def test_every_value_has_its_source(name: str) -> None:
    found = covered()[name]

    assert found.url.endswith("2405.12250v1")
    for one in (found.stream, found.update):
        if one is not None:
            assert 0.0 < one.low < one.high <= 1.0
            assert one.source.startswith("figure 1, ")
    for change in found.fine_tuning:
        assert change.source == "table 1"
        assert 0.0 < change.change < 1.0
        assert change.spread > 0.0
    assert [change.task for change in found.fine_tuning] in ([], [*TASKS])


def test_values_are_those_of_the_paper() -> None:
    llama, opt = covered()["Llama-2-7B"], covered()["OPT-1.3B"]

    assert llama.update is not None
    assert (llama.update.low, llama.update.high, llama.update.group) == (0.52, 0.54, "llama_2_7b")
    assert "within 0.02" in llama.update.source
    assert [(c.change, c.spread) for c in opt.fine_tuning] == [
        (0.055, 0.021), (0.382, 0.004), (0.088, 0.010), (0.062, 0.007),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "blocks", "width", "found"),
    [
        ("facebook/opt-125m", 12, 768, "OPT-125M"),
        ("EleutherAI/gpt-j-6B", 28, 4096, "GPT-J-6B"),
        ("gpt2", 12, 768, "GPT-2"),
        ("facebook/opt-125m", 12, 769, None),  # another model of that name
        ("EleutherAI/pythia-70m@step1000", 6, 512, None),  # another checkpoint
        ("EleutherAI/pythia-70m-deduped", 6, 512, None),
        ("SmolLM2-135M-Instruct", 30, 576, None),
    ],
)
def test_a_model_is_known_by_its_hub_name_and_its_architecture(
    name: str, blocks: int, width: int, found: str | None
) -> None:
    known = published(name, blocks=blocks, width=width)

    assert (known.name if known else None) == found
