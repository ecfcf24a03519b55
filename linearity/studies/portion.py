"""A stretch of a longer progress, for a study that is made of several runs of another one."""

from collections.abc import Callable

from linearity.contracts.canonical import Json
from linearity.ports import Progress


class Portion:
    """Scales the shares of one part into the whole; counts of tokens stay those of the part.

    Parameters
    ----------
    whole : Progress
    part, parts : int
        Which of how many equal parts; only the first has partial results.
    """

    def __init__(self, whole: Progress, part: int, parts: int) -> None:
        self.part = part
        self._whole, self._parts = whole, parts

    def step(self, done: int, total: int, unit: str, share: float) -> None:
        """Pass on how far the part is."""
        self._whole.step(done, total, unit, (self.part + share) / self._parts)

    def partial(self, build: Callable[[], dict[str, Json]]) -> None:
        """Pass on what the first part can show."""
        if self.part == 0:
            self._whole.partial(build)

    def log(self, message: str) -> None:
        """Pass on a line."""
        self._whole.log(message)
