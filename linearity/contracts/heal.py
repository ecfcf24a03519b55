"""The kind `heal`: a changed model trained to say again what the dense one says (schema 1).

Science: docs/science.md, section 4. Shape: docs/api.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.ablation import Point
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.changed import CHANGED_NAMES, ChangedParams, parse_changed
from linearity.contracts.common import Interval, Protocol, SplitFacts
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import choice, only_known, real_number, whole_number
from linearity.contracts.plan import DocumentQuality, Guard, MeasuredStep
from linearity.contracts.runs import RunResult
from linearity.errors import InvalidParameterError

KIND = "heal"
SCHEMA = 1
METHOD = 1

TRAINED = ("maps", "adapters", "all")
OBJECTIVES = ("distil", "text")
SPLITS = ("report", "select")
LEARNING_RATES = {"maps": 3e-4, "adapters": 1e-3, "all": 3e-5}
"""What is taken for ``learning_rate=auto``."""
MOST_STEPS = 1_000_000
PARAMETER_NAMES = [
    "plan", "fitting", "healed", "train", "objective", "steps", "learning_rate", "batch", "alpha",
    "rank", "split", "sweep", *CHANGED_NAMES[3:],
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HealParams(ChangedParams):
    """Parameters of a run, complete and resolved.

    Parameters
    ----------
    train : "maps" | "adapters" | "all"
        What is trained: the maps that stand for blocks; them and low-rank additions to the linear
        layers of every block that runs; or them and every weight of those blocks.
    objective : "distil" | "text"
        What is learnt: the dense model's states and predictions; or the text itself, by the dense
        and the changed model alike, to see whether both still learn as well.
    steps : int
        Of the optimiser.
    learning_rate : float
        Its highest: it grows over the first twentieth of the steps and then falls along a cosine.
    batch : int
        Windows of split F a step.
    alpha : float
        Weight of the divergence of predictions beside the distance of states.
    rank : int
        Of the adapters; 0 where there are none.
    split : "report" | "select"
        Where before and after are measured. ``report`` opens split B; openings are counted.
    sweep : list of int
        Numbers of steps of the plan for which a model is healed as well, mildest steps first.
    """

    train: str
    objective: str
    steps: int
    learning_rate: float
    batch: int
    alpha: float
    rank: int
    split: str
    sweep: list[int]


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> HealParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError, NotYetError
    """
    only_known(params, PARAMETER_NAMES)
    changed = parse_changed(params, model=model)
    plan = parse_plan(changed.plan, blocks=model.blocks)
    objective = choice("objective", params.get("objective", "distil"), OBJECTIVES)
    train = _parse_train(params.get("train", "auto"), plan, objective)
    rate = params.get("learning_rate", "auto")
    return HealParams(
        train=train,
        objective=objective,
        steps=whole_number("steps", params.get("steps", 200), low=1, high=MOST_STEPS),
        learning_rate=LEARNING_RATES[train]
        if rate == "auto"
        else real_number("learning_rate", rate, low=1e-8, high=1.0),
        batch=whole_number("batch", params.get("batch", 8), low=1, high=4096),
        # Only one of the two objectives has two parts to weigh.
        alpha=real_number("alpha", params.get("alpha", 1.0), low=0.0, high=1e6)
        if objective == "distil"
        else 0.0,
        rank=whole_number("rank", params.get("rank", 8), low=1, high=min(1024, model.width))
        if train == "adapters"
        else 0,
        split=choice("split", params.get("split", "report"), SPLITS),
        sweep=_parse_sweep(params.get("sweep", []), plan, objective, changed.healed),
        **asdict(changed),
    )


def _parse_train(value: Json, plan: Plan, objective: str) -> str:
    has_maps = any(step.action != "drop" for step in plan.steps)
    usual = "maps" if has_maps and objective == "distil" else "adapters"
    train = usual if value == "auto" else choice("train", value, TRAINED)
    if objective == "text" and train != "adapters":
        raise InvalidParameterError(
            "train",
            wanted="adapters when objective=text: the dense model has no maps to train",
            got=train,
        )
    if train == "maps" and not has_maps:
        raise InvalidParameterError(
            "train",
            wanted="adapters or all for a plan that only drops blocks: it has no maps to train",
            got=train,
            next_step="Use train=adapters, or put maps in the place of blocks (linear, merged).",
        )
    return train


