"""Every way we know to break a model: each ends in a refusal that names the file and the cause.

The real inspection runs in its real child process, once for each case.
"""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linearity.adapters.inputs import prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import ModelRecord
from linearity.errors import RejectedInputError
from tests.adapters.tiny_llama import (
    CONFIG,
    VOCABULARY,
    Arrays,
    header_of,
    random_weights,
    tokenizer_json,
    write_safetensors,
    write_tiny_llama,
)
from tests.conftest import quiet

Break = Callable[[Path], object]
Case = tuple[Break, str, str, str]
"""How to break it, the code, the file and a part of the sentence."""

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
UP = "model.layers.0.mlp.up_proj.weight"
NORM = "model.norm.weight"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return ArtifactStore(tmp_path_factory.mktemp("store"))


def inspect(folder: Path, store: ArtifactStore) -> ModelRecord:
    return prepare_model(str(folder), store=store, roots=[folder], log=quiet)


def raw(name: str, data: bytes | str) -> Break:
    spelled = data.encode() if isinstance(data, str) else data
    return lambda folder: (folder / name).write_bytes(spelled)


def gone(*names: str) -> Break:
    def remove(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return remove


def config(**values: Any) -> Break:
    return lambda folder: (folder / "config.json").write_text(json.dumps(CONFIG | values))


def weights(change: Callable[[Arrays], object]) -> Break:
    def write(folder: Path) -> None:
        arrays = random_weights(CONFIG)
        change(arrays)
        write_safetensors(folder / WEIGHTS, arrays)

    return write


def header(change: Callable[[dict[str, Any]], object]) -> Break:
    """Change the header and leave the numbers."""

    def write(folder: Path) -> None:
        arrays = random_weights(CONFIG)
        entries = header_of(arrays)
        write_safetensors(folder / WEIGHTS, arrays, change(entries) or entries)

    return write


def length(number: int, rest: bytes = b"{}") -> Break:
    return raw(WEIGHTS, struct.pack("<Q", number) + rest)


def entry(name: str, **values: Any) -> Break:
    return header(lambda entries: entries[name].update(values))


def moved(by: int) -> Break:
    def move(entries: dict[str, Any]) -> None:
        ends = entries[NORM]["data_offsets"]
        entries[NORM]["data_offsets"] = [ends[0] + by, ends[1] + by]

    return header(move)


def cut(by: int) -> Break:
    return lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-by])


def longer(folder: Path) -> None:
    with (folder / WEIGHTS).open("ab") as stream:
        stream.write(b"more")


def set_at(name: str, value: float) -> Break:
    def change(arrays: Arrays) -> None:
        arrays[name].flat[3] = value

    return weights(change)


def dropped(*parts: str) -> Break:
    def change(arrays: Arrays) -> None:
        for name in [name for name in arrays if any(part in name for part in parts)]:
            del arrays[name]

    return weights(change)


def both(first: Break, second: Break) -> Break:
    def run(folder: Path) -> None:
        first(folder)
        second(folder)

    return run


def only_a_stranger(folder: Path) -> None:
    write_safetensors(folder / WEIGHTS, {"other": np.ones(3, np.float32)})


def many(count: int) -> bytes:
    one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    return ("{" + ",".join(f'"t{number}":{one}' for number in range(count)) + "}").encode()


def sharded(folder: Path, change: Callable[[dict[str, Any]], object] = lambda index: None) -> None:
    arrays = random_weights(CONFIG)
    names = sorted(arrays)
    halves = dict(zip(SHARDS, (names[:9], names[9:]), strict=True))
    for shard, part in halves.items():
        write_safetensors(folder / shard, {name: arrays[name] for name in part})
    index = {
        "metadata": {"total_size": sum(array.nbytes for array in arrays.values())},
        "weight_map": {name: shard for shard, part in halves.items() for name in part},
    }
    change(index)
    (folder / INDEX).write_text(json.dumps(index))
    (folder / WEIGHTS).unlink()


def index(change: Callable[[dict[str, Any]], object]) -> Break:
    return lambda folder: sharded(folder, change)


def without_shard(folder: Path) -> None:
    sharded(folder)
    (folder / SHARDS[1]).unlink()


def without_index(folder: Path) -> None:
    sharded(folder)
    (folder / INDEX).unlink()


