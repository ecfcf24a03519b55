"""What every kind of run shares: its request, its identity, its states.

A run's id is the digest of everything that may change its numbers. The same question therefore
has the same id, the same row, the same queue entry and the same address, wherever it is asked.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Literal

from linearity.contracts.canonical import RUN_ID_LENGTH, Json, digest

KINDS = (
    "linearity",
    "ablation",
    "plan",
    "answers",
    "passage",
    "export",
    "heal",
    "speed",
    "benchmark",
)
"""Kinds that this version can run. product.md names the ones that follow."""

Language = Literal["en", "ja"]


class RunStatus(StrEnum):
    """The life of a run, as people see it. The queue's own states stay inside the queue code."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to work on it."""
        return self in (RunStatus.QUEUED, RunStatus.RUNNING)


class InputState(StrEnum):
    """The life of a registered model or dataset."""

    RECEIVING = "receiving"
    INSPECTING = "inspecting"
    READY = "ready"
    REJECTED = "rejected"


@dataclass(frozen=True)
class RunRequest:
    """One question: a kind, its two inputs by fingerprint, and every parameter spelled out.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    schema : int
        Version of the result's shape.
    method : int
        Version of the numbers; raised whenever the same request would give other numbers.
    model, dataset : str
        Fingerprints, 64 hexadecimal digits.
    params : dict
        Complete; only ``ridge=auto`` is left as a rule, and ``pairs`` is settled before submission.
    """

    kind: str
    schema: int
    method: int
    model: str
    dataset: str
    params: dict[str, Json]

    def as_json(self) -> dict[str, Json]:
        """Return the request as plain values, the exact material of its digest."""
        return {
            "kind": self.kind,
            "schema": self.schema,
            "method": self.method,
            "model": self.model,
            "dataset": self.dataset,
            "params": self.params,
        }

    @property
    def run_id(self) -> str:
        """The first 128 bits of the request's digest, as 32 hexadecimal digits."""
        return digest(self.as_json())[:RUN_ID_LENGTH]


@dataclass(frozen=True)
class RunWarning:
    """Something a reader must know: a stable code, a sentence with its numbers, the numbers."""

    code: str
    message: str
    data: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What stands around the numbers of every kind's answer.

    Parameters
    ----------
    id : str
        Of the run.
    created : str
        When it was made, in UTC.
    model, dataset : dict
        What the run's inputs were.
    params : dict
        Complete.
    environment : dict
        Versions and the device.
    finding : dict of language to str
        The answer in one sentence.
    warnings : list of RunWarning
    kind, schema, method : as in `RunRequest`
    """

    id: str
    created: str
    model: dict[str, Json]
    dataset: dict[str, Json]
    params: dict[str, Json]
    environment: dict[str, Json]
    finding: dict[str, str]
    warnings: list[RunWarning]
    kind: str
    schema: int
    method: int

    def as_json(self) -> dict[str, Json]:
        """Return the result as plain values."""
        return asdict(self)
