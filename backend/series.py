"""Checkpoint series: several revisions or folders of one model, registered in one step."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backend.hub_desk import HubDesk
from backend.inspections import ask_for_inspection
from backend.queue import Queue
from backend.registrations import parse_name
from backend.strict_json import check_fields
from linearity.adapters.live import Live
from linearity.adapters.naming import InputName, name_hub, name_revision
from linearity.adapters.state import InputRow, State
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json
from linearity.contracts.parameters import choice
from linearity.errors import InvalidParameterError

FEWEST, MOST = 2, 50
SOURCES = ("hub", "path")


@dataclass(frozen=True)
class Series:
    """A series before it is registered: what its members share, and the members in order."""

    label: str
    members: list[InputName]
    labels: list[str]


def is_series(body: Mapping[str, Json]) -> bool:
    """Whether a body asks for several models at once."""
    return body.get("revisions") is not None or body.get("paths") is not None


def parse_series(body: Mapping[str, Json], *, desk: HubDesk, roots: Sequence[Path]) -> Series:
    """Return the series that `body` names, every revision pinned to its commit.

    Raises
    ------
    InvalidParameterError, PathNotAllowedError, UnknownInputError, HubUnreachableError
    """
    check_fields(
        body,
        required={"source": str},
        optional={"name": str, "revisions": list, "paths": list},
    )
    source = choice("source", body["source"], SOURCES)
    unwanted = ("paths",) if source == "hub" else ("name", "revisions")
    for field in unwanted:
        if body.get(field) is not None:
            raise InvalidParameterError(
                field, wanted=f"nothing when source is {source}", got=body[field]
            )
    if source == "hub":
        return _of_revisions(str(body.get("name") or ""), _texts(body, "revisions"), desk)
    return _of_folders(_texts(body, "paths"), roots)


def register_series(
    series: Series, *, owner: str, state: State, queue: Queue, live: Live
) -> list[InputRow]:
    """Register every member and queue its inspection; the rows in order of the series."""
    live.ping()  # nothing is promised that nobody could start
    for place, (named, label) in enumerate(zip(series.members, series.labels, strict=True)):
        options: dict[str, Json] = {"revision": label, "place": place}
        row, created = state.add_input(
            "model",
            id=named.id,
            name=named.name,
            source=named.source,
            reference=named.reference,
            intake=Intake(owner=owner, options=options, series=series.label),
        )
        state.join_series("model", row.id, series.label, options, name=named.name)
        if created:
            ask_for_inspection(row, queue, live)
    found = [state.get_input("model", named.id) for named in series.members]
    return [row for row in found if row is not None]


def _of_revisions(name: str, revisions: list[str], desk: HubDesk) -> Series:
    for revision in revisions:
        name_hub(name, revision)
    commits = desk.commits(name, revisions)
    members = [name_revision(name, revision, commits[revision]) for revision in revisions]
    return Series(name, _different(members, "revisions"), revisions)


def _of_folders(paths: list[str], roots: Sequence[Path]) -> Series:
    members = [parse_name("model", {"source": "path", "path": path}, roots=roots) for path in paths]
    shared = os.path.commonpath([str(Path(member.reference).parent) for member in members])
    labels = [os.path.relpath(member.reference, shared) for member in members]
    named = [replace(member, name=label) for member, label in zip(members, labels, strict=True)]
    return Series(shared, _different(named, "paths"), labels)


def _texts(body: Mapping[str, Json], field: str) -> list[str]:
    given = body.get(field)
    items = list(given) if isinstance(given, list) else []
    if not FEWEST <= len(items) <= MOST:
        raise InvalidParameterError(
            field, wanted=f"a list of {FEWEST} to {MOST} texts", got=f"{len(items)} of them"
        )
    for item in items:
        if not isinstance(item, str) or len(item) > 4096:
            raise InvalidParameterError(field, wanted="a list of texts", got=item)
    return [str(item) for item in items]


def _different(members: list[InputName], field: str) -> list[InputName]:
    if len({member.id for member in members}) < len(members):
        raise InvalidParameterError(
            field, wanted="different models", got="the same one under two names"
        )
    return members
