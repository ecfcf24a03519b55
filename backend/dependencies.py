"""What routes are given: the open services of this process, by named aliases."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from backend.assets import Assets
from backend.doorkeeper import Doorkeeper
from backend.drawings import Drawings
from backend.events import EventHub
from backend.guesses import Guesses
from backend.hub_desk import HubDesk
from backend.queue import Queue
from backend.refusals import RunNotFoundError
from backend.results import Results
from backend.shares import Shares
from backend.uploads.finishing import UploadDesk
from backend.views import RunViews
from backend.visitors import Visitor, visitor_of
from linearity.adapters.live import Live
from linearity.adapters.settings import Settings
from linearity.adapters.state import InputRow, RunRow, State
from linearity.adapters.store import ArtifactStore


@dataclass(frozen=True)
class Services:
    """Everything that stays open while the web process lives."""

    settings: Settings
    state: State
    live: Live
    queue: Queue
    store: ArtifactStore
    results: Results
    drawings: Drawings
    views: RunViews
    uploads: UploadDesk
    hub: EventHub
    desk: HubDesk
    assets: Assets
    shares: Shares
    guesses: Guesses
    doorkeeper: Doorkeeper


def open_services(settings: Settings, assets: Assets) -> Services:
    """Open what the settings name; Redis may come later."""
    state = State(settings.database_url)
    live = Live(settings.queue_url, settings.cache_url)
    store = ArtifactStore(settings.store)
    queue = Queue(live.redis)
    results = Results(store, live)
    views = RunViews(state, live, queue)
    return Services(
        settings=settings,
        state=state,
        live=live,
        queue=queue,
        store=store,
        results=results,
        drawings=Drawings(results),
        views=views,
        uploads=UploadDesk(state, store, queue, live, settings.upload_days),
        hub=EventHub(settings.queue_url, functools.partial(read_statuses, state)),
        desk=HubDesk(settings.hub, live),
        assets=assets,
        shares=Shares(state, views),
        guesses=Guesses(live),
        doorkeeper=Doorkeeper(settings, state),
    )


def close_services(services: Services) -> None:
    """Close the connections."""
    services.desk.close()
    services.live.close()
    services.state.close()


def read_statuses(
    state: State, names: Iterable[str], every_open: bool
) -> dict[str, dict[str, Any]]:
    """Return how runs and inputs (``model:<id>`` and so on) stand; no entry if unknown."""
    found = {run.id: _run_status(run) for run in state.open_runs()} if every_open else {}
    for name in set(names) - found.keys():
        kind, colon, id = name.partition(":")
        if not colon:
            run = state.get_run(name)
            found |= {name: _run_status(run)} if run else {}
        else:
            row = state.get_input(kind, id)
            found |= {name: _input_status(row)} if row else {}
    return found


def services_of(request: Request) -> Services:
    """Return the services of the application that answers `request`."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def run_of(run_id: str, request: Request) -> RunRow:
    """Return the run that the address names.

    Raises
    ------
    RunNotFoundError
        If there is none.
    """
    row = services_of(request).state.get_run(run_id)
    if row is None:
        raise RunNotFoundError(run_id)
    return row


ServicesDep = Annotated[Services, Depends(services_of)]
RunDep = Annotated[RunRow, Depends(run_of)]
VisitorDep = Annotated[Visitor, Depends(visitor_of)]


def _run_status(row: RunRow) -> dict[str, Any]:
    return {"status": str(row.status), "attempt": row.attempt, "error": row.error}


def _input_status(row: InputRow) -> dict[str, Any]:
    return {"kind": row.kind, "id": row.id, "state": str(row.state), "problem": row.problem}
