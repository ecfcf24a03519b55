"""Models that must be refused, each with a sentence that says what is wrong."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import ModelRecord
from linearity.errors import InputChangedError, RejectedInputError
from linearity.models.loaded import LoadedModel
from tests.conftest import quiet

Folder = Callable[[], Path]
Tensors = dict[str, torch.Tensor]


def prepare(folder: Path, store: ArtifactStore) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=[folder.parent], log=quiet)


def change_weights(folder: Path, change: Callable[[Tensors], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def change_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def without_block_2(tensors: Tensors) -> None:
    for name in [name for name in tensors if ".layers.2." in name]:
        del tensors[name]


def with_nan(tensors: Tensors) -> None:
    tensors["model.layers.0.self_attn.q_proj.weight"][3, 3] = torch.nan


def with_stranger(tensors: Tensors) -> None:
    tensors["model.layers.4.mlp.up_proj.weight"] = torch.zeros(2, 2)


def with_integers(tensors: Tensors) -> None:
    tensors["model.norm.weight"] = torch.ones(128, dtype=torch.int8)


def with_other_shape(tensors: Tensors) -> None:
    tensors["model.norm.weight"] = torch.ones(64)


def as_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def as_text(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<html>not found</html>")


def with_huge_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}")


def truncated(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])


def with_escaping_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"model.norm.weight": "../other/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a block is missing": (
        lambda f: change_weights(f, without_block_2), "missing_weights", "model.layers.2."),
    "NaN": (lambda f: change_weights(f, with_nan), "non_finite_weights", "q_proj"),
    "a tensor too many": (
        lambda f: change_weights(f, with_stranger), "unexpected_weights", "layers.4"),
    "another shape": (
        lambda f: change_weights(f, with_other_shape), "mismatched_weights", "norm"),
    "integers": (lambda f: change_weights(f, with_integers), "unsupported_dtype", "I8"),
    "pickle only": (as_pickle, "pickle_only", "pytorch_model.bin"),
    "a web page": (as_text, "not_safetensors", "looks like a web page"),
    "a huge header": (with_huge_header, "not_safetensors", "9,223,372,036,854,775,808 bytes"),
    "truncated": (truncated, "bad_header", "is truncated"),
    "an index that leaves the folder": (with_escaping_index, "bad_index", "../other"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "file_missing", "model.safe"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "file_missing", "tokenizer.json"),
    "remote code": (
        lambda f: change_config(f, architectures=["Y"], auto_map={"AutoModel": "x.Y"}),
        "forbidden_config_key",
        "auto_map"),
    "chosen kernels": (
        lambda f: change_config(f, _attn_implementation="evil/repo"), "forbidden_config_key",
        "_attn_implementation"),
    "quantised": (
        lambda f: change_config(f, quantization_config={"quant_method": "fp8"}),
        "forbidden_config_key", "quantization_config"),
    "another architecture": (
        lambda f: change_config(f, model_type="mamba"), "unsupported_architecture", "mamba"),
    "no blocks": (lambda f: change_config(f, num_hidden_layers=0), "bad_config", "layers is 0"),
    "a million blocks": (
        lambda f: change_config(f, num_hidden_layers=10**6), "bad_config", "1 to 512"),
    "a fractional width": (lambda f: change_config(f, hidden_size=128.5), "bad_config", "128.5"),
    "heads that do not divide": (
        lambda f: change_config(f, num_attention_heads=7, num_key_value_heads=3),
        "bad_config", "num_attention_heads is 7, wanted a divisor"),
    "more blocks than weights": (
        lambda f: change_config(f, num_hidden_layers=6), "missing_weights", "layers.4"),
    "fewer blocks than weights": (
        lambda f: change_config(f, num_hidden_layers=3), "unexpected_weights", "layers.3"),
    "config that is not JSON": (
        lambda f: (f / "config.json").write_text("{"), "bad_json", "config.json"),
    "an empty tokenizer": (
        lambda f: (f / "tokenizer.json").write_text("{}"), "bad_tokenizer", "has no model"),
    "config that is a list": (
        lambda f: (f / "config.json").write_text("[]"), "bad_json", "not a JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_is_refused_with_the_reason(
    case: str, glass_folder: Folder, small_store: ArtifactStore
) -> None:
    breaking, reason, text = BROKEN[case]
    folder = glass_folder()
    breaking(folder)

    with pytest.raises(RejectedInputError, match=text) as caught:
        prepare(folder, small_store)

    assert caught.value.data["reason"] == reason


def test_a_sound_folder_has_the_facts_and_weights_of_the_built_in(
    glass_folder: Folder, glass_record: ModelRecord, small_store: ArtifactStore
) -> None:
    record = prepare(glass_folder(), small_store)

    assert record.source == "path"
    assert record.fingerprint == glass_record.fingerprint
    assert (record.blocks, record.parameters) == (4, glass_record.parameters)


def test_a_sharded_model_is_read(glass_folder: Folder, small_store: ArtifactStore) -> None:
    folder = glass_folder()
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    shards = [
        ("model-00001-of-00002.safetensors", names[:10]),
        ("model-00002-of-00002.safetensors", names[10:]),
    ]
    for shard, part in shards:
        save_file({name: tensors[name] for name in part}, folder / shard, {"format": "pt"})
    weight_map = {name: shard for shard, part in shards for name in part}
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()

    record = prepare(folder, small_store)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="eager")

    assert len(model.layout.blocks) == 4
    assert {file.name for file in record.files} >= {shard for shard, _ in shards}


def test_an_added_token_that_the_model_does_not_know_warns_and_is_refused_in_a_text(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    folder = glass_folder()
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    tokenizer["added_tokens"] = [{"id": 1024, "content": "<new>", **flags}]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    record = prepare(folder, small_store)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="eager")

    assert "'<new>' lies beyond the model's embedding" in record.warnings[0]
    with pytest.raises(RejectedInputError, match="1024") as caught:
        model.tokenize("a <new> b")
    assert caught.value.data["reason"] == "tokenizer_mismatch"


def test_a_folder_gives_the_same_numbers_as_the_built_in(
    glass_folder: Folder, glass: LoadedModel, small_store: ArtifactStore
) -> None:
    record = prepare(glass_folder(), small_store)
    model = load_model(record, small_store, device="cpu", dtype="float32", attention="eager")
    text = "Alice was beginning to get very tired of sitting by her sister"
    ids = torch.tensor([glass.tokenize(text)])

    assert model.tokenize(text) == glass.tokenize(text)
    with torch.inference_mode():
        assert torch.equal(model.network(ids).logits, glass.network(ids).logits)


def test_a_file_changed_after_registration_is_noticed(
    glass_folder: Folder, small_store: ArtifactStore
) -> None:
    folder = glass_folder()
    record = prepare(folder, small_store)
    change_weights(folder, lambda tensors: tensors["model.norm.weight"].mul_(2))

    with pytest.raises(InputChangedError, match=r"model\.safetensors was changed"):
        load_model(record, small_store, device="cpu", dtype="float32", attention="eager")
