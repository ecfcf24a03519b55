"""A sample by category of a stream that is read once, in memory that the sample alone decides.

Every document has a key: a digest of the seed and its bytes. Documents with the lowest keys are a
uniform sample whatever the order of the stream, and equal documents have equal keys, so the
copies of one that is kept are always noticed. While the stream runs, a quarter more than wanted
is kept and the bar for a key only falls; at its end each category gives its share of all rows
(largest remainders, at least one document each), in the order of the stream.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SPARE = 1.25
"""How much more than wanted is kept, so that no category is short at the end."""
_KEPT_AFTER = 1.1
_FEWEST_SPARE = 64


@dataclass(frozen=True)
class Kept:
    """A document in the sample: its key, its place in the stream, its category and its bytes."""

    key: bytes
    place: int
    category: str | None
    data: bytes


class Sampler:
    """Takes documents one by one and returns the sample at the end.

    Parameters
    ----------
    documents, size : int
        How many documents, and how many bytes, the sample may have.
    seed : int
    dedupe : bool
        Whether equal documents of one category count once.
    """

    def __init__(self, documents: int, size: int, *, seed: int, dedupe: bool) -> None:
        self._most, self._most_bytes = documents, size
        self._seed, self._dedupe = seed.to_bytes(8, "big"), dedupe
        self._kept: dict[bytes, Kept] = {}
        self._first: dict[str | None, Kept] = {}
        self._bytes = self._rows = 0
        self._bar: bytes | None = None
        self.seen: Counter[str | None] = Counter()
        self.duplicates = 0

    def add(self, data: bytes, category: str | None) -> None:
        """Take the next document of the stream."""
        place, self._rows = self._rows, self._rows + 1
        self.seen[category] += 1
        key = self._key(data, place)
        if key in self._kept:
            self.duplicates += 1
            return
        lowest = self._first.get(category)
        if lowest is None or key < lowest.key:
            self._first[category] = Kept(key, place, category, data)
        if self._bar is None or key <= self._bar:
            self._kept[key] = Kept(key, place, category, data)
            self._bytes += len(data)
            if self._is_over(SPARE):
                self._lower_the_bar()

    @property
    def is_whole(self) -> bool:
        """Whether everything that was added is in the sample."""
        return self._bar is None and not self._is_over(1.0, spare=0)

    def sample(self) -> list[Kept]:
        """Return the sample in the order of the stream."""
        lowest = {kept.key: kept for kept in self._first.values()} if self.seen else {}
        candidates = sorted((self._kept | lowest).values(), key=lambda kept: kept.key)
        if self.is_whole:
            return sorted(candidates, key=lambda kept: kept.place)
        wanted = min(self._most, len(candidates))
        while True:
            chosen = list(self._choose(candidates, wanted))
            size = sum(len(kept.data) for kept in chosen)
            if size <= self._most_bytes or wanted == 1:
                return sorted(chosen, key=lambda kept: kept.place)
            wanted = max(1, min(wanted - 1, int(wanted * 0.98 * self._most_bytes / size)))

    def _choose(self, candidates: list[Kept], wanted: int) -> Iterator[Kept]:
        left = Counter(shares(self.seen, wanted))
        over: list[Kept] = []
        for kept in candidates:
            if left[kept.category] > 0:
                left[kept.category] -= 1
                yield kept
            else:
                over.append(kept)
        # A category whose copies were left out may be short: others fill its places.
        yield from over[: max(left.total(), 0)]

    def _key(self, data: bytes, place: int) -> bytes:
        hasher = hashlib.blake2b(self._seed, digest_size=16)
        if not self._dedupe:
            hasher.update(place.to_bytes(8, "big"))
        hasher.update(data)
        return hasher.digest()

    def _is_over(self, factor: float, *, spare: int = _FEWEST_SPARE) -> bool:
        return (
            len(self._kept) > factor * self._most + spare or self._bytes > factor * self._most_bytes
        )

    def _lower_the_bar(self) -> None:
        count = size = 0
        for key in sorted(self._kept):
            item = len(self._kept[key].data)
            full = count > _KEPT_AFTER * self._most + _FEWEST_SPARE / 2
            if count and (full or size + item > _KEPT_AFTER * self._most_bytes):
                break
            count, size, self._bar = count + 1, size + item, key
        bar = self._bar
        assert bar is not None
        self._kept = {key: kept for key, kept in self._kept.items() if key <= bar}
        self._bytes = sum(len(kept.data) for kept in self._kept.values())


def shares(counts: Counter[str | None], wanted: int) -> dict[str | None, int]:
    """Return how many of `wanted` each category gives: proportional, one at least where possible.

    Largest remainders; equal ones by name.
    """
    total = counts.total()
    exact = {name: wanted * count / total for name, count in counts.items()}
    least = 1 if len(counts) <= wanted else 0
    given = {name: max(int(value), least) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name or ""))
    for name in by_remainder:
        if sum(given.values()) >= wanted:
            break
        if given[name] <= exact[name]:
            given[name] += 1
    while sum(given.values()) > wanted:
        largest = max(given, key=lambda name: (given[name], name or ""))
        given[largest] -= 1
    return given
