"""Judge a folder that claims to hold a model, before anything of it is loaded.

transformers fills missing layers with random numbers without a word, follows paths inside the
index, and obeys some keys of a configuration. Here every file is chosen by name from a short
list, the configuration's dangerous keys are refused, the names and shapes in the safetensors
headers must be exactly those of the architecture, and every weight must be finite.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from linearity.contracts.canonical import Json, strict_loads
from linearity.contracts.model_files import (
    GENERATION,
    INDEX,
    PICKLES,
    SHARD,
    SMALL_FILES,
    WEIGHTS,
)
from linearity.errors import MalformedJSONError, RejectedInputError
from linearity.models.families import check_family

LARGEST_CONFIG = 1 << 20
LARGEST_HEADER = 16 << 20
MOST_TENSORS = 20_000
FLOAT_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
LIMITS = {
    "num_hidden_layers": 512,
    "hidden_size": 65_536,
    "intermediate_size": 1_048_576,
    "num_attention_heads": 512,
    "vocab_size": 2_000_000,
    "max_position_embeddings": 10_000_000,
}
FORBIDDEN_KEYS = (
    "auto_map",
    "quantization_config",
    "_attn_implementation",
    "attn_implementation",
    "_attn_implementation_internal",
    "custom_pipelines",
    "trust_remote_code",
)


@dataclass(frozen=True)
class ModelFacts:
    """What a folder's small files and headers say, checked against each other."""

    family: str
    blocks: int
    width: int
    vocabulary: int
    context: int
    parameters: int
    dtype: str


def model_files(folder: Path) -> list[Path]:
    """Return the files of `folder` that make up a model, in a fixed order.

    Raises
    ------
    RejectedInputError
        With what is missing and, for pickled weights, how to convert them.
    """
    for needed in ("config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise RejectedInputError(
                f"{needed} is missing",
                reason="file_missing",
                next_step="A model folder needs config.json, tokenizer.json and safetensors.",
                file=needed,
            )
    small = [folder / name for name in SMALL_FILES if (folder / name).is_file()]
    weights = _weight_files(folder)
    index = [folder / INDEX] if weights[0].name != WEIGHTS else []
    return small + index + weights


def inspect_model(folder: Path) -> ModelFacts:
    """Check a model folder and return its facts; reads headers and small files only.

    Raises
    ------
    RejectedInputError
        Naming the file, the field and the limit.
    """
    config = _read_config(folder / "config.json")
    if (folder / GENERATION).is_file():
        read_settings(folder / GENERATION)
    family = check_family(config.get("model_type"))
    for name, high in LIMITS.items():
        _check_size(config, name, high)
    shapes: dict[str, tuple[int, ...]] = {}
    types: set[str] = set()
    for path in _weight_files(folder):
        for name, (dtype, shape) in read_header(path).items():
            shapes[name] = shape
            types.add(dtype)
    _check_names(folder, shapes)
    return ModelFacts(
        family=family,
        blocks=_int(config, "num_hidden_layers"),
        width=_int(config, "hidden_size"),
        vocabulary=_int(config, "vocab_size"),
        context=_int(config, "max_position_embeddings"),
        parameters=sum(math.prod(shape) for shape in shapes.values()),
        dtype=_dtype(config, types),
    )


def check_finite(folder: Path) -> None:
    """Look at every weight.

    Raises
    ------
    RejectedInputError
        Naming the first tensor that holds NaN or infinity: attention kernels can hide it.
    """
    for path in _weight_files(folder):
        for name, tensor in _tensors(path):
            if not torch.isfinite(tensor).all():
                raise RejectedInputError(
                    f"the weights of {name} hold NaN or infinity",
                    reason="non_finite_weights",
                    next_step="Export the checkpoint again from a healthy training state.",
                    tensor=name,
                )


def _tensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  # not a mapping
                yield name, tensors.get_tensor(name)
    except SafetensorError as error:
        raise _not_safetensors(path, str(error)[:200]) from error


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return {tensor name: (dtype, shape)} of a safetensors file, strictly read.

    Raises
    ------
    RejectedInputError
        If the file is not safetensors or the header breaks a limit.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(LARGEST_HEADER, size - 8):
            raise _not_safetensors(path, "its header has an impossible length")
        data = stream.read(length)
    try:
        header = strict_loads(data.rstrip(b" "))
    except MalformedJSONError as error:
        raise _not_safetensors(path, f"its header is not JSON ({error.message})") from error
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise _not_safetensors(path, f"its header is not a list of up to {MOST_TENSORS:,} tensors")
    entries = {name: value for name, value in header.items() if name != "__metadata__"}
    if not entries:
        raise _not_safetensors(path, "it holds no tensors")
    return {name: _entry(path, name, value) for name, value in entries.items()}


def _entry(path: Path, name: str, value: Json) -> tuple[str, tuple[int, ...]]:
    dtype = value.get("dtype") if isinstance(value, dict) else None
    shape = value.get("shape") if isinstance(value, dict) else None
    if dtype not in FLOAT_TYPES:
        raise RejectedInputError(
            f"{path.name}: {name[:120]} has the type {str(dtype)[:20]}",
            reason="unsupported_dtype",
            next_step="Analyse the 16-bit original of a quantised checkpoint: "
            + ", ".join(FLOAT_TYPES.values()),
            tensor=name[:120],
        )
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise _not_safetensors(path, f"{name[:120]} has no valid shape")
    return FLOAT_TYPES[str(dtype)], tuple(int(str(n)) for n in shape)


