"""What a shard kept, as a file: safetensors, strictly read; never a pickle.

The header's ``__metadata__`` holds one JSON text with what the tensors do not say by themselves.
Names, types and shapes of all tensors follow from it, and what does not agree is refused.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from linearity.contracts.canonical import Json, canonical_json, strict_loads
from linearity.errors import CorruptObjectError, MalformedJSONError
from linearity.measure.moments import Moments
from linearity.measure.products import COARSE_ROUNDING
from linearity.measure.tokens import StreamGuard, TokenTable
from linearity.studies.collect import Collected, Opening

FORMAT = 1
HEADER = "linearscope"
ROLES = ("train", "validation")
TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.bool: "BOOL",
}  # fmt: skip
SUM_TYPES = {"F64": torch.float64, "F32": torch.float32}
TABLE_TYPES = {"document": torch.int64, "position": torch.int64} | dict.fromkeys(
    ("heldout", "scored"), torch.bool
)

Named = dict[str, Tensor]


class Writer(Protocol):
    """Takes bytes piece by piece, as the store's does."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Append `data`."""


def write_opening(writer: Writer, opening: Opening) -> None:
    """Write what all shards of a stream share."""
    tensors = {"guard": [opening.guard.medians], "reference": [opening.reference]}
    _write(writer, tensors, {"format": FORMAT, "kind": "opening"})


def read_opening(path: Path) -> Opening:
    """Return what `write_opening` wrote, on the CPU.

    Raises
    ------
    CorruptObjectError
        If it is anything else.
    """
    tensors, header = _read(path)
    reference = tensors.get("reference", torch.empty(0))
    _check(path, header == {"format": FORMAT, "kind": "opening"}, "header")
    _check(path, reference.ndim == 2 and reference.dtype in SUM_TYPES.values(), "reference")
    wanted = {
        "guard": (torch.float64, (len(reference),)),
        "reference": (reference.dtype, tuple(reference.shape)),
    }
    _check_tensors(path, tensors, wanted)
    return Opening(StreamGuard(tensors["guard"]), reference)


def write_collected(writer: Writer, collected: Collected) -> None:
    """Write what a pass over a part of a stream kept."""
    heldout = collected.heldout
    one = collected.moments[ROLES[0]]
    rounding = torch.finfo(one.sums.dtype).eps
    header: dict[str, Json] = {
        "format": FORMAT,
        "kind": "collected",
        "states": one.states,
        "width": one.width,
        "reach": one.reach,
        "sums": TYPES[one.sums.dtype],
        "heldout": [len(states) for states in heldout],
        "coarse": any(collected.moments[role].rounding > rounding for role in ROLES),
        **{role: collected.moments[role].n for role in ROLES},
    }
    _write(writer, dict(_tensors(collected)), header)


def read_collected(path: Path) -> Collected:
    """Return what `write_collected` wrote, on the CPU and mapped from the file.

    Raises
    ------
    CorruptObjectError
        If it is anything else, or its parts do not agree with one another.
    """
    tensors, header = _read(path)
    sizes = _Sizes.of(path, header)
    _check_tensors(path, tensors, _wanted(tensors, sizes))
    table = TokenTable(**{name: tensors[f"table.{name}"] for name in _TABLE})
    apart = tensors["held_apart"] & table.scored
    fit_apart = apart & ~table.heldout
    counted = int((table.heldout & table.scored).sum())
    roles = tensors["roles"]
    streamed = torch.bincount(roles[table.scored & ~apart].clamp(0, len(ROLES)), minlength=3)
    _check(path, bool(((roles >= 0) & (roles <= len(ROLES))).all()), "roles")
    _check(path, torch.equal(roles == len(ROLES), table.heldout), "roles")
    _check(path, sum(sizes.heldout) == counted, "held-out tokens")
    _check(path, [sizes.n[role] for role in ROLES] == streamed.tolist()[:2], "fit tokens")
    _check(path, len(tensors["apart"]) == int(fit_apart.sum()), "tokens held apart")
    _check(path, len(tensors["apart_cosines"]) == int(apart.sum()), "cosines held apart")
    return Collected(
        moments={role: _moments(tensors, sizes, role) for role in ROLES},
        guard=StreamGuard(tensors["guard"]),
        cosine_sum=tensors["cosine_sum"],
        angular_sum=tensors["angular_sum"],
        # In the pieces of the batches, so that nobody has to copy all of them at once.
        heldout=list(torch.split(tensors["heldout"], sizes.heldout)),
        apart=[tensors["apart"]],
        apart_rows=fit_apart.nonzero().squeeze(1).tolist(),
        apart_cosines=[tensors["apart_cosines"]],
        apart_cosine_rows=apart.nonzero().squeeze(1).tolist(),
        tables=[table],
        roles=[roles],
        held_apart=[tensors["held_apart"]],
    )


@dataclass(frozen=True)
class _Sizes:
    """What the header says, found to be whole numbers that can be true."""

    states: int
    width: int
    reach: int
    sums: torch.dtype
    heldout: list[int]
    n: dict[str, int]
    coarse: bool

    @classmethod
    def of(cls, path: Path, header: Json) -> "_Sizes":
        match header:
            case {
                "format": 1, "kind": "collected", "states": int(S), "width": int(d),
                "reach": int(reach), "sums": "F64" | "F32" as sums, "heldout": list(heldout),
                "coarse": bool(coarse),
                "train": int(train), "validation": int(validation), **rest,
            } if not rest:  # fmt: skip
                counts = [size for size in heldout if type(size) is int and size >= 0]
                is_sound = (
                    S >= 2
                    and d >= 1
                    and 1 <= reach < S
                    and min(train, validation) >= 0
                    and len(counts) == len(heldout)
                )
                _check(path, is_sound, "header")
                n = {"train": train, "validation": validation}
                return cls(S, d, reach, SUM_TYPES[sums], counts, n, coarse)
        raise _damaged(path, "header")

    def pairs(self, i: int) -> int:
        """Return with how many states state `i` is paired, itself included."""
        return min(i + self.reach, self.states - 1) + 1 - i


_TABLE = [f.name for f in fields(TokenTable)]


def _tensors(collected: Collected) -> Iterator[tuple[str, list[Tensor]]]:
    """Yield every tensor with its name, in the pieces that stand behind one another in memory."""
    yield "reference", [collected.moments[ROLES[0]].reference]
    for role in ROLES:
        moments = collected.moments[role]
        yield f"{role}.sums", [moments.sums]
        yield from ((f"{role}.rows.{i}", [row]) for i, row in enumerate(moments.rows))
    yield "guard", [collected.guard.medians]
    yield "cosine_sum", [collected.cosine_sum]
    yield "angular_sum", [collected.angular_sum]
    for name in ("heldout", "apart", "apart_cosines", "roles", "held_apart"):
        yield name, getattr(collected, name)
    for name in _TABLE:
        yield f"table.{name}", [getattr(table, name) for table in collected.tables]


def _wanted(tensors: Named, sizes: _Sizes) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Return type and shape of every tensor; only lengths of lists are taken from themselves."""
    S, d, wide = sizes.states, sizes.width, torch.float64
    N = _length(tensors, "roles")
    a, c = _length(tensors, "apart"), _length(tensors, "apart_cosines")
    kept = tensors["heldout"].dtype if "heldout" in tensors else sizes.sums
    sums = {f"{role}.sums": (sizes.sums, (S, d)) for role in ROLES}
    wide_as = [sizes.pairs(i) * d for i in range(S)]
    rows = {f"{r}.rows.{i}": (sizes.sums, (d, wide_as[i])) for r in ROLES for i in range(S)}
    per_token = {"norms": S, "update_norms": S - 1, "cosine_next": S - 1}
    return {
        "reference": (sizes.sums, (S, d)),
        **sums,
        **rows,
        "guard": (wide, (S,)),
        "cosine_sum": (wide, (S, S)),
        "angular_sum": (wide, (S, S)),
        "heldout": (kept, (sum(sizes.heldout), S, d)),
        "apart": (wide, (a, S, d)),
        "apart_cosines": (wide, (c, S, S)),
        "roles": (torch.int64, (N,)),
        "held_apart": (torch.bool, (N,)),
        **{f"table.{name}": (kind, (N,)) for name, kind in TABLE_TYPES.items()},
        **{f"table.{name}": (wide, (N, columns)) for name, columns in per_token.items()},
    }


def _length(tensors: Named, name: str) -> int:
    return len(tensors[name]) if name in tensors and tensors[name].ndim else 0


def _moments(tensors: Named, sizes: _Sizes, role: str) -> Moments:
    moments = Moments(tensors["reference"], reach=sizes.reach, dtype=sizes.sums)
    moments.n = sizes.n[role]
    moments.rounding = COARSE_ROUNDING if sizes.coarse else moments.rounding
    moments.sums = tensors[f"{role}.sums"]
    moments.rows = [tensors[f"{role}.rows.{i}"] for i in range(sizes.states)]
    return moments


def _write(writer: Writer, tensors: Mapping[str, list[Tensor]], header: Mapping[str, Json]) -> None:
    """Write a safetensors file piece by piece; the library would hold all of it in memory.

    Numbers of many bytes come first, so that each begins at a multiple of its own size.
    """
    ordered = sorted(tensors.items(), key=lambda item: -item[1][0].element_size())
    entries: dict[str, Json] = {"__metadata__": {HEADER: canonical_json(header).decode()}}
    place = 0
    for name, pieces in ordered:
        one = pieces[0]
        end = place + sum(piece.numel() for piece in pieces) * one.element_size()
        entries[name] = {
            "dtype": TYPES[one.dtype],
            "shape": [sum(map(len, pieces)), *one.shape[1:]],
            "data_offsets": [place, end],
        }
        place = end
    text = canonical_json(entries)
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of 8
    writer.write(struct.pack("<Q", len(text)) + text)
    for piece in (piece for _, pieces in ordered for piece in pieces if piece.numel()):
        plain = piece.detach().cpu().contiguous().flatten().view(torch.uint8)
        writer.write(plain.numpy().data)


def _read(path: Path) -> tuple[Named, Json]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = strict_loads((file.metadata() or {}).get(HEADER, "").encode())
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except (SafetensorError, MalformedJSONError) as error:
        raise _damaged(path, "header") from error


def _check_tensors(
    path: Path, tensors: Named, wanted: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
) -> None:
    _check(path, tensors.keys() == wanted.keys(), "tensors")
    for name, (dtype, shape) in wanted.items():
        is_right = tensors[name].dtype == dtype and tuple(tensors[name].shape) == shape
        _check(path, is_right, name)


def _check(path: Path, is_right: bool, what: str) -> None:
    if not is_right:
        raise _damaged(path, what)


def _damaged(path: Path, what: str) -> CorruptObjectError:
    return CorruptObjectError(
        f"the stored shard {path.name[:12]} is damaged: {what}",
        next_step="Nothing needs to be done; it is computed again.",
        sha256=path.name[:64],
    )
