"""A board in memory, on which a test decides who computes what."""

from collections.abc import Callable, Iterable

from linearity.studies.collect import Collected, Opening
from linearity.studies.shards import Claim, Layout


class MemoryBoard:
    """Meets `Board` for an owner whose helper works whenever the owner looks for something free.

    Parameters
    ----------
    shard_tokens : int
    helped : iterable of int
        Numbers of shards that the helper takes, as soon as there are any.
    """

    def __init__(self, shard_tokens: int, helped: Iterable[int] = ()) -> None:
        self.shard_tokens = shard_tokens
        self.layouts: list[Layout] = []
        self.by_owner: list[int] = []
        self.by_helper: list[int] = []
        self.waited = 0
        self.room = 1 << 60
        self.lost: set[int] = set()
        self.helper: Callable[[MemoryBoard], object] | None = None
        self._helped = set(helped)
        self._free: list[int] = []
        self._kept: dict[int, Collected] = {}
        self._opening: Opening | None = None
        self._current = -1
        self._tokens: dict[int, int] = {}
        self._is_helping = False

    def divide(self, layout: Layout, make: Callable[[], Opening]) -> Opening:
        self.layouts.append(layout)
        self._free = list(range(len(layout.cuts)))
        self._kept, self._tokens = {}, {}
        self._opening = make()
        return self._opening

    def claim(self) -> Claim | None:
        mine = [n for n in self._free if (n in self._helped) == self._is_helping]
        if not mine:
            return None
        self._current = mine[0]
        self._free.remove(mine[0])
        (self.by_helper if self._is_helping else self.by_owner).append(mine[0])
        layout = self.layouts[-1]
        start, stop = layout.cuts[mine[0]]
        return Claim(layout.part, mine[0], start, stop, layout.stream)

    def opening(self) -> Opening:
        assert self._opening is not None
        return self._opening

    def report(self, tokens: int) -> None:
        self._tokens[self._current] = tokens

    def hand_in(self, collected: Collected) -> None:
        self._kept[self._current] = collected

    def done(self) -> int:
        return sum(self._tokens.values())

    def load(self, number: int) -> Collected | None:
        if number in self.lost:
            self.lost.remove(number)
            self._helped.discard(number)
            self._free.append(number)
            return None
        return self._kept.pop(number, None)

    def has_room(self, size: int) -> bool:
        return size < self.room

    def used(self) -> dict[str, int]:
        return {}

    def wait(self) -> None:
        self.waited += 1
        assert self.helper is not None
        self._is_helping = True
        self.helper(self)
        self._is_helping = False