def _not_safetensors(path: Path, why: str) -> RejectedInputError:
    return RejectedInputError(
        f"{path.name} is not a safetensors file: {why}",
        reason="not_safetensors",
        next_step="Save the model with save_pretrained(..., safe_serialization=True).",
        file=path.name,
    )


def read_settings(path: Path) -> dict[str, Json]:
    """Return a small JSON object of a model folder.

    Raises
    ------
    RejectedInputError
        If it is too large or no JSON object.
    """
    return _read_json(path, LARGEST_CONFIG)


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        return _shards(folder)
    pickles = [path.name for path in folder.iterdir() if path.suffix in PICKLES]
    if pickles:
        raise RejectedInputError(
            f"the weights are pickled ({sorted(pickles)[0]}); loading them could run code",
            reason="pickle_only",
            next_step="Convert where you trust the file: "
            "AutoModelForCausalLM.from_pretrained(old).save_pretrained(new).",
            file=sorted(pickles)[0],
        )
    raise RejectedInputError(
        "no weights found: looked for model.safetensors",
        reason="file_missing",
        next_step="A model folder needs config.json, tokenizer.json and safetensors.",
        file=WEIGHTS,
    )


def _shards(folder: Path) -> list[Path]:
    index = _read_json(folder / INDEX, LARGEST_HEADER)
    names = index.get("weight_map")
    if not isinstance(names, dict) or not names:
        raise RejectedInputError(f"{INDEX} has no weight_map", reason="bad_index")
    for name in names.values():
        # A name with a slash would read another folder.
        if not isinstance(name, str) or not SHARD.fullmatch(name):
            raise RejectedInputError(
                f"{INDEX} names the shard {str(name)[:80]!r}",
                reason="bad_index",
                next_step="Shards are called model-00001-of-00002.safetensors.",
            )
        if not (folder / name).is_file():
            raise RejectedInputError(
                f"the shard {name} is missing", reason="file_missing", file=name
            )
    return [folder / name for name in sorted(set(map(str, names.values())))]


def _read_config(path: Path) -> dict[str, Json]:
    config = read_settings(path)
    for key in FORBIDDEN_KEYS:
        if config.get(key) is not None:
            raise RejectedInputError(
                f"config.json: the key {key!r} is not accepted",
                reason="forbidden_config_key",
                next_step="Remote code, quantised weights and chosen kernels are refused. "
                "Remove the key, or analyse the 16-bit original.",
                field=key,
            )
    return config


def _read_json(path: Path, limit: int) -> dict[str, Json]:
    size = path.stat().st_size
    if size > limit:
        raise RejectedInputError(
            f"{path.name} has {size:,} bytes", reason="file_too_large", limit=limit
        )
    try:
        value = strict_loads(path.read_bytes())
    except MalformedJSONError as error:
        raise RejectedInputError(f"{path.name}: {error.message}", reason="bad_json") from error
    if not isinstance(value, dict):
        raise RejectedInputError(f"{path.name} is not a JSON object", reason="bad_json")
    return value


def _check_size(config: dict[str, Json], name: str, high: int) -> None:
    value = config.get(name)
    if type(value) is not int or not 1 <= value <= high:
        raise RejectedInputError(
            f"config.json: {name} is {str(value)[:40]}, wanted a whole number from 1 to {high:,}",
            reason="bad_config",
            field=name,
            limit=high,
        )


def _check_names(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Compare the headers with an empty model of the same configuration."""
    expected, tied = _expected_shapes(folder)
    missing = sorted(set(expected) - set(shapes) - tied)
    unexpected = sorted(name for name in set(shapes) - set(expected) if "rotary_emb" not in name)
    different = sorted(n for n in set(shapes) & set(expected) if shapes[n] != expected[n])
    for names, reason, verb in (
        (missing, "missing_weights", "are missing"),
        (unexpected, "unexpected_weights", "do not belong to this architecture"),
        (different, "mismatched_weights", "have another shape than config.json says"),
    ):
        if names:
            raise RejectedInputError(
                f"{len(names)} weights {verb}, first {names[0][:120]}",
                reason=reason,
                next_step="Export the whole checkpoint again; a missing block would be filled "
                "with random numbers.",
                tensors=names[:20],
            )


def _expected_shapes(folder: Path) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # ten exception types mean: a bad configuration
        raise RejectedInputError(
            f"config.json does not describe a model that can be built ({type(error).__name__})",
            reason="bad_config",
            next_step="Check config.json against the model's original.",
        ) from error
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tied = set(model.all_tied_weights_keys) if config.tie_word_embeddings else set()
    return shapes, tied


def _int(config: dict[str, Json], name: str) -> int:
    value = config[name]
    assert isinstance(value, int)
    return value


def _dtype(config: dict[str, Json], types: set[str]) -> str:
    named = config.get("dtype") or config.get("torch_dtype")
    if named in ("float32", "float16", "bfloat16"):
        return str(named)
    return sorted(types)[0] if len(types) == 1 and "float64" not in types else "float32"
