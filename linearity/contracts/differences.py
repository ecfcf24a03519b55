"""Two results of one question, compared value by value: what `linearscope verify` reports.

The difference of two numbers is ``|a - b| / max(1, |a|)``: relative above 1, absolute below, and
of counts absolute. All other values must be equal, but for sentences, whose numbers are rounded:
each may differ by one in its last digit. What belongs to the moment and the machine is left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from linearity.contracts.canonical import Json
from linearity.contracts.tolerances import Conditions, compared, count_tolerance, tolerance

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_SENTENCES = ("finding.", "warnings.message")
_DEEPEST_LATER_FIELD = 2
"""Fields that came with later versions stand in the result or in one of its parts."""


class _Absent:
    """Stands where one side has nothing."""


_ABSENT = _Absent()


@dataclass(frozen=True)
class FieldDifference:
    """One field of a result, over everything that it holds.

    Parameters
    ----------
    field : str
        For example ``profile.r2_heldout``: a place without its indices.
    values : int
        How many were compared.
    largest : float or None
        The largest difference of its numbers; None where something else than a number differs, or
        one side is missing.
    tolerance : float
    place : str
        Where the largest difference is, for example ``profile.r2_heldout[3]``.
    agrees : bool
    """

    field: str
    values: int
    largest: float | None
    tolerance: float
    place: str
    agrees: bool


@dataclass(frozen=True)
class Comparison:
    """What came of comparing a stored result with a computed one.

    Parameters
    ----------
    fields : list of FieldDifference
        Those that differ most, measured by their tolerance, first.
    absent : list of str
        Fields that the stored result does not have: it was written before them.
    """

    fields: list[FieldDifference]
    absent: list[str]

    @property
    def agrees(self) -> bool:
        """Whether every field does."""
        return all(field.agrees for field in self.fields)


@dataclass(frozen=True)
class _Leaf:
    field: str
    place: str
    stored: Any  # Any: plain values of any sort
    computed: Any


def compare_results(
    stored: Mapping[str, Json], computed: Mapping[str, Json], conditions: Conditions
) -> Comparison:
    """Compare a stored result with one that was computed again."""
    absent: list[str] = []
    fields: dict[str, FieldDifference] = {}
    for leaf in _leaves(stored, computed, "", "", 0, absent):
        if compared(leaf.field, conditions):
            fields[leaf.field] = _worse(fields.get(leaf.field), _difference(leaf, conditions))
    ordered = sorted(fields.values(), key=lambda item: (-_badness(item), item.field))
    return Comparison(ordered, sorted(set(absent)))


def _leaves(
    stored: Any, computed: Any, field: str, place: str, depth: int, absent: list[str]
) -> Iterator[_Leaf]:
    came_later = depth <= _DEEPEST_LATER_FIELD and isinstance(computed, Mapping | list)
    if field and came_later and (stored is None or stored is _ABSENT):
        absent.append(field)
    elif isinstance(stored, Mapping) and isinstance(computed, Mapping):
        for key in sorted({*stored, *computed}):
            inner = f"{field}.{key}" if field else key
            there = f"{place}.{key}" if place else key
            pair = stored.get(key, _ABSENT), computed.get(key, _ABSENT)
            yield from _leaves(*pair, inner, there, depth + 1, absent)
    elif isinstance(stored, list) and isinstance(computed, list):
        yield _Leaf(field, place, len(stored), len(computed))
        for index, pair in enumerate(zip_longest(stored, computed, fillvalue=_ABSENT)):
            yield from _leaves(*pair, field, f"{place}[{index}]", depth + 1, absent)
    else:
        yield _Leaf(field, place, stored, computed)


def _difference(leaf: _Leaf, conditions: Conditions) -> FieldDifference:
    rounded = isinstance(leaf.stored, float) or isinstance(leaf.computed, float)
    allowed = tolerance(leaf.field, conditions) if rounded else count_tolerance(leaf.field)
    largest = _distance(leaf)
    agrees = largest is not None and largest <= allowed
    return FieldDifference(leaf.field, 1, largest, allowed, leaf.place, agrees)


def _distance(leaf: _Leaf) -> float | None:
    """Return how far apart two values are; None where that is not a number."""
    stored, computed = leaf.stored, leaf.computed
    if _is_number(stored) and _is_number(computed):
        whole = isinstance(stored, int) and isinstance(computed, int)
        return float(abs(stored - computed) / (1.0 if whole else max(1.0, abs(stored))))
    same = type(stored) is type(computed) and stored == computed
    is_sentence = leaf.field.startswith(_SENTENCES)
    if not same and is_sentence and isinstance(stored, str) and isinstance(computed, str):
        same = _says_the_same(stored, computed)
    return 0.0 if same else None


def _says_the_same(one: str, other: str) -> bool:
    if _NUMBER.sub("0", one) != _NUMBER.sub("0", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(_close(*pair) for pair in pairs)


def _close(one: str, other: str) -> bool:
    decimals = len(one.partition(".")[2])
    if decimals != len(other.partition(".")[2]):
        return False
    apart = abs(float(one.replace(",", "")) - float(other.replace(",", "")))
    return apart <= 1.001 * 10.0**-decimals


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _worse(before: FieldDifference | None, now: FieldDifference) -> FieldDifference:
    if before is None:
        return now
    worst = now if _badness(now) > _badness(before) else before
    return FieldDifference(
        worst.field,
        before.values + 1,
        worst.largest,
        worst.tolerance if worst.largest != 0.0 else max(before.tolerance, now.tolerance),
        worst.place,
        worst.agrees,
    )


def _badness(item: FieldDifference) -> float:
    """Return the difference in units of what is allowed."""
    if item.largest is None:
        return float("inf")
    if item.largest == 0.0:
        return 0.0
    return item.largest / item.tolerance if item.tolerance else float("1e300")
