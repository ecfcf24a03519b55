"""Registering datasets that say how they are to be read, or want to be looked at first."""

from collections.abc import Mapping
from dataclasses import replace

from backend.dependencies import Services
from backend.inspections import ask_for_inspection
from backend.registrations import parse_name, register_input
from backend.visitors import Visitor
from linearity.adapters.naming import InputName, name_hub_dataset
from linearity.adapters.state import InputRow
from linearity.adapters.state_inputs import Intake
from linearity.contracts.canonical import Json, digest
from linearity.contracts.parameters import choice
from linearity.contracts.reading import HubDataset, ReadingOptions
from linearity.contracts.runs import InputState
from linearity.errors import InvalidParameterError

OWN_FIELDS = ("options", "preview")
MOST_LOOKS = 100
"""The same files looked at anew, each with a row of its own."""


def register_dataset(body: Mapping[str, Json], services: Services, visitor: Visitor) -> InputRow:
    """Register a dataset of the server, a built-in one, or one of the hub.

    With "options" it is read as they say, under an id of its own; with "preview" it waits, like
    an upload, until it is confirmed.
    """
    preview = _flag(body.get("preview"))
    options = ReadingOptions.from_json(body.get("options") or {})
    plain = {name: value for name, value in body.items() if name not in OWN_FIELDS}
    source = choice("source", body.get("source"), ("builtin", "hub", "path"))
    if source == "builtin" and (preview or options.as_json()):
        raise InvalidParameterError(
            "options", wanted="nothing when source is builtin", got=body.get("options")
        )
    if source == "builtin":
        return register_input(
            "dataset",
            plain,
            state=services.state,
            queue=services.queue,
            live=services.live,
            roots=services.settings.model_roots,
            owner=visitor.name,
        )
    named = _named(source, plain, services)
    services.live.ping()  # nothing is promised that nobody could start
    reading = options.as_json() or None
    intake = Intake(owner=visitor.name, options=reading, receiving=preview)
    row, is_new = _add(named, intake, services)
    if is_new and not preview:
        ask_for_inspection(row, services.queue, services.live)
    return row


def _named(source: str, plain: Mapping[str, Json], services: Services) -> InputName:
    if source == "hub":
        return name_hub_dataset(HubDataset.from_json(plain))
    return parse_name("dataset", plain, roots=services.settings.model_roots)


def _add(named: InputName, intake: Intake, services: Services) -> tuple[InputRow, bool]:
    """Add the row: one for each set of options, and one for each look that was confirmed.

    Returns it, and whether something begins: its look, or its inspection.
    """
    if intake.options:
        named = replace(named, id=f"{named.id}-{digest(intake.options)[:8]}")
    for number in range(1, MOST_LOOKS + 1):
        id = named.id if number == 1 else f"{named.id}-{number}"
        row, created = services.state.add_input(
            "dataset",
            id=id,
            name=named.name,
            source=named.source,
            reference=named.reference,
            intake=intake,
        )
        if created:
            return row, True
        if row.state is InputState.RECEIVING:
            if row.owner != intake.owner:
                continue  # only its owner may confirm that one
            begun = None if intake.receiving else _begin(row, services)
            return begun or row, begun is not None
        if not intake.receiving:
            return row, False
    raise InvalidParameterError(
        "path", wanted=f"a dataset registered at most {MOST_LOOKS} times", got=named.name
    )


def _begin(row: InputRow, services: Services) -> InputRow | None:
    """Begin what its owner has looked at and now wants without another look."""
    return services.state.input_received("dataset", row.id, row.options)


def _flag(value: Json) -> bool:
    if value is not None and not isinstance(value, bool):
        raise InvalidParameterError("preview", wanted="true or false", got=value)
    return bool(value)
