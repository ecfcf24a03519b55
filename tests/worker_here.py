"""The worker's part of a registration, done in this process."""

from backend.dependencies import Services
from linearity.adapters.state import InputRow
from linearity.errors import LinearScopeError
from workers.registration import inspect


def work(services: Services, kind: str, id: str) -> InputRow:
    """Do what a worker does with a registration."""
    row = services.state.get_input(kind, id)
    assert row is not None
    try:
        record = inspect(
            row, roots=services.settings.model_roots, store=services.store, log=lambda _: None
        )
    except LinearScopeError as error:
        services.state.input_rejected(kind, id, error.as_json())
    else:
        services.state.input_ready(kind, id, record)
    done = services.state.get_input(kind, id)
    assert done is not None
    return done
