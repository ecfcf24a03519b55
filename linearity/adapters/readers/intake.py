"""Reading a whole dataset: what runs in the limited child, from files to stored documents."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from linearity.adapters.documents import decode_document, encode_document, no_text
from linearity.adapters.masking import mask
from linearity.adapters.readers.encodings import ENCODINGS
from linearity.adapters.readers.languages import count_languages
from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.readers.reading import Reading
from linearity.adapters.readers.sample import Kept, Sampler
from linearity.contracts.inputs import Document
from linearity.contracts.reading import MOST_BYTES, MOST_DOCUMENTS, ReadingOptions, Sample
from linearity.contracts.scripts import has_answer
from linearity.errors import MissingPackageError, RejectedInputError

MOST_CATEGORIES = 1_000
LISTED_CATEGORIES = 50
LISTED_FILES = 20
REPORTED_EVERY = 100_000

Facts = dict[str, Any]


def read_dataset(argument: Mapping[str, Any], log: Callable[[str], None]) -> Facts:
    """Read files into one file of stored documents and return what is known about them.

    Parameters
    ----------
    argument : mapping
        "files" ([{name, path}]), "options" (`ReadingOptions.as_json`), "output" (a path), and
        for tests "most_documents" and "most_bytes".
    log : callable
        Receives lines for people.

    Raises
    ------
    LinearScopeError
    """
    options = ReadingOptions.from_json(argument["options"])
    reading = Reading([InputFile(f["name"], Path(f["path"])) for f in argument["files"]], options)
    sampler = _sampler(options, argument)
    for document in _counted(reading, log):
        sampler.add(encode_document(document), document.category)
        if len(sampler.seen) > MOST_CATEGORIES:
            raise _too_many_categories(options)
    kept = sampler.sample()
    if not kept:
        raise no_text(reading.dropped["empty"])
    documents = [_masked(item, options) for item in kept]
    with Path(argument["output"]).open("wb") as stream:
        for document in documents:
            stream.write(encode_document(document) + b"\n")
    return describe(documents) | {
        "dropped": dict(reading.dropped)
        | ({"duplicates": sampler.duplicates} if sampler.duplicates else {}),
        "sampled_from": None if sampler.is_whole else sampler.seen.total(),
        "encodings": dict(list(reading.encodings.items())[:LISTED_FILES]),
        "options": options.as_json(),
        "warnings": _warnings(reading, sampler, len(documents), options),
    }


def describe(documents: Sequence[Document]) -> Facts:
    """Return what a dataset's record says about its documents."""
    categories = Counter(d.category for d in documents if d.category is not None)
    sizes = sorted(len(document.text) for document in documents)
    at = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "max": 1.0}
    return {
        "documents": len(documents),
        "characters": sum(sizes),
        "prompts": sum(document.prompt is not None for document in documents),
        "answers": sum(map(has_answer, documents)),
        "questions": sum(document.choices is not None for document in documents),
        "categories": len(categories),
        "category_counts": dict(categories.most_common(LISTED_CATEGORIES)),
        "lengths": {name: sizes[int(share * (len(sizes) - 1))] for name, share in at.items()},
        "languages": _languages([document.text for document in documents]),
    }


def _languages(texts: Sequence[str]) -> dict[str, int]:
    try:
        return count_languages(texts)
    except MissingPackageError:
        return {}  # it is a summary; no reason to refuse a text


def _sampler(options: ReadingOptions, argument: Mapping[str, Any]) -> Sampler:
    wanted = options.sample or Sample()
    return Sampler(
        min(wanted.documents, argument.get("most_documents", MOST_DOCUMENTS)),
        argument.get("most_bytes", MOST_BYTES),
        seed=wanted.seed,
        dedupe=options.dedupe,
    )


def _counted(reading: Reading, log: Callable[[str], None]) -> Iterator[Document]:
    for number, document in enumerate(reading, start=1):
        if number % REPORTED_EVERY == 0:
            log(f"read {number:,} rows")
        yield document


def _masked(kept: Kept, options: ReadingOptions) -> Document:
    document = decode_document(kept.data)
    if not options.mask:
        return document

    def masked(text: str) -> str:
        return mask(text, options.mask)

    if document.messages is not None:
        turns = [type(turn)(turn.role, masked(turn.content)) for turn in document.messages]
        return Document.conversation(turns, category=document.category)
    if document.choices is not None and document.prompt is not None:
        choices = [masked(choice) for choice in document.choices]
        return Document.question(
            masked(document.prompt), choices, document.gold or 0, category=document.category
        )
    if document.prompt is not None:
        response = None if document.response is None else masked(document.response)
        return Document.asked(masked(document.prompt), response, category=document.category)
    return Document(masked(document.text), document.category)


def _warnings(
    reading: Reading, sampler: Sampler, kept: int, options: ReadingOptions
) -> list[dict[str, str]]:
    found: list[tuple[str, str]] = []
    if not sampler.is_whole:
        how = "by category" if len(sampler.seen) > 1 else "evenly"
        found.append(
            ("sampled", f"{kept:,} of {sampler.seen.total():,} documents were kept, drawn {how}")
        )
    if reading.dropped["bad"]:
        found.append(
            ("rows_dropped", f"{reading.dropped['bad']:,} rows that cannot be read were left out")
        )
    for name in reading.guessed[:LISTED_FILES]:
        encoding = ENCODINGS[reading.encodings[name]]
        found.append(("encoding_guessed", f"{name} was read as {encoding}, which was recognised"))
    if options.mask:
        found.append(("masked", f"masked: {', '.join(options.mask)}"))
    return [{"code": code, "message": message} for code, message in found]


def _too_many_categories(options: ReadingOptions) -> RejectedInputError:
    column = options.category or "category"
    return RejectedInputError(
        f'"{column}" has more than {MOST_CATEGORIES:,} different values: that is no category',
        reason="too_many_categories",
        next_step="Choose another column for the category, or none.",
        limit=MOST_CATEGORIES,
    )
