"""Models of families without a reader, whose blocks are named by path, against transformers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from linearity.__main__ import main
from linearity.adapters.findings import Findings
from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_documents, prepare_model
from linearity.adapters.named_model import read_named
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.linearity import parse_params
from linearity.contracts.named_layout import NamedLayout, NamedParts, parse_parts
from linearity.errors import InvalidParameterError, RejectedInputError
from linearity.models.named_states import prove_states
from linearity.models.states import record_states
from linearity.studies.linearity import measure_linearity
from tests.adapters.tiny_llama import tokenizer_json
from tests.conftest import quiet
from tests.families.hooked import part
from tests.families.tiny import BLOCKS, GPT_SIZES, LLAMA_SIZES
from tests.studies.recorder import Recorder

UNKNOWN: dict[str, tuple[NamedParts, dict[str, Any]]] = {
    "granite": (NamedParts("model.layers", "model.norm"), {}),
    "cohere": (NamedParts("model.layers", "model.norm"), {}),  # attention and MLP in parallel
    "starcoder2": (NamedParts("model.layers", "model.norm"), {}),
    "gpt_bigcode": (NamedParts("transformer.h", "transformer.ln_f"), GPT_SIZES),
}
LLAMA = UNKNOWN["granite"][0]


def config_of(family: str) -> dict[str, Any]:
    return LLAMA_SIZES | UNKNOWN[family][1] | {"model_type": family}


def write(folder: Path, family: str) -> Path:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**config_of(family))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for weights in model.parameters():
                weights += 0.2 * torch.randn_like(weights)
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    return folder


def registered(folder: Path, store: ArtifactStore, parts: NamedParts | None) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=[folder.parent], log=quiet, parts=parts)


@pytest.mark.parametrize("family", UNKNOWN)
def test_states_are_the_library_s_and_only_linearity_is_measured(
    family: str, tmp_path: Path, small_store: ArtifactStore, docs_record: DatasetRecord
) -> None:
    record = registered(write(tmp_path / family, family), small_store, UNKNOWN[family][0])
    params = parse_params({"tokens": 1024, "context": 24}, model=record)
    model = load_model(
        record, small_store, device="cpu", dtype="float32", attention=params.attention
    )
    texts = load_documents(docs_record, small_store)
    ids = model.tokenize(texts[0])[:20]

    with torch.inference_mode():
        states = record_states(model, [ids])
        library = model.network(torch.tensor([ids]), output_hidden_states=True).hidden_states
        normed = part(model.network, UNKNOWN[family][0].norm)(states[:, BLOCKS])

    assert (record.blocks, record.width, record.family) == (BLOCKS, 16, family)
    assert ModelRecord.from_json(json.loads(json.dumps(record.as_json()))) == record
    for state in range(BLOCKS):
        torch.testing.assert_close(states[:, state], library[state][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(normed, library[-1][0], atol=1e-5, rtol=1e-5)
    found = measure_linearity(model, [Document(text) for text in texts], params, Recorder())
    assert all(score is not None and score <= 1 for score in found.profile.r2_heldout)
    for kind in ("ablation", "plan", "answers"):
        with pytest.raises(InvalidParameterError, match="its blocks were named by path"):
            make_request(kind, {"plan": "1:drop"}, model=record, dataset=docs_record)
    passage = {"text": "a cat, the cat."}
    assert make_request("passage", passage, model=record, dataset=docs_record).kind == "passage"
    with pytest.raises(InvalidParameterError, match="named by path"):
        parse_params({"granularity": "sublayer"}, model=record)


def test_an_unknown_family_is_refused_with_what_was_looked_for_and_how_to_name_it(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    folder = write(tmp_path / "granite", "granite")

    with pytest.raises(RejectedInputError, match=r"'granite' is not supported.*llama") as refused:
        registered(folder, small_store, None)
    assert "--blocks model.layers --norm model.norm" in refused.value.next_step


def test_other_blocks_are_another_model_and_a_lost_weight_is_still_missed(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    from safetensors.torch import load_file, save_file

    from linearity.adapters.model_inspection import model_fingerprint

    digests = {"config.json": "00"}
    one, other = (NamedLayout("model", "lm_head", blocks, "norm") for blocks in ("h", "layers"))
    assert len({model_fingerprint(digests, layout) for layout in (one, other, None)}) == 3

    folder = write(tmp_path / "granite", "granite")
    weights = load_file(folder / "model.safetensors")
    lost = "model.layers.1.mlp.up_proj.weight"
    save_file({k: v for k, v in weights.items() if k != lost}, folder / "model.safetensors")
    with pytest.raises(RejectedInputError, match=f"{lost} is missing"):
        registered(folder, small_store, LLAMA)


WRONG: list[tuple[dict[str, Any], NamedParts, str]] = [
    ({}, NamedParts("model.layer", "model.norm"), "no layer in model; lists.*model.layers"),
    ({}, NamedParts("model.embed_tokens", "model.norm"), "is a Embedding, wanted a list of blocks"),
    ({}, NamedParts("model.layers", "model.embed_tokens"), "does not read what leaves the last"),
    ({}, NamedParts("model.layers", "lm_head"), "lm_head is not in model"),
    ({}, NamedParts("model.__class__", "model.norm"), "no __class__ in model"),
    ({}, NamedParts("model.forward", "model.norm"), "no forward in model"),
    ({"model_type": "llama"}, LLAMA, "leave blocks and norm out"),
    ({"model_type": "resnet"}, LLAMA, "no causal language model 'resnet'"),
    ({"model_type": "../evil"}, LLAMA, "no causal language model"),
    ({"model_type": ["granite"]}, LLAMA, "no causal language model"),
    ({"hidden_size": 10**9}, LLAMA, "hidden_size is not a plain value within bounds"),
    ({"vision_config": {"model_type": "vit"}}, LLAMA, "vision_config is not a plain value"),
    ({"rope_scaling": {"a": {"b": {"c": {"d": 1}}}}}, LLAMA, "rope_scaling is not a plain"),
    ({"num_attention_heads": 0}, LLAMA, "could not build the model and run it"),
    ({"quantization_config": {"bits": 4}}, LLAMA, "'quantization_config' is not accepted"),
    ({"attn_implementation": "evil/kernel"}, LLAMA, "'attn_implementation' is not accepted"),
]


@pytest.mark.parametrize(("change", "parts", "message"), WRONG)
def test_what_is_wrong_is_said_in_words(
    change: dict[str, Any], parts: NamedParts, message: str
) -> None:
    findings = Findings()

    assert read_named(config_of("granite") | change, parts, findings) is None
    with pytest.raises(RejectedInputError, match=message):
        findings.reject_if_any()


def test_fields_that_load_or_label_something_never_reach_the_library() -> None:
    findings = Findings()
    given = config_of("granite") | {
        "id2label": {str(k): "x" for k in range(10)}, "num_labels": 10**6, "_name_or_path": "../x",
        "output_attentions": True, "is_decoder": True,
    }  # fmt: skip

    read = read_named(given, LLAMA, findings)

    assert read is not None
    assert not findings.reasons
    assert {"id2label", "num_labels", "_name_or_path", "output_attentions"}.isdisjoint(read.cleaned)


class Chain(nn.Module):
    """Blocks whose states somebody else handles on the way."""

    def __init__(self, between: Any) -> None:
        super().__init__()
        self.config = type("Config", (), {"hidden_size": 4})()
        self.model = _Decoder(between)


class _Decoder(nn.Module):
    def __init__(self, between: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4, device="meta")
        self.layers = nn.ModuleList(nn.Linear(4, 4, device="meta") for _ in range(3))
        self.norm = nn.LayerNorm(4, device="meta")
        self.between = between

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> torch.Tensor:
        del use_cache
        state = self.embed(input_ids)
        for number, layer in enumerate(self.layers):
            state = self.between(layer(state), number)
        normed: torch.Tensor = self.norm(state)
        return normed


@pytest.mark.parametrize(
    ("between", "message"),
    [
        (lambda x, k: 2 * x if k == 1 else x, "what enters block 2 is not what left block 1"),
        (lambda x, k: 2 * x if k == 2 else x, "norm does not read what leaves the last block"),
        (lambda x, k: x.add_(1) if k == 0 else x, "block 1 changes in place what enters it"),
    ],
)
def test_a_stream_that_is_handled_between_blocks_is_no_chain_of_states(
    between: Any, message: str
) -> None:
    with pytest.raises(RejectedInputError, match=message):
        prove_states(Chain(between), NamedLayout("model", "lm_head", "layers", "norm"))


def test_a_chain_of_states_is_recognised() -> None:
    found = prove_states(Chain(lambda x, _: x), NamedLayout("model", "lm_head", "layers", "norm"))
    assert found == (3, 4)


@pytest.mark.parametrize(
    "path",
    ["", "model..layers", ".layers", "model.layers[0]", "a b", "m" * 201, "ブロック", 3, None],
)
def test_a_path_is_letters_digits_and_dots(path: Any) -> None:
    with pytest.raises(InvalidParameterError, match="blocks: wanted a dotted path"):
        parse_parts({"blocks": path, "norm": "model.norm"})
    with pytest.raises(InvalidParameterError, match="norm: wanted a dotted path"):
        parse_parts({"blocks": "model.layers", "norm": path} if path != "" else {"blocks": "x"})


def test_the_command_line_measures_and_verifies_a_model_whose_blocks_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LINEARSCOPE_DATA", str(tmp_path / "data"))
    model, out = str(write(tmp_path / "granite", "granite")), tmp_path / "result.json"
    named = ["--blocks", LLAMA.blocks, "--norm", LLAMA.norm]
    asked = ["--set", "tokens=1024", "--set", "context=24", "--dataset", "python-docs"]
    run = ["run", "linearity", "--model", model, *asked, "--device", "cpu", "--out", str(out)]

    assert main(run) == 2
    assert "--blocks" in capsys.readouterr().err
    assert main([*run, "--blocks", "model.layers"]) == 2
    assert "final norm" in capsys.readouterr().err
    assert main([*run, *named]) == 0
    verified = main(["verify", str(out), "--model", model, "--device", "cpu", *named])

    assert verified == 0, capsys.readouterr()
