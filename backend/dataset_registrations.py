"""Registering datasets that say how they are to be read, or want to be looked at first."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from redis.exceptions import RedisError

from backend.dependencies import Services
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
    if source == "hub":
        named = name_hub_dataset(HubDataset.from_json(plain))
    elif not preview and not options.as_json():
        return register_input(
            "dataset",
            plain,
            state=services.state,
            queue=services.queue,
            live=services.live,
            roots=services.settings.model_roots,
            owner=visitor.name,
        )
    else:
        named = parse_name("dataset", plain, roots=services.settings.model_roots)
    services.live.ping()  # nothing is promised that nobody could start
    intake = Intake(owner=visitor.name, options=options.as_json(), receiving=preview)
    row, created = _add(named, intake, services)
    if created and not preview:
        with contextlib.suppress(RedisError):  # the reconciler queues it then
            services.queue.enqueue_registration(row)
            services.live.announce_input(row)
    return row


def _add(named: InputName, intake: Intake, services: Services) -> tuple[InputRow, bool]:
    """Add the row: one for each set of options, and one for each look that was confirmed."""
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
        is_own = row.state is InputState.RECEIVING and row.owner == intake.owner
        if created or not intake.receiving or is_own:
            return row, created
    raise InvalidParameterError(
        "path", wanted=f"a dataset registered at most {MOST_LOOKS} times", got=named.name
    )


def _flag(value: Json) -> bool:
    if value is not None and not isinstance(value, bool):
        raise InvalidParameterError("preview", wanted="true or false", got=value)
    return bool(value)
