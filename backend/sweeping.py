"""Takes objects out of the store that deleted rows named and nothing names any more.

The same bytes may come again while their last row is deleted: a dataset registered anew, a file
uploaded twice. So an object stays while it is young or while anything is being inspected, because
then somebody may have stored it and be about to name it; and one that was stored anew between the
look at the database and its removal is put back.
"""

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
        inspecting = self.state.is_inspecting()
        named = self.state.named_objects()
        gone = 0
        for digest, stamp in stamps.items():
            if digest in named:
                self.state.drop_removals([digest])
            elif stamp is None or not (inspecting or stamp.age_seconds < self.young_seconds):
                gone += self._take_away(digest, stamp)
        return gone

    def _take_away(self, digest: str, stamp: Stamp | None) -> bool:
        self.results.forget_spellings(digest)
        # What was remembered together with it, as the other set of a log, may go as well.
        self.state.add_removals(forget_refs(self.store, [digest]))
        if stamp is not None and not take_away(self.store, digest, stamp):
            return False  # stored anew just now; the next pass sees whether anybody names it
        self.state.drop_removals([digest])
        return stamp is not None
