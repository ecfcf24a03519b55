"""Taking objects out of the artifact store, beside others who may be storing the same bytes."""

import os
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass

from linearity.adapters.store import ArtifactStore

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stamp:
    """Which file an object was at one moment: storing the same bytes anew makes another."""

    inode: int
    written_ns: int
    changed_ns: int

    def is_of(self, stat: os.stat_result) -> bool:
        """Whether a file is still this one; inodes of files that are gone are used again."""
        return (stat.st_ino, stat.st_mtime_ns) == (self.inode, self.written_ns)

    @property
    def age_seconds(self) -> float:
        """How long ago the object was stored."""
        return time.time() - self.changed_ns / 1e9


def stamp_object(store: ArtifactStore, sha256: str) -> Stamp | None:
    """Return which file the object is now; None if it is not here."""
    try:
        stat = store.path(sha256).stat()
    except FileNotFoundError:
        return None
    return Stamp(stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)


def take_away(store: ArtifactStore, sha256: str, stamp: Stamp) -> bool:
    """Remove an object if it is still the file that was stamped; absent counts as removed.

    It is moved aside first and looked at there: if somebody stored the same bytes in between, it
    goes back.
    """
    path = store.path(sha256)
    if stamp_object(store, sha256) not in (None, stamp):
        return False  # seen without moving it: nobody finds it missing for an instant
    aside = store.root / "staging" / secrets.token_hex(16)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True
    is_same = stamp.is_of(aside.stat())
    if not is_same and not path.exists():
        os.link(aside, path)
    aside.unlink()
    return is_same


def object_size(store: ArtifactStore, sha256: str) -> int:
    """Return the bytes of an object; 0 if it is not here."""
    try:
        return store.path(sha256).stat().st_size
    except FileNotFoundError:
        return 0


def part_size(store: ArtifactStore, id: str) -> int:
    """Return the bytes that a file takes up while it is being uploaded."""
    try:
        return store.part(id).stat().st_size
    except FileNotFoundError:
        return 0


def forget_refs(store: ArtifactStore, digests: Collection[str]) -> set[str]:
    """Remove every small name whose value tells of one of `digests`; return the others it tells of.

    What is remembered under a name can be made again, so that a name too few costs only time.
    """
    wanted, others = set(digests), set[str]()
    for path in (store.root / "refs").iterdir() if wanted else ():
        told = set(_DIGEST.findall(path.read_text(errors="replace")))
        if told & wanted:
            path.unlink(missing_ok=True)
            others |= told - wanted
    return others
