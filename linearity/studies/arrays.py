"""How well one linear map of X predicts Y, for two arrays of any origin: the scores of a pair.

The same mathematics as for states of a model (docs/science.md): rows are tokens, a part of them is
held out, the map is shrunk toward the identity, and a fifth of the rest chooses how much.
"""

import hashlib
import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from linearity.contracts.parameters import real_number, ridge, whole_number
from linearity.contracts.runs import RunWarning
from linearity.errors import InvalidParameterError, NonFiniteStatesError, TooFewTokensError
from linearity.measure.intervals import FEWEST_DOCUMENTS
from linearity.measure.moments import Moments, Split
from linearity.measure.sampling import VALIDATION_SHARE
from linearity.studies.ridges import RidgeRule
from linearity.studies.scores import Scores
from linearity.studies.scoring import score_pairs
from linearity.studies.sides import Fit, Heldout
from linearity.studies.warnings import FEW_TOKENS_A_COORDINATE

FEWEST_ROWS = 20
FEWEST_GROUPS = 2


@dataclass(frozen=True)
class ArrayScores:
    """What a linear map of X explains of Y; numbers as in docs/science.md.

    Parameters
    ----------
    r2_fit, r2_adjusted, r2_heldout : float or None
        In sample (the paper's score), adjusted, and on rows that the map was not fitted to.
    update_r2_fit, update_r2_adjusted, update_r2_heldout : float or None
        The same for Y - X; None where Y equals X.
    r2_heldout_ci95, update_r2_heldout_ci95 : (low, high) or None
        By group; None without groups, or below five held-out ones.
    ridge : float
        Shrinkage toward the identity, times the mean variance of a coordinate of X.
    fit, heldout, width : int
        Rows of both sides, and columns.
    warnings : list of RunWarning
    """

    r2_fit: float | None
    r2_adjusted: float | None
    r2_heldout: float | None
    update_r2_fit: float | None
    update_r2_adjusted: float | None
    update_r2_heldout: float | None
    r2_heldout_ci95: tuple[float, float] | None
    update_r2_heldout_ci95: tuple[float, float] | None
    ridge: float
    fit: int
    heldout: int
    width: int
    warnings: list[RunWarning] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the scores as plain values."""
        return asdict(self)


def score_arrays(
    X: Any,
    Y: Any,
    *,
    groups: Sequence[Hashable] | None = None,
    heldout: float = 0.25,
    seed: int = 0,
    shrinkage: float | str = "auto",
) -> ArrayScores:
    """Score the best linear map from X to Y.

    Parameters
    ----------
    X, Y : (N, d) arrays
        Of NumPy, PyTorch, JAX, or anything that speaks DLPack or ``__array__``.
    groups : sequence of N, optional
        Which document a row belongs to. Whole groups are held out, and the interval is by group.
        Without them rows are shared out one by one: right only if they are independent.
    heldout : float
        Share of rows that are only scored on, 0.05 to 0.5.
    seed : int
        Decides which ones.
    shrinkage : "auto" or float
        ``auto`` chooses on a fifth of the rows (or groups) that are not held out.

    Raises
    ------
    InvalidParameterError, TooFewTokensError, NonFiniteStatesError, DegenerateStatesError
    """
    states = torch.stack(_pair(X, Y), dim=1)
    rows = len(states)
    labels = _labels(groups, rows)
    share = real_number("heldout", heldout, low=0.05, high=0.5)
    order_seed = whole_number("seed", seed, low=0, high=2**32 - 1)
    given = ridge(shrinkage, low="0")
    sides = _sides(labels, rows, share, order_seed)
    chosen = RidgeRule(None if given == "auto" else float(given))
    held = states[sides.heldout]
    scores = score_pairs(
        Fit(*(_split(states[side]) for side in (sides.fit, sides.train, sides.validation))),
        _heldout(held, None if labels is None else labels[sides.heldout]),
        reach=1,
        ridge=chosen,
    )
    return _scores(scores, fit=len(sides.fit), heldout=len(held), width=states.shape[2])


@dataclass(frozen=True)
class _Sides:
    """Row numbers; `fit` is `train` and `validation` together."""

    fit: Tensor
    train: Tensor
    validation: Tensor
    heldout: Tensor


def _pair(X: Any, Y: Any) -> tuple[Tensor, Tensor]:
    first, second = _tensor("X", X), _tensor("Y", Y)
    if first.shape != second.shape:
        shapes = [tuple(values.shape) for values in (first, second)]
        raise InvalidParameterError("Y", wanted=f"an array like X, {shapes[0]}", got=shapes[1])
    if len(first) < FEWEST_ROWS:
        raise TooFewTokensError(
            f"{len(first)} rows, at least {FEWEST_ROWS} are needed",
            next_step="Give more rows: ten times the number of columns is a good beginning.",
            rows=len(first),
        )
    return first, second.to(first.device)


def _tensor(name: str, values: Any) -> Tensor:
    if not isinstance(values, Tensor):
        values = _foreign(name, values)
    if values.ndim != 2 or 0 in values.shape or values.is_complex():
        shape = tuple(values.shape)
        raise InvalidParameterError(name, wanted="real numbers, (rows, columns)", got=shape)
    numbers: Tensor = values.detach().double()
    if not torch.isfinite(numbers).all():
        raise NonFiniteStatesError(
            f"{name} holds NaN or infinity", next_step="Leave those rows out."
        )
    return numbers


def _foreign(name: str, values: Any) -> Tensor:
    import numpy as np

    try:
        if hasattr(values, "__dlpack__") and not isinstance(values, np.ndarray):
            return from_dlpack(values)
        numbers = np.asarray(values)
        if numbers.dtype.kind not in "fiub":
            raise TypeError(numbers.dtype)
        return torch.from_numpy(numbers.astype(np.float64))
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        got = type(values).__name__
        raise InvalidParameterError(name, wanted="an array of numbers", got=got) from error


def _labels(groups: Sequence[Hashable] | None, rows: int) -> Tensor | None:
    """Return the group of every row as a number, in the order of the hashed labels' first rows."""
    if groups is None:
        return None
    names = [item.item() if hasattr(item, "item") else item for item in groups]
    if len(names) != rows:
        raise InvalidParameterError("groups", wanted=f"one label a row, {rows}", got=len(names))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(numbers) < FEWEST_GROUPS:
        raise InvalidParameterError("groups", wanted="at least 2 groups", got=len(numbers))
    return torch.tensor([numbers[name] for name in names])


