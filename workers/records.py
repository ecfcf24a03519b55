"""The records of what a run was asked for."""

from linearity.contracts.canonical import Json
from linearity.errors import InputChangedError, UnknownInputError
from workers.workplace import Workplace


def input_record(place: Workplace, kind: str, id: str, fingerprint: str) -> dict[str, Json]:
    """Return the record of a registered input.

    Raises
    ------
    UnknownInputError
        If it has been deleted.
    InputChangedError
        If it is another one than the run was asked for.
    """
    row = place.state.get_input(kind, id)
    if row is None or row.record is None:
        raise UnknownInputError(
            f"the {kind} {id} is no longer registered", next_step=f"Register the {kind} again."
        )
    if row.record["fingerprint"] != fingerprint:
        raise InputChangedError(
            f"the {kind} {id} is not the one this run was asked for",
            next_step="Start a new run; it uses what is registered now.",
            wanted=fingerprint[:12],
        )
    return row.record
