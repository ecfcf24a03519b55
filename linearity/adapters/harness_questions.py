"""The own questions of a benchmark run: a dataset that its parameters name by fingerprint."""

from collections.abc import Callable, Mapping

from linearity.adapters.documents import decode_documents
from linearity.adapters.inputs import prepare_dataset
from linearity.adapters.store import ArtifactStore
from linearity.contracts.benchmark import check_questions, is_fingerprint, no_questions
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import Document
from linearity.errors import UnknownInputError


def load_questions(fingerprint: str, store: ArtifactStore) -> list[Document]:
    """Return the multiple-choice questions of a registered dataset; none for an empty name.

    Raises
    ------
    UnknownInputError
        If its bytes are gone.
    InvalidParameterError
        If it holds no such questions.
    """
    if not fingerprint:
        return []
    try:
        data = store.get(fingerprint)
    except FileNotFoundError as error:
        raise UnknownInputError(
            "the dataset of questions of this run is no longer here",
            next_step="Register the questions again, then start the run anew.",
        ) from error
    questions = [item for item in decode_documents(data) if item.choices is not None]
    if not questions:
        raise no_questions(fingerprint[:12])
    return questions


def with_questions(
    params: Mapping[str, Json], *, store: ArtifactStore, log: Callable[[str], None]
) -> dict[str, Json]:
    """Return parameters whose ``questions`` is a fingerprint, where it named a file.

    Raises
    ------
    LinearScopeError
        If the file cannot be read, or holds no multiple-choice questions.
    """
    named = params.get("questions")
    if not isinstance(named, str) or not named or is_fingerprint(named):
        return dict(params)
    record = prepare_dataset(named, store=store, roots=None, log=log)
    check_questions(record)
    return {**params, "questions": record.fingerprint}
