"""``python -m workers.health``: whether a worker of this host lives and the queue hears it.

For health checks of containers: loads no torch, takes well under a second, exits with 0 or 1.
"""

import os
import socket
import sys

import redis
from rq.utils import now
from rq.worker import BaseWorker, Worker

from linearity.adapters.settings import read_settings
from linearity.errors import LinearScopeError

MAXIMUM_AGE_SECONDS = 45.0
"""An idle worker is heard every 15 seconds, a busy one every 5."""
ANSWER_SECONDS = 5


def main() -> int:
    """Say what was found and return the exit status."""
    try:
        alive = living_workers(read_settings(os.environ).queue_url)
    except LinearScopeError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except (redis.RedisError, OSError) as error:
        # The address may hold a password, so only the kind of failure is named.
        sys.stderr.write(f"the queue server does not answer ({type(error).__name__})\n")
        return 1
    if not alive:
        sys.stderr.write("no worker of this host was heard of lately\n")
        return 1
    sys.stdout.write(f"working: {', '.join(alive)}\n")
    return 0


def living_workers(queue_url: str) -> list[str]:
    """Return the names of this host's workers that are heard of and whose process exists."""
    client = redis.Redis.from_url(
        queue_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=None
    )
    try:
        workers = Worker.all(client, serializer="json")
        return sorted(worker.name for worker in workers if _is_alive(worker))
    finally:
        client.close()


def _is_alive(worker: BaseWorker) -> bool:
    if worker.hostname != socket.gethostname() or not worker.pid or not worker.last_heartbeat:
        return False
    try:
        os.kill(worker.pid, 0)  # sends nothing, only asks whether the process exists
    except ProcessLookupError:
        return False
    return (now() - worker.last_heartbeat).total_seconds() < MAXIMUM_AGE_SECONDS


if __name__ == "__main__":
    sys.exit(main())
