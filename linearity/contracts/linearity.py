"""The kind `linearity`: what may be asked, and the shape of the answer (schema 2).

Science: docs/science.md. Every number is finite or ``None``; a ``None`` in the upper triangle or
in a profile always has a warning that says why.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from linearity.contracts.canonical import Json
from linearity.contracts.families import attention_of, family_named, family_of, runs_whole
from linearity.contracts.granularity import BLOCK, GRANULARITIES, SUBLAYER
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.paper_protocol import PAPER, fixed_parameters, protocol_of
from linearity.contracts.parameters import (
    automatic_choice,
    choice,
    only_known,
    real_number,
    ridge,
    whole_number,
)
from linearity.contracts.runs import RunRequest, RunResult, RunWarning
from linearity.contracts.scripts import SCORES
from linearity.contracts.templates import parse_template
from linearity.contracts.token_errors import TokenErrors
from linearity.errors import InvalidParameterError

KIND = "linearity"
SCHEMA = 2  # 2: tokens.context, passed_over and template
METHOD = 3  # 2: splits share out categories, only answers are scored; 3: more is told of tokens

MINIMUM_TOKENS = 512
MAXIMUM_TOKENS = 50_000_000
DEFAULT_TOKENS = 16_384
TOKENS_PER_WIDTH = 20
MOST_REPEATS = 20
DTYPES = ("float32", "bfloat16", "float16")
RIDGES = (1e-6, 1e-3, 1e-2, 3e-2, 1e-1, 1.0)
"""What ``ridge=auto`` chooses from, relative to the mean variance of a state's coordinates."""

RIDGE_WITHOUT_VALIDATION = 1e-2
"""What ``ridge=auto`` means where there are too few documents to choose on."""

TOKEN_CLASSES = (
    "first", "sink", "special", "byte", "whitespace", "punctuation", "digits",
    "word_start", "word_inside", "kanji", "hiragana", "katakana",
)  # fmt: skip
"""Kinds of tokens: the first of a window, a sink elsewhere, and the others by their text."""

Vector = list[float | None]
Matrix = list[list[float | None]]
Interval = list[float]  # [low, high]


@dataclass(frozen=True)
class LinearityParams:
    """Parameters of a run, complete and resolved.

    Parameters
    ----------
    tokens : int
        Model input positions in all, first tokens included.
    context : int
        Longest window, in tokens.
    heldout : float
        Share of tokens that are only scored on.
    seed : int
        Orders documents and splits them.
    ridge : "auto" or float
        Shrinkage toward the identity; ``auto`` chooses from `RIDGES` on a validation fifth.
    exclude : "sinks" | "first" | "none"
        Which tokens stay out of the scores. The profile with all of them kept is always beside.
    pairs : "auto" | "all" | "adjacent"
    repeats : int
        Splits that the profile is measured on; the first is the run's own.
    granularity : "block" | "sublayer"
        Whether the state between attention and MLP of every block is a state, too.
    dtype : "float32" | "bfloat16" | "float16"
        What the model computes in.
    attention : "sdpa" | "eager"
        transformers' attention implementation.
    template : "auto" | "none"
        ``auto`` renders records with an answer with the model's chat template, if it has one.
    score : "answer" | "all"
        Whether of records with an answer only the answer is scored.
    protocol : "paper" or None
        ``paper`` fixes most others (`paper_protocol`); then nothing is held out.
    """

    tokens: int
    context: int
    heldout: float
    seed: int
    ridge: float | str
    exclude: str
    pairs: str
    repeats: int
    granularity: str
    dtype: str
    attention: str
    template: str = "auto"
    score: str = "answer"
    protocol: str | None = None

    @property
    def in_sample(self) -> bool:
        """Whether everything is scored on the tokens that it was fitted to."""
        return self.protocol == PAPER

    def as_json(self) -> dict[str, Json]:
        """Return the parameters as plain values.

        The standard protocol is left out: a question of before there were two keeps its digest.
        """
        return {name: value for name, value in asdict(self).items() if value is not None}


