"""From a plan to what runs: segments, with neighbouring maps fused into one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from linearity.contracts.actions import Plan, Step
from linearity.contracts.plan import MeasuredStep
from linearity.models.changes import AffineMap, Changes, Segment, dropped, kept
from linearity.models.down import Down
from linearity.models.loaded import LoadedModel


@dataclass(frozen=True)
class Fitted:
    """The map of a linear step.

    Parameters
    ----------
    affine : AffineMap
    ridge : float
    first_token : list of "pass" | "mean"
        The rule for position 0 of every block of the step.
    """

    affine: AffineMap
    ridge: float
    first_token: list[str]


@dataclass(frozen=True)
class Built:
    """A plan as it is carried out.

    Parameters
    ----------
    changes : Changes
    steps : list of MeasuredStep
        What was chosen for every step.
    """

    changes: Changes
    steps: list[MeasuredStep]


class Maps(Protocol):
    """Where a builder gets its maps: the model's `Material`."""

    model: LoadedModel

    @property
    def blocks(self) -> int:
        """Number of blocks, L."""

    def fitted(self, step: Step, prefix: Changes, fitting: str) -> Fitted:
        """Return the map of a linear step behind `prefix`."""

    def merged_down(
        self, before: int, last: int, prefix: Changes, fitting: str
    ) -> tuple[Down, float]:
        """Return block `before`'s down projection with a map merged in, and the ridge."""


class Builder:
    """Walks over a plan from block 0 and turns it into segments.

    `single` has one segment a step, which is what later maps of a sequential plan are fitted
    behind; `segments` is what runs, with neighbouring maps fused into one.
    """

    def __init__(self, maps: Maps, plan: Plan, fitting: str) -> None:
        self.maps, self.fitting = maps, fitting
        self.steps = {step.first: step for step in plan.steps}
        self.single: list[Segment] = []  # as fitted, one map a step
        self.segments: list[Segment] = []  # as run, neighbouring maps fused
        self.chosen: list[MeasuredStep] = []

    def build(self) -> Built:
        """Return the changed model, and what was chosen for every step."""
        block, run_start = 0, 0
        run: list[AffineMap] = []
        while block < self.maps.blocks:
            step = self.steps.get(block)
            if step is not None and step.action == "linear":
                if not run:
                    run_start = block
                run.append(self._linear(step))
                block = step.last + 1
                continue
            if run:
                self._fuse(run_start, block - 1, run)
                run = []
            block = self._other(block, step)
        if run:
            self._fuse(run_start, block - 1, run)
        return Built(tuple(self.segments), self.chosen)

    def _linear(self, step: Step) -> AffineMap:
        fitted = self.maps.fitted(step, tuple(self.single), self.fitting)
        name = f"linear:{self.fitting}"
        self.single.append(
            linear_segment(step.first, step.last, name, fitted.affine, self.maps.model)
        )
        self._choose(step, fitted.ridge, fitted.first_token)
        return fitted.affine

    def _fuse(self, first: int, last: int, run: Sequence[AffineMap]) -> None:
        parts = self.single[-len(run) :]
        if len(run) == 1:
            self.segments.append(parts[0])
            return
        fused = reduce(AffineMap.then, run)
        name = f"linear:{self.fitting}:" + "+".join(part.key for part in parts)
        self.segments.append(linear_segment(first, last, name, fused, self.maps.model))

    def _other(self, block: int, step: Step | None) -> int:
        after = self.steps.get(block + 1)
        if step is not None:
            segment = dropped(step.first, step.last)
            self._choose(step, None, None)
        elif after is not None and after.action == "merged":
            prefix = tuple(self.single)
            down, ridge = self.maps.merged_down(block, after.last, prefix, self.fitting)
            self._choose(after, ridge, None)
            key = f"{block}-{after.last}:merged:{self.fitting}"
            segment = Segment(block, after.last, key, block=block, down=down)
        else:
            segment = kept(block)
        self.single.append(segment)
        self.segments.append(segment)
        return segment.last + 1

    def _choose(self, step: Step, ridge: float | None, rules: list[str] | None) -> None:
        self.chosen.append(MeasuredStep(step.first, step.last, step.action, ridge, rules))


def linear_segment(
    first: int, last: int, name: str, affine: AffineMap, model: LoadedModel
) -> Segment:
    """Return the segment of a map that stands in for blocks `first` to `last`."""
    dtype = next(model.layout.blocks[0].parameters()).dtype
    return Segment(first, last, f"{first}-{last}:{name}", linear=affine.module(dtype))
