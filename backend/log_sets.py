"""The two datasets that are made of a request log: asked for here, drawn by a worker."""

from collections.abc import Mapping, Sequence

from backend.dependencies import Services
from backend.inspections import ask_for_inspection
from backend.log_views import read_summary
from backend.logs import require_log
from backend.registrations import find_input
from backend.strict_json import check_fields
from backend.views import Json as View
from backend.views import input_view
from backend.visitors import Visitor
from linearity.adapters.naming import safe_id
from linearity.adapters.state import InputRow
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json, digest
from linearity.contracts.logs import MOST_SET_DOCUMENTS, SIDES, WEIGHTS, LogRecord
from linearity.contracts.parameters import choice, whole_number
from linearity.contracts.reading import MASKS
from linearity.errors import InvalidParameterError

LONGEST_NAME = 80
_PRINTABLE = f"1 to {LONGEST_NAME} printable characters"


def make_sets(
    id: str, body: Mapping[str, Json], services: Services, visitor: Visitor
) -> list[InputRow]:
    """Register a calibration and an evaluation set of a log and queue them."""
    log = require_log(id, services)
    fields = {"documents": int, "seed": int, "weight": str, "mask": list}
    check_fields(body, required={"name": str}, optional=fields)
    name = str(body["name"]).strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidParameterError("name", wanted=_PRINTABLE, got=name)
    sets = _request(log, body, services)
    services.live.ping()  # nothing is promised that nobody could start
    return [_add(log.id, name, side, sets, services, visitor) for side in SIDES]


def list_sets(id: str, services: Services) -> list[View]:
    """Return the datasets that were made of a log, oldest first, each with its side."""
    row = find_input(services.state, "log", id)
    return [
        input_view(made) | {"side": (made.options or {}).get("side")}
        for made in services.state.list_inputs("dataset")
        if is_made_of(made, row.id)
    ]


def is_made_of(dataset: InputRow, log_id: str) -> bool:
    """Whether a dataset was made of the log."""
    return dataset.source == "log" and (dataset.options or {}).get("log") == log_id


def _request(log: LogRecord, body: Mapping[str, Json], services: Services) -> dict[str, Json]:
    """Return what decides the two sets; the same request gives the same sets."""
    weight = choice("weight", body.get("weight") or "requests", WEIGHTS)
    summary = read_summary(log, services.store)
    if not log.prompts:
        raise InvalidParameterError(
            "log",
            wanted="a log with a column of prompts",
            got="counts only",
            next_step="Register the log again with its column of prompts.",
        )
    if weight == "time" and not summary["known"]["time"]:
        raise InvalidParameterError("weight", wanted="requests or tokens", got=weight)
    row = find_input(services.state, "log", log.id)
    options = row.options or {}
    seed = body.get("seed")
    documents = body.get("documents")
    return {
        "log": log.fingerprint,
        "name": log.name,
        "summary": log.summary,
        "options": options["read"],
        "tokenizer": options.get("tokenizer"),
        "documents": whole_number(
            "documents", 200 if documents is None else documents, low=2, high=MOST_SET_DOCUMENTS
        ),
        "seed": whole_number("seed", 0 if seed is None else seed, low=0, high=2**32 - 1),
        "weight": weight,
        "mask": _masks(body.get("mask")),
    }


def _masks(given: Json) -> list[Json]:
    kinds = given if isinstance(given, Sequence) and not isinstance(given, str) else ()
    for kind in kinds:
        choice("mask", kind, MASKS)
    return [kind for kind in MASKS if kind in kinds]


def _add(
    log: str, name: str, side: str, sets: dict[str, Json], services: Services, visitor: Visitor
) -> InputRow:
    called = f"{name} {side}"
    id = safe_id(f"{called}-{digest({'log': log, 'name': called, 'sets': sets})[:8]}", called)
    row, is_new = services.state.add_input(
        "dataset",
        id=id,
        name=called,
        source="log",
        reference=f"{log}#{id}",
        intake=Intake(owner=visitor.name, options={"log": log, "side": side, "sets": sets}),
    )
    if is_new:
        ask_for_inspection(row, services.queue, services.live)
    return row
