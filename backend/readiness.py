"""Whether this process could accept and finish work now: small real probes of everything needed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from backend.queue import ANALYSES, INTERACTIVE, Queue
from linearity.adapters.live import Live
from linearity.adapters.machine import free_disk_bytes
from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.errors import DiskFullError, LinearScopeError

log = logging.getLogger("linearscope.web")

RESERVE_BYTES = 512 << 20
WAITING_AT = {INTERACTIVE: "plans and registrations", ANALYSES: "analyses"}
_PROBE = b"readiness probe"


@dataclass
class Report:
    """Which checks passed, which failed, and what is only worth a warning."""

    checks: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def failing(self) -> list[str]:
        """Names of the checks that failed."""
        return [name for name, outcome in self.checks.items() if outcome != "ok"]


def check_ready(state: State, live: Live, queue: Queue, store: ArtifactStore) -> Report:
    """Probe Redis, the state database, the artifact store, the disk and the workers."""
    report = Report()
    _check(report, "redis", live.ping)
    _check(report, "database", state.check)
    _check(report, "store", lambda: _probe_store(store))
    _check(report, "disk", lambda: _probe_disk(store))
    if report.checks["redis"] == "ok":
        _check_workers(report, queue)
    return report


def _check(report: Report, name: str, probe: Callable[[], object]) -> None:
    try:
        probe()
    except (RedisError, SQLAlchemyError, LinearScopeError, OSError) as error:
        # The reason may hold addresses or paths: the log gets it, the reader only the name.
        log.warning("readiness: %s: %s", name, error)
        report.checks[name] = "failing"
    else:
        report.checks[name] = "ok"


def _probe_store(store: ArtifactStore) -> None:
    store.get(store.put(_PROBE))


def _probe_disk(store: ArtifactStore) -> None:
    free = free_disk_bytes(store.root)
    if free < RESERVE_BYTES:
        raise DiskFullError(f"{free:,} bytes left, {RESERVE_BYTES:,} are kept in reserve")


def _check_workers(report: Report, queue: Queue) -> None:
    try:
        workers = queue.workers()
    except RedisError:
        return
    if not workers:
        report.warnings.append("no worker is connected, so nothing will be computed")
        return
    for queue_name, waiting in WAITING_AT.items():
        if not any(queue_name in worker.queues for worker in workers):
            report.warnings.append(f"no worker takes {waiting}, which wait in {queue_name}")
