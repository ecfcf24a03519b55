"""Deleting means deleting: the rows, then the bytes, in the store, in Redis and in its files.

The rows go in one transaction, together with the list of objects that they named. Objects are
taken away when nothing names them any more (`backend.sweeping`). Files of one's own, in a folder
or in the cache of the hub, are never touched.
"""

import contextlib
from collections.abc import Iterable
from typing import Literal

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from backend.dependencies import Services
from backend.dependents import Dependents, find_dependents
from backend.permissions import check_owner
from backend.sweeping import Sweeper
from backend.uploads.declaring import forget_parts
from backend.visitors import Visitor
from linearity.adapters.checkpoints import FileCheckpoints
from linearity.adapters.hub_datasets import forget_first_rows
from linearity.adapters.state import RunRow
from linearity.adapters.state_removals import InputName
from linearity.contracts.runs import InputState
from linearity.errors import ConflictError

Derived = Literal["keep", "delete"]


def delete_input(
    services: Services, kind: str, text: str, *, visitor: Visitor, derived: Derived = "keep"
) -> None:
    """Delete an input; with ``derived="delete"`` also runs on it and datasets made from it.

    Raises
    ------
    UnknownInputError, BuiltinProtectedError
    ForbiddenError
        If it, or something that would go with it, is another's.
    ConflictError
        While an open run needs it.
    """
    found = find_dependents(services, kind, text)
    check_owner(visitor, found.row.owner, f"the {kind} {found.row.name}")
    derived_too = derived == "delete"
    _check_open(found.open_runs if derived_too else [r for r in found.own_runs if r.status.is_open])
    if derived_too:
        _check_derived(found, visitor)
    rows = [found.row, *(found.datasets if derived_too else ())]
    runs = found.runs if derived_too else ()
    files = [file for row in rows for file in services.state.uploads_of(row.kind, row.id)]
    for row in rows:
        if row.state is not InputState.READY:
            with contextlib.suppress(RedisError):
                services.queue.stop(row)
    run_ids = [run.id for run in runs]
    results = services.state.results_of(run_ids)
    services.state.forget([InputName(row.kind, row.id) for row in rows], run_ids)
    forget_parts(services.store, files)
    for row in rows:
        services.state.add_removals(forget_first_rows(row, services.store))
    _clear(services, run_ids, results)


def delete_run(services: Services, run: RunRow, *, visitor: Visitor) -> None:
    """Delete a run that is over: its result, its checkpoints, its links, what Redis remembers.

    Raises
    ------
    ForbiddenError, UnknownRunError, ConflictError
    """
    check_owner(visitor, run.owner, "this run")
    results = services.state.results_of([run.id])
    services.state.delete_run(run.id)
    _clear(services, [run.id], results)


def _clear(services: Services, run_ids: Iterable[str], results: Iterable[str]) -> None:
    """Take away the bytes behind rows that are gone; what fails here the sweeper does later."""
    for id in run_ids:
        FileCheckpoints(services.store.root, id).delete()
        with contextlib.suppress(RedisError):
            services.live.forget(id)
    for result in results:  # a result tells its run's id, so no other run has the same one
        services.drawings.forget(result)
        services.results.forget(result)
    Sweeper(services.state, services.store, services.results).run_once()
    with contextlib.suppress(RedisError):
        services.live.rewrite_files()
    with contextlib.suppress(SQLAlchemyError):
        services.state.erase_traces()


def _check_open(runs: list[RunRow]) -> None:
    if runs:
        raise ConflictError(
            f"{len(runs)} open run{'s' if len(runs) > 1 else ''} still need it: {runs[0].id}",
            next_step="Cancel the runs first, or wait until they end.",
            run=runs[0].id,
            runs=len(runs),
        )


def _check_derived(found: Dependents, visitor: Visitor) -> None:
    for row in found.datasets:
        check_owner(visitor, row.owner, f"the dataset {row.name}, made from this log,")
    for run in found.runs:
        check_owner(visitor, run.owner, f"the run {run.id} on it")
