"""`from linearity import score, measure, load`: the library in a Python session."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AlbertConfig, AlbertModel, AutoModelForCausalLM, AutoTokenizer

import linearity
from backend.exports import to_csv
from linearity.adapters.bundles import write_bundle
from linearity.adapters.execute import execute
from linearity.adapters.inputs import load_documents
from linearity.adapters.results import result_bytes
from linearity.adapters.store import ArtifactStore
from linearity.contracts.differences import compare_results
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.results import read_result
from linearity.contracts.tolerances import Conditions
from linearity.errors import (
    InvalidBundleError,
    InvalidParameterError,
    InvalidResultError,
    MissingPackageError,
    RejectedInputError,
    TooFewTokensError,
)
from linearity.face import measure
from linearity.measured import Measured
from tests.studies.recorder import Recorder

SMALL: dict[str, Any] = {"fit_tokens": 1024, "select_tokens": 256}
QUESTIONS: dict[str, dict[str, Any]] = {
    "linearity": {"tokens": 1024, "pairs": "all"},
    "plan": {"plan": "1:drop,2:linear", **SMALL},
    "answers": {"plan": "1:drop", "prompts": 2, "new_tokens": 4, **SMALL},
}
SESSION = """
import sys
import linearity
from linearity import measure
assert "torch" not in sys.modules, "importing the library loads torch"
assert callable(measure)
import linearity.measure.moments
from linearity import load, measure, score
assert measure is linearity.measure and callable(measure) and callable(load)
assert score([[float(i), i * i] for i in range(40)], [[float(i), 1.0] for i in range(40)]).fit == 30
"""


@pytest.fixture(scope="module")
def network(glass_folder: Callable[[], Path]) -> tuple[Any, Any]:
    """The English GlassLM and its tokenizer, as transformers load them."""
    folder = glass_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa"), tokenizer


@pytest.fixture(scope="module")
def texts(small_store: ArtifactStore, docs_record: DatasetRecord) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def measured(network: tuple[Any, Any], texts: list[str]) -> Measured:
    return measure(*network, texts, **QUESTIONS["linearity"])


def test_the_names_are_there_and_nothing_heavy_is_loaded_before_they_are_used() -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(linearity.__file__).parents[1])}
    answer = subprocess.run(
        [sys.executable, "-c", SESSION], env=environ, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
    assert set(linearity.__all__) == {"score", "measure", "load", "register_architectures"}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_model_in_memory_gives_the_numbers_of_a_registered_one(
    kind: str,
    network: tuple[Any, Any],
    texts: list[str],
    small_store: ArtifactStore,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
) -> None:
    model, tokenizer = network
    model.train()
    here = measure(model, tokenizer, texts, kind=kind, **QUESTIONS[kind])
    assert model.training  # as it was
    model.eval()
    request = make_request(kind, QUESTIONS[kind], model=glass_record, dataset=docs_record)
    registered = execute(
        request,
        model=glass_record,
        dataset=docs_record,
        store=small_store,
        device="cpu",
        progress=Recorder(),
    )

    found = compare_results(
        read_result(result_bytes(registered)), here, Conditions("float32", same_device=True)
    )

    wrong = {field.field for field in found.fields if not field.agrees}
    # Which weights they are is told by other digests; a model in memory has no files.
    assert wrong <= {"id", "model.fingerprint", "params.template"}
    assert here["dataset"]["fingerprint"] == docs_record.fingerprint


def test_a_result_is_looked_at_saved_and_loaded(measured: Measured, tmp_path: Path) -> None:
    again = linearity.load(measured.save(tmp_path / "r.json"))

    assert dict(again) == dict(measured)
    assert measured.kind == "linearity"
    assert measured.finding in repr(measured)
    assert measured.id[:12] in measured._repr_html_()
    assert str(tmp_path) not in repr(measured)
    assert (tmp_path / "r.json").read_bytes() == result_bytes(dict(measured))


def test_a_bundle_is_loaded_too_and_nothing_else(measured: Measured, tmp_path: Path) -> None:
    result = dict(measured)
    file = tmp_path / "run.zip"
    file.write_bytes(write_bundle(result, result_bytes(result), texts=True, software="0.1.0"))

    assert dict(linearity.load(file)) == result

    file.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InvalidBundleError):
        linearity.load(file)
    file.write_bytes(b"\x80\x04\x95.")
    with pytest.raises(InvalidResultError):
        linearity.load(file)


def test_a_frame_has_every_number_of_the_table(measured: Measured) -> None:
    pandas = pytest.importorskip("pandas")
    written = pandas.read_csv(io.BytesIO(to_csv(dict(measured))))

    frame = measured.frame()
    profile = measured.frame("profile")

    assert len(frame) == len(written)
    assert frame["value"].astype(float).tolist() == pytest.approx(written["value"], nan_ok=True)
    scores = profile[profile["metric"] == "r2_heldout"].sort_values("block")
    assert scores["value"].tolist() == measured["profile"]["r2_heldout"]
    assert "token_class" not in profile.columns
    with pytest.raises(InvalidParameterError, match="profile"):
        measured.frame("nothing")


def test_a_figure_is_that_of_the_page(measured: Measured) -> None:
    heatmap, profile = measured.figure(), measured.figure("profile", lang="ja")

    assert heatmap.data[0].type == "heatmap"
    assert np.asarray(heatmap.data[0].z).shape[0] > 0
    assert profile.layout.xaxis.title.text != measured.figure("profile").layout.xaxis.title.text
    with pytest.raises(InvalidParameterError, match="figure"):
        measured.figure("nothing")


@pytest.mark.parametrize(("package", "use"), [("pandas", "frame"), ("plotly", "figure")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, package: str, use: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingPackageError) as refused:
        getattr(measured, use)()

    assert refused.value.next_step == f"Run: pip install {package}"


@pytest.mark.parametrize(
    ("texts", "params", "error", "words"),
    [
        ([], {}, TooFewTokensError, "no text"),
        (["  "], {}, TooFewTokensError, "no text"),
        ([1], {}, InvalidParameterError, r"texts\[0\]"),
        ([{"question": "x"}], {}, InvalidParameterError, r"texts\[0\]"),
        (["x"], {"dtype": "bfloat16"}, InvalidParameterError, "as it was loaded"),
        (["x"], {"attention": "eager"}, InvalidParameterError, "as it was loaded"),
        (["x"], {"tokens": 1}, InvalidParameterError, "tokens"),
        (["x"], {"tokens": 1024}, TooFewTokensError, "empty"),
    ],
)
def test_what_cannot_be_measured_ends_with_a_sentence(
    network: tuple[Any, Any],
    texts: list[Any],
    params: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        measure(*network, texts, **params)


def test_a_model_of_no_family_is_refused_with_those_that_are_read(
    network: tuple[Any, Any],
) -> None:
    model, tokenizer = network
    config = AlbertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=1, vocab_size=50)

    with pytest.raises(RejectedInputError) as refused:
        measure(AlbertModel(config), tokenizer, ["x"])
    assert "llama" in str(refused.value)
    with pytest.raises(RejectedInputError, match="whole causal"):
        measure(model.model, tokenizer, ["x"])


def test_records_with_answers_are_scored_on_their_answers(network: tuple[Any, Any]) -> None:
    records = [
        {"prompt": f"What comes after {n}?", "response": f"After {n} comes {n + 1}. " * 8}
        for n in range(60)
    ]

    found = measure(*network, records, tokens=1024)

    assert found["tokens"]["context"] > 0


def test_another_weight_is_another_model(network: tuple[Any, Any], texts: list[str]) -> None:
    from linearity.adapters.in_memory import ModelInMemory

    model, tokenizer = network
    before = ModelInMemory.of(model, tokenizer, allow_template=False).record.fingerprint
    weight = model.model.norm.weight
    with torch.no_grad():
        weight[0] += 1.0
        after = ModelInMemory.of(model, tokenizer, allow_template=False).record.fingerprint
        weight[0] -= 1.0

    assert before != after
    assert ModelInMemory.of(model, tokenizer, allow_template=False).record.fingerprint == before
