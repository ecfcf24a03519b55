"""One pass over a weight file: its digest, and whether its numbers can be computed with.

Attention kernels can hide NaN, so the numbers themselves are looked at, as bit patterns, in
pieces of bounded size, without torch and without mapping the file.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from linearity.adapters.findings import Findings
from linearity.adapters.safetensors_header import Tensor

PIECE_BYTES = 8 << 20
LARGEST_FLOAT16 = 65_504.0
MOST_FINDINGS = 20
MOST_NAMED = 5

# Unsigned type of the same width, and the bits of the exponent: all set means NaN or infinity.
_PATTERNS: dict[str, tuple[type[np.unsignedinteger[Any]], int]] = {
    "F64": (np.uint64, 0x7FF0_0000_0000_0000),
    "F32": (np.uint32, 0x7F80_0000),
    "BF16": (np.uint16, 0x7F80),
    "F16": (np.uint16, 0x7C00),
}
# The smallest exponent whose numbers float16 cannot hold: 2 to the 16th.
_BEYOND_FLOAT16 = {
    "F64": (1023 + 16) << 52,
    "F32": (127 + 16) << 23,
    "BF16": (127 + 16) << 7,
}


@dataclass
class _Seen:
    """What has been seen of a tensor so far."""

    non_finite: bool = False
    is_large: bool = False
    is_zero: bool = True

    def look(self, piece: bytes, dtype: str, *, as_float16: bool) -> None:
        kind, exponent = _PATTERNS[dtype]
        bits = np.frombuffer(piece, kind)
        exponents = bits & kind(exponent)
        largest = int(exponents.max())
        self.non_finite |= largest == exponent
        self.is_large |= as_float16 and largest >= _BEYOND_FLOAT16.get(dtype, exponent + 1)
        # The sign bit is the highest: doubled, it falls out, so minus zero is zero too.
        self.is_zero = self.is_zero and not (bits << kind(1)).any()


def scan_weights(
    stream: BinaryIO,
    tensors: Sequence[Tensor],
    name: str,
    *,
    dtype: str,
    findings: Findings,
) -> str:
    """Read a whole weight file once and return its sha256.

    Parameters
    ----------
    stream : BinaryIO
        At the start of the file.
    tensors : sequence of Tensor
        In the order of their bytes, without holes between them.
    name : str
        Of the file, for the findings.
    dtype : str
        The type that the model is computed in.
    findings : Findings
    """
    hasher = hashlib.sha256()
    header = stream.read(tensors[0].start)
    hasher.update(header)
    zeros: list[str] = []
    before = len(findings.reasons)
    for tensor in tensors:
        seen = _Seen()
        for piece in _pieces(stream, tensor):
            hasher.update(piece)
            if not tensor.is_recomputed:
                seen.look(piece, tensor.dtype, as_float16=dtype == "float16")
        if tensor.is_recomputed:
            continue
        if len(findings.reasons) - before < MOST_FINDINGS:
            _judge(seen, tensor, name, findings)
        if seen.is_zero:
            zeros.append(tensor.name)
    if zeros:
        named = ", ".join(zeros[:MOST_NAMED]) + (
            f" and {len(zeros) - MOST_NAMED} more" if len(zeros) > MOST_NAMED else ""
        )
        findings.warn(f"{name}: zero throughout: {named}")
    return hasher.hexdigest()


def _pieces(stream: BinaryIO, tensor: Tensor) -> Iterator[bytes]:
    left = tensor.end - tensor.start
    while left:
        piece = stream.read(min(left, PIECE_BYTES))
        if not piece:
            raise EOFError("the file became shorter while it was read")
        left -= len(piece)
        yield piece


def _judge(seen: _Seen, tensor: Tensor, name: str, findings: Findings) -> None:
    if seen.non_finite:
        hint = "; it may have overflowed when it was saved in float16" * (tensor.dtype == "F16")
        findings.refuse(
            "non_finite_weights",
            f"{name}: the weights of {tensor.name} hold NaN or infinity{hint}",
            file=name,
            field=tensor.name,
        )
    elif seen.is_large:
        findings.refuse(
            "non_finite_weights",
            f"{name}: the weights of {tensor.name} become infinite in float16, which config.json "
            f"names as the type to compute in; it holds numbers up to {LARGEST_FLOAT16:,.0f}",
            file=name,
            field=tensor.name,
            bounds=(LARGEST_FLOAT16, None),
        )
