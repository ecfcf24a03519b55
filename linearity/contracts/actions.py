"""Plans as text and as values: which action every changed block gets.

The text is the same everywhere (page, API, command line, files)::

    12:drop,13-15:linear,20:merged

A range means: drop each of its blocks; put *one* linear map in the place of all of them; merge
one map into the block before them. ``13:linear,14:linear`` are two maps, fitted one by one, that
the changed model applies as one. Blocks that are not named are kept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from linearity.errors import InvalidPlanError

ACTIONS = ("drop", "linear", "merged")
"""Actions of this version; ``orthogonal`` comes later, ``keep`` is what is not named."""
ACTION_ALIASES = {"replaceme": "merged", "remove": "drop"}
LONGEST_TEXT = 10_000
EXAMPLE = "12:drop,13-15:linear"

_STEP = re.compile(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?:\s*([A-Za-z_]{1,20})\s*", re.ASCII)


@dataclass(frozen=True, order=True)
class Step:
    """One action on the blocks `first` to `last`, both included."""

    first: int
    last: int
    action: str

    @property
    def blocks(self) -> range:
        """The blocks it changes."""
        return range(self.first, self.last + 1)

    @property
    def text(self) -> str:
        """The step as it stands in a plan."""
        where = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{where}:{self.action}"


@dataclass(frozen=True)
class Plan:
    """Steps in the order of their blocks, in the one spelling that a plan has."""

    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The plan as text, empty when nothing is changed."""
        return ",".join(step.text for step in self.steps)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The changed blocks, ascending."""
        return tuple(block for step in self.steps for block in step.blocks)

    @property
    def changed(self) -> int:
        """How many blocks are changed."""
        return len(self.blocks)

    @classmethod
    def of(cls, blocks: Sequence[int], action: str) -> "Plan":
        """Return the plan that gives every one of `blocks` the same action, block by block.

        Neighbours that are merged share one map, because the block that the second would be
        merged into is gone.
        """
        return cls(_joined([Step(block, block, action) for block in sorted(blocks)]))


def parse_plan(text: object, *, blocks: int) -> Plan:
    """Return the plan that `text` spells for a model of `blocks` blocks.

    Raises
    ------
    InvalidPlanError
        For text that is no plan, an unknown block or action, overlapping steps, a plan that
        leaves no block, or a merge without a kept block before it.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
        raise InvalidPlanError(
            "a plan names at least one block and its action, in at most 10,000 characters",
            next_step=f"Write it like {EXAMPLE}.",
        )
    steps = sorted(_parse_step(part, blocks) for part in text.split(","))
    for before, after in pairwise(steps):
        if after.first <= before.last:
            raise InvalidPlanError(
                f"{before.text} and {after.text} overlap: block {after.first} has two actions",
                next_step="Name every block once.",
                block=after.first,
            )
    plan = Plan(_joined(steps))
    if plan.changed >= blocks:
        raise InvalidPlanError(
            f"the plan changes all {blocks} blocks",
            next_step="Keep at least one block.",
            blocks=blocks,
        )
    _check_merges(plan)
    return plan


def _parse_step(part: str, blocks: int) -> Step:
    match = _STEP.fullmatch(part)
    if match is None:
        raise InvalidPlanError(
            f"{part.strip()[:60]!r} is not a step of a plan",
            next_step=f"Write block:action or first-last:action, like {EXAMPLE}.",
        )
    first, last = int(match[1]), int(match[2] or match[1])
    action = ACTION_ALIASES.get(match[3].lower(), match[3].lower())
    if action not in ACTIONS:
        raise InvalidPlanError(
            f"unknown action {action!r} in {part.strip()[:60]!r}",
            next_step=f"Use one of: {', '.join(ACTIONS)}. Blocks that are kept are not named.",
            actions=list(ACTIONS),
        )
    if last < first:
        raise InvalidPlanError(
            f"{part.strip()!r} ends before it begins",
            next_step=f"Write {last}-{first}:{action}.",
        )
    if last >= blocks:
        raise InvalidPlanError(
            f"there is no block {last}: the model has blocks 0 to {blocks - 1}",
            next_step=f"Use blocks from 0 to {blocks - 1}.",
            block=last,
            blocks=blocks,
        )
    return Step(first, last, action)


def _joined(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Join neighbours that mean the same together: drops, and merges (see `Plan.of`)."""
    joined: list[Step] = []
    for step in steps:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.last + 1 == step.first
            and last.action == step.action
            and step.action in ("drop", "merged")
        ):
            joined[-1] = Step(last.first, step.last, step.action)
        else:
            joined.append(step)
    return tuple(joined)


def _check_merges(plan: Plan) -> None:
    changed = set(plan.blocks)
    for step in plan.steps:
        if step.action != "merged":
            continue
        if step.first == 0:
            raise InvalidPlanError(
                "block 0 cannot be merged: there is no block before it",
                next_step="Use drop or linear for block 0.",
                block=0,
            )
        if step.first - 1 in changed:
            raise InvalidPlanError(
                f"{step.text} needs block {step.first - 1}, which the plan changes too",
                next_step=f"Keep block {step.first - 1}, or use linear for block {step.first}.",
                block=step.first - 1,
            )
