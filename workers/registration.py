"""Inspecting a model or dataset: from its reference to the record that runs rely on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from linearity.adapters.inputs import prepare_dataset, prepare_model
from linearity.adapters.naming import name_input
from linearity.adapters.state import InputRow, State
from linearity.adapters.store import ArtifactStore
from linearity.errors import LinearScopeError


def inspect(
    row: InputRow,
    *,
    roots: Sequence[Path] | None,
    store: ArtifactStore,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Return the record of an input as JSON values; bytes that runs need are in the store after.

    `roots` are the folders that local files may lie in; None allows any.

    Raises
    ------
    LinearScopeError
        If it cannot be used.
    """
    # The registered id and name lead: links, lists and results name the input the same way.
    if row.kind == "model":
        model = prepare_model(row.reference, store=store, roots=roots, log=log)
        return dict(replace(model, id=row.id, name=row.name).as_json())
    dataset = prepare_dataset(row.reference, store=store, roots=roots, log=log)
    return dict(replace(dataset, id=row.id).as_json())


def register_here(
    kind: str,
    text: str,
    *,
    state: State,
    store: ArtifactStore,
    log: Callable[[str], None],
) -> InputRow:
    """Register an input in this process, without a queue, and return its final row.

    Raises
    ------
    LinearScopeError
        If it cannot be used; the row is then rejected with the same words.
    """
    named = name_input(kind, text)
    row, is_new = state.add_input(
        kind, id=named.id, name=named.name, source=named.source, reference=named.reference
    )
    if is_new:
        try:
            # Whoever types this command may read these files anyway.
            record = inspect(row, roots=None, store=store, log=log)
        except LinearScopeError as error:
            state.input_rejected(kind, row.id, error.as_json(), number=row.attempt)
            raise
        state.input_ready(kind, row.id, record, number=row.attempt)
    return state.get_input(kind, row.id) or row
