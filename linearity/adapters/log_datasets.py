"""A calibration and an evaluation set out of a request log, weighted by its real use.

Both are made together, whichever is asked for first; the other one finds them done. The choice
depends on the log, the options and the seed alone, so that whoever makes them gets the same two.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from linearity.adapters.dataset_intake import take_in
from linearity.adapters.documents import encode_documents
from linearity.adapters.limited import call_limited
from linearity.adapters.log_reader import ReadRequest, Skipped, read_requests
from linearity.adapters.logs import READING, locate_tokenizer
from linearity.adapters.masking import mask
from linearity.adapters.naming import InputName
from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.state import InputRow
from linearity.adapters.store import ArtifactStore
from linearity.business.load import length_bin
from linearity.business.weighted_sets import Split, WeightedDraw
from linearity.contracts.canonical import Json, strict_loads
from linearity.contracts.inputs import DatasetRecord, Document
from linearity.contracts.logs import SIDES
from linearity.contracts.reading import ReadingOptions
from linearity.errors import RejectedInputError, UnknownInputError

_READ = ReadingOptions(
    format="jsonl", encoding="utf-8", prompt="prompt", response="response", category="category"
)
_KEY_BYTES = 8
_LARGEST_SET = 1 << 30


def prepare_set(
    row: InputRow, *, store: ArtifactStore, log: Callable[[str], None]
) -> DatasetRecord:
    """Return the record of a dataset made of a log.

    Parameters
    ----------
    row : InputRow
        Its options hold ``sets`` (what `make_sets` takes) and ``side``.
    store : ArtifactStore
    log : callable

    Raises
    ------
    LinearScopeError
        As `make_sets`, and if no text is left.
    """
    options = row.options or {}
    made = make_sets(options["sets"], store=store, log=log)
    file = InputFile(f"{options['side']}.jsonl", store.path(str(made[options["side"]])))
    named = InputName(id=row.id, name=row.name, source=row.source, reference=row.reference)
    record = take_in([file], _READ, named, store=store, log=log)
    shortages = cast("list[dict[str, Json]]", made["shortages"])
    return replace(record, warnings=[*record.warnings, *map(_warning, shortages)])


def make_sets(
    request: Mapping[str, Json], *, store: ArtifactStore, log: Callable[[str], None]
) -> dict[str, Json]:
    """Return both sets of a log, drawn now or earlier.

    Parameters
    ----------
    request : mapping
        ``log`` (digest of its rows), ``name``, ``summary`` (digest of its totals), ``options``,
        ``tokenizer``, ``documents``, ``seed``, ``weight``, ``mask``.
    store : ArtifactStore
    log : callable

    Returns
    -------
    dict
        By side the digest of the stored documents, and ``shortages``.

    Raises
    ------
    UnknownInputError
        If the log has been deleted.
    RejectedInputError
        If there is nothing to choose from.
    """
    known = store.get_ref({"sets": dict(request)})
    if isinstance(known, dict) and all(store.has(str(known[side])) for side in SIDES):
        return known
    path = store.path(str(request["log"]))
    if not path.is_file():
        raise UnknownInputError(
            f"the log {request['name']} is no longer here", next_step="Register the log again."
        )
    routes = cast("Mapping[str, Json]", strict_loads(store.get(str(request["summary"]))))["routes"]
    with tempfile.TemporaryDirectory(dir=store.root / "staging") as folder:
        out = {side: str(Path(folder) / side) for side in SIDES}
        argument = dict(request) | {"path": str(path.absolute()), "routes": routes, "out": out}
        argument["tokenizer"] = locate_tokenizer(request["tokenizer"], store)
        shortages = call_limited(
            "linearity.adapters.log_datasets:draw_sets",
            argument,
            limits=replace(READING, file_bytes=_LARGEST_SET),
            log=log,
        )
        made: dict[str, Json] = {side: store.put_file(Path(out[side]))[0] for side in SIDES}
    made["shortages"] = shortages
    store.set_ref({"sets": dict(request)}, made)
    return made


def draw_sets(argument: Json, log: Callable[[str], None]) -> list[dict[str, Json]]:
    """Write both sets to the paths in ``out``; runs in the limited child.

    Returns
    -------
    list of dict
        Routes with too few different texts: ``route``, ``wanted``, ``found`` documents a set.
    """
    assert isinstance(argument, Mapping)
    split = _draw(argument, log)
    documents: dict[str, list[Document]] = {side: [] for side in SIDES}
    masks = cast("list[str]", argument["mask"])
    for place, item in enumerate(_requests(argument)):
        if place in split.sides:
            documents[split.sides[place]].append(_document(item, masks))
    for side, chosen in documents.items():
        if not chosen:
            raise RejectedInputError(
                f"no prompt of the log can go into the {side} set",
                reason="no_prompts",
                next_step="Two different prompts of a route are needed, one for each set.",
            )
        Path(cast("dict[str, str]", argument["out"])[side]).write_bytes(encode_documents(chosen))
    return [
        {"route": short.route, "wanted": short.wanted, "found": short.found}
        for short in split.shortages
    ]


def _draw(argument: Mapping[str, Json], log: Callable[[str], None]) -> Split:
    draw = WeightedDraw(
        cast("list[Mapping[str, Json]]", argument["routes"]),
        cast("int", argument["documents"]),
        str(argument["weight"]),
    )
    masks = cast("list[str]", argument["mask"])
    seed = str(argument["seed"]).encode()
    for place, (request, prompt, _) in enumerate(_requests(argument, log)):
        if request.has_prompt and prompt is not None:
            # Masked first: what only a masked address tells apart is one text afterwards.
            key = hashlib.blake2b(
                mask(prompt, masks).strip().encode(), digest_size=_KEY_BYTES, key=seed
            )
            number = int.from_bytes(key.digest())
            draw.offer(request.route, length_bin(request.prompt_tokens), number, place)
    return draw.split()


def _warning(short: Mapping[str, Json]) -> dict[str, str]:
    return {
        "code": "route_short",
        "message": f"route {short['route']!r} has {short['found']} of its {short['wanted']} "
        "documents: the log has too few different prompts of it",
    }


def _requests(
    argument: Mapping[str, Json], log: Callable[[str], None] = lambda _: None
) -> Iterator[ReadRequest]:
    return read_requests(argument, Skipped(), log)


def _document(item: ReadRequest, masks: list[str]) -> Document:
    assert item.prompt is not None
    response = mask(item.response, masks) if item.response and item.response.strip() else None
    return Document.asked(mask(item.prompt, masks), response, category=item.request.route or None)
