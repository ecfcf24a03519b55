"""The job border: whatever a study raises becomes a problem that people can read."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from linearity.errors import LinearScopeError, OutOfDeviceMemoryError, RunCancelledError

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """Why there is no result, as an error's `as_json`."""

    value: dict[str, Any]

    @property
    def code(self) -> str:
        """The stable name of what went wrong."""
        return str(self.value["code"])


def result_or_problem(work: Callable[[], T]) -> T | Problem:
    """Return what `work` returns, or the problem that stopped it; a cancellation passes."""
    try:
        return work()
    except RunCancelledError:
        raise
    except LinearScopeError as error:
        log.warning("stopped: %s", error)
        return Problem(error.as_json())
    except (torch.OutOfMemoryError, MemoryError) as error:
        log.warning("out of memory: %s", error)
        return Problem(
            OutOfDeviceMemoryError(
                "the device ran out of memory",
                next_step="Ask for fewer tokens or a shorter context, or use a larger device.",
            ).as_json()
        )
    except Exception:  # the job border: a bug must end as a failed run
        # The trace stays in the worker's log; it may hold paths and text that are not for others.
        log.exception("stopped by an unexpected error")
        return Problem(
            {
                "code": "internal_error",
                "message": "an unexpected error stopped the computation",
                "next_step": "Look at the worker's log, and report it if it happens again.",
                "retryable": True,
                "data": {},
            }
        )
