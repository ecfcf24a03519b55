"""Writes weights as safetensors files, a piece at a time, so that it can be stopped at any.

The library's writer needs a whole file in memory and tells a full disk in words of its own.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from linearity.contracts.model_files import INDEX, WEIGHTS

PIECE_BYTES = 64 << 20
_ALIGNMENT = 8
_SPELLED = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
Check = Callable[[int], None]
"""Told how many bytes are written so far; may raise to stop."""


def write_weights(
    folder: Path, weights: Mapping[str, Tensor], *, max_shard_bytes: int, check: Check
) -> list[str]:
    """Write ``model.safetensors``, or shards and their index; return the names of the files.

    Parameters
    ----------
    folder : Path
    weights : mapping of str to Tensor
        On any device.
    max_shard_bytes : int
        Of numbers in one file, unless one weight alone is larger.
    check : callable
    """
    shards = _shards(weights, max_shard_bytes)
    names = [WEIGHTS] if len(shards) == 1 else _shard_names(len(shards))
    written = 0
    for name, shard in zip(names, shards, strict=True):
        written = write_file(folder / name, shard, check, done=written)
    if len(shards) > 1:
        _write_index(folder / INDEX, dict(zip(names, shards, strict=True)))
    return names


def _shards(weights: Mapping[str, Tensor], most: int) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in weights.items():
        if shards[-1] and size + _bytes(tensor) > most:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += _bytes(tensor)
    return shards


def _shard_names(count: int) -> list[str]:
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]


def _write_index(path: Path, shards: Mapping[str, Mapping[str, Tensor]]) -> None:
    tensors = [tensor for shard in shards.values() for tensor in shard.values()]
    metadata = {
        "total_parameters": sum(tensor.numel() for tensor in tensors),
        "total_size": sum(map(_bytes, tensors)),
    }
    places = {name: file for file, shard in shards.items() for name in shard}
    index = {"metadata": metadata, "weight_map": dict(sorted(places.items()))}
    path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def write_file(
    path: Path, tensors: Mapping[str, Tensor], check: Check = lambda _: None, *, done: int = 0
) -> int:
    """Write one file; return how many bytes of numbers are `done` with it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + _bytes(tensor)
        header[name] = {
            "dtype": _SPELLED[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    spelled = json.dumps(header, separators=(",", ":")).encode()
    spelled += b" " * (-len(spelled) % _ALIGNMENT)
    with path.open("xb") as stream:
        stream.write(len(spelled).to_bytes(8, "little") + spelled)
        for tensor in tensors.values():
            numbers = tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy()
            for start in range(0, len(numbers), PIECE_BYTES):
                piece = numbers[start : start + PIECE_BYTES].data
                stream.write(piece)
                done += len(piece)
                check(done)
    return done


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
