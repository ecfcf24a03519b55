"""What the page shows of a model before it is registered: from the hub or from a folder."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.forecasts import forecast, known_devices
from linearity.adapters.first_look import FirstLook
from linearity.adapters.hub_catalogue import HubModel
from linearity.adapters.naming import name_hub
from linearity.adapters.state import State

if TYPE_CHECKING:
    from backend.dependencies import Services

Json = dict[str, Any]


def hub_preflight(name: str, revision: str | None, *, services: "Services") -> Json:
    """Return the preflight of a model of the hub.

    Raises
    ------
    InvalidParameterError
        If name or revision can be no hub id.
    UnknownInputError, HubUnreachableError
    """
    name_hub(name, revision)
    model = services.desk.look(name, revision)
    return hub_facts(model, state=services.state) | _needs(model.look, services)


def hub_facts(model: HubModel, *, state: State) -> Json:
    """Return what is known of a pinned model, without what it needs here."""
    pinned = name_hub(model.name, model.commit)
    row = state.get_input("model", pinned.id)
    return {
        "name": model.name,
        "revision": model.revision,
        "commit": model.commit,
        "origin": model.origin,
        "gated": model.gated,
        "licence": model.licence,
        "modified": model.modified,
        "files": [{"name": name, "size": size} for name, size in sorted(model.files.items())],
        "download_bytes": model.download_bytes,
        "revisions": [asdict(item) for item in model.revisions],
        "registered": row.id if row else None,
        **look_view(model.look),
    }


def folder_preflight(path: Path, look: FirstLook, *, services: "Services") -> Json:
    """Return the preflight of a model folder."""
    return {"path": str(path), **look_view(look)} | _needs(look, services)


def look_view(look: FirstLook) -> Json:
    """Return the facts of a first look, and whether anything speaks against the model."""
    facts: Mapping[str, Any] = look.as_json()
    return {"usable": not look.reasons, **facts, "reasons": list(facts["reasons"])}


def _needs(look: FirstLook, services: "Services") -> Json:
    devices = known_devices(services.queue, services.live)
    return {"estimate": forecast(look, state=services.state, devices=devices)}
