"""The header of a safetensors file, strictly read.

The format: 8 bytes with the length N of the header, N bytes of JSON, the numbers. The JSON names
each tensor's type, shape and place. The library accepts an empty list of tensors, keys that occur
twice and a million tensors; it is also not asked before a file has passed here.
"""

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from linearity.adapters.findings import Findings
from linearity.contracts.canonical import Json, strict_loads
from linearity.errors import MalformedJSONError

LARGEST_HEADER = 16 << 20
MOST_TENSORS = 20_000
MOST_DIMENSIONS = 4
MOST_FINDINGS = 20

WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Bytes of a number of each type that is accepted."""

BUFFER_WIDTHS = WIDTHS | {"BOOL": 1, "U8": 1, "I64": 8}
_RECOMPUTED = re.compile(
    r"(^|\.)((attn|attention)\.(masked_)?bias|rotary_emb\.\w+|embeddings\.position_ids)$"
)

_FIELDS = {"dtype", "shape", "data_offsets"}
_FOREIGN = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with git lfs pull"),
    (b"PK\x03\x04", "a zip archive, perhaps a PyTorch checkpoint"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
    (b"GGUF", "a GGUF file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"<", "a web page"),
    (b'{"', "a JSON text"),
)


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file: its numbers are the bytes from `start` to `end`, counted in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def is_recomputed(self) -> bool:
        """Whether it is no weight but a causal mask or a rotation table of an old checkpoint."""
        return is_recomputed(self.name)


def is_recomputed(name: str) -> bool:
    """Return whether a name is that of a mask or table which the library makes by itself."""
    return _RECOMPUTED.search(name) is not None


def read_header(stream: BinaryIO, size: int, name: str, findings: Findings) -> list[Tensor] | None:
    """Return the tensors of a safetensors file in the order of their bytes.

    Parameters
    ----------
    stream : BinaryIO
        At the start of the file.
    size : int
        Bytes of the whole file.
    name : str
        Of the file, for the findings.
    findings : Findings

    Returns
    -------
    list of Tensor or None
        None if something was found.
    """
    before = len(findings.reasons)
    start = stream.read(64)
    stream.seek(8)
    length = struct.unpack("<Q", start[:8])[0] if len(start) >= 8 else 0
    if not 2 <= length <= min(LARGEST_HEADER, size - 8):
        _foreign(start, size, length, name, findings)
        return None
    entries = _parse(stream.read(length), name, findings)
    if entries is None:
        return None
    tensors = [_tensor(key, value, 8 + length, name, findings) for key, value in entries.items()]
    sound = sorted((t for t in tensors if t is not None), key=lambda t: (t.start, t.end))
    if len(findings.reasons) == before:
        _check_places(sound, 8 + length, size, name, findings)
    del findings.reasons[before + MOST_FINDINGS :]
    return sound if len(findings.reasons) == before else None


def _foreign(start: bytes, size: int, length: int, name: str, findings: Findings) -> None:
    looks = next((words for magic, words in _FOREIGN if start.startswith(magic)), "")
    if size < 10:
        why = f"it has {size} bytes"
    elif looks:
        why = f"it looks like {looks}"
    else:
        why = f"its header would have {length:,} bytes"
    findings.refuse(
        "not_safetensors",
        f"{name} is not a safetensors file: {why}",
        file=name,
        field="header length",
        bounds=(min(LARGEST_HEADER, max(size - 8, 0)), length),
    )


def _parse(data: bytes, name: str, findings: Findings) -> dict[str, Json] | None:
    """Return the entries of the header, without its free text."""
    try:
        header = strict_loads(data.rstrip(b" "))
    except MalformedJSONError as error:
        why = f"its header is not JSON: {error.message}"
        findings.refuse("not_safetensors", f"{name}: {why}", file=name, field="header")
        return None
    if not isinstance(header, dict):
        findings.refuse(
            "not_safetensors", f"{name}: its header is not a JSON object", file=name, field="header"
        )
        return None
    if not _is_free_text(header.pop("__metadata__", {})):
        findings.refuse(
            "bad_header", f"{name}: __metadata__ must be texts", file=name, field="__metadata__"
        )
    if not 1 <= len(header) <= MOST_TENSORS:
        findings.refuse(
            "bad_header",
            f"{name} holds {len(header):,} tensors; 1 to {MOST_TENSORS:,} are accepted",
            file=name,
            bounds=(MOST_TENSORS, len(header)),
        )
        return None
    return header


def _is_free_text(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _tensor(key: str, value: Json, offset: int, name: str, findings: Findings) -> Tensor | None:
    """Return one entry of the header, or None with a finding."""
    wrong: _Wrong | None
    if not isinstance(value, dict) or set(value) != _FIELDS:
        wrong = _Wrong("must have a dtype, a shape and data_offsets, and nothing else")
    else:
        widths = BUFFER_WIDTHS if is_recomputed(key) else WIDTHS
        wrong = _check_entry(value["dtype"], value["shape"], value["data_offsets"], widths)
    if wrong is not None:
        shown = key[:120]
        findings.refuse(
            wrong.code,
            f"{name}: {shown} {wrong.what}",
            file=name,
            field=shown,
            bounds=(wrong.limit, wrong.actual),
        )
        return None
    assert isinstance(value, dict)
    start, end = _whole_numbers(value["data_offsets"])
    shape = tuple(_whole_numbers(value["shape"]))
    return Tensor(key, str(value["dtype"]), shape, offset + start, offset + end)


@dataclass(frozen=True)
class _Wrong:
    """What is wrong with an entry."""

    what: str
    code: str = "bad_header"
    limit: Json = None
    actual: Json = None


def _check_entry(
    dtype: Json, shape: Json, places: Json, widths: Mapping[str, int]
) -> _Wrong | None:
    if not isinstance(dtype, str) or dtype not in widths:
        came, known = str(dtype)[:20], ", ".join(widths)
        what = f"has the type {came}; accepted are {known}"
        return _Wrong(what, "unsupported_dtype", limit=known, actual=came)
    dimensions, ends = _whole_numbers(shape), _whole_numbers(places)
    fewest = 0 if widths is BUFFER_WIDTHS and shape == [] else 1
    if not fewest <= len(dimensions) <= MOST_DIMENSIONS or min(dimensions, default=1) < 1:
        limit = f"1 to {MOST_DIMENSIONS} sizes above 0"
        return _Wrong(f"has the shape {str(shape)[:60]}; accepted are {limit}", limit=limit)
    if len(ends) != 2 or not 0 <= ends[0] < ends[1]:
        return _Wrong(f"has the data_offsets {str(places)[:60]}; wanted a start and a later end")
    needed, held = math.prod(dimensions) * widths[dtype], ends[1] - ends[0]
    if held != needed:
        what = f"has {held} bytes, its shape {str(shape)[:60]} of {dtype} needs {str(needed)[:30]}"
        return _Wrong(what, limit=needed, actual=held)
    return None


def _whole_numbers(value: Json) -> list[int]:
    """Return a list of whole numbers; an empty one for anything else."""
    if isinstance(value, list) and all(type(item) is int for item in value):
        return list(value)
    return []


def _check_places(
    tensors: list[Tensor], begin: int, size: int, name: str, findings: Findings
) -> None:
    """Every byte after the header must belong to exactly one tensor."""
    reached = begin
    for tensor in tensors:
        if tensor.start != reached:
            what = "a hole before" if tensor.start > reached else "an overlap at"
            findings.refuse(
                "bad_header",
                f"{name}: there is {what} {tensor.name[:120]} (byte {tensor.start - begin:,})",
                file=name,
                field=tensor.name[:120],
                bounds=(reached - begin, tensor.start - begin),
            )
        reached = tensor.end
    if reached != size:
        what = "is truncated" if reached > size else "has bytes behind its last tensor"
        findings.refuse(
            "bad_header",
            f"{name} {what}: it has {size:,} bytes, its header accounts for {reached:,}",
            file=name,
            bounds=(reached, size),
        )
