"""The kind `ablation`: growing plans of several strategies, measured (schema 2).

Science: docs/science.md, section 3. Shape: docs/api.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

from linearity.contracts.actions import ACTION_ALIASES, ACTIONS
from linearity.contracts.canonical import Json
from linearity.contracts.common import (
    FITTINGS,
    SAMPLING_NAMES,
    CategoryQuality,
    Interval,
    Protocol,
    Quality,
    SampledParams,
    SplitFacts,
    parse_sampling,
    refuse_orthogonal,
)
from linearity.contracts.families import refuse_senseless, sensible_actions
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import choice, only_known, whole_number
from linearity.contracts.runs import RunResult
from linearity.errors import InvalidParameterError

KIND = "ablation"
SCHEMA = 2  # 2: categories
METHOD = 2  # 2: splits share out categories

STRATEGIES = (
    "update_linearity", "stream_linearity", "block_influence", "span_angular", "greedy_loss",
    "single_damage", "random",
)  # fmt: skip
STRATEGY_ALIASES = {
    "sleb": "greedy_loss",
    "shortgpt": "block_influence",
    "gromov": "span_angular",
    "pruneme": "span_angular",
}
"""Names that people know from other tools."""
FITTED = ("update_linearity", "stream_linearity")
"""Strategies that rank by fitted maps."""
SCORED = (*FITTED, "block_influence", "span_angular")
"""Strategies that rank by states of split F."""
DEFAULT_STRATEGIES = ("update_linearity", "stream_linearity", "block_influence", "single_damage")
DEFAULT_CHANGED = 10
DEFAULT_INTERACTION = 8
FEWEST_RANDOM_SEEDS = 5

PARAMETER_NAMES = [
    "strategies", "actions", "fitting", "changed", "interaction", "random_seeds", *SAMPLING_NAMES,
]  # fmt: skip

Vector = list[float | None]
Matrix = list[list[float | None]]


@dataclass(frozen=True, kw_only=True)
class AblationParams(SampledParams):
    """Parameters of a run, complete and resolved.

    Parameters
    ----------
    strategies, actions, fitting : list of str
        Every combination gives a curve; ``drop`` has nothing to fit and gives one a strategy.
    changed : int
        Curves go from 1 to this many changed blocks, at most L - 1.
    interaction : int
        How many of the mildest blocks the interaction map pairs; 0 for no map.
    random_seeds : int
        Random orders drawn as a band.
    """

    strategies: list[str]
    actions: list[str]
    fitting: list[str]
    changed: int
    interaction: int
    random_seeds: int

    @property
    def ranks_by_scores(self) -> bool:
        """Whether a strategy needs scores of the dense model's states."""
        return any(strategy in SCORED for strategy in self.strategies)

    @property
    def fits(self) -> bool:
        """Whether maps are fitted: for an action, or to rank blocks by how linear they are."""
        return self.actions != ["drop"] or any(s in FITTED for s in self.strategies)


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> AblationParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, NotYetError
        Each names the parameter and what was wanted.
    """
    only_known(params, PARAMETER_NAMES)
    refuse_orthogonal(params.get("actions"), parameter="actions")
    if model.blocks < 2:
        raise InvalidParameterError(
            "model", wanted="a model of at least 2 blocks", got=f"{model.blocks} block"
        )
    usual = tuple(sensible_actions(("drop", "linear"), model.family))
    actions = _names(params, "actions", ACTIONS, usual, ACTION_ALIASES)
    if params.get("actions") in ("all", ["all"]):
        actions = sensible_actions(actions, model.family)
    refuse_senseless(actions, model.family, parameter="actions")
    strategies = _names(params, "strategies", STRATEGIES, DEFAULT_STRATEGIES, STRATEGY_ALIASES)
    fitting = _names(params, "fitting", FITTINGS, ("one_shot",), {})
    fits = actions != ["drop"] or any(strategy in FITTED for strategy in strategies)
    sampling = parse_sampling(params, model=model, fits=fits)
    # Two dropped blocks of two would leave none.
    default_interaction = min(DEFAULT_INTERACTION, model.blocks) if model.blocks > 2 else 0
    return AblationParams(
        strategies=strategies,
        actions=actions,
        # Dropping fits nothing, so both spellings are one question.
        fitting=["one_shot"] if actions == ["drop"] else fitting,
        changed=whole_number(
            "changed",
            params.get("changed", min(DEFAULT_CHANGED, model.blocks - 1)),
            low=1,
            high=model.blocks - 1,
        ),
        interaction=_interaction(params.get("interaction", default_interaction), model.blocks),
        random_seeds=_random_seeds(params, used="random" in strategies),
        **asdict(sampling),
    )


def _random_seeds(params: Mapping[str, Json], *, used: bool) -> int:
    given = params.get("random_seeds", FEWEST_RANDOM_SEEDS)
    seeds = whole_number("random_seeds", given, low=FEWEST_RANDOM_SEEDS, high=50)
    return seeds if used else FEWEST_RANDOM_SEEDS


def _interaction(value: Json, blocks: int) -> int:
    number = whole_number("interaction", value, low=0, high=blocks if blocks > 2 else 0)
    if number == 1:
        raise InvalidParameterError(
            "interaction", wanted=f"0 for no map, or 2 to {blocks} blocks", got=value
        )
    return number


def _names(
    params: Mapping[str, Json],
    name: str,
    known: tuple[str, ...],
    default: tuple[str, ...],
    aliases: Mapping[str, str],
) -> list[str]:
    """Return some of `known`, each once, in the order of `known`: one question, one id."""
    given = params.get(name, list(default))
    values = [given] if isinstance(given, str) else given
    if values == ["all"]:
        return list(known)
    if not isinstance(values, Sequence) or not values:
        raise InvalidParameterError(name, wanted=f"some of {', '.join(known)}", got=given)
    chosen = {
        choice(name, aliases.get(value.lower(), value) if isinstance(value, str) else value, known)
        for value in values
    }
    return [value for value in known if value in chosen]


@dataclass(frozen=True)
class StrategyScores:
    """What a strategy ranks blocks by: the lower, the sooner a block is changed.

    Parameters
    ----------
    strategy : str
    action : str or None
        None where the order is the same for every action.
    measure : str
        Name of the number, for example ``1 - update_r2_heldout``.
    values : list of L numbers
    """

    strategy: str
    action: str | None
    measure: str
    values: Vector


@dataclass(frozen=True)
class SingleDamage:
    """One block changed alone.

    Parameters
    ----------
    block : int
    action : str
    rule : "pass" | "mean" | None
        For ``linear``: what happens to position 0 (docs/science.md, section 3).
    nll_diff, ci95, kl, top1, categories : as in `Quality`
    edge : bool
        Whether it is the first or last block.
    """

    block: int
    action: str
    rule: str | None
    nll_diff: float
    ci95: Interval | None
    kl: float
    top1: float
    edge: bool
    categories: list[CategoryQuality] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Point(Quality):
    """A plan of a curve and its quality, whose numbers are those of `Quality`.

    Parameters
    ----------
    changed : int
        Number of changed blocks.
    plan : str
    edge : bool
        Whether the plan changes the first or the last block.
    """

    changed: int
    plan: str
    edge: bool

    @classmethod
    def of(cls, *, changed: int, plan: str, edge: bool, quality: Quality) -> "Point":
        """Put a plan beside its quality."""
        numbers = {item.name: getattr(quality, item.name) for item in fields(quality)}
        return cls(changed=changed, plan=plan, edge=edge, **numbers)


@dataclass(frozen=True)
class Curve:
    """Quality against the number of changed blocks, for one strategy.

    Parameters
    ----------
    strategy, action : str
    fitting : "one_shot" | "sequential" | None
        None for ``drop``.
    seed : int or None
        Of a random order.
    order : list of int, or None
        Blocks as they are added; None for ``span_angular``, whose plans are not nested.
    points : list of Point
    """

    strategy: str
    action: str
    fitting: str | None
    seed: int | None
    order: list[int] | None
    points: list[Point]


@dataclass(frozen=True)
class RankCorrelation:
    """How well a strategy's ranking agrees with the damage measured block by block.

    Parameters
    ----------
    spearman : float or None
        In [-1, 1]; 1 when it ranks blocks exactly as the damage does. None where it is not
        defined (fewer than 3 ranked blocks, or all equal).
    blocks : int
        Blocks that the strategy ranks.
    by_definition : bool
        Whether the strategy *is* the measured damage, so that 1 says nothing.
    """

    strategy: str
    action: str
    spearman: float | None
    blocks: int
    by_definition: bool


@dataclass(frozen=True)
class Interaction:
    """Pairs of dropped blocks.

    Parameters
    ----------
    blocks : list of int
        The mildest when dropped alone, ascending.
    damage : matrix
        ``D(i, j)``, nats per token; ``D(i)`` on the diagonal.
    interaction : matrix
        ``D(i, j) - D(i) - D(j)``, upper triangle; None on and below the diagonal.
    """

    blocks: list[int]
    damage: Matrix
    interaction: Matrix


@dataclass(frozen=True, kw_only=True)
class AblationResult(RunResult):
    """The answer of an `ablation` run."""

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    scores: list[StrategyScores]
    single: list[SingleDamage]
    curves: list[Curve]
    rank_correlation: list[RankCorrelation]
    interaction: Interaction | None
    guard: None
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
