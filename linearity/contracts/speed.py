"""The kind `speed`: how fast a changed model is beside the dense one, and what each part costs.

Science: docs/science.md, section 5. Shape: docs/api.md. Schema 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.contracts.changed import CHANGED_NAMES, ChangedParams, parse_changed
from linearity.contracts.common import SplitFacts
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import only_known, whole_number
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.runs import RunResult
from linearity.contracts.served import refuse_outside
from linearity.contracts.timings import FEWEST_PAIRS, Engine, Lengths, LoadPoint
from linearity.errors import InvalidParameterError

KIND = "speed"
SCHEMA = 1
METHOD = 1

PARTS = ("embedding", "norms", "attention", "mlp", "rest", "final_norm", "head")
"""Parts of a model, as they stand in a table; ``rest`` of a block is what no part of it took."""
DEFAULT_BATCHES = (1, 8)
MOST_BATCHES = 8
LARGEST_BATCH = 1024
MOST_TAKES = 10_000
USUAL_PROMPT_TOKENS, USUAL_NEW_TOKENS = 128, 32
"""For a dataset of plain texts, where nobody asked anything."""
COST_PASSES = 2
"""Passes behind each value of the cost map: with clocks, and without."""
PARAMETER_NAMES = [
    "batches", "prompt_tokens", "new_tokens", "pairs", "warmup", "take", *CHANGED_NAMES,
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SpeedParams(ChangedParams):
    """Parameters of a run in this process, complete and resolved.

    Parameters
    ----------
    plan, fitting, healed : which changed model
    batches : list of int
        Sequences side by side; each is measured, ascending.
    prompt_tokens, new_tokens : "auto" or int
        Length of every prompt and of every answer; ``auto`` is the median of the dataset's
        records, or 128 and 32 where it has only plain texts.
    pairs : int
        Measurements of each side, dense and changed by turns.
    warmup : int
        Pairs before them that are not counted.
    take : int
        The same question with another number is measured again.
    """

    batches: list[int]
    prompt_tokens: int | str
    new_tokens: int | str
    pairs: int
    warmup: int
    take: int


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> SpeedParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError, NotYetError
    """
    refuse_outside(params)
    only_known(params, PARAMETER_NAMES)
    changed = parse_changed(params, model=model)
    prompt_tokens = _length("prompt_tokens", params, high=model.context - 2)
    left = model.context - (prompt_tokens if isinstance(prompt_tokens, int) else 1)
    return SpeedParams(
        batches=_batches(params.get("batches", list(DEFAULT_BATCHES))),
        prompt_tokens=prompt_tokens,
        new_tokens=_length("new_tokens", params, high=left),
        pairs=whole_number("pairs", params.get("pairs", FEWEST_PAIRS), low=FEWEST_PAIRS, high=200),
        warmup=whole_number("warmup", params.get("warmup", 2), low=1, high=50),
        take=whole_number("take", params.get("take", 1), low=1, high=MOST_TAKES),
        **asdict(changed),
    )


def _length(name: str, given: Mapping[str, Json], *, high: int) -> int | str:
    value = given.get(name, "auto")
    # A token after the first is what decoding is timed by, and a prompt of one is no prefill.
    return "auto" if value == "auto" else whole_number(name, value, low=2, high=max(high, 2))


def _batches(value: Json) -> list[int]:
    values = [value] if isinstance(value, int | float) else value
    wanted = f"1 to {MOST_BATCHES} whole numbers from 1 to {LARGEST_BATCH:,}"
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise InvalidParameterError("batches", wanted=wanted, got=value)
    found = sorted({whole_number("batches", item, low=1, high=LARGEST_BATCH) for item in values})
    if not 1 <= len(found) <= MOST_BATCHES:
        raise InvalidParameterError("batches", wanted=wanted, got=value)
    return found


@dataclass(frozen=True)
class SideSize:
    """One side as it runs, counted over its own tensors.

    Parameters
    ----------
    blocks : int
        Blocks that run.
    maps : int
        Linear maps that run in the place of blocks.
    parameters : int
        Weights and entries of maps; what is tied counts once.
    weight_bytes : int
    step_bytes : int
        Weights that one step of decoding reads: all but the rows of the embedding that no token of
        it has.
    """

    blocks: int
    maps: int
    parameters: int
    weight_bytes: int
    step_bytes: int


@dataclass(frozen=True)
class PartCost:
    """What one part of the dense model costs, at batch 1.

    Parameters
    ----------
    block : int or None
        None for embedding, final norm and head.
    part : one of `PARTS`
    parameters, bytes : int
        Of its weights; a head that is tied to the embedding has its own again, because it reads
        them.
    prefill_s, decode_s : float
        Median time of one pass over the prompt, and of one step of decoding after it.
    prefill_flops, decode_flops : float
        Operations of the same, as torch counts them: two for every multiplication and addition.
    """

    block: int | None
    part: str
    parameters: int
    bytes: int
    prefill_s: float
    decode_s: float
    prefill_flops: float
    decode_flops: float


@dataclass(frozen=True)
class CostMap:
    """Time, bytes and operations of every part of the dense model.

    Parameters
    ----------
    prompt_tokens : int
    repeats : int
        Passes that each time is the median of.
    prefill_s, decode_s : float
        The same passes as a whole, with the clock of every part running.
    overhead : float
        How much longer a step of decoding took with the clocks than without; the shares of parts
        are what to read.
    parts : list of PartCost
        Embedding first, then block by block, then final norm and head.
    """

    prompt_tokens: int
    repeats: int
    prefill_s: float
    decode_s: float
    overhead: float
    parts: list[PartCost]


@dataclass(frozen=True, kw_only=True)
class SpeedResult(RunResult):
    """The answer of a `speed` run.

    Parameters
    ----------
    engine : Engine
    lengths : Lengths
    warmup : int or None
        Pairs or rounds that were not counted.
    points : list of LoadPoint
        Ascending by load.
    splits : dict of SplitFacts
        Empty where no plan was carried out here; so is `steps`.
    sides : dict of "dense" | "changed" to SideSize, or None
        None where a server ran them; so is `costs`.
    ceiling : float or None
        L / (L - k): no fewer blocks can be faster than this at the same batch; a measurement
        above it has a warning.
    """

    engine: Engine
    lengths: Lengths
    warmup: int | None
    points: list[LoadPoint]
    splits: dict[str, SplitFacts]
    steps: list[MeasuredStep]
    sides: dict[str, SideSize] | None
    ceiling: float | None
    costs: CostMap | None
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
