"""Read a request log: every row becomes a request, or is skipped with the kind of mistake.

The functions that take one JSON argument and a `log` run in a limited child process
(`linearity.adapters.limited`), since a log is somebody else's file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from linearity.adapters import log_values as values
from linearity.adapters.packages import need_package
from linearity.adapters.readers.lines import Row
from linearity.adapters.readers.tables import Layout, read_rows
from linearity.business.load import NO_ROUTE, Load, LoggedRequest
from linearity.contracts.canonical import Json
from linearity.contracts.logs import LogOptions
from linearity.errors import RejectedInputError

T = TypeVar("T")
Log = Callable[[str], None]
Counter = Callable[[Sequence[str]], Sequence[int]]

LINES_SHOWN = 5
ASCII_PER_TOKEN = 4
"""Characters of a token in an estimate; of other scripts, one character counts as one token."""
_BATCH = 512


class ReadRequest(NamedTuple):
    """A request with its texts, which stay in this process.

    `prompt` and `response` are None where the log does not hold them.
    """

    request: LoggedRequest
    prompt: str | None
    response: str | None


@dataclass
class Skipped:
    """Rows that were left out, by kind of mistake and column."""

    rows: dict[tuple[str, str | None], int] = field(default_factory=dict)
    lines: dict[tuple[str, str | None], list[int]] = field(default_factory=dict)

    def note(self, reason: str, column: str | None, line: int) -> None:
        """Count a row."""
        key = (reason, column)
        self.rows[key] = self.rows.get(key, 0) + 1
        if len(lines := self.lines.setdefault(key, [])) < LINES_SHOWN:
            lines.append(line)

    def as_json(self) -> list[dict[str, Json]]:
        """Return kinds with counts and the first lines, the most frequent first."""
        ordered = sorted(self.rows.items(), key=lambda item: (-item[1], str(item[0])))
        return [
            {"reason": key[0], "column": key[1], "rows": rows, "lines": self.lines[key]}
            for key, rows in ordered
        ]


def read_log(argument: Json, log: Log) -> dict[str, Json]:
    """Return the totals of a log.

    Parameters
    ----------
    argument : mapping
        ``path``, ``name``, ``options`` (`LogOptions`), ``tokenizer`` (path or null).
    log : callable
        Told how far it is.

    Returns
    -------
    dict
        A summary of `linearity.business.load` with ``skipped``, and ``tokens`` that says how
        missing counts were made up: "counted", "tokenizer" or "characters".

    Raises
    ------
    RejectedInputError
        If no row can be read, or the file as a whole cannot.
    """
    assert isinstance(argument, Mapping)
    tokenizer = cast("str | None", argument["tokenizer"])
    load, skipped = Load(), Skipped()
    for item in read_requests(argument, skipped, log):
        load.add(item.request)
    summary = load.summary()
    counted = cast("dict[str, int]", summary["totals"])["requests"]
    if not counted:
        raise _nothing(skipped)
    made_up = cast("dict[str, int]", summary["known"])["estimated"]
    how = ("tokenizer" if tokenizer else "characters") if made_up else "counted"
    return summary | {"skipped": skipped.as_json(), "tokens": how}


def read_requests(
    argument: Mapping[str, Json], skipped: Skipped, log: Log = lambda _: None
) -> Iterator[ReadRequest]:
    """Yield the requests of a log in order; argument as for `read_log`."""
    path = Path(str(argument["path"]))
    options = LogOptions.from_json(cast("Mapping[str, Json]", argument["options"]))
    layout = Layout(options.format, options.encoding, options.delimiter)
    rows = read_rows(path, layout, name=str(argument["name"]), at=_progress(path, log))
    parser = _Parser(options, skipped)
    count = token_counter(cast("str | None", argument["tokenizer"]))
    for batch in _batched(rows, _BATCH):
        yield from _counted([item for row in batch if (item := parser.parse(row))], count)


def token_counter(tokenizer: str | None) -> Counter:
    """Return what counts tokens of texts: a tokenizer file, or an estimate from characters."""
    if tokenizer is None:
        return lambda texts: [estimate_tokens(text) for text in texts]
    encoder = need_package("tokenizers").Tokenizer.from_file(tokenizer)
    return lambda texts: [
        len(found.ids) for found in encoder.encode_batch(list(texts), add_special_tokens=False)
    ]


def estimate_tokens(text: str) -> int:
    """Return a rough number of tokens: a quarter of the ASCII characters, and every other one."""
    ascii_ = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return -(-ascii_ // ASCII_PER_TOKEN) + len(text) - ascii_


class _Parser:
    """Turns rows into requests."""

    def __init__(self, options: LogOptions, skipped: Skipped) -> None:
        self._options = options
        self._columns = options.columns
        self._skipped = skipped
        self._column: str | None = None  # the one at hand, for whom an error is about

    def parse(self, row: Row) -> ReadRequest | None:
        """Return the request of a row, None if it was skipped."""
        if row.problem is not None:
            self._skipped.note("unreadable_row", None, row.number)
            return None
        self._column = None
        try:
            return self._request(row.values)
        except values.UnreadableValueError as error:
            self._skipped.note(error.reason, self._column, row.number)
            return None

    def _request(self, row: Mapping[str, Json]) -> ReadRequest:
        columns, options = self._columns, self._options
        moment = self._read(
            row, columns.timestamp, lambda v: values.moment(v, options.offset_minutes)
        )
        prompt = self._read(row, columns.prompt, values.text)
        response = self._read(row, columns.response, values.text)
        prompt_tokens = self._read(row, columns.prompt_tokens, values.tokens)
        response_tokens = self._read(row, columns.response_tokens, values.tokens)
        if prompt is None and prompt_tokens is None:
            self._column = None
            raise values.UnreadableValueError("no_tokens")
        request = LoggedRequest(
            route=self._read(row, columns.route, values.route) or NO_ROUTE,
            moment=None if moment is None else moment[0],
            hour=None if moment is None else moment[1],
            prompt_tokens=_UNKNOWN if prompt_tokens is None else prompt_tokens,
            response_tokens=_unknown_or(response_tokens, response),
            latency=self._read(
                row, columns.latency, lambda v: values.latency(v, options.latency_unit)
            ),
            cost=self._read(row, columns.cost, values.cost),
            estimated=False,
            has_prompt=prompt is not None and not prompt.isspace(),
        )
        return ReadRequest(request, prompt, response)

    def _read(
        self, row: Mapping[str, Json], column: str | None, convert: Callable[[Json], T]
    ) -> T | None:
        value = values.cell(row, column)
        if value is None:
            return None
        self._column = column
        return convert(value)


_UNKNOWN = -1
"""A count of tokens that has to be made up from the text."""


def _unknown_or(tokens: int | None, response: str | None) -> int:
    if tokens is not None:
        return tokens
    return 0 if response is None else _UNKNOWN


def _counted(batch: list[ReadRequest], count: Counter) -> Iterable[ReadRequest]:
    """Fill in the counts that the log does not say."""
    texts = [item.prompt or "" for item in batch if item.request.prompt_tokens == _UNKNOWN]
    texts += [item.response or "" for item in batch if item.request.response_tokens == _UNKNOWN]
    if not texts:
        return batch
    prompts = sum(item.request.prompt_tokens == _UNKNOWN for item in batch)
    counts = list(count(texts))
    asked, answered = iter(counts[:prompts]), iter(counts[prompts:])
    return [_completed(item, asked, answered) for item in batch]


def _completed(item: ReadRequest, asked: Iterator[int], answered: Iterator[int]) -> ReadRequest:
    request = item.request
    prompt, response = request.prompt_tokens, request.response_tokens
    if _UNKNOWN not in (prompt, response):
        return item
    completed = request._replace(
        prompt_tokens=next(asked) if prompt == _UNKNOWN else prompt,
        response_tokens=next(answered) if response == _UNKNOWN else response,
        estimated=True,
    )
    return item._replace(request=completed)


def _progress(path: Path, log: Log) -> Callable[[int], None]:
    size, told = max(path.stat().st_size, 1), -1

    def at(done: int) -> None:
        nonlocal told
        if (tenth := 10 * done // size) > told:
            told = tenth
            log(f"read {10 * tenth} % of the log")

    return at


def _nothing(skipped: Skipped) -> RejectedInputError:
    kinds = skipped.as_json()
    first = kinds[0] if kinds else None
    what = "the log has no rows" if first is None else "no row of the log can be read"
    where = "" if first is None else f" ({first['reason']}, column {first['column'] or 'any'})"
    return RejectedInputError(
        f"{what}{where}",
        reason="no_requests",
        next_step="Check format, encoding and columns on the preview.",
        skipped=kinds,
    )


def _batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch
