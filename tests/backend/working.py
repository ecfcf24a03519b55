"""This process as a worker's: tasks open what the environment names."""

import pytest

from linearity.adapters.settings import Settings


def works_here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tasks that a test calls work for its installation."""
    for name, value in (
        ("LINEARSCOPE_DATA", str(settings.data)),
        ("LINEARSCOPE_MODEL_ROOTS", str(settings.model_roots[0])),
        ("LINEARSCOPE_DEVICE", "cpu"),
        ("REDIS_URL", settings.queue_url),
    ):
        monkeypatch.setenv(name, value)
