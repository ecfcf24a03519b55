"""Results as bytes: from the Redis cache, else from the artifact store, never decoded on the way.

A result is stored once, as canonical bytes named by their sha256. Its compressed spellings are
made once, stored beside it and cached, so that answering is copying. Redis may be empty or gone:
the store has everything.
"""

import contextlib
import logging
import time
from typing import Any, Literal

import orjson
from redis.exceptions import RedisError

from backend.lru import Lru
from backend.negotiation import IDENTITY, Variant, compress, make_variant
from linearity.adapters.live import Live
from linearity.adapters.store import ArtifactStore
from linearity.errors import CorruptObjectError

log = logging.getLogger("linearscope.web")

Origin = Literal["redis", "store"]

ENCODINGS = ("zstd", "gzip")
MEMORY_BYTES = 64 << 20
PARSED_RESULTS = 8
CACHE_PAUSE_SECONDS = 5.0
"""How long the cache is left alone after it failed, so that results stay fast without it."""


class Results:
    """Every stored result, by the sha256 of its bytes."""

    def __init__(self, store: ArtifactStore, live: Live) -> None:
        self._store = store
        self._live = live
        self._from_store: Lru[tuple[str, str], Variant] = Lru(MEMORY_BYTES)
        self._parsed: Lru[str, dict[str, Any]] = Lru(PARSED_RESULTS)
        self._cache_resumes = 0.0

    def read(self, sha256: str, encoding: str) -> tuple[Variant, Origin]:
        """Return the result in `encoding` and where it came from.

        Raises
        ------
        CorruptObjectError
            If the store has lost or damaged it.
        """
        cached = self._cache_get(f"{sha256}:{encoding}")
        if cached is not None:
            return make_variant(encoding, cached), "redis"
        variant = self._from_store.get((sha256, encoding))
        if variant is None:
            variant = make_variant(encoding, self._stored(sha256, encoding))
            self._from_store.put((sha256, encoding), variant, weight=len(variant.body))
        self._cache_put(f"{sha256}:{encoding}", variant.body)
        if not self._store.has(sha256):  # deleted while it was read: its spellings go as well
            self.forget_spellings(sha256)
        return variant, "store"

    def parsed(self, sha256: str) -> dict[str, Any]:
        """Return the result as a value; it is shared, so nobody may change it."""
        value = self._parsed.get(sha256)
        if value is None:
            value = orjson.loads(self.read(sha256, IDENTITY)[0].body)
            self._parsed.put(sha256, value)
        return value

    def forget(self, sha256: str) -> None:
        """Delete the result in every spelling, from the store and from the cache."""
        # In this order: whoever reads it just now either sees it gone or has its spelling found.
        self._store.delete(sha256)
        self.forget_spellings(sha256)

    def forget_spellings(self, sha256: str) -> None:
        """Delete the compressed spellings of a result and every copy in a cache."""
        for encoding in (*ENCODINGS, IDENTITY):
            self._from_store.drop((sha256, encoding))
            with contextlib.suppress(RedisError):
                self._live.cache_forget(f"{sha256}:{encoding}")
        for stored in self.spellings(sha256):
            self._store.delete(stored)
        for encoding in ENCODINGS:
            self._store.delete_ref(_variant_name(sha256, encoding))
        self._parsed.drop(sha256)

    def spellings(self, sha256: str) -> list[str]:
        """Return the digests under which the compressed spellings of a result are stored."""
        found = [self._store.get_ref(_variant_name(sha256, encoding)) for encoding in ENCODINGS]
        return [stored for stored in found if isinstance(stored, str)]

    def _stored(self, sha256: str, encoding: str) -> bytes:
        if encoding == IDENTITY:
            return self._original(sha256)
        name = _variant_name(sha256, encoding)
        stored = self._store.get_ref(name)
        if isinstance(stored, str):
            # A lost or damaged spelling is made again from the original.
            with contextlib.suppress(FileNotFoundError, CorruptObjectError):
                return self._store.get(stored)
        data = compress(encoding, self._original(sha256))
        self._store.set_ref(name, self._store.put(data))
        return data

    def _original(self, sha256: str) -> bytes:
        try:
            return self._store.get(sha256)
        except FileNotFoundError as error:
            raise CorruptObjectError(
                f"the stored object {sha256[:12]} is missing",
                next_step="Start the same run again; it computes and stores a fresh result.",
                sha256=sha256,
            ) from error

    def _cache_get(self, key: str) -> bytes | None:
        if time.monotonic() < self._cache_resumes:
            return None
        try:
            return self._live.cache_get(key)
        except RedisError as error:
            self._pause_cache(error)
            return None

    def _cache_put(self, key: str, data: bytes) -> None:
        if time.monotonic() < self._cache_resumes:
            return
        try:
            self._live.cache_put(key, data)
        except RedisError as error:
            self._pause_cache(error)

    def _pause_cache(self, error: RedisError) -> None:
        self._cache_resumes = time.monotonic() + CACHE_PAUSE_SECONDS
        log.warning("the result cache does not answer: %s", type(error).__name__)


def _variant_name(sha256: str, encoding: str) -> dict[str, str]:
    return {"spelling": encoding, "of": sha256}
