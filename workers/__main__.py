"""The GPU process: ``python -m workers`` works on the queue, ``register`` inspects an input."""

import argparse
import importlib
import logging
import os
import secrets
import socket
import sys

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from linearity.adapters.lifetime import watch_parent
from linearity.adapters.settings import Settings, read_settings
from linearity.contracts.canonical import strict_loads
from linearity.contracts.named_layout import NamedParts, parse_parts
from linearity.contracts.reading import ReadingOptions
from linearity.errors import LinearScopeError

log = logging.getLogger("workers")

QUEUES = {
    "all": ("interactive", "analysis", "help"),
    "analysis": ("analysis", "help"),
    "interactive": ("interactive",),
}
WORKER_TTL_SECONDS = 30
MONITORING_SECONDS = 5
RECONNECT_TRIES = 120
STALE_SECONDS = 86_400
PRELOADED = (
    "torch",
    "transformers",
    "transformers.models.llama.modeling_llama",
    "workers.tasks",
    "workers.helping",
)
"""Loaded before the first fork, so that a job starts warm. None of them touches CUDA."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    work = commands.add_parser("run", help="work on the queue until stopped (the default)")
    for place in (parser, work):
        place.add_argument(
            "--queue",
            choices=QUEUES,
            default="all" if place is parser else argparse.SUPPRESS,
            help="interactive: plans, in this process, and registrations; analysis: the rest",
        )
    register = commands.add_parser("register", help="inspect a model or dataset in this process")
    register.add_argument("kind", choices=("model", "dataset"))
    register.add_argument("name", help="a built-in name, a hub id or a path")
    register.add_argument("--options", default="{}", help="how it is read, as JSON")
    options = parser.parse_args(arguments)
    _prepare_process()
    try:
        settings = read_settings(os.environ)
        if options.command == "register":
            return _register(options.kind, options.name, options.options, settings)
        return _work(options.queue, settings)
    except LinearScopeError as error:
        sys.stderr.write(f"{error.message}. {error.next_step}\n")
        return 2 if options.command != "register" else 1


def _prepare_process() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # torch.cuda.is_available() then asks the driver library and leaves CUDA alone, so that the
    # horses can still initialise it after the fork.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that spin long while they wait cost many times the work when cores are shared with the
    # web process or another worker: 150 s instead of 27 s for two runs on two cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")  # a log is no place for progress bars
    if os.environ.get("LINEARSCOPE_SUPERVISED"):
        watch_parent()


def _work(queue: str, settings: Settings) -> int:
    from linearity.adapters.checkpoints import sweep_checkpoints
    from linearity.adapters.store import ArtifactStore

    ArtifactStore(settings.store).sweep(older_than_seconds=STALE_SECONDS)
    sweep_checkpoints(settings.store)
    for name in PRELOADED:
        importlib.import_module(name)
    # After the environment is prepared. One worker for everything must not lose a long analysis
    # with its process, so it computes plans in a child too: correctly, but cold.
    from workers.announcement import Announcement
    from workers.interactive import InteractiveWorker
    from workers.worker import LinearScopeWorker

    make = InteractiveWorker if queue == "interactive" else LinearScopeWorker
    worker = make(
        QUEUES[queue],
        name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}",
        connection=patient_client(settings.queue_url),
        serializer="json",
        worker_ttl=WORKER_TTL_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
    )
    worker.announce = Announcement(worker.name, settings)
    worker.work(logging_level="INFO")
    return 0


def _register(kind: str, name: str, options: str, settings: Settings) -> int:
    from linearity.adapters.state import State
    from linearity.adapters.store import ArtifactStore
    from workers.registration import register_here

    state = State(settings.database_url)
    try:
        row = register_here(
            kind,
            name,
            state=state,
            store=ArtifactStore(settings.store),
            log=log.info,
            options=_options(kind, options),
        )
    finally:
        state.close()
    sys.stdout.write(f"{row.kind} {row.id}: {row.state}\n")
    return 0


def _options(kind: str, text: str) -> ReadingOptions | NamedParts | None:
    """Return how a dataset is read, or where the blocks of a model are."""
    given = strict_loads(text.encode())
    if kind == "dataset":
        return ReadingOptions.from_json(given)
    return parse_parts(given if isinstance(given, dict) else {})


def patient_client(url: str) -> redis.Redis:
    """Return a client that rides out minutes without a server; RQ's own would end the worker."""
    return redis.Redis.from_url(
        url,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), RECONNECT_TRIES),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
        health_check_interval=30,
    )


if __name__ == "__main__":
    sys.exit(main())
