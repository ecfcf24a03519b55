"""How the files of a dataset are to be read, as the user confirmed it on a preview."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from linearity.contracts.canonical import Json
from linearity.contracts.parameters import choice, only_known, whole_number
from linearity.errors import InvalidParameterError

FORMATS = ("text", "csv", "jsonl", "parquet", "xlsx")
SPLITS = ("document", "line", "paragraph")
MASKS = ("email", "phone", "card", "key")
COLUMNS = ("text", "messages", "prompt", "response", "category")
MOST_DOCUMENTS = 200_000
"""A dataset keeps at most this many documents, a sample by category of what is there."""
MOST_BYTES = 256 << 20
LONGEST_NAME = 500


@dataclass(frozen=True)
class Sample:
    """How many documents are kept, and which.

    Parameters
    ----------
    documents : int
        1 to 200,000.
    seed : int
        0 to 2**32 - 1; the same seed keeps the same documents.
    """

    documents: int = MOST_DOCUMENTS
    seed: int = 0

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Check an object; absent values take their defaults."""
        if not isinstance(value, Mapping):
            raise InvalidParameterError("sample", wanted="an object or null", got=value)
        only_known(value, ["documents", "seed"])
        return cls(
            whole_number(
                "sample.documents", value.get("documents", MOST_DOCUMENTS), low=1,
                high=MOST_DOCUMENTS,
            ),
            whole_number("sample.seed", value.get("seed", 0), low=0, high=2**32 - 1),
        )  # fmt: skip


@dataclass(frozen=True)
class ReadingOptions:
    """How files become documents; what is None is recognised from the file.

    Parameters
    ----------
    format : "text" | "csv" | "jsonl" | "parquet" | "xlsx" or None
    encoding, delimiter : str or None
    header : bool or None
        Whether the first row of a table names its columns.
    sheet : str or None
    text, messages, prompt, response, category : str or None
        Names of columns. Either `text`, or `messages`, or `prompt` with or without a `response`;
        with none of them the columns are found by their names.
    split : "document" | "line" | "paragraph"
        What one document of a plain text file is.
    sample : Sample or None
        None keeps everything up to the limits.
    dedupe : bool
        Whether a document that occurred before is left out.
    mask : tuple of "email" | "phone" | "card" | "key"
        Patterns that are replaced by a word in brackets.
    bad_rows : "refuse" | "drop"
        What becomes of a table with rows that cannot be read.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    sheet: str | None = None
    text: str | None = None
    messages: str | None = None
    prompt: str | None = None
    response: str | None = None
    category: str | None = None
    split: str = "document"
    sample: Sample | None = None
    dedupe: bool = False
    mask: tuple[str, ...] = ()
    bad_rows: str = "refuse"

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Check an object of a request; absent values take their defaults.

        Raises
        ------
        InvalidParameterError, UnknownParameterError
        """
        if not isinstance(value, Mapping):
            raise InvalidParameterError("options", wanted="an object", got=value)
        only_known(value, list(cls.__dataclass_fields__))
        given = {name: item for name, item in value.items() if item is not None}
        names = {n: _name(n, given[n]) for n in (*COLUMNS, "encoding", "sheet") if n in given}
        options = cls(
            format=choice("format", given["format"], FORMATS) if "format" in given else None,
            delimiter=_delimiter(given.get("delimiter")),
            header=_flag("header", given["header"]) if "header" in given else None,
            split=choice("split", given.get("split", "document"), SPLITS),
            sample=Sample.from_json(given["sample"]) if "sample" in given else None,
            dedupe=_flag("dedupe", given.get("dedupe", False)),
            mask=_masks(given.get("mask", [])),
            bad_rows=choice("bad_rows", given.get("bad_rows", "refuse"), ("refuse", "drop")),
            **names,
        )
        options._check_columns()
        return options

    def as_json(self) -> dict[str, Json]:
        """Return what differs from the defaults, as `from_json` takes it."""
        plain = asdict(ReadingOptions())
        values = {name: item for name, item in asdict(self).items() if item != plain[name]}
        return values | ({"mask": list(self.mask)} if self.mask else {})

    @property
    def has_columns(self) -> bool:
        """Whether it is said which columns hold the text."""
        return any(getattr(self, name) is not None for name in ("text", "messages", "prompt"))

    def _check_columns(self) -> None:
        chosen = [n for n in ("text", "messages", "prompt") if getattr(self, n) is not None]
        if len(chosen) > 1:
            raise InvalidParameterError(
                chosen[1],
                wanted=f"nothing where {chosen[0]} is chosen",
                got=getattr(self, chosen[1]),
            )
        if self.response is not None and self.prompt is None:
            raise InvalidParameterError(
                "response", wanted="nothing without a prompt", got=self.response
            )


def _name(name: str, value: Json) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        wanted = f"a name of at most {LONGEST_NAME} characters"
        raise InvalidParameterError(name, wanted=wanted, got=value)
    return value


def _delimiter(value: Json) -> str | None:
    if value is None:
        return None
    return choice("delimiter", "\t" if value in ("tab", "\\t") else value, (",", ";", "\t", "|"))


def _flag(name: str, value: Json) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameterError(name, wanted="true or false", got=value)
    return value


def _masks(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidParameterError("mask", wanted=f"a list of {', '.join(MASKS)}", got=value)
    return tuple(sorted({choice("mask", item, MASKS) for item in value}))


@dataclass(frozen=True)
class HubDataset:
    """A dataset of the hub: which part of it is meant.

    Parameters
    ----------
    name : str
        ``owner/name``.
    config : str or None
        A subset that the dataset's card lists.
    split : str
        "train", "test", or what else the dataset has.
    revision : str or None
        A branch, tag or commit; what is fetched is pinned to the commit.
    """

    name: str
    config: str | None = None
    split: str = "train"
    revision: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Check the fields of a request; "source" may be there and is passed over."""
        only_known(value, ["source", "name", "config", "split", "revision"])
        parts: dict[str, str] = {}
        for name, pattern in _HUB_PARTS.items():
            text = value.get(name)
            if text is None and name != "name":
                continue
            if not isinstance(text, str) or not pattern.fullmatch(text) or ".." in text:
                wanted = "a hub id like owner/name" if name == "name" else "a plain name"
                raise InvalidParameterError(name, wanted=wanted, got=text)
            parts[name] = text
        return cls(**parts)

    @property
    def reference(self) -> str:
        """The dataset in one text: ``owner/name@revision:config:split``."""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.name}{revision}:{self.config or ''}:{self.split}"

    @classmethod
    def from_reference(cls, text: str) -> Self:
        """Return what `reference` wrote."""
        named, config, split = text.rsplit(":", 2)
        name, _, revision = named.partition("@")
        return cls.from_json(
            {"name": name, "config": config or None, "split": split, "revision": revision or None}
        )


_PLAIN = re.compile(r"[\w][\w.+-]{0,99}", re.ASCII)
_HUB_PARTS = {
    "name": re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(?<!\.git)", re.ASCII),
    "config": _PLAIN,
    "split": _PLAIN,
    "revision": re.compile(r"[\w][\w./-]{0,99}", re.ASCII),
}
