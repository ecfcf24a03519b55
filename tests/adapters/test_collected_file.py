"""What a shard kept, through a file and back; and every way such a file may be wrong."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from linearity.adapters.collected_file import (
    read_collected,
    read_opening,
    write_collected,
    write_opening,
)
from linearity.errors import CorruptObjectError
from linearity.measure.tokens import StreamGuard
from linearity.studies.collect import Collected, Opening
from tests.studies.streams import a_stream, collected_of, differences


@pytest.fixture(scope="module")
def collected() -> Collected:
    return collected_of(a_stream(width=6, states=4), reach=2)


@pytest.fixture
def file(collected: Collected, tmp_path: Path) -> Path:
    return written(collected, tmp_path / "shard")


def written(collected: Collected, path: Path) -> Path:
    buffer = Pieces()
    write_collected(buffer, collected)
    path.write_bytes(buffer.getvalue())
    return path


def written_opening(opening: Opening, path: Path) -> Path:
    buffer = Pieces()
    write_opening(buffer, opening)
    path.write_bytes(buffer.getvalue())
    return path


class Pieces:
    """Takes bytes and remembers how many came at once."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes | memoryview, /) -> None:
        self.pieces.append(bytes(data))

    def getvalue(self) -> bytes:
        return b"".join(self.pieces)


def test_what_is_read_is_what_was_written_to_the_last_bit(collected: Collected, file: Path) -> None:
    again = read_collected(file)

    assert differences(collected, again) == 0.0
    assert [len(states) for states in again.heldout] == [len(s) for s in collected.heldout]
    assert (again.apart_rows, again.apart_cosine_rows) == (
        collected.apart_rows, collected.apart_cosine_rows,
    )  # fmt: skip


def test_the_file_is_one_that_the_library_reads(collected: Collected, file: Path) -> None:
    with safe_open(file, framework="pt") as library:
        assert torch.equal(library.get_tensor("train.sums"), collected.moments["train"].sums)
        assert json.loads(library.metadata()["linearscope"])["reach"] == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_heldout_states_may_stay_in_the_type_of_the_model(
    collected: Collected, dtype: torch.dtype, tmp_path: Path
) -> None:
    narrow = Collected(**vars(collected) | {"heldout": [s.to(dtype) for s in collected.heldout]})
    again = read_collected(written(narrow, tmp_path / "narrow"))

    assert torch.equal(torch.cat(again.heldout), torch.cat(narrow.heldout))


def test_an_opening_goes_through_a_file(tmp_path: Path) -> None:
    opening = Opening(StreamGuard(torch.tensor([1.0, 2.0]).double()), torch.randn(2, 300))
    again = read_opening(written_opening(opening, tmp_path / "opening"))

    assert torch.equal(again.reference, opening.reference)
    assert torch.equal(again.guard.medians, opening.guard.medians)


def test_the_one_is_not_taken_for_the_other(file: Path, tmp_path: Path) -> None:
    some = Opening(StreamGuard(torch.ones(2).double()), torch.ones(2, 3))
    opening = written_opening(some, tmp_path / "opening")

    for read, path in ((read_collected, opening), (read_opening, file)):
        with pytest.raises(CorruptObjectError):
            read(path)


def header(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Change what our part of the header says."""

    def rewrite(data: bytes) -> bytes:
        length = struct.unpack("<Q", data[:8])[0]
        entries = json.loads(data[8 : 8 + length])
        own = json.loads(entries["__metadata__"]["linearscope"])
        change(own)
        entries["__metadata__"]["linearscope"] = json.dumps(own)
        text = json.dumps(entries).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + length :]

    return rewrite


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda data: data[:-100],
    "longer": lambda data: data + b"\0" * 8,
    "a pickle": lambda _: b"\x80\x04\x95" + b"\0" * 64,
    "another format": header(lambda h: h.update(format=2)),
    "a field too many": header(lambda h: h.update(more=1)),
    "a field too few": header(lambda h: h.pop("train")),
    "another reach": header(lambda h: h.update(reach=1)),
    "no reach": header(lambda h: h.update(reach=0)),
    "more states": header(lambda h: h.update(states=5)),
    "wider": header(lambda h: h.update(width=7)),
    "another type": header(lambda h: h.update(sums="F32")),
    "a type that no sum has": header(lambda h: h.update(sums="I64")),
    "a count that is off": header(lambda h: h.update(train=h["train"] + 1)),
    "a count that is no number": header(lambda h: h.update(train="7")),
    "pieces that do not add up": header(lambda h: h["heldout"].append(1)),
    "a negative piece": header(lambda h: h["heldout"].extend([-1, 1])),
    "a renamed tensor": lambda data: data.replace(b'"table.norms"', b'"table.normz"'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_not_as_it_should_be_is_refused(file: Path, name: str) -> None:
    file.write_bytes(WRONG[name](file.read_bytes()))

    with pytest.raises(CorruptObjectError):
        read_collected(file)


def test_parts_that_do_not_agree_are_refused(collected: Collected, tmp_path: Path) -> None:
    def flipped(flags: list[Tensor]) -> list[Tensor]:
        return [~flags[0], *flags[1:]]

    for name in ("held_apart", "roles"):
        changed = Collected(**vars(collected) | {name: flipped(getattr(collected, name))})
        with pytest.raises(CorruptObjectError):
            read_collected(written(changed, tmp_path / name))


def test_nothing_is_held_in_memory_twice_while_it_is_written(collected: Collected) -> None:
    buffer = Pieces()
    write_collected(buffer, collected)

    assert max(map(len, buffer.pieces)) < len(buffer.getvalue()) / 2
