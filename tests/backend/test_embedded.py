"""The embedded queue server: its settings, its socket, its end."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from backend.children import python_environ
from backend.embedded import MAXIMUM_SOCKET_BYTES, EmbeddedValkey, socket_path
from linearity.errors import ConflictError
from tests.servers import eventually, processes_of, running_valkey

PARENT = """
import os, sys
from pathlib import Path
from backend.embedded import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1]))
server.start()
os.kill(os.getpid(), 9)
"""


def test_what_is_queued_survives_a_restart_and_nothing_is_evicted(tmp_path: Path) -> None:
    with running_valkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.rpush("queue", "job")
        settings: Any = client.config_get()
    with running_valkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        assert client.lrange("queue", 0, -1) == [b"job"]

    assert settings["maxmemory-policy"] == "noeviction"
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "everysec")
    assert (settings["port"], settings["save"]) == ("0", "")


def test_only_its_owner_may_use_the_socket(tmp_path: Path) -> None:
    with running_valkey(tmp_path) as server:
        assert server.socket.stat().st_mode & 0o777 == 0o700
    assert not server.socket.exists()


def test_a_long_folder_name_gets_a_short_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30)
    with running_valkey(folder) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert len(bytes(server.socket)) <= MAXIMUM_SOCKET_BYTES
        assert (folder / "appendonlydir").is_dir()

    assert socket_path(folder) != socket_path(tmp_path / "another")


def test_the_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env=python_environ({}),
        timeout=60,
        check=False,
    )

    eventually(lambda: processes_of(tmp_path) == [], seconds=5)


def test_a_server_that_cannot_write_says_where_to_look(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    server = EmbeddedValkey(folder)
    (folder / "appendonlydir").write_text("a file where a folder should be")

    with pytest.raises(ConflictError) as caught:
        server.start()
    assert "valkey.log" in caught.value.next_step
