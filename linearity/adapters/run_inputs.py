"""Which runs need a model or a dataset, as the state database is asked."""

import sqlalchemy as sa

from linearity.adapters.tables import inputs, runs


def needs_input(kind: str, id: str) -> sa.ColumnElement[bool]:
    """Return the condition that a run was asked of an input; never true for a log.

    Questions of a benchmark are a dataset too: the run names them by their fingerprint.
    """
    if kind == "model":
        return runs.c.model_id == id
    if kind != "dataset":
        return sa.false()
    fingerprint = (
        sa.select(inputs.c.record["fingerprint"].as_string())
        .where(inputs.c.kind == kind, inputs.c.id == id)
        .scalar_subquery()
    )
    asked = runs.c.request["params"]["questions"].as_string()
    return sa.or_(runs.c.dataset_id == id, asked == fingerprint)
