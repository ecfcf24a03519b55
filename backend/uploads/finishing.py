"""What happens when the last byte of a file, and the last file of an input, is here.

Every step may be cut off by a crash and is taken up by `tidy_uploads`: the digest is written down
before the file becomes an object, and an input goes on only when all its objects are there.
"""

import contextlib
import logging
import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from backend.inspections import ask_for_inspection
from backend.queue import Queue
from backend.refusals import UnknownUploadError, UploadConflictError, UploadExpiredError
from backend.uploads.declaring import forget_parts
from linearity.adapters.clock import age_seconds
from linearity.adapters.hub_datasets import forget_first_rows
from linearity.adapters.live import Live
from linearity.adapters.state import State, UploadRow
from linearity.adapters.store import ArtifactStore, file_sha256

log = logging.getLogger("linearscope.web")

QUIET_SECONDS = 30.0
"""So long after its last byte a whole file is finished by somebody else than its last request."""

LEFT_SECONDS = 3600.0
"""A part file that no row knows is removed after this."""

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class UploadDesk:
    """Finishes uploads and gives up abandoned ones."""

    state: State
    store: ArtifactStore
    queue: Queue
    live: Live
    days: int

    def finish_file(self, row: UploadRow) -> None:
        """Make a whole file an object of the store; doing it again does no harm.

        Raises
        ------
        UploadConflictError
            If its bytes are gone.
        UnknownUploadError
            If it was deleted, maybe just now; then no object is left of it.
        """
        part = self.store.part(row.id)
        try:
            sha256 = self._digest(row)
            self.store.adopt(part, sha256)
        except FileNotFoundError:
            # Somebody else finished it in between, or it is gone.
            now = self.state.get_upload(row.id)
            if now is None or now.sha256 is None or not self.store.has(now.sha256):
                raise self.lost(row) from None
        self.finish_input(row.kind, row.input)

    def _digest(self, row: UploadRow) -> str:
        """Return the digest of a whole file, once it is written down."""
        now, part = self.state.get_upload(row.id), self.store.part(row.id)
        if now is not None and now.sha256 is not None:
            return now.sha256
        if part.stat().st_size != row.size:
            raise self.lost(row)
        sha256 = file_sha256(part)
        if not self.state.upload_digested(row.id, sha256):
            part.unlink(missing_ok=True)  # as an object that no row names it would stay for ever
            raise UnknownUploadError
        return sha256

    def finish_input(self, kind: str, id: str) -> None:
        """Begin the inspection of a model whose files are all here; others wait for options."""
        if kind != "model" or not self.is_complete(kind, id):
            return
        row = self.state.input_received(kind, id)
        if row is None:
            return  # somebody else saw it complete
        ask_for_inspection(row, self.queue, self.live)

    def is_complete(self, kind: str, id: str) -> bool:
        """Whether every declared file of an input is in the store."""
        files = self.state.uploads_of(kind, id)
        return bool(files) and all(file.sha256 and self.store.has(file.sha256) for file in files)

    def tidy(self) -> None:
        """Finish what a crash left half done, give up what nobody sends, remove what is left."""
        problem = expired_error(self.days).as_json()
        for row in self.state.expire_inputs(self.days * DAY_SECONDS, problem):
            forget_parts(self.store, self.state.uploads_of(row.kind, row.id))
            self.state.add_removals(forget_first_rows(row, self.store))
            with contextlib.suppress(RedisError):
                self.live.announce_input(row)
        for row, files in self.state.receiving_inputs():
            for file in files:
                self._take_up(file)
            self.finish_input(row.kind, row.id)
        self._remove_left()

    def _take_up(self, file: UploadRow) -> None:
        is_done = file.sha256 is not None and self.store.has(file.sha256)
        if is_done or not file.is_whole or age_seconds(file.touched) < QUIET_SECONDS:
            return
        with contextlib.suppress(UploadConflictError, UnknownUploadError):
            self.finish_file(file)

    def _remove_left(self) -> None:
        parts = self.store.parts()
        known = self.state.upload_ids() if parts else set()
        for part in parts:
            with contextlib.suppress(FileNotFoundError):
                if part.name not in known and time.time() - part.stat().st_mtime > LEFT_SECONDS:
                    part.unlink()

    def lost(self, row: UploadRow) -> UploadConflictError | UnknownUploadError:
        """Return why a file cannot go on from where it was, and let it begin anew."""
        now = self.state.get_upload(row.id)
        if now is None:
            return UnknownUploadError()
        if now.sha256 is not None and self.store.has(now.sha256):
            return UploadConflictError("this file is whole already", reason="complete")
        if self.state.restart_upload(now):
            log.warning("upload %s: its bytes are gone, it begins anew", row.id)
        return UploadConflictError(
            "the server has lost what it had of this file",
            next_step="Ask with HEAD how far it is, and go on from there.",
            reason="lost",
        )


def expired_error(days: int) -> UploadExpiredError:
    """Return why an abandoned upload was given up."""
    return UploadExpiredError(
        f"the upload was given up: nothing came for {days} days",
        next_step="Upload the files again under the same name.",
        days=days,
    )
