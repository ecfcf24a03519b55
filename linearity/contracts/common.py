"""What the kinds that change a model share: their sampling parameters and quality numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from linearity.contracts.canonical import Json
from linearity.contracts.families import attention_of
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.linearity import automatic_tokens
from linearity.contracts.parameters import automatic_choice, choice, ridge, whole_number
from linearity.contracts.scripts import SCORES
from linearity.contracts.templates import TEMPLATES, parse_template
from linearity.errors import InvalidParameterError, NotYetError

FITTINGS = ("one_shot", "sequential")
Interval = list[float]  # [low, high]

FEWEST_FIT_TOKENS_PER_WIDTH = 2
MAXIMUM_TOKENS = 50_000_000
MOST_CATEGORIES = 20
"""So many categories of a dataset get numbers of their own, those with most tokens."""
PROBABILITY_BYTES = 2 << 30
"""How much memory the dense model's probabilities may take on a CPU; more is computed again."""
SAMPLING_NAMES = [
    "fit_tokens", "select_tokens", "report_tokens", "context", "seed", "ridge", "dtype",
    "attention", "template", "score",
]  # fmt: skip


@dataclass(frozen=True)
class Sampling:
    """Which tokens maps are fitted on and quality is measured on; the same in every kind.

    Parameters
    ----------
    fit_tokens, select_tokens, report_tokens : int
        Model input positions of split F (fits maps), A (curves, what-ifs) and B (frozen plans).
    context : int
        Longest window, in tokens. Windows do not overlap: the stride is the context.
    seed : int
        Orders documents and splits them.
    ridge : "auto" or float
        Shrinkage of maps toward the identity; ``auto`` chooses on a validation fifth of split F.
    dtype, attention : str
        What the model computes in.
    template : "auto" | "none" | "chat"
        ``auto`` renders records with an answer with the model's chat template, if it has one.
    score : "answer" | "all"
        Whether of records with an answer only the answer is scored.
    """

    fit_tokens: int
    select_tokens: int
    report_tokens: int
    context: int
    seed: int
    ridge: float | str
    dtype: str
    attention: str
    template: str = "auto"
    score: str = "answer"


@dataclass(frozen=True, kw_only=True)
class SampledParams(Sampling):
    """Parameters of a kind that changes a model: its own, beside the sampling."""

    @property
    def sampling(self) -> Sampling:
        """The part that all kinds share."""
        return Sampling(**{name: getattr(self, name) for name in SAMPLING_NAMES})

    def as_json(self) -> dict[str, Json]:
        """Return the parameters as plain values, the kind's own first, as pages list them."""
        shared = asdict(self.sampling)
        return {name: value for name, value in asdict(self).items() if name not in shared} | shared


def parse_sampling(
    given: Mapping[str, Json],
    *,
    model: ModelRecord,
    fits: bool,
    templates: tuple[str, ...] = TEMPLATES,
) -> Sampling:
    """Return the sampling part of some parameters.

    Parameters
    ----------
    given : mapping
    model : ModelRecord
    fits : bool
        Whether maps are fitted at all; then the fit split must suit the width.
    templates : tuple of str
        What the kind takes as ``template``.

    Raises
    ------
    InvalidParameterError
    """
    context = whole_number("context", given.get("context", 256), low=8, high=131_072)
    fit_tokens = _tokens(given, "fit_tokens", automatic_tokens(model.width))
    needed = FEWEST_FIT_TOKENS_PER_WIDTH * model.width
    if fits and fit_tokens < needed:
        raise InvalidParameterError(
            "fit_tokens",
            wanted=f"at least {needed:,} ({FEWEST_FIT_TOKENS_PER_WIDTH} x the width "
            f"{model.width:,}), or a plan that only drops blocks",
            got=fit_tokens,
            next_step=f"Leave fit_tokens out to get {automatic_tokens(model.width):,}.",
        )
    return Sampling(
        fit_tokens=fit_tokens,
        select_tokens=_tokens(given, "select_tokens", 2048),
        report_tokens=_tokens(given, "report_tokens", 4096),
        context=min(context, model.context),
        seed=whole_number("seed", given.get("seed", 0), low=0, high=2**32 - 1),
        ridge=ridge(given.get("ridge", "auto"), low="1e-9"),
        dtype=automatic_choice(given, "dtype", model.dtype, ("float32", "bfloat16", "float16")),
        attention=attention_of(given, model),
        template=parse_template(given, model=model, known=templates),
        score=choice("score", given.get("score", "answer"), SCORES),
    )


