"""Two `linearity` runs of one model side by side: which blocks differ, and by how much.

The rule, stated wherever it is used: a block differs when the 95 % interval of the difference of
its held-out scores excludes 0. The two intervals come from different documents, so their squared
half-widths add (MOVER: Zou and Donner, 2008, Statistics in Medicine 27, 1693-1702). The rule is
applied block by block, without correction: of L blocks that do not differ, 0.05 L would be marked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backend.figures.places import is_by_sublayers
from backend.figures.points import Series, series
from linearity.contracts.paper_protocol import PAPER
from linearity.errors import InvalidRequestError

SCORES = {"stream": "r2_heldout", "update": "update_r2_heldout"}
CHANCE = 0.05

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One block: first minus second, its 95 % interval, and whether that excludes 0."""

    block: int
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """Two runs of one model.

    Parameters
    ----------
    sides : pair of {run, dataset, heldout_documents, heldout_tokens}
    model : {id, name}
    lines : {"stream": (Series, Series), "update": ...}
        Held-out scores with their own intervals.
    differences : {"stream": list of Difference, "update": ...}
    parameters : {name: [first, second]}
        Parameters in which the runs differ, beside the dataset.
    shares_text : bool
        Whether both read the same dataset: its documents are then in both runs, and the intervals
        of the differences are usually too wide.
    """

    sides: tuple[dict[str, Any], dict[str, Any]]
    model: dict[str, Any]
    lines: dict[str, tuple[Series, Series]]
    differences: dict[str, list[Difference]]
    parameters: dict[str, list[Any]]
    shares_text: bool

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.differences["stream"])

    def differing(self, score: str) -> list[Difference]:
        """Return the blocks that differ, in order."""
        return [item for item in self.differences[score] if item.differs]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values, block by block."""
        return {
            "model": self.model,
            "runs": list(self.sides),
            "parameters": self.parameters,
            "shares_text": self.shares_text,
            "expected_by_chance": CHANCE * self.blocks,
            "scores": {name: self._rows(name) for name in SCORES},
        }

    def _rows(self, score: str) -> list[dict[str, Any]]:
        first, second = self.lines[score]
        return [
            {
                **asdict(item),
                "first_ci95": _interval(first, item.block),
                "second_ci95": _interval(second, item.block),
            }
            for item in self.differences[score]
        ]


def compare(first: Result, second: Result) -> Comparison:
    """Return the comparison of two finished results.

    Raises
    ------
    InvalidRequestError
        If they are not two `linearity` results of the same model.
    """
    _check_comparable(first, second)
    blocks = len(first["states"]) - 1
    lines = {
        name: (
            series(first["profile"], field, blocks=blocks),
            series(second["profile"], field, blocks=blocks),
        )
        for name, field in SCORES.items()
    }
    return Comparison(
        sides=(_side(first), _side(second)),
        model={key: first["model"].get(key) for key in ("id", "name")},
        lines=lines,
        differences={name: _differences(*pair) for name, pair in lines.items()},
        parameters={
            name: [value, second["params"].get(name)]
            for name, value in first["params"].items()
            if value != second["params"].get(name)
        },
        shares_text=first["dataset"]["fingerprint"] == second["dataset"]["fingerprint"],
    )


def _check_comparable(first: Result, second: Result) -> None:
    for result in (first, second):
        if result["kind"] != "linearity":
            raise InvalidRequestError(
                f"the run {result['id']} is of the kind {result['kind']}",
                next_step="Compare two runs of the kind linearity.",
            )
        if is_by_sublayers(result):
            raise InvalidRequestError(
                f"the run {result['id']} tells attention and MLP apart",
                next_step="Compare two runs of whole blocks (granularity=block).",
            )
        if result["params"].get("protocol") == PAPER:
            raise InvalidRequestError(
                f"the run {result['id']} held nothing out: it has no scores with intervals",
                next_step="Compare two runs of the standard protocol.",
            )
    if first["id"] == second["id"]:
        raise InvalidRequestError(
            "both runs are the same one", next_step="Name two different runs of one model."
        )
    if first["model"]["fingerprint"] != second["model"]["fingerprint"]:
        raise InvalidRequestError(
            "the two runs measured different models",
            next_step="Compare two runs of the same model, for example on two datasets.",
        )


def _differences(first: Series, second: Series) -> list[Difference]:
    found = []
    for block, (one, other) in enumerate(zip(first.values, second.values, strict=True)):
        difference = None if one is None or other is None else one - other
        below = _apart(one, first.low[block], other, second.high[block])
        above = _apart(one, first.high[block], other, second.low[block])
        known = difference is not None and below is not None and above is not None
        low = difference - below if known else None  # type: ignore[operator]  # known
        high = difference + above if known else None  # type: ignore[operator]  # known
        differs = low is not None and high is not None and (low > 0.0 or high < 0.0)
        found.append(Difference(block, one, other, difference, low, high, differs))
    return found


def _apart(
    one: float | None, limit: float | None, other: float | None, other_limit: float | None
) -> float | None:
    if one is None or limit is None or other is None or other_limit is None:
        return None
    return math.hypot(one - limit, other - other_limit)


def _side(result: Result) -> dict[str, Any]:
    tokens = result["tokens"]
    return {
        "run": result["id"],
        "dataset": {key: result["dataset"].get(key) for key in ("id", "name")},
        "heldout_documents": tokens["heldout_documents"],
        "heldout_tokens": tokens["heldout"],
    }


def _interval(line: Series, block: int) -> Sequence[float] | None:
    low, high = line.low[block], line.high[block]
    return None if low is None or high is None else [low, high]
