"""Ask what receiving 1 GiB costs the web process: memory, time, and patience of other requests.

Two clients in one: the CLI's own, with one file of 1 GiB in pieces with checksums; beside it a GET
of the list of models every 20 ms. The web process is a process of its own; its memory is read from
/proc before, and at its peak during, the upload.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from machine import surroundings

from backend.api_client import ApiClient
from backend.children import python_command, python_environ
from backend.embedded import EmbeddedValkey
from backend.uploading import upload_model

SIZE = 1 << 30
SETTLE_SECONDS = 3.0
POLL_SECONDS = 0.02


def main() -> None:
    """Start queue and web process, send, print."""
    parallel = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        valkey = EmbeddedValkey(data / "valkey")
        valkey.start()
        web, url = start_web(data, valkey.url)
        try:
            figures = measure(web.pid, url, data, parallel)
        finally:
            web.kill()
            web.wait()
            valkey.stop()
    print(f"{parallel} x 1 GiB in {figures['seconds']:.1f} s")
    print(f"memory of the web process: {figures['growth_bytes'] / 2**20:.1f} MiB more at its peak")
    print(f"other requests: median {figures['get_p50_ms']:.1f} ms, p99 {figures['get_p99_ms']:.1f}")
    print(json.dumps({"bench": "upload", **figures, **surroundings()}))


def start_web(data: Path, redis_url: str) -> tuple[subprocess.Popen[bytes], str]:
    """Return the web process and its address, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"LINEARSCOPE_DATA": str(data), "REDIS_URL": redis_url, "LINEARSCOPE_PORT": str(port)}
    with (data / "api.log").open("wb") as log:
        web = subprocess.Popen(
            python_command("backend.cli", "api"),
            env=python_environ({**os.environ, **given}),
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    while not ApiClient(url, None).is_alive():
        time.sleep(0.1)
    return web, url


def measure(pid: int, url: str, data: Path, parallel: int) -> dict[str, float]:
    """Send `parallel` models of 1 GiB at once and watch the process."""
    folders = [make_model(data / f"model-{number}", number) for number in range(parallel)]
    time.sleep(SETTLE_SECONDS)
    urllib.request.urlopen(f"{url}/api/v1/models").read()
    before = resident(pid)
    over = threading.Event()
    peaks: list[int] = [before]
    waits: list[float] = []
    watchers = [
        threading.Thread(target=watch_memory, args=(pid, peaks, over)),
        threading.Thread(target=watch_requests, args=(url, waits, over)),
    ]
    senders = [threading.Thread(target=send, args=(url, folder)) for folder in folders]
    started = time.perf_counter()
    for thread in (*watchers, *senders):
        thread.start()
    for thread in senders:
        thread.join()
    seconds = time.perf_counter() - started
    over.set()
    for thread in watchers:
        thread.join()
    waits.sort()
    return {
        "uploads": parallel,
        "bytes": parallel * SIZE,
        "seconds": round(seconds, 2),
        "base_bytes": before,
        "growth_bytes": max(peaks) - before,
        "get_p50_ms": round(1000 * waits[len(waits) // 2], 1),
        "get_p99_ms": round(1000 * waits[int(len(waits) * 0.99)], 1),
        "get_worst_ms": round(1000 * waits[-1], 1),
    }


def make_model(folder: Path, number: int) -> Path:
    """Write a folder that looks like a model; nothing inspects it here."""
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    block = os.urandom(1 << 20)
    with (folder / "model.safetensors").open("wb") as stream:
        for index in range(SIZE >> 20):
            stream.write(number.to_bytes(8, "big") + index.to_bytes(8, "big") + block[16:])
    return folder


def send(url: str, folder: Path) -> None:
    """Send one folder as the command line does; its digests are compared at the end."""
    files = sorted(folder.iterdir())
    upload_model(ApiClient(url, None), files, folder.name, lambda *_: None)


def watch_memory(pid: int, peaks: list[int], over: threading.Event) -> None:
    """Note the largest resident set."""
    while not over.wait(POLL_SECONDS):
        peaks[0] = max(peaks[0], resident(pid))


def watch_requests(url: str, waits: list[float], over: threading.Event) -> None:
    """Note how long other requests take meanwhile."""
    while not over.wait(POLL_SECONDS):
        started = time.perf_counter()
        urllib.request.urlopen(f"{url}/api/v1/models").read()
        waits.append(time.perf_counter() - started)


def resident(pid: int) -> int:
    """Return the bytes of a process that are in memory."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
