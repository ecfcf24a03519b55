"""From a dataset's name to its fingerprint: what a request's parameter ``questions`` may say."""

from collections.abc import Mapping

from backend.registrations import find_input
from linearity.adapters.state import InputRow, State
from linearity.contracts.benchmark import check_questions, is_fingerprint
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.runs import InputState
from linearity.errors import InvalidParameterError, UnknownInputError


def with_questions(params: Mapping[str, Json], *, state: State) -> Mapping[str, Json]:
    """Return parameters whose ``questions`` is a fingerprint, where it named a dataset.

    So a request is told from others by the questions themselves, and a worker needs no database.

    Raises
    ------
    UnknownInputError
        If no dataset here is the one that is named.
    InvalidParameterError
        If it is not ready, or holds no multiple-choice questions.
    """
    named = params.get("questions")
    if not isinstance(named, str) or not named:
        return params
    row = _by_fingerprint(state, named) if is_fingerprint(named) else None
    row = row or find_input(state, "dataset", named)
    if row.state is not InputState.READY or row.record is None:
        raise InvalidParameterError(
            "questions",
            wanted="a dataset that is ready",
            got=f"{row.name} ({row.state})",
            next_step=f"Wait until GET /api/v1/datasets/{row.id} says ready.",
        )
    record = DatasetRecord.from_json(row.record)
    check_questions(record)
    return {**params, "questions": record.fingerprint}


def _by_fingerprint(state: State, fingerprint: str) -> InputRow:
    for row in state.list_inputs("dataset"):
        if row.record is not None and row.record["fingerprint"] == fingerprint:
            return row
    raise UnknownInputError(
        f"there is no dataset with the fingerprint {fingerprint[:12]} here",
        next_step="Register the questions, then name them by the dataset's id.",
        kind="dataset",
    )
