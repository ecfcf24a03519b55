"""Takes objects out of the store that deleted rows named and nothing names any more.

The same bytes may come again while their last row is deleted: a dataset registered anew, a file
uploaded twice. So an object stays while it is young or while anything is being inspected, because
then somebody may have stored it and be about to name it; and one that was stored anew between the
look at the database and its removal is put back.
"""

from collections.abc import Collection
from dataclasses import dataclass

from backend.results import Results
from linearity.adapters.state import State
from linearity.adapters.store import ArtifactStore
from linearity.adapters.store_removals import Stamp, forget_refs, stamp_object, take_away

YOUNG_SECONDS = 60.0


@dataclass(frozen=True)
class Sweeper:
    """Works off the table of removals; any number of processes may do so at once."""

    state: State
    store: ArtifactStore
    results: Results
    young_seconds: float = YOUNG_SECONDS

    def run_once(self) -> int:
        """Take away what can go now; return how many objects went."""
        waiting = self.state.removals()
        if not waiting:
            return 0
        # First the files, then the names: whoever names one later has stored it later.
        stamps = {digest: stamp_object(self.store, digest) for digest in waiting}
        named = self.state.named_objects()
        if needed := named.intersection(stamps):
            self.state.settle_removals(needed, self.store.has)
        free = {d: s for d, s in stamps.items() if d not in named and not self._is_young(s)}
        if not free or self.state.is_inspecting():
            return 0
        self._forget(free)
        # Who began to inspect before that may hold one of them; who begins now stores it anew.
        if self.state.is_inspecting():
            return 0
        named = self.state.named_objects()
        return sum(self._take_away(d, s) for d, s in free.items() if d not in named)

    def _is_young(self, stamp: Stamp | None) -> bool:
        return stamp is not None and stamp.age_seconds < self.young_seconds

    def _forget(self, digests: Collection[str]) -> None:
        """Forget under which names objects are remembered, so that nobody finds them any more."""
        for digest in digests:
            self.results.forget_spellings(digest)
        # What was remembered together with one, as the other set of a log, may go as well.
        self.state.add_removals(forget_refs(self.store, digests))

    def _take_away(self, digest: str, stamp: Stamp | None) -> bool:
        if stamp is not None and not take_away(self.store, digest, stamp):
            return False  # stored anew just now; the next pass sees whether anybody names it
        self.results.forget_spellings(digest)  # somebody may have been reading it
        self.state.settle_removals([digest], self.store.has)
        return stamp is not None
