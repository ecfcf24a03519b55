"""What a run has finished so far, kept in the artifact store's folder for its next attempt.

One file a run, ``checkpoints/<run id>.jsonl``: every line is one canonical JSON object ``{"name",
"value"}``, appended with a single write and flushed to the disk. A process that is killed leaves
at most one torn line, which is not read. An unfinished piece, such as weights in training, is
``<run id>.state`` beside it, replaced as a whole. Losing a checkpoint costs time, never a number.
"""

import logging
import os
import re
import time
from pathlib import Path

from linearity.contracts.canonical import RUN_ID_LENGTH, Json, canonical_json, strict_loads
from linearity.errors import MalformedJSONError

log = logging.getLogger(__name__)

FOLDER = "checkpoints"
KEPT_SECONDS = 30 * 86_400
_RUN_ID = re.compile(rf"[0-9a-f]{{{RUN_ID_LENGTH}}}")


class FileCheckpoints:
    """The finished pieces of one run; meets `linearity.ports.Checkpoints`.

    Parameters
    ----------
    root : Path
        The artifact store's folder.
    run_id : str
        32 hexadecimal digits; anything else is refused, so that no path is built from free text.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"wanted {RUN_ID_LENGTH} hexadecimal digits, got {run_id[:80]!r}")
        self._path = root / FOLDER / f"{run_id}.jsonl"
        self._state = root / FOLDER / f"{run_id}.state"

    def load(self) -> dict[str, Json]:
        """Return what was saved, by name; of two values with one name, the later."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        pieces = [_read_line(line) for line in data.splitlines(keepends=True)]
        return dict(piece for piece in pieces if piece is not None)

    def save(self, name: str, value: Json) -> None:
        """Append a piece; a disk that takes no more is no reason to stop the run."""
        line = canonical_json({"name": name, "value": value}) + b"\n"
        try:
            self._append(line)
        except OSError as error:
            log.warning("a checkpoint could not be written: %s", error.strerror)

    def load_bytes(self) -> bytes | None:
        """Return the bytes that were kept last, or None."""
        try:
            return self._state.read_bytes()
        except FileNotFoundError:
            return None

    def save_bytes(self, data: bytes) -> None:
        """Replace the bytes that are kept; as in `save`, a full disk stops nothing."""
        written = self._state.with_suffix(".writing")
        try:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            with written.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            written.replace(self._state)
        except OSError as error:
            log.warning("a checkpoint could not be written: %s", error.strerror)

    def size(self) -> int:
        """Return how many bytes are kept."""
        kept = (path for path in (self._path, self._state) if path.exists())
        return sum(path.stat().st_size for path in kept)

    def delete(self) -> None:
        """Forget everything; nothing there is fine."""
        for path in (self._path, self._state, self._state.with_suffix(".writing")):
            path.unlink(missing_ok=True)

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as stream:
            # A torn line of an attempt that was killed must not swallow this one.
            stream.write(line if _ends_well(self._path) else b"\n" + line)
            os.fsync(stream.fileno())


def sweep_checkpoints(root: Path, *, older_than_seconds: float = KEPT_SECONDS) -> int:
    """Delete what nobody came back for; return how many files went."""
    oldest = time.time() - older_than_seconds
    left = [path for path in (root / FOLDER).glob("*.*") if path.stat().st_mtime < oldest]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _read_line(line: bytes) -> tuple[str, Json] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = strict_loads(line)
    except MalformedJSONError:
        return None
    match entry:
        case {"name": str(name), "value": value}:
            return name, value
        case _:
            return None


def _ends_well(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.seek(0, os.SEEK_END) == 0:
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
