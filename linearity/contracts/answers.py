"""The kind `answers`: what both models write, side by side (schema 2).

Science: docs/science.md, section 3, "Free answers". Shape: docs/api.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.contracts.changed import NOT_HEALED, ChangedParams, parse_changed
from linearity.contracts.common import SAMPLING_NAMES, Interval, SplitFacts
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.parameters import only_known, whole_number
from linearity.contracts.runs import RunResult
from linearity.errors import InvalidParameterError

KIND = "answers"
SCHEMA = 2  # 2: categories
METHOD = 2  # 2: splits share out categories

TEMPLATES = ("auto", "none", "chat")
MOST_CANARIES = 100
LONGEST_TEXT = 20_000
PARAMETER_NAMES = [
    "plan", "fitting", "healed", "prompts", "prompt_tokens", "new_tokens", "canaries",
    *SAMPLING_NAMES,
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AnswersParams(ChangedParams):
    """Parameters of a run, complete and resolved.

    ``template=auto`` renders records with a ``prompt`` with the model's chat template if it has
    one, and continues plain text as it is. ``chat`` renders plain text too, as what a user says.

    Parameters
    ----------
    plan, fitting, healed : as in `ChangedParams`
    prompts : int
        How many prompts are taken from the dataset, at most.
    prompt_tokens : int
        Length of a prompt cut from a plain text, in tokens. Records with a ``prompt`` of their own
        are used whole.
    new_tokens : int
        Longest answer, in tokens.
    canaries : list of {prompt, must_say, must_not_say}
        The user's own prompts with texts that the answer must or must not hold.
    """

    prompts: int
    prompt_tokens: int
    new_tokens: int
    canaries: list[dict[str, Json]]

    def as_json(self) -> dict[str, Json]:
        """Return them as plain values; without healed weights as before there were any."""
        values = super().as_json()
        if self.healed == NOT_HEALED:
            del values["healed"]  # so that the same question keeps its id
        return values


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> AnswersParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError, NotYetError
    """
    only_known(params, PARAMETER_NAMES)
    changed = parse_changed(params, model=model, templates=TEMPLATES)
    # One place is left for a BOS token.
    prompt_tokens = whole_number(
        "prompt_tokens", params.get("prompt_tokens", 32), low=1, high=model.context - 2
    )
    return AnswersParams(
        prompts=whole_number("prompts", params.get("prompts", 200), low=1, high=10_000),
        prompt_tokens=prompt_tokens,
        new_tokens=whole_number(
            "new_tokens",
            params.get("new_tokens", 32),
            low=1,
            high=model.context - 1 - prompt_tokens,
        ),
        canaries=_canaries(params.get("canaries", [])),
        **asdict(changed),
    )


def _canaries(value: Json) -> list[dict[str, Json]]:
    wanted = f"a list of at most {MOST_CANARIES} objects {{prompt, must_say, must_not_say}}"
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MOST_CANARIES:
        raise InvalidParameterError("canaries", wanted=wanted, got=value)
    return [_canary(item, wanted) for item in value]


def _canary(item: Json, wanted: str) -> dict[str, Json]:
    known = {"prompt", "must_say", "must_not_say"}
    if not isinstance(item, Mapping) or not set(item) <= known:
        raise InvalidParameterError("canaries", wanted=wanted, got=item)
    prompt = item.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > LONGEST_TEXT:
        raise InvalidParameterError("canaries.prompt", wanted="a text", got=prompt)
    says = {
        name: _texts(f"canaries.{name}", item.get(name, []))
        for name in ("must_say", "must_not_say")
    }
    if not any(says.values()):
        raise InvalidParameterError(
            "canaries", wanted="must_say or must_not_say beside every prompt", got=item
        )
    return {"prompt": prompt, **says}


def _texts(name: str, value: Json) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence) or not all(
        isinstance(text, str) and text.strip() and len(text) <= LONGEST_TEXT for text in values
    ):
        raise InvalidParameterError(name, wanted="a text or a list of texts", got=value)
    return [str(text) for text in values]


