"""From the id of a `heal` run to its weights: what a request's parameter ``healed`` may say."""

import re
from collections.abc import Mapping

from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import RUN_ID_LENGTH, Json, strict_loads
from linearity.contracts.changed import weights_of
from linearity.contracts.runs import RunStatus
from linearity.errors import CorruptObjectError, InvalidParameterError

_RUN_ID = re.compile(rf"[0-9a-f]{{{RUN_ID_LENGTH}}}")


def with_healed_weights(
    params: Mapping[str, Json], *, state: State, store: ArtifactStore
) -> Mapping[str, Json]:
    """Return parameters whose ``healed`` is the sha256 of weights, where it named a run.

    So a request is told from others by the bytes of the weights, and a worker needs no database.

    Raises
    ------
    InvalidParameterError
        If there is no such run, it is no finished `heal` run, or its weights are gone.
    """
    healed = params.get("healed")
    if not isinstance(healed, str) or not _RUN_ID.fullmatch(healed):
        return params
    run = state.get_run(healed)
    if run is None or run.status is not RunStatus.FINISHED or run.result is None:
        raise InvalidParameterError(
            "healed",
            wanted="the id of a heal run that has finished",
            got=healed if run is None else f"a run that is {run.status}",
            next_step="Wait until the heal run has finished, or leave healed out.",
        )
    try:
        result = strict_loads(store.get(run.result))
    except (FileNotFoundError, CorruptObjectError):
        result = None
    sha256 = weights_of(result if isinstance(result, Mapping) else {})
    if not store.has(sha256):
        raise InvalidParameterError(
            "healed",
            wanted="a heal run whose weights are here",
            got=healed,
            next_step="Start the heal run again: it writes its weights anew.",
        )
    return {**params, "healed": sha256}
