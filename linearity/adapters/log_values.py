"""What the cells of a request log mean: moments, counts, times, amounts and texts.

Errors name a kind of mistake and a column, never the value: a value may be what somebody asked.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from linearity.business.load import BILLIONTHS, HOURS, MICROSECONDS
from linearity.contracts.canonical import Json

LONGEST_ROUTE = 200
_MOST_TOKENS = 10**9
_LONGEST_SECONDS = 10**7
_HIGHEST_COST = 10**9
_SECONDS_PER_UNIT = {"s": MICROSECONDS, "ms": MICROSECONDS // 1000}
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_CURRENCY_SIGNS = "$€£¥￥ "
# Seconds since 1970 have ten digits for as long as this program matters; each unit three more.
_EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_EARLIEST, _LATEST = 315_532_800.0, 4_102_444_800.0  # 1980 and 2100


class UnreadableValueError(ValueError):
    """A cell that means nothing; `reason` is a key of the catalogue of skipped rows."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def cell(row: Mapping[str, Json], column: str | None) -> Json:
    """Return a cell, None if there is none; ``usage.prompt_tokens`` looks inside an object."""
    if column is None:
        return None
    value = row.get(column)
    if value is None and "." in column:
        value = row
        for part in column.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return None if value == "" else value


def moment(value: Json, offset_minutes: int) -> tuple[float, int]:
    """Return seconds since 1970 and the local hour of day.

    Parameters
    ----------
    value : Json
        ISO 8601, ``2026/11/25 14:03:22``, or seconds, milliseconds, micro- or nanoseconds since
        1970, as a number or a text.
    offset_minutes : int
        From UTC to local time. A text without a zone is local time.
    """
    offset = 60 * offset_minutes
    seconds = _epoch(value) if _is_number(value) else _written(str(value).strip(), offset)
    if not _EARLIEST <= seconds <= _LATEST:
        raise UnreadableValueError("bad_timestamp")
    return seconds, int((seconds + offset) // 3600) % HOURS


def tokens(value: Json) -> int:
    """Return a count of tokens; ``1,234`` is a count too."""
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_TOKENS:
        raise UnreadableValueError("bad_number")
    return value


def latency(value: Json, unit: str) -> int:
    """Return a time in microseconds."""
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UnreadableValueError("bad_number")
    microseconds = round(number * _SECONDS_PER_UNIT[unit])
    if not 0 <= microseconds <= _LONGEST_SECONDS * MICROSECONDS:
        raise UnreadableValueError("bad_number")
    return microseconds


def cost(value: Json) -> int:
    """Return an amount of money in billionths; a sign of a currency before it is left out."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadableValueError("bad_number")
    try:
        amount = Decimal(_ungrouped(str(value).strip(_CURRENCY_SIGNS)))
        if not 0 <= amount <= _HIGHEST_COST:
            raise UnreadableValueError("bad_number")
    except InvalidOperation as error:
        raise UnreadableValueError("bad_number") from error
    return round(amount * BILLIONTHS)


def route(value: Json) -> str:
    """Return the name of a route or task."""
    if isinstance(value, str | int) and len(name := str(value).strip()) <= LONGEST_ROUTE:
        return name
    raise UnreadableValueError("bad_route")


def text(value: Json) -> str:
    """Return a prompt or response; of a list of messages, their contents in lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        contents = [item.get("content") if isinstance(item, Mapping) else None for item in value]
        texts = [content for content in contents if isinstance(content, str)]
        if texts and len(texts) == len(contents):
            return "\n".join(texts)
    raise UnreadableValueError("bad_text")


def _is_number(value: Json) -> bool:
    if isinstance(value, str):
        # A year alone is no moment, and `fromisoformat` reads eight digits as a date.
        return value.strip().replace(".", "", 1).isdecimal() and len(value.strip()) >= 10
    return isinstance(value, int | float) and not isinstance(value, bool)


def _epoch(value: Json) -> float:
    number = float(value)  # type: ignore[arg-type]  # a number, or its digits
    for least, divisor in _EPOCH_UNITS:
        if number >= least:
            return number / divisor
    return number


def _written(value: str, offset: int) -> float:
    try:
        found = datetime.fromisoformat(value.replace("/", "-"))
    except ValueError as error:
        raise UnreadableValueError("bad_timestamp") from error
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC).timestamp() - offset
    return found.timestamp()


def _number(value: str) -> int | float:
    try:
        number = float(_ungrouped(value.strip()))
    except ValueError as error:
        raise UnreadableValueError("bad_number") from error
    if number - number != 0:  # NaN and infinity
        raise UnreadableValueError("bad_number")
    return number


def _ungrouped(text: str) -> str:
    """Take commas out between thousands only: ``0,25`` is no 25."""
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text