def with_spare_shard(folder: Path) -> None:
    sharded(folder)
    (folder / "model-00003-of-00003.safetensors").write_bytes((folder / SHARDS[0]).read_bytes())


def tokenizer(change: Callable[[dict[str, Any]], object]) -> Break:
    def write(folder: Path) -> None:
        value = tokenizer_json()
        change(value)
        (folder / "tokenizer.json").write_text(json.dumps(value))

    return write


def replaces(times: int) -> dict[str, Any]:
    step = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    return {"type": "Sequence", "normalizers": [step] * times}


def split(expression: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated",
            "invert": False}  # fmt: skip


def added(count: int, *, first: int = 40) -> list[dict[str, Any]]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return [{"id": first + n, "content": f"<extra {n}>", **flags} for n in range(count)]


def sentencepiece_only(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")


def as_fifo(folder: Path) -> None:
    import os

    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


NOT_WEIGHTS: dict[str, Case] = {
    "an empty file": (raw(WEIGHTS, b""), "not_safetensors", WEIGHTS, "it has 0 bytes"),
    "seven bytes": (raw(WEIGHTS, b"1234567"), "not_safetensors", WEIGHTS, "it has 7 bytes"),
    "a pickle": (raw(WEIGHTS, b"\x80\x02}q\x00." * 9), "not_safetensors", WEIGHTS, "a pickle"),
    "a zip": (raw(WEIGHTS, b"PK\x03\x04" + bytes(60)), "not_safetensors", WEIGHTS, "a zip archive"),
    "a web page": (
        raw(WEIGHTS, "<!DOCTYPE html><html>log in</html>"), "not_safetensors", WEIGHTS,
        "a web page"),
    "a git-lfs pointer": (
        raw(WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "not_safetensors", WEIGHTS, "Git LFS pointer"),
    "gguf": (raw(WEIGHTS, b"GGUF\x03\0\0\0" + bytes(60)), "not_safetensors", WEIGHTS, "a GGUF"),
    "pickle only": (
        lambda f: (f / WEIGHTS).rename(f / "pytorch_model.bin"), "pickle_only",
        "pytorch_model.bin", "could run code"),
    "no weights": (gone(WEIGHTS), "file_missing", WEIGHTS, "no other weights"),
    "header of no bytes": (length(0), "not_safetensors", WEIGHTS, "header would have 0 bytes"),
    "header of 2^64-1 bytes": (length(2**64 - 1), "not_safetensors", WEIGHTS, "18,446,744,073"),
    "header longer than the file": (length(999), "not_safetensors", WEIGHTS, "999 bytes"),
    "header of 16 MiB and one byte": (
        length((16 << 20) + 1, b" " * ((16 << 20) + 1)), "not_safetensors", WEIGHTS,
        "16,777,217 bytes"),
    "header that is not JSON": (length(4, b"abcd"), "not_safetensors", WEIGHTS, "not JSON"),
    "header that is not UTF-8": (length(4, b"{\xff\xfe}"), "not_safetensors", WEIGHTS, "UTF-8"),
    "header 100,000 deep": (
        length(200_000, b"[" * 100_000 + b"]" * 100_000), "not_safetensors", WEIGHTS, "deeper"),
    "header that is a list": (length(2, b"[]"), "not_safetensors", WEIGHTS, "not a JSON object"),
}  # fmt: skip

HEADERS: dict[str, Case] = {
    "no tensors": (length(2, b"{}"), "bad_header", WEIGHTS, "holds 0 tensors"),
    "200,000 tensors": (
        lambda f: length(len(many(200_000)), many(200_000))(f), "bad_header", WEIGHTS,
        "holds 200,000 tensors"),
    "a name twice": (
        header(lambda e: json.dumps(e)[:-1].encode() + b"," + json.dumps(e)[1:].encode()),
        "not_safetensors", WEIGHTS, "occurs twice"),
    "free text that is a number": (
        header(lambda e: e.update(__metadata__={"format": 1})), "bad_header", WEIGHTS,
        "__metadata__ must be texts"),
    "a hole": (moved(8), "bad_header", WEIGHTS, "a hole before model.norm"),
    "an overlap": (moved(-8), "bad_header", WEIGHTS, "an overlap at model.norm"),
    "reversed offsets": (entry(NORM, data_offsets=[64, 0]), "bad_header", WEIGHTS, "later end"),
    "negative offsets": (entry(NORM, data_offsets=[-64, 0]), "bad_header", WEIGHTS, "later end"),
    "offsets that are texts": (
        entry(NORM, data_offsets=["0", "64"]), "bad_header", WEIGHTS, "data_offsets"),
    "bytes behind the end": (longer, "bad_header", WEIGHTS, "bytes behind its last tensor"),
    "truncated": (cut(100), "bad_header", WEIGHTS, "is truncated"),
    "sizes that overflow": (
        entry(NORM, shape=[4194305, 4194305, 211106198978564]), "bad_header", WEIGHTS, "needs"),
    "a size of zero": (entry(NORM, shape=[0, 2**62]), "bad_header", WEIGHTS, "sizes above 0"),
    "no sizes": (entry(NORM, shape=[]), "bad_header", WEIGHTS, "1 to 4 sizes"),
    "five sizes": (entry(NORM, shape=[1, 1, 1, 1, 16]), "bad_header", WEIGHTS, "1 to 4 sizes"),
    "size and bytes that differ": (entry(NORM, shape=[15]), "bad_header", WEIGHTS, "64 bytes"),
    "a field too many": (entry(NORM, extra=1), "bad_header", WEIGHTS, "nothing else"),
    "F4": (entry(NORM, dtype="F4"), "unsupported_dtype", WEIGHTS, "the type F4"),
    "F13": (entry(NORM, dtype="F13"), "unsupported_dtype", WEIGHTS, "the type F13"),
    "BOOL": (
        weights(lambda a: a.update({NORM: np.ones(16, bool)})), "unsupported_dtype", WEIGHTS,
        "the type BOOL"),
    "int8": (
        weights(lambda a: a.update({NORM: np.ones(16, np.int8)})), "unsupported_dtype", WEIGHTS,
        "the type I8"),
    "a type that is a list": (
        entry(NORM, dtype=["F32"]), "unsupported_dtype", WEIGHTS, "the type"),
}  # fmt: skip

TENSORS: dict[str, Case] = {
    "NaN": (set_at(UP, np.nan), "non_finite_weights", WEIGHTS, UP),
    "infinity": (set_at(UP, np.inf), "non_finite_weights", WEIGHTS, UP),
    "minus infinity": (set_at(UP, -np.inf), "non_finite_weights", WEIGHTS, UP),
    "infinity in float16": (
        weights(lambda a: a.update({UP: np.full((24, 16), np.inf, np.float16)})),
        "non_finite_weights", WEIGHTS, "overflowed"),
    "NaN in float64": (
        weights(lambda a: a.update({UP: np.full((24, 16), np.nan)})), "non_finite_weights",
        WEIGHTS, UP),
    "1e38 that float16 cannot hold": (
        both(set_at(UP, 1e38), config(torch_dtype="float16")), "non_finite_weights",
        WEIGHTS, "become infinite in float16"),
    "a block that is missing": (dropped(".layers.1."), "missing_weights", "", "model.layers.1."),
    "one unrelated tensor": (
        only_a_stranger,
        "missing_weights", "", "model.embed_tokens.weight"),
    "a name that climbs": (
        weights(lambda a: a.update({"../../etc/x": np.ones(3, np.float32)})),
        "unexpected_weights", WEIGHTS, "../../etc/x"),
    "a block too many": (config(num_hidden_layers=1), "unexpected_weights", WEIGHTS, "layers.1"),
    "fewer blocks than the configuration": (
        config(num_hidden_layers=3), "missing_weights", "", "model.layers.2."),
    "sizes swapped": (
        weights(lambda a: a.update({UP: a[UP].T.copy()})), "mismatched_weights", WEIGHTS,
        "16 x 24"),
    "another vocabulary": (
        config(vocab_size=65), "mismatched_weights", WEIGHTS, "asks for 65 x 16"),
    "an untied head that is absent": (
        config(tie_word_embeddings=False), "missing_weights", "", "lm_head.weight"),
}  # fmt: skip

INDEXES: dict[str, Case] = {
    "a shard elsewhere": (
        index(lambda i: i["weight_map"].update({NORM: "../other/model.safetensors"})),
        "bad_index", INDEX, "../other"),
    "an absolute shard": (
        index(lambda i: i["weight_map"].update({NORM: "/etc/passwd"})), "bad_index", INDEX,
        "/etc/passwd"),
    "a shard that is a number": (
        index(lambda i: i["weight_map"].update({NORM: 3})), "bad_index", INDEX, "'3'"),
    "no map": (index(lambda i: i.pop("weight_map")), "bad_index", INDEX, "no weight_map"),
    "a missing shard": (without_shard, "file_missing", SHARDS[1], "is missing"),
    "a missing index": (without_index, "file_missing", INDEX, "says which weights"),
    "a shard that is not listed": (with_spare_shard, "bad_index", INDEX, "model-00003-of-00003"),
    "a total that is a lie": (
        index(lambda i: i["metadata"].update(total_size=10**18)), "bad_index", INDEX,
        "total_size is 1000000000000000000"),
    "a tensor in another shard": (
        index(lambda i: i["weight_map"].update({NORM: SHARDS[0]})), "bad_index", INDEX,
        f"{NORM} is in {SHARDS[0]}; it is in {SHARDS[1]}"),
    "a tensor that is not listed": (
        index(lambda i: i["weight_map"].pop(NORM)), "bad_index", INDEX, f"{NORM} is in no shard"),
    "an index that is not JSON": (
        both(sharded, raw(INDEX, "{")), "bad_json", INDEX, "not JSON"),
    "an index that is a list": (
        both(sharded, raw(INDEX, "[]")), "bad_json", INDEX, "not a JSON object"),
}  # fmt: skip

C = "config.json"
CONFIGS: dict[str, Case] = {
    "missing": (gone(C), "file_missing", C, "is missing"),
    "not JSON": (raw(C, "{'a': 1}"), "bad_json", C, "not JSON"),
    "empty": (raw(C, ""), "bad_json", C, "not JSON"),
    "null": (raw(C, "null"), "bad_json", C, "not a JSON object"),
    "a list": (raw(C, "[]"), "bad_json", C, "not a JSON object"),
    "50,000 deep": (raw(C, '{"a":' + "[" * 50_000 + "]" * 50_000 + "}"), "bad_json", C, "deeper"),
    "5,000 digits": (raw(C, '{"vocab_size":' + "9" * 5000 + "}"), "bad_json", C, "5000 digits"),
    "a byte order mark": (raw(C, b"\xef\xbb\xbf{}"), "bad_json", C, "not JSON"),
    "NaN": (raw(C, '{"rope_theta": NaN}'), "bad_json", C, "NaN"),
    "50 MB": (raw(C, "{" + " " * 50_000_000 + "}"), "file_too_large", C, "50,000,002 bytes"),
    "a pipe": (as_fifo, "file_missing", C, "is missing"),
    "no model type": (config(model_type=None), "unsupported_architecture", C, "'None'"),
    "an unknown model type": (config(model_type="mamba"), "unsupported_architecture", C, "mamba"),
    "no blocks": (config(num_hidden_layers=0), "bad_config", C, "num_hidden_layers is 0"),
    "minus one block": (config(num_hidden_layers=-1), "bad_config", C, "1 to 512"),
    "100,000 blocks": (config(num_hidden_layers=10**5), "bad_config", C, "1 to 512"),
    "blocks as text": (config(num_hidden_layers="2"), "bad_config", C, "is '2', wanted a whole"),
    "half a block": (config(num_hidden_layers=2.5), "bad_config", C, "is 2.5, wanted a whole"),
    "true blocks": (config(num_hidden_layers=True), "bad_config", C, "is True, wanted a whole"),
    "no heads": (config(num_attention_heads=0), "bad_config", C, "num_attention_heads is 0"),
    "heads that do not divide": (
        config(num_attention_heads=7), "bad_config", C, "a divisor of hidden_size"),
    "more key heads than heads": (
        config(num_key_value_heads=8), "bad_config", C, "a divisor of the 4 heads"),
    "odd heads": (config(head_dim=5), "bad_config", C, "head_dim is 5, wanted an even width"),
    "a width of 10^9": (config(hidden_size=10**9), "bad_config", C, "hidden_size"),
    "a vocabulary of 10^12": (config(vocab_size=10**12), "bad_config", C, "vocab_size"),
    "no vocabulary": (config(vocab_size=0), "bad_config", C, "vocab_size is 0"),
    "an MLP of 10^9": (config(intermediate_size=10**9), "bad_config", C, "intermediate_size"),
    "10^8 labels": (config(num_labels=10**8), "bad_config", C, "num_labels is 100000000"),
    "a million labels": (
        lambda f: config(id2label={str(n): "x" for n in range(50_000)})(f), "bad_config", C,
        "id2label has 50000 entries"),
    "10^12 positions": (
        config(max_position_embeddings=10**12), "bad_config", C, "max_position_embeddings"),
    "theta 1e300": (config(rope_theta=1e300), "bad_config", C, "rope_theta is 1e+300"),
    "theta 0": (config(rope_theta=0), "bad_config", C, "rope_theta is 0"),
    "an unknown stretching": (
        config(rope_scaling={"type": "evil", "factor": 2}), "bad_config", C,
        "rope_scaling.type is 'evil'"),
    "a stretching that is a list": (config(rope_scaling=[1]), "bad_config", C, "an object or null"),
    "an infinite factor": (
        config(rope_scaling={"type": "linear", "factor": 1e30}), "bad_config", C, "factor"),
    "a partial rotation": (config(partial_rotary_factor=0.5), "bad_config", C, "partial_rotary"),
    "an unknown activation": (config(hidden_act="os.system"), "bad_config", C, "os.system"),
    "dtype os.system": (config(dtype="os.system"), "bad_config", C, "dtype is 'os.system'"),
    "torch_dtype load": (config(torch_dtype="load"), "bad_config", C, "torch_dtype is 'load'"),
    "code for another architecture": (
        config(architectures=["EvilForCausalLM"], auto_map={"AutoModel": "evil/repo--model.Evil"}),
        "forbidden_config_key", C, "'auto_map' names code for ['EvilForCausalLM']"),
    "code for an architecture beside": (
        config(architectures=["LlamaForCausalLM", "Evil"], auto_map={"AutoModel": "m.Evil"}),
        "forbidden_config_key", C, "'auto_map' names code"),
    "code for no architecture": (
        config(architectures=None, auto_map={"AutoModel": "m.Evil"}),
        "forbidden_config_key", C, "'auto_map' names code for None"),
    **{
        key: (config(**{key: value}), "forbidden_config_key", C, key)
        for key, value in {
            "quantization_config": {"quant_method": "fp8"},
            "_attn_implementation": "evil/repo",
            "attn_implementation": "evil/repo",
            "_attn_implementation_internal": "evil/repo",
            "custom_pipelines": {"x": {"impl": "evil.Pipe"}},
            "trust_remote_code": True,
            "per_layer_config": {"0": {"hidden_size": 1}},
        }.items()
    },
}  # fmt: skip

T = "tokenizer.json"
TOKENIZERS: dict[str, Case] = {
    "missing": (gone(T), "file_missing", T, "is missing"),
    "sentencepiece only": (sentencepiece_only, "file_missing", T, "tokenizer.model alone"),
    "not JSON": (raw(T, "{"), "bad_json", T, "not JSON"),
    "empty object": (raw(T, "{}"), "bad_tokenizer", T, "has no model"),
    "33 MB": (raw(T, "{" + " " * (33 << 20) + "}"), "file_too_large", T, "34,603,010 bytes"),
    "another kind of model": (
        tokenizer(lambda t: t["model"].update(type="Evil")), "bad_tokenizer", T, "'Evil'"),
    "an expression that never ends": (
        tokenizer(lambda t: t.update(pre_tokenizer=split("(a+)+$"))), "bad_tokenizer", T,
        "PanicException"),
    "the same for a letter of its own": (
        tokenizer(lambda t: t.update(pre_tokenizer=split("(q+)+$"))), "bad_tokenizer", T,
        "PanicException"),
    "an expression that is none": (
        tokenizer(lambda t: t.update(pre_tokenizer=split("(("))), "bad_tokenizer", T,
        "cannot be read"),
    "an expression of 5,000 letters": (
        tokenizer(lambda t: t.update(pre_tokenizer=split("a" * 5000))), "bad_tokenizer", T,
        "5,000 characters"),
    "padding to 10^9": (
        tokenizer(lambda t: t.update(padding={
            "strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"})),
        "bad_tokenizer", T, "pads every text to 1,000,000,000"),
    "replacements within replacements": (
        tokenizer(lambda t: t.update(normalizer=replaces(7))), "bad_tokenizer", T,
        "10,000,000 times as long"),
    "the same while decoding": (
        tokenizer(lambda t: t.update(decoder={
            "type": "Sequence", "decoders": replaces(7)["normalizers"]})),
        "bad_tokenizer", T, "in decoder"),
    "1,000 steps": (
        tokenizer(lambda t: t.update(normalizer={
            "type": "Sequence", "normalizers": [{"type": "NFC"}] * 1000})),
        "bad_tokenizer", T, "1001 steps"),
    "an unknown step": (
        tokenizer(lambda t: t.update(normalizer={"type": "Evil"})), "bad_tokenizer", T, "'Evil'"),
    "3 million tokens": (
        lambda f: tokenizer(lambda t: t["model"].update(
            vocab={f"{n:x}": n for n in range(1_500_000)}, merges=[]))(f),
        "bad_tokenizer", T, "1,500,000 tokens"),
    "an id beyond the embedding": (
        tokenizer(lambda t: t["model"]["vocab"].update(e=VOCABULARY)), "tokenizer_mismatch", T,
        "the token id 64, the model knows 64 ids"),
    "the id 2^32-1": (
        tokenizer(lambda t: t["model"]["vocab"].update(e=2**32 - 1)), "tokenizer_mismatch", T,
        "4,294,967,295"),
    "an added token far beyond": (
        tokenizer(lambda t: t.update(added_tokens=added(1, first=10**6))), "tokenizer_mismatch",
        T, "1,000,000"),
    "a negative id": (
        tokenizer(lambda t: t["model"]["vocab"].update(e=-1)), "bad_tokenizer", T, "vocabulary"),
    "merges of unknown tokens": (
        tokenizer(lambda t: t["model"].update(merges=["q z"])), "bad_tokenizer", T,
        "merges 'q and z'"),
    "a missing unknown token": (
        tokenizer(lambda t: t["model"].update(unk_token="[UNK]")), "bad_tokenizer", T, "'[UNK]'"),
    "200,000 added tokens": (
        lambda f: tokenizer(lambda t: t.update(added_tokens=added(200_000)))(f), "bad_tokenizer",
        T, "200,000 added tokens"),
    "code of a repository": (
        raw("tokenizer_config.json", '{"auto_map": {"AutoTokenizer": ["evil.Evil", null]}}'),
        "forbidden_config_key", "tokenizer_config.json", "auto_map"),
    "generation settings that are a list": (
        raw("generation_config.json", "[1]"), "bad_json", "generation_config.json", "object"),
}  # fmt: skip

BAD = {
    f"{group}: {name}": case
    for group, cases in {
        "weights": NOT_WEIGHTS, "header": HEADERS, "tensors": TENSORS, "index": INDEXES,
        "config": CONFIGS, "tokenizer": TOKENIZERS,
    }.items()
    for name, case in cases.items()
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_model_is_refused_with_file_and_cause(
    case: str, tmp_path: Path, store: ArtifactStore
) -> None:
    breaking, code, file, words = BAD[case]
    folder = write_tiny_llama(tmp_path / "model")
    breaking(folder)

    with pytest.raises(RejectedInputError) as caught:
        inspect(folder, store)

    reasons = caught.value.data["reasons"]
    assert isinstance(reasons, list)
    assert [r for r in reasons if r["code"] == code and words in r["message"]], reasons
    assert caught.value.data["reason"] == reasons[0]["code"]
    assert caught.value.next_step
    assert {file or None} <= {r["file"] for r in reasons if r["code"] == code}
    json.dumps(caught.value.as_json(), allow_nan=False)


def test_after_all_that_a_good_model_is_accepted(tmp_path: Path, store: ArtifactStore) -> None:
    record = inspect(write_tiny_llama(tmp_path / "model"), store)

    assert (record.blocks, record.width, record.vocabulary) == (2, 16, VOCABULARY)
    assert record.warnings == ()
    assert list((store.root / "staging").iterdir()) == []
