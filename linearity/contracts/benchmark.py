"""The kind `benchmark`: what both models answer to multiple-choice questions (schema 1).

Science: docs/science.md, section 5. Shape: docs/api.md. The questions are the user's own, or tasks
of lm-evaluation-harness; it forms the prompts and judges the answers in either case.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.contracts.changed import CHANGED_NAMES, ChangedParams, parse_changed
from linearity.contracts.common import Interval, SplitFacts
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.parameters import only_known, whole_number
from linearity.contracts.runs import RunResult
from linearity.contracts.templates import may_render
from linearity.errors import InvalidParameterError

KIND = "benchmark"
SCHEMA = 1
METHOD = 1

OWN_TASK = "own_questions"
"""What the user's own questions are called among tasks."""
MOST_TASKS = 20
MOST_FEW_SHOT = 64
LONGEST_ENDING = 200
ANSWER_ENDING = "\nAnswer:"
EXAMPLE = '{"question": "2 + 2 = ?", "choices": ["3", "4"], "answer": 1}'
PARAMETER_NAMES = [
    "questions", "tasks", "few_shot", "limit", "ending", "chat", *CHANGED_NAMES,
]  # fmt: skip
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
# A name is looked up among the tasks of the harness; a path would be a task of somebody else's.
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class BenchmarkParams(ChangedParams):
    """Parameters of a run, complete and resolved.

    Parameters
    ----------
    plan, fitting, healed, and the sampling : as in `ChangedParams`
        The run's dataset is the text that maps are fitted on.
    questions : str
        Fingerprint of a dataset of multiple-choice questions; empty without own questions.
    tasks : list of str
        Names of tasks of lm-evaluation-harness, which loads their questions from the hub.
    few_shot : int
        Questions with their answers that stand before every question.
    limit : int
        So many questions of each task, its first; 0 takes all.
    ending : str
        What stands behind each of the own questions, for instance a line ``Answer:``.
    chat : bool
        Whether the model's chat template stands around the questions.
    """

    questions: str
    tasks: list[str]
    few_shot: int
    limit: int
    ending: str
    chat: bool


def parse_params(params: Mapping[str, Json], *, model: ModelRecord) -> BenchmarkParams:
    """Return the complete parameters of a run on `model`.

    Raises
    ------
    UnknownParameterError, InvalidParameterError, InvalidPlanError, NotYetError
    """
    only_known(params, PARAMETER_NAMES)
    changed = parse_changed(params, model=model)
    questions, tasks = _questions(params.get("questions", "")), _tasks(params.get("tasks", []))
    if not questions and not tasks:
        raise InvalidParameterError(
            "questions",
            wanted="a dataset of multiple-choice questions, or tasks of lm-evaluation-harness",
            got=None,
            next_step="Name a dataset of questions (questions=...) or tasks (tasks=arc_easy,...).",
        )
    return BenchmarkParams(
        **asdict(changed),
        questions=questions,
        tasks=tasks,
        few_shot=whole_number("few_shot", params.get("few_shot", 0), low=0, high=MOST_FEW_SHOT),
        limit=whole_number("limit", params.get("limit", 0), low=0, high=1_000_000),
        ending=_ending(params.get("ending", ANSWER_ENDING)) if questions else "",
        chat=_chat(params.get("chat", False), model),
    )


def is_fingerprint(text: str) -> bool:
    """Return whether a text is the fingerprint of a dataset, and not a name."""
    return _FINGERPRINT.fullmatch(text) is not None


def check_questions(record: DatasetRecord) -> None:
    """Refuse a dataset without multiple-choice questions.

    Raises
    ------
    InvalidParameterError
    """
    if not record.questions:
        raise no_questions(record.name)


def no_questions(name: str) -> InvalidParameterError:
    """Return the error for a dataset that holds texts or prompts, and no choices."""
    return InvalidParameterError(
        "questions",
        wanted="a dataset of multiple-choice questions",
        got=name,
        next_step=f"Give JSON lines with a question, its choices and the right one: {EXAMPLE}",
    )


def _questions(value: Json) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not is_fingerprint(value):
        raise InvalidParameterError(
            "questions", wanted="the fingerprint of a dataset of questions", got=value
        )
    return value


