"""What is known about a request log: how its columns are read, and the record of a read log.

A log has one row a request. The web process reads these values; the rows themselves, with what
people asked, stay in one object of the artifact store.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self, cast

from linearity.contracts.canonical import Json
from linearity.contracts.parameters import choice, only_known, whole_number
from linearity.errors import InvalidParameterError

LOG_FORMATS = ("jsonl", "csv")
LATENCY_UNITS = ("s", "ms")
MEASURES = ("requests", "tokens", "prompt_tokens", "response_tokens", "time", "cost")
"""What may be summed over requests, and asked of a figure."""
WEIGHTS = ("requests", "tokens", "time")
"""What the mix of routes in a set may follow."""
SIDES = ("calibration", "evaluation")
MOST_SET_DOCUMENTS = 20_000
"""Of one set; both are held in memory while they are written."""
LONGEST_COLUMN = 200
FURTHEST_OFFSET = 14 * 60
LONGEST_CURRENCY = 8


@dataclass(frozen=True)
class LogColumns:
    """Which column holds what; None where the log has none.

    Parameters
    ----------
    timestamp : str or None
        ISO 8601, ``2026/11/25 14:03:22``, or seconds or milliseconds since 1970.
    route : str or None
        Route or task; without one, all requests are one route.
    prompt, response : str or None
        What was asked and answered.
    prompt_tokens, response_tokens : str or None
    latency : str or None
        From the request to the last token of its answer.
    cost : str or None
    """

    timestamp: str | None = None
    route: str | None = None
    prompt: str | None = None
    response: str | None = None
    prompt_tokens: str | None = None
    response_tokens: str | None = None
    latency: str | None = None
    cost: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the columns as plain values."""
        return asdict(self)


COLUMN_NAMES = tuple(field.name for field in fields(LogColumns))


@dataclass(frozen=True)
class LogOptions:
    """How a log is to be read, as its owner confirmed it.

    Parameters
    ----------
    format : "jsonl" | "csv"
    encoding : str
        Name of Python's codec.
    delimiter : str
        Of a csv; one character.
    columns : LogColumns
    latency_unit : "s" | "ms"
    currency : str
        Stands beside a cost; nothing is converted.
    offset_minutes : int
        What is added to UTC for the hour of day. A timestamp that names no zone is taken as the
        local time already.
    tokenizer : str or None
        Id of a registered model that counts tokens where the log does not say them. Without one
        they are estimated from characters.
    """

    format: str
    encoding: str = "utf-8"
    delimiter: str = ","
    columns: LogColumns = LogColumns()
    latency_unit: str = "s"
    currency: str = ""
    offset_minutes: int = 0
    tokenizer: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the options as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Rebuild options from `as_json`."""
        given = dict(value)
        columns = LogColumns(**cast("dict[str, str | None]", given.pop("columns")))
        return cls(**given, columns=columns)  # type: ignore[arg-type]  # plain values of as_json


def parse_log_options(given: Mapping[str, Json]) -> LogOptions:
    """Return options that somebody sent, complete and within their ranges.

    Raises
    ------
    InvalidParameterError, UnknownParameterError
        Naming the option.
    """
    only_known(given, [field.name for field in fields(LogOptions)])
    form = choice("format", given.get("format"), LOG_FORMATS)
    delimiter = _text(given, "delimiter", ",")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise InvalidParameterError("delimiter", wanted="one character", got=delimiter)
    currency = _text(given, "currency", "")
    if len(currency) > LONGEST_CURRENCY or not currency.isprintable():
        wanted = f"at most {LONGEST_CURRENCY} characters"
        raise InvalidParameterError("currency", wanted=wanted, got=currency)
    offset = whole_number(
        "offset_minutes",
        given.get("offset_minutes", 0),
        low=-FURTHEST_OFFSET,
        high=FURTHEST_OFFSET,
    )
    return LogOptions(
        format=form,
        encoding=_text(given, "encoding", "utf-8"),
        delimiter=delimiter,
        columns=_columns(given.get("columns")),
        latency_unit=choice("latency_unit", given.get("latency_unit", "s"), LATENCY_UNITS),
        currency=currency,
        offset_minutes=offset,
        tokenizer=_text(given, "tokenizer", "") or None,
    )


def _columns(value: Json) -> LogColumns:
    if not isinstance(value, Mapping):
        wanted = f"an object with some of {', '.join(COLUMN_NAMES)}"
        raise InvalidParameterError("columns", wanted=wanted, got=type(value).__name__)
    only_known(value, list(COLUMN_NAMES))
    columns = {name: _column(name, value.get(name)) for name in COLUMN_NAMES}
    named = [column for column in columns.values() if column is not None]
    for column in named:
        if named.count(column) > 1:
            raise InvalidParameterError("columns", wanted="each column used once", got=column)
    if columns["prompt"] is None and columns["prompt_tokens"] is None:
        raise InvalidParameterError(
            "columns",
            wanted="a column of prompts or of prompt tokens",
            got=", ".join(named) or "none",
        )
    return LogColumns(**columns)


def _column(name: str, value: Json) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > LONGEST_COLUMN:
        raise InvalidParameterError(f"columns.{name}", wanted="the name of a column", got=value)
    return value


def _text(given: Mapping[str, Json], name: str, default: str) -> str:
    value = given.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidParameterError(name, wanted="a text", got=value)
    return value


@dataclass(frozen=True)
class LogRecord:
    """A request log that was read.

    Parameters
    ----------
    id, name, source, reference : str
        As for models; source is "path" or "upload".
    fingerprint : str
        sha256 of the file, and the digest of the stored object that holds its rows.
    summary : str
        Digest of the stored totals (`linearity.business.load`); they hold no text.
    size : int
        Bytes of the file.
    requests, skipped, routes : int
        Rows that were counted, rows that could not be read, different routes.
    prompts : int
        Requests whose prompt is known as text, so that sets can be made of them.
    first, last : str or None
        The earliest and the latest moment, UTC.
    """

    id: str
    name: str
    source: str
    reference: str
    fingerprint: str
    summary: str
    size: int
    requests: int
    skipped: int
    routes: int
    prompts: int
    first: str | None
    last: str | None

    def as_json(self) -> dict[str, Json]:
        """Return the record as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Rebuild a record from `as_json`."""
        return cls(**value)  # type: ignore[arg-type]  # plain values written by as_json