def _parse_sweep(value: Json, plan: Plan, objective: str, healed: str) -> list[int]:
    steps = len(plan.steps)
    if value in ("", "none", []):
        return []
    for name, ruled_out in (("objective=text", objective == "text"), ("healed", bool(healed))):
        if ruled_out:
            raise InvalidParameterError(
                "sweep", wanted=f"nothing together with {name}", got=value,
                next_step="Leave sweep out.",
            )  # fmt: skip
    if value == "all":
        return list(range(1, steps))
    given = value.split(",") if isinstance(value, str) else value
    given = given if isinstance(given, Sequence) else [given]
    counts = {_parse_count(item, steps) for item in given}
    # The whole plan is always healed.
    return sorted(counts - {steps})


def _parse_count(value: Json, steps: int) -> int:
    # A form sends what was typed: "1, 2, 4".
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    return whole_number("sweep", number, low=1, high=steps)


@dataclass(frozen=True)
class CurvePoint:
    """One place of the training curve.

    Parameters
    ----------
    step : int
        Steps of the optimiser that are done.
    tokens : int
        Model input positions that were trained on so far.
    loss, states, kl : float or None
        Means since the place before; None at step 0. ``states`` is the sum over the kept states of
        their squared distance over their variance, ``kl`` in nats per token. With objective=text
        ``loss`` is the negative log-likelihood and the others are None.
    select_nll, select_nll_diff, select_kl : float
        The model on split A, as in `Quality`.
    """

    step: int
    tokens: int
    loss: float | None
    states: float | None
    kl: float | None
    select_nll: float
    select_nll_diff: float
    select_kl: float


@dataclass(frozen=True)
class Training:
    """How one model was trained.

    Parameters
    ----------
    model : "changed" | "dense"
    parameters : int
        Numbers that were trained.
    steps : int
        Steps done.
    tokens : int
        Model input positions seen, repetitions counted.
    epochs : float
        How often split F's windows were seen.
    best_step : int
        Where the aim was best on split A: the divergence from the dense model, with objective=text
        the likelihood. The weights of that step were kept; 0 keeps what was there before.
    curve : list of CurvePoint
    """

    model: str
    parameters: int
    steps: int
    tokens: int
    epochs: float
    best_step: int
    curve: list[CurvePoint]


@dataclass(frozen=True)
class Difference:
    """Of two models on the same tokens: mean of one minus the other's.

    Parameters
    ----------
    nll_diff : float
        Nats per token; negative where the first one is better.
    ci95 : [low, high] or None
        Clustered by document; None below five documents.
    """

    nll_diff: float
    ci95: Interval | None


@dataclass(frozen=True)
class Weights:
    """Healed weights in the artifact store.

    Parameters
    ----------
    sha256 : str
    bytes : int
    trained : "maps" | "adapters" | "all"
    """

    sha256: str
    bytes: int
    trained: str


@dataclass(frozen=True)
class SweepPoint:
    """The mildest steps of the plan, three ways.

    Parameters
    ----------
    steps : int
        How many steps of the plan.
    changed : int
        Blocks that they change.
    plan : str
    removed, replaced, healed : Point
        Those blocks dropped; the plan as fitted; the plan healed. All on the measured split.
    best_step : int
    """

    steps: int
    changed: int
    plan: str
    removed: Point
    replaced: Point
    healed: Point
    best_step: int


@dataclass(frozen=True)
class Tuned:
    """The same fine-tune of the dense and of the changed model.

    Parameters
    ----------
    dense : Difference
        The dense model after it, minus before.
    changed : Difference
        The changed model after it, minus before.
    gap_before, gap_after : Difference
        The changed model minus the dense one, before and after both were tuned.
    """

    dense: Difference
    changed: Difference
    gap_before: Difference
    gap_after: Difference


@dataclass(frozen=True, kw_only=True)
class HealResult(RunResult):
    """The answer of a `heal` run.

    Parameters
    ----------
    before, after : Point
        The changed model before and after it was trained, against the dense one before.
    healing : Difference
        After minus before: what healing brought.
    recovered : float or None
        ``1 - after.nll_diff / before.nll_diff``; None where nothing was lost.
    training : list of Training
        One, or with objective=text two: the dense model's, too.
    sweep : list of SweepPoint
    tuned : Tuned or None
    weights : Weights
    """

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    steps: list[MeasuredStep]
    before: Point
    after: Point
    healing: Difference
    recovered: float | None
    training: list[Training]
    sweep: list[SweepPoint]
    tuned: Tuned | None
    documents: list[DocumentQuality]
    guard: Guard
    weights: Weights
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