@dataclass(frozen=True)
class AnswerPair:
    """One prompt and both answers.

    Parameters
    ----------
    document : int
        Index into the dataset.
    prompt, dense, changed : str
        Texts; an answer does not repeat its prompt.
    first_difference : int or None
        Index of the first generated token that differs; None when the answers are equal.
    dense_before, changed_before : int
        How many characters of each answer stand before the first difference.
    agreement : float
        Equal tokens before the first difference, as a share of the longer answer, in [0, 1].
    dense_tokens, changed_tokens : int
    dense_stopped, changed_stopped : bool
        Whether the model ended its answer itself, before the length limit.
    reference : str or None
    category : str or None
    """

    document: int
    prompt: str
    dense: str
    changed: str
    first_difference: int | None
    dense_before: int
    changed_before: int
    agreement: float
    dense_tokens: int
    changed_tokens: int
    dense_stopped: bool
    changed_stopped: bool
    reference: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class SideSummary:
    """One model over all prompts.

    Parameters
    ----------
    mean_tokens : float
    at_limit : float
        Share of answers cut off at the length limit.
    repetition : float
        Mean share of 4-grams of an answer that occurred in it before.
    exact, contains, number, valid_json : float or None
        Share of answers that equal the reference, hold it, hold its number, are JSON where the
        reference is; None without such references.
    """

    mean_tokens: float
    at_limit: float
    repetition: float
    exact: float | None
    contains: float | None
    number: float | None
    valid_json: float | None


@dataclass(frozen=True)
class AnswersSummary:
    """Both models over all prompts.

    Parameters
    ----------
    prompts, references : int
    identical : int
        Answers that are equal token by token.
    first_difference_median : float or None
        Over answers that differ, in tokens.
    agreement : float
        Mean of `AnswerPair.agreement`.
    length_ratio : float or None
        Tokens of the changed model's answers over the dense model's. Never a saving. None where
        the dense model wrote nothing.
    """

    prompts: int
    references: int
    identical: int
    first_difference_median: float | None
    agreement: float
    length_ratio: float | None
    dense: SideSummary
    changed: SideSummary


@dataclass(frozen=True)
class CategoryAnswers:
    """Both models over the prompts of one category, numbers as in `AnswersSummary`.

    Parameters
    ----------
    category : str
        The user's own word for it: a route, a task, a kind of text.
    documents, prompts, identical : int
    identical_ci95 : [low, high]
        Of the share of equal answers: Wilson's score interval over prompts.
    agreement : float
    agreement_ci95 : [low, high] or None
        Clustered by document; None below five documents.
    """

    category: str
    documents: int
    prompts: int
    identical: int
    identical_ci95: Interval
    agreement: float
    agreement_ci95: Interval | None
    first_difference_median: float | None
    length_ratio: float | None
    dense: SideSummary
    changed: SideSummary


@dataclass(frozen=True)
class CanaryResult:
    """One of the user's prompts, judged for both models.

    Parameters
    ----------
    missing, forbidden : dict of "dense" | "changed" to list of str
        Texts that should have been said and were not, and the other way round.
    passed : dict of "dense" | "changed" to bool
    """

    prompt: str
    dense: str
    changed: str
    missing: dict[str, list[str]]
    forbidden: dict[str, list[str]]
    passed: dict[str, bool]


@dataclass(frozen=True, kw_only=True)
class AnswersResult(RunResult):
    """The answer of an `answers` run."""

    splits: dict[str, SplitFacts]  # of a split with prompts: what they took
    template: str  # "none", "chat", or "mixed" for a dataset of prompts and plain texts
    summary: AnswersSummary
    categories: list[CategoryAnswers]  # most prompts first; empty where the dataset has none
    answers: list[AnswerPair]
    canaries: list[CanaryResult]
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