def _sides(labels: Tensor | None, rows: int, share: float, seed: int) -> _Sides:
    """Share out whole groups in an order that the seed decides; without labels, rows."""
    owner = torch.arange(rows) if labels is None else labels
    count = int(owner.max()) + 1
    order = sorted(range(count), key=lambda number: _place(seed, number))
    sizes = torch.bincount(owner, minlength=count)
    apart: list[int] = []
    taken, wanted = 0, share * rows
    for number in order[:-1]:  # one is left to fit
        if taken >= wanted:
            break
        apart.append(number)
        taken += int(sizes[number])
    rest = order[len(apart) :]
    chooses = rest[::VALIDATION_SHARE] if len(rest) >= VALIDATION_SHARE else []

    def of(numbers: list[int]) -> Tensor:
        member = torch.zeros(count, dtype=torch.bool)
        member[numbers] = True
        return member[owner].nonzero().squeeze(1)

    trains = [number for number in rest if number not in set(chooses)]
    return _Sides(of(rest), of(trains), of(chooses), of(apart))


def _place(seed: int, number: int) -> bytes:
    return hashlib.sha256(f"{seed}:{number}".encode()).digest()


def _split(states: Tensor) -> Split:
    reference = states.mean(0) if len(states) else states.new_zeros(states.shape[1:])
    moments = Moments(reference, reach=1, dtype=torch.float64)
    if len(states):
        moments.add(states)
    return Split([moments], states.new_empty((0, *states.shape[1:])))


def _heldout(states: Tensor, labels: Tensor | None) -> Heldout:
    means = states.mean(0)
    centred = (states - means).movedim(1, 0).flatten(1)
    documents = torch.zeros(len(states), dtype=torch.int64)
    if labels is not None:
        documents = torch.unique(labels, return_inverse=True)[1]
    return Heldout(
        states=[states],
        included=[torch.ones(len(states), dtype=torch.bool, device=states.device)],
        documents=documents.to(states.device),
        means=means,
        gram=centred @ centred.T,
    )


def _scores(scores: Scores, *, fit: int, heldout: int, width: int) -> ArrayScores:
    def number(values: Tensor) -> float | None:
        value = float(values[0, 1])
        return None if math.isnan(value) else value

    warnings = [*_few_rows(fit, width), *_no_interval(scores)]
    if number(scores.update_r2_heldout) is None:
        text = "Y equals X but for rounding, so the update has no scores of its own."
        warnings.append(RunWarning("zero_update", text))
    return ArrayScores(
        r2_fit=number(scores.r2_fit),
        r2_adjusted=number(scores.r2_adjusted),
        r2_heldout=number(scores.r2_heldout),
        update_r2_fit=number(scores.update_r2_fit),
        update_r2_adjusted=number(scores.update_r2_adjusted),
        update_r2_heldout=number(scores.update_r2_heldout),
        r2_heldout_ci95=scores.intervals[0],
        update_r2_heldout_ci95=scores.update_intervals[0],
        ridge=float(scores.ridge[0, 1]),
        fit=fit,
        heldout=heldout,
        width=width,
        warnings=warnings,
    )


def _few_rows(fit: int, width: int) -> list[RunWarning]:
    if fit / width >= FEW_TOKENS_A_COORDINATE:
        return []
    chance = min(width / (fit - 1), 1.0)
    text = (
        f"{fit:,} rows for {width:,} columns ({fit / width:.1f} each): in-sample scores of "
        f"unrelated arrays would already be {chance:.2f}. Read the held-out scores."
    )
    return [RunWarning("few_tokens", text, {"fit": fit, "width": width, "null_score": chance})]


def _no_interval(scores: Scores) -> list[RunWarning]:
    if scores.intervals[0] is not None:
        return []
    text = (
        f"No interval: it needs groups, at least {FEWEST_DOCUMENTS} of them held out. Rows of one "
        "document are not independent."
    )
    return [RunWarning("no_interval", text)]
