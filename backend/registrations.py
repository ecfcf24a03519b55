"""Registering models and datasets: which references are acceptable, and what a row is called.

Only the form is judged here. Whether a model can be used is found out by the worker that inspects
it; it also checks paths again, because files may change in between.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.inspections import ask_for_inspection
from backend.queue import Queue
from backend.strict_json import check_fields
from backend.visitors import LOCAL
from linearity.adapters.live import Live
from linearity.adapters.naming import (
    InputName,
    name_hub,
    name_input,
    name_path,
    name_revision,
    named_apart,
)
from linearity.adapters.state import InputRow, State
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import BUILTIN_DATASETS, BUILTIN_MODELS
from linearity.contracts.named_layout import NamedParts, parse_parts
from linearity.contracts.parameters import choice
from linearity.errors import (
    InvalidParameterError,
    NotYetError,
    PathNotAllowedError,
    UnknownInputError,
)

KINDS = ("model", "dataset")
BUILTINS: dict[str, dict[str, str]] = {"model": BUILTIN_MODELS, "dataset": BUILTIN_DATASETS}
SOURCES = ("builtin", "hub", "path")


def register_input(  # noqa: PLR0913  # what it acts on, and for whom
    kind: str,
    body: Mapping[str, Json],
    *,
    state: State,
    queue: Queue,
    live: Live,
    roots: Sequence[Path],
    owner: str = "local",
) -> InputRow:
    """Register what `body` names and queue its inspection, unless it is known already."""
    parts = parse_parts(body) if kind == "model" else None
    if parts is not None:
        body = {key: value for key, value in body.items() if key not in ("blocks", "norm")}
    name = parse_name(kind, body, roots=roots)
    if parts is not None and name.source == "builtin":
        raise InvalidParameterError("blocks", wanted="nothing for a built-in", got=parts.blocks)
    live.ping()  # nothing is promised that nobody could start
    row, created = _add(state, kind, named_apart(name, parts), owner, parts)
    if created:
        ask_for_inspection(row, queue, live)
    return row


def register_builtins(state: State) -> None:
    """Make the built-in inputs known; the reconciler queues their inspection."""
    for kind in KINDS:
        for name in BUILTINS[kind]:
            if state.get_input(kind, name) is None:
                _add(state, kind, name_input(kind, name), LOCAL.name)


def find_input(state: State, kind: str, text: str) -> InputRow:
    """Return the input whose id, reference or name is `text`."""
    row = state.find_input(kind, text)
    if row is None:
        raise UnknownInputError(
            f"there is no {kind} {text[:80]!r} here",
            next_step=f"Register it with POST /api/v1/{kind}s, or see GET /api/v1/{kind}s.",
            kind=kind,
        )
    return row


def parse_name(kind: str, body: Mapping[str, Json], *, roots: Sequence[Path]) -> InputName:
    """Return what `body` names, judged by its form alone."""
    check_fields(
        body,
        required={"source": str},
        optional={"name": str, "path": str, "revision": str, "commit": str},
    )
    source = choice("source", body["source"], SOURCES)
    if source == "path":
        _only(body, "path")
        return _path(str(body.get("path") or ""), roots)
    if source == "hub":
        if kind == "dataset":
            raise NotYetError(
                "datasets of the hub are not built yet",
                next_step="Download the text and register the file with source=path.",
            )
        _only(body, "name", "revision", "commit")
        return _hub(str(body.get("name") or ""), body.get("revision"), body.get("commit"))
    _only(body, "name")
    return _builtin(kind, str(body.get("name") or ""))


def _add(
    state: State, kind: str, name: InputName, owner: str, parts: NamedParts | None = None
) -> tuple[InputRow, bool]:
    return state.add_input(
        kind,
        id=name.id,
        name=name.name,
        source=name.source,
        reference=name.reference,
        intake=Intake(owner=owner, options=None if parts is None else parts.as_json()),
    )


def _only(body: Mapping[str, Json], *names: str) -> None:
    for name in ("name", "path", "revision", "commit"):
        if body.get(name) is not None and name not in names:
            raise InvalidParameterError(
                name, wanted=f"nothing when source is {body['source']}", got=body[name]
            )


def _builtin(kind: str, name: str) -> InputName:
    known = BUILTINS[kind]
    if name not in known:
        raise UnknownInputError(
            f"there is no built-in {kind} {name[:80]!r}",
            next_step=f"Use one of: {', '.join(known)}.",
            known=list(known),
        )
    return name_input(kind, name)


def _hub(name: str, revision: Json, commit: Json) -> InputName:
    if name.endswith((".git", ".", "-")):
        raise InvalidParameterError("name", wanted="a hub id like owner/name", got=name)
    named = revision if isinstance(revision, str) else None
    return name_revision(name, named, commit) if isinstance(commit, str) else name_hub(name, named)


def _path(text: str, roots: Sequence[Path]) -> InputName:
    path = Path(text)
    if not path.is_absolute():
        raise InvalidParameterError("path", wanted="an absolute path", got=text)
    if not roots:
        raise PathNotAllowedError(
            "this server opens no local paths",
            next_step="Start it with LINEARSCOPE_MODEL_ROOTS set to the folders you want to allow.",
        )
    resolved = _resolve(path)
    if not any(resolved.is_relative_to(root) for root in roots):
        raise PathNotAllowedError(
            f"{text[:200]!r} lies outside the allowed folders",
            next_step="Move it below one of LINEARSCOPE_MODEL_ROOTS, or add its folder there.",
        )
    return name_path(str(resolved))


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a name too long, or links that go in circles
        raise InvalidParameterError("path", wanted="a usable path", got=str(path)) from error