PARAMETER_NAMES = [
    "tokens", "context", "heldout", "seed", "ridge", "exclude", "pairs",
    "repeats", "granularity", "dtype", "attention", "template", "score", "protocol",
]  # fmt: skip


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> LinearityParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, NotYetError
        Each names the parameter and what was wanted.
    """
    only_known(params, PARAMETER_NAMES)
    given = dict(params)
    if protocol_of(given) == PAPER:
        return _paper_params(given, model)
    tokens = given.get("tokens", "auto")
    context = whole_number("context", given.get("context", 256), low=8, high=131_072)
    return LinearityParams(
        tokens=automatic_tokens(model.width)
        if tokens == "auto"
        else whole_number("tokens", tokens, low=MINIMUM_TOKENS, high=MAXIMUM_TOKENS),
        context=min(context, model.context),
        heldout=real_number("heldout", given.get("heldout", 0.25), low=0.05, high=0.5),
        seed=whole_number("seed", given.get("seed", 0), low=0, high=2**32 - 1),
        ridge=ridge(given.get("ridge", "auto"), low="0"),
        exclude=choice("exclude", given.get("exclude", "sinks"), ("sinks", "first", "none")),
        pairs=choice("pairs", given.get("pairs", "auto"), ("auto", "all", "adjacent")),
        repeats=whole_number("repeats", given.get("repeats", 1), low=1, high=MOST_REPEATS),
        granularity=_granularity(given, model),
        dtype=automatic_choice(given, "dtype", model.dtype, DTYPES),
        attention=attention_of(given, model),
        template=parse_template(given, model=model),
        score=choice("score", given.get("score", "answer"), SCORES),
    )


def _paper_params(given: Mapping[str, Json], model: ModelRecord) -> LinearityParams:
    fixed: dict[str, Any] = fixed_parameters(given, context=model.context)
    return LinearityParams(
        seed=whole_number("seed", given.get("seed", 0), low=0, high=2**32 - 1),
        pairs=choice("pairs", given.get("pairs", "auto"), ("auto", "all", "adjacent")),
        dtype=automatic_choice(given, "dtype", model.dtype, DTYPES),
        attention=attention_of(given, model),
        protocol=PAPER,
        **fixed,
    )


def automatic_tokens(width: int) -> int:
    """Return what ``tokens=auto`` means: at least 20 tokens a coordinate, at least 16,384."""
    return max(DEFAULT_TOKENS, TOKENS_PER_WIDTH * width)


def linearity_request(
    params: Mapping[str, Json], *, model: ModelRecord, dataset: DatasetRecord
) -> RunRequest:
    """Return the request, and with it the id, of a `linearity` run."""
    return RunRequest(
        kind=KIND,
        schema=SCHEMA,
        method=METHOD,
        model=model.fingerprint,
        dataset=dataset.fingerprint,
        params=parse_params(params, model=model).as_json(),
    )


def _granularity(given: Mapping[str, Json], model: ModelRecord) -> str:
    chosen = choice("granularity", given.get("granularity", BLOCK), GRANULARITIES)
    if chosen == SUBLAYER and runs_whole(model):
        raise InvalidParameterError(
            "granularity",
            wanted=f"block ({model.family}: {family_of(model).kinds_refusal})",
            got=chosen,
            next_step="Leave granularity out.",
        )
    if chosen == SUBLAYER and (model.in_parallel or not family_named(model.family).between):
        raise InvalidParameterError(
            "granularity",
            wanted=f"block (attention and MLP of a block of this {model.family} read the same "
            "state: none lies between them)",
            got=chosen,
            next_step="Leave granularity out.",
        )
    return chosen


@dataclass(frozen=True)
class Sink:
    """A token whose state dwarfs the others; named by place, never by its text."""

    document: int
    position: int
    state: int
    norm_ratio: float


@dataclass(frozen=True)
class TokenCounts:
    """How many tokens stood behind the numbers.

    Parameters
    ----------
    fit, heldout : int
        Tokens scored on, exclusions already taken out; none held out with ``protocol=paper``.
    excluded_first, excluded_sinks : int
        Tokens left out because they stand at position 0, or because they are sinks elsewhere.
    width_ratio : float
        ``fit / width``; below 10 an in-sample score says little.
    fit_documents, heldout_documents : int
    sinks : list of Sink
        At most 200 of the excluded sinks.
    context : int
        Tokens that were read and not scored: they belong to no answer.
    passed_over : int
        Tokens of the same texts that no window holds: they stand too far before any answer, or,
        with ``protocol=paper``, beyond the model's context.
    template : "chat" | "mixed" | "none"
        Whether the model's chat template stood around the texts.
    """

    fit: int
    heldout: int
    excluded_first: int
    excluded_sinks: int
    width_ratio: float
    fit_documents: int
    heldout_documents: int
    sinks: list[Sink] = field(default_factory=list)
    context: int = 0
    passed_over: int = 0
    template: str = "none"


@dataclass(frozen=True)
class Pairs:
    """Scores of every ordered pair (i, j), i < j, as ``(L+1) x (L+1)``; ``None`` elsewhere.

    With ``pairs=adjacent`` the ``r2`` matrices hold only j = i + 1, and a warning says so.
    """

    r2_fit: Matrix
    r2_adjusted: Matrix
    r2_heldout: Matrix
    update_r2_heldout: Matrix
    cosine: Matrix
    angular: Matrix
    cka: Matrix | None = None
    update_r2_fit: Matrix | None = None
    update_r2_adjusted: Matrix | None = None


@dataclass(frozen=True)
class Profile:
    """One value a transition (length L), or a state (L + 1: norm, anisotropy, effective rank)."""

    r2_fit: Vector
    r2_adjusted: Vector
    r2_heldout: Vector
    update_r2_fit: Vector
    update_r2_adjusted: Vector
    update_r2_heldout: Vector
    r2_heldout_ci95: list[Interval | None]
    update_r2_heldout_ci95: list[Interval | None]
    ridge: Vector
    block_influence: Vector
    update_norm_ratio: Vector
    state_norm: Vector
    rotation_fit: Vector | None = None
    anisotropy: Vector | None = None
    effective_rank: Vector | None = None
    rank: Vector | None = None
    condition: Vector | None = None


@dataclass(frozen=True)
class TokenClasses:
    """How badly each block's map predicts held-out tokens of each class.

    Parameters
    ----------
    names : list of str
        Those of `TOKEN_CLASSES` that the held-out text has, C of them.
    tokens : list of int, length C
        First tokens and sinks are counted here also where they stay out of the scores.
    error : L x C
        Mean over tokens of ``||y - xA||^2`` over the mean of ``||y - mean||^2`` of all tokens that
        are scored; at least 0, and 1 for a map no better than the mean. Weighted by the tokens of
        the scored classes, a block's errors add up to ``1 - r2_heldout``.
    """

    names: list[str]
    tokens: list[int]
    error: list[list[float]]


@dataclass(frozen=True)
class SampleSizes:
    """The profile as it was while tokens streamed: whether more of them would still change it.

    Parameters
    ----------
    tokens : list of int, length K
        Tokens seen of both splits, about doubling; the last entry is the whole run.
    r2_heldout, update_r2_heldout : K x L
        Held-out scores of the fit tokens and held-out tokens among them.
    """

    tokens: list[int]
    r2_heldout: Matrix
    update_r2_heldout: Matrix


@dataclass(frozen=True)
class Repeats:
    """The profile on several splits of the same documents: how much it depends on the draw.

    The interval of one split is about new documents for the maps fitted there; this is the spread
    between maps that were fitted and scored on other documents of the same dataset.

    Parameters
    ----------
    seeds : list of int, length K
        The first is that of the run.
    r2_heldout, update_r2_heldout : K x L
    """

    seeds: list[int]
    r2_heldout: Matrix
    update_r2_heldout: Matrix


@dataclass(frozen=True, kw_only=True)
class LinearityResult(RunResult):
    """The answer of a `linearity` run."""

    tokens: TokenCounts
    states: list[str]
    pairs: Pairs
    profile: Profile
    kept: Profile
    token_classes: TokenClasses | None = None
    sample_sizes: SampleSizes | None = None
    repeats: Repeats | None = None
    token_errors: TokenErrors | None = None
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:  # Any: our own stored JSON
        """Rebuild a result from `as_json`; a field nobody knows is an error (TypeError)."""
        tokens = dict(value["tokens"])
        tokens["sinks"] = [Sink(**item) for item in tokens["sinks"]]
        fields = dict(value) | {
            "tokens": TokenCounts(**tokens),
            "pairs": Pairs(**value["pairs"]),
            "profile": Profile(**value["profile"]),
            "kept": Profile(**value["kept"]),
            "warnings": [RunWarning(**item) for item in value["warnings"]],
        }
        if value.get("token_classes") is not None:
            fields["token_classes"] = TokenClasses(**value["token_classes"])
        if value.get("sample_sizes") is not None:
            fields["sample_sizes"] = SampleSizes(**value["sample_sizes"])
        if value.get("repeats") is not None:
            fields["repeats"] = Repeats(**value["repeats"])
        if value.get("token_errors") is not None:
            fields["token_errors"] = TokenErrors(**value["token_errors"])
        return cls(**fields)