def _tasks(value: Json) -> list[str]:
    given = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    wanted = f"at most {MOST_TASKS} names of tasks, for example arc_easy"
    if not isinstance(given, Sequence) or len(given) > MOST_TASKS:
        raise InvalidParameterError("tasks", wanted=wanted, got=value)
    given = [name for name in given if name != ""]
    for name in given:
        if not isinstance(name, str) or not _TASK.fullmatch(name) or name == OWN_TASK:
            raise InvalidParameterError("tasks", wanted=wanted, got=name)
    return sorted({str(name) for name in given})


def _ending(value: Json) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_ENDING:
        raise InvalidParameterError(
            "ending", wanted=f"a text of at most {LONGEST_ENDING} characters", got=value
        )
    return value


def _chat(value: Json, model: ModelRecord) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameterError("chat", wanted="true or false", got=value)
    if value and not may_render(model):
        raise InvalidParameterError(
            "chat",
            wanted="false: a chat template is a program, and that of an uploaded model or a local "
            "folder is not run until an administrator allows it",
            got=value,
        )
    return value


@dataclass(frozen=True)
class PairedScore:
    """One score of both models over the same questions (docs/science.md, section 5).

    Parameters
    ----------
    metric : str
        ``acc``: the likeliest choice is right. ``acc_norm``: the likeliest a character is. Tasks
        may have others.
    dense, changed : float
        Means, in [0, 1] for accuracies.
    dense_se, changed_se : float or None
        Standard errors of each mean by itself; None for a single question.
    diff : float
        Changed minus dense.
    diff_se : float or None
        Standard error of the mean of the differences, question by question.
    ci95 : [low, high] or None
        Of `diff`; None below five questions and where no answer differs.
    lost, gained : int
        Questions that only the dense model, and that only the changed model, gets right.
    p_value : float or None
        McNemar's exact test that both are as often right; None where a score is not 0 or 1.
    """

    metric: str
    dense: float
    dense_se: float | None
    changed: float
    changed_se: float | None
    diff: float
    diff_se: float | None
    ci95: Interval | None
    lost: int
    gained: int
    p_value: float | None


@dataclass(frozen=True)
class CategoryScore:
    """The questions of one category, scored by the task's first metric."""

    category: str
    questions: int
    score: PairedScore


@dataclass(frozen=True)
class TaskScores:
    """Both models on one task.

    Parameters
    ----------
    task : str
        Its name in the harness, or ``own_questions``.
    version : str
        Of the task, as the harness says.
    questions : int
        How many were asked.
    chance : float or None
        Accuracy of guessing: the mean of one over the number of choices.
    scores : list of PairedScore
        The task's own metrics, its first one first.
    categories : list of CategoryScore
        Most questions first, at most 20; empty where the questions have none.
    """

    task: str
    version: str
    questions: int
    chance: float | None
    scores: list[PairedScore]
    categories: list[CategoryScore]


@dataclass(frozen=True)
class SideItem:
    """What one model answered to one question.

    Parameters
    ----------
    chosen : int or None
        The likeliest choice, from 0.
    scores : dict of metric to float
    loglikelihoods : list of float
        Of each choice, in nats.
    """

    chosen: int | None
    scores: dict[str, float]
    loglikelihoods: list[float]


@dataclass(frozen=True)
class ItemResult:
    """One question and what both models answered.

    Parameters
    ----------
    task : str
    index : int
        Its place among the questions of the task, from 0.
    category : str or None
    question : str
        Its beginning.
    choices : list of str
        Their beginnings.
    gold : int or None
        The right choice; None where the task does not name one.
    dense, changed : SideItem
    """

    task: str
    index: int
    category: str | None
    question: str
    choices: list[str]
    gold: int | None
    dense: SideItem
    changed: SideItem


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult(RunResult):
    """The answer of a `benchmark` run."""

    harness: dict[str, str]  # name and version
    splits: dict[str, SplitFacts]  # "fit": what the maps were fitted on
    tasks: list[TaskScores]
    items: list[ItemResult]
    commands: dict[str, str]  # of the harness itself, by side
    kind: str = KIND
    schema: int = SCHEMA
    method: int = METHOD
