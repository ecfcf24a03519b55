"""Tasks of lm-evaluation-harness by name: from its own package, with questions from the hub."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from linearity.errors import HubUnreachableError, InvalidParameterError

OUTPUTS = ("multiple_choice", "loglikelihood")
"""What a task may ask of a model here."""


def named_tasks(names: Sequence[str]) -> dict[str, Any]:
    """Return tasks by the names that the harness knows them by; of a group, all of its tasks.

    Raises
    ------
    InvalidParameterError
        For a name that the harness does not know, and a task that asks for something else than
        choices, or runs code.
    HubUnreachableError
        If the questions cannot be loaded.
    """
    manager = _manager()
    known = set(manager.all_tasks)
    for name in names:
        if name not in known:
            raise InvalidParameterError(
                "tasks",
                wanted="names that lm-evaluation-harness knows",
                got=name,
                next_step="`lm-eval ls tasks` lists them.",
            )
    with _loading(names):
        tasks: dict[str, Any] = manager.load(list(names))["tasks"]
    for name, task in tasks.items():
        _check(name, task)
    return tasks


@functools.cache  # reads thousands of files, which never change while the process lives
def _manager() -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _check(name: str, task: Any) -> None:
    if task.OUTPUT_TYPE not in OUTPUTS:
        raise InvalidParameterError(
            "tasks",
            wanted=f"tasks of {' or '.join(OUTPUTS)}; {name} is one of {task.OUTPUT_TYPE}",
            got=name,
            next_step="What models write freely the kind answers compares.",
        )
    if getattr(task, "UNSAFE_CODE", False) or getattr(task, "MULTIMODAL", False):
        raise InvalidParameterError(
            "tasks", wanted="tasks of texts that run no code of an answer", got=name
        )


@contextlib.contextmanager
def _loading(names: Sequence[str]) -> Iterator[None]:
    import evaluate

    load = evaluate.load
    # A metric that the harness does not know it would fetch from the hub, as code that it runs.
    evaluate.load = _no_code
    try:
        yield
    except Exception as error:  # whatever the libraries of the hub stumble over
        raise HubUnreachableError(
            f"the questions of {', '.join(names)} could not be loaded ({type(error).__name__})",
            next_step="Connect this machine to the hub, load the task there once with lm-eval, or "
            "give questions of your own (questions=...).",
            tasks=list(names),
        ) from error
    finally:
        evaluate.load = load


def _no_code(*_: object, **__: object) -> None:
    raise PermissionError("code of the hub is not run")
