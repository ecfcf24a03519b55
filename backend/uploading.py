"""Sending a model folder to a running server: in pieces, a few files at once, after a break too.

Everything that may pass by itself is tried again: a line that is cut, a server that restarts. What
the server says of a file's digest is compared with the file at the end.
"""

import base64
import contextlib
import hashlib
import http.client
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from backend.api_client import ApiClient, ApiRefusedError
from linearity.adapters.store import file_sha256
from linearity.contracts.model_files import REFUSED_KINDS, is_kept_file
from linearity.errors import ConflictError, UnknownInputError

PIECE_BYTES = 8 << 20
AT_ONCE = 3
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
TRIES = 40
"""With the waits above about nine minutes without any success; then the command gives up."""

POLL_SECONDS = 1.0

T = TypeVar("T")


@dataclass
class Progress:
    """Bytes that the server has, of all files together."""

    size: int
    tell: Callable[[int, int], None]
    _sent: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, sent: int) -> None:
        """Remember how far a file is and tell the sum."""
        with self._lock:
            self._sent[name] = sent
            self.tell(sum(self._sent.values()), self.size)


def choose_files(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Return the files of a folder that make up a model; say what is left out.

    Raises
    ------
    UnknownInputError
        If there is no such folder, or nothing of a model in it.
    """
    if not folder.is_dir():
        raise UnknownInputError(f"there is no folder {str(folder)[:200]!r}")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    chosen = [path for path in files if is_kept_file(path.name)]
    for path in files:
        if path not in chosen and not path.name.startswith("."):
            reason = REFUSED_KINDS.get(path.suffix.lower(), "not needed")
            say(f"left out: {path.name} ({reason})")
    if not chosen:
        raise UnknownInputError(
            f"{str(folder)[:200]!r} holds no file of a model",
            next_step="Name a folder with config.json, tokenizer.json and safetensors.",
        )
    return chosen


def upload_model(
    client: ApiClient, files: Sequence[Path], name: str, tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """Send files and return the model as the server tells it; the same call again goes on.

    Raises
    ------
    ApiRefusedError
        If the server does not want them.
    ConflictError
        If the server has other bytes in the end.
    """
    declared = [{"name": path.name, "size": path.stat().st_size} for path in files]
    body = {"source": "upload", "name": name, "files": declared}
    model: dict[str, Any] = _patiently(lambda: client.post("/api/v1/models", body))
    uploads = {upload["name"]: upload for upload in model["uploads"]}
    progress = Progress(sum(path.stat().st_size for path in files), tell)
    for path in files:
        progress.note(path.name, uploads[path.name]["offset"])
    with ThreadPoolExecutor(AT_ONCE) as lanes:
        jobs = [
            lanes.submit(_send, client, path, uploads[path.name]["url"], progress)
            for path in files
            if uploads[path.name]["url"]
        ]
        for job in jobs:
            job.result()
    return _compared(client, model["id"], files)


def wait_for_model(client: ApiClient, id: str) -> dict[str, Any]:
    """Return a model once it is ready or rejected."""
    while True:
        model: dict[str, Any] = _patiently(lambda: client.get(f"/api/v1/models/{id}"))
        if model["state"] in ("ready", "rejected"):
            return model
        time.sleep(POLL_SECONDS)


def _send(client: ApiClient, path: Path, url: str, progress: Progress) -> None:
    with path.open("rb") as stream:
        size = path.stat().st_size
        sent = _patiently(lambda: client.offset(url))
        done = False
        while not done:  # also a file that is all there needs one empty piece to be finished
            sent = _patiently(_Piece(client, url, stream, sent))
            progress.note(path.name, sent)
            done = sent == size


class _Piece:
    """One piece; tried again, it first asks where the server is."""

    def __init__(self, client: ApiClient, url: str, stream: Any, offset: int) -> None:
        self._client, self._url, self._stream, self._offset = client, url, stream, offset
        self._unsure = False

    def __call__(self) -> int:
        if self._unsure:
            self._offset = self._client.offset(self._url)
        self._unsure = True
        self._stream.seek(self._offset)
        piece = self._stream.read(PIECE_BYTES)
        checksum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        try:
            return self._client.send_piece(self._url, self._offset, piece, f"sha256 {checksum}")
        except ApiRefusedError as error:
            if error.code == "upload_conflict" and not piece:
                return self._offset  # whole already: an earlier answer was lost
            raise


def _compared(client: ApiClient, id: str, files: Sequence[Path]) -> dict[str, Any]:
    model: dict[str, Any] = _patiently(lambda: client.get(f"/api/v1/models/{id}"))
    there = {upload["name"]: upload["sha256"] for upload in model["uploads"]}
    for path in files:
        if file_sha256(path) != there.get(path.name):
            raise ConflictError(
                f"the server has other bytes of {path.name} than this file has now",
                next_step="Remove the model there and send it again under the same name.",
                file=path.name,
            )
    return model


def _patiently(attempt: Callable[[], T]) -> T:
    """Try again, ever more slowly, as long as the reason may pass by itself."""
    for failures in range(TRIES):
        with contextlib.suppress(OSError, http.client.HTTPException):
            try:
                return attempt()
            except ApiRefusedError as error:
                if not _may_pass(error):
                    raise
        time.sleep(WAITS[min(failures, len(WAITS) - 1)])
    return attempt()


def _may_pass(error: ApiRefusedError) -> bool:
    if error.code == "upload_conflict" or error.status in (408, 429, 460):
        return True
    return error.status >= 500 and error.status != 507