def parse_fitting(value: Json) -> str:
    """Return ``one_shot`` or ``sequential``."""
    return choice("fitting", value, FITTINGS)


def refuse_orthogonal(actions: object, *, parameter: str) -> None:
    """Raise `NotYetError` where the action `orthogonal` is asked for."""
    if "orthogonal" in str(actions):
        raise NotYetError(
            "the action orthogonal is not built yet",
            next_step="Use drop, linear or merged.",
            parameter=parameter,
        )


def _tokens(given: Mapping[str, Json], name: str, default: int) -> int:
    value = given.get(name, "auto")
    if value == "auto":
        return default
    return whole_number(name, value, low=64, high=MAXIMUM_TOKENS)


@dataclass(frozen=True)
class Protocol:
    """How quality was measured; stands beside every number.

    Parameters
    ----------
    split : "select" | "report"
    tokens : int
        Predictions scored: of an answer, or of a text without one; never a window's first.
    documents, windows : int
    context, stride : int
    bos : bool
        Whether a BOS token stands before every window.
    context_tokens : int
        Tokens that were read and not scored: they belong to no answer.
    passed_over : int
        Tokens of the same documents that stand too far before any answer to be read with it.
    template : "chat" | "mixed" | "none"
        Whether the model's chat template stood around the texts.
    """

    split: str
    tokens: int
    documents: int
    windows: int
    context: int
    stride: int
    bos: bool
    context_tokens: int = 0
    passed_over: int = 0
    template: str = "none"


@dataclass(frozen=True)
class CategoryQuality:
    """The changed model on the tokens of one category, numbers as in `Quality`.

    Parameters
    ----------
    category : str
        The user's own word for it: a route, a task, a kind of text.
    documents, tokens : int
        What was measured of it.
    nll, nll_diff, kl, top1 : float
    ci95 : [low, high] or None
        None below five documents.
    """

    category: str
    documents: int
    tokens: int
    nll: float
    nll_diff: float
    ci95: Interval | None
    kl: float
    top1: float


@dataclass(frozen=True)
class Quality:
    """A changed model against the dense one on the same tokens (docs/science.md, section 3).

    Parameters
    ----------
    nll : float
        Mean negative log-likelihood, nats per token.
    ppl : float
        ``exp(nll)``.
    nll_diff : float
        ``nll`` minus the dense model's; the damage.
    ci95 : [low, high] or None
        Of `nll_diff`, clustered by document; None below five documents.
    kl : float
        Mean ``KL(dense || changed)``, nats per token, at least 0.
    top1 : float
        Share of tokens whose likeliest next token is the dense model's.
    top5 : float
        Mean share of the dense model's five likeliest tokens among the changed model's five.
    categories : list of CategoryQuality
        Most tokens first, at most `MOST_CATEGORIES`; empty where the dataset has none.
    """

    nll: float
    ppl: float
    nll_diff: float
    ci95: Interval | None
    kl: float
    top1: float
    top5: float
    categories: list[CategoryQuality] = field(default_factory=list)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Quality":
        """Read what `as_json` wrote."""
        categories = [CategoryQuality(**item) for item in value["categories"]]
        return cls(**{**value, "categories": categories})

    def as_json(self) -> dict[str, Json]:
        """Return the numbers as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class SplitFacts:
    """One of the three splits, disjoint by document.

    Parameters
    ----------
    documents : int
        Documents of the dataset that belong to it, used or not.
    used_documents, tokens : int
        What was taken; zero for a split that was not opened.
    """

    documents: int
    used_documents: int
    tokens: int
