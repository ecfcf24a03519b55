"""lm-evaluation-harness around a model in memory: it forms the prompts and judges the answers.

The user's own questions become a task that is built here from rows alone: no file of a task, no
template and no code of anybody else is read. Tasks of the harness itself come by name from its own
package, and their questions from the hub (docs/decisions/0034).
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from linearity.adapters.packages import need_package
from linearity.contracts.benchmark import OWN_TASK, BenchmarkParams, SideItem
from linearity.contracts.inputs import Document
from linearity.errors import InvalidParameterError
from linearity.models.loaded import LoadedModel
from linearity.studies.benchmark import Answered, Question, Scorer

LONGEST_SHOWN = 400


class LmEvaluationHarness:
    """The tasks of one run; meets `linearity.studies.benchmark.Harness`.

    Parameters
    ----------
    params : BenchmarkParams
    questions : sequence of Document
        The own questions; empty where there are none.

    Raises
    ------
    MissingPackageError
        If lm-eval is not installed.
    InvalidParameterError, HubUnreachableError
        For a task that is not there, or not one that runs here.
    """

    def __init__(self, params: BenchmarkParams, questions: Sequence[Document]) -> None:
        self._params, self._own = params, list(questions)
        self.version: str = need_package("lm_eval").__version__
        with _quiet():
            self._tasks = self._made()

    @cached_property
    def questions(self) -> int:
        """How many questions all tasks ask."""
        limit = self._params.limit
        counts = [len(task.eval_docs) for task in self._tasks.values()]
        return sum(min(count, limit) if limit else count for count in counts)

    def ask(self, model: LoadedModel, score: Scorer) -> list[Answered]:
        """Ask a model every question; `score` says how likely it holds each choice."""
        from lm_eval.evaluator import evaluate

        from linearity.adapters.harness_model import HarnessModel

        for task in self._tasks.values():
            task.set_fewshot_seed(self._params.seed)  # both models read the same examples
        with _quiet():
            found: Any = evaluate(
                HarnessModel(model, score),
                {"tasks": self._tasks, "groups": {}, "group_map": {}},
                limit=self._params.limit or None,
                bootstrap_iters=0,
                apply_chat_template=self._params.chat,
                fewshot_as_multiturn=self._params.chat,
            )
        return [
            Answered(name, str(task.VERSION), self._read(task, found["samples"][name]))
            for name, task in self._tasks.items()
        ]

    def _made(self) -> dict[str, Any]:
        tasks: dict[str, Any] = {}
        if self._own:
            tasks[OWN_TASK] = own_task(self._own, ending=self._params.ending)
        if self._params.tasks:
            from linearity.adapters.harness_tasks import named_tasks

            tasks |= named_tasks(self._params.tasks)
        for task in tasks.values():
            task.set_config(key="num_fewshot", value=self._params.few_shot)
            self._check_examples(task)
        return tasks

    def _check_examples(self, task: Any) -> None:
        there = len(task.eval_docs) - 1
        if task.config.task == OWN_TASK and self._params.few_shot > there:
            raise InvalidParameterError(
                "few_shot",
                wanted=f"at most {there:,}: the examples are taken from the other questions",
                got=self._params.few_shot,
            )

    def _read(self, task: Any, samples: Sequence[Mapping[str, Any]]) -> list[Question]:
        first = samples[0]["filter"]
        return [
            _question(task, sample, self._category(task, sample))
            for sample in sorted(samples, key=lambda sample: int(sample["doc_id"]))
            if sample["filter"] == first
        ]

    def _category(self, task: Any, sample: Mapping[str, Any]) -> str | None:
        return self._own[sample["doc_id"]].category if task.config.task == OWN_TASK else None


def own_rows(questions: Sequence[Document], *, ending: str) -> list[dict[str, Any]]:
    """Return the own questions as rows of a task: what stands before the choices, and those."""
    return [
        {
            "query": f"{(document.prompt or '').rstrip()}{ending}",
            "choices": list(document.choices or ()),
            "gold": document.gold,
        }
        for document in questions
    ]


OWN_CONFIG: dict[str, Any] = {
    "task": OWN_TASK,
    "test_split": "test",
    "fewshot_split": "test",
    "output_type": "multiple_choice",
    # Names of columns: the harness then takes a cell as it stands, and renders no template.
    "doc_to_text": "query",
    "doc_to_choice": "choices",
    "doc_to_target": "gold",
    "target_delimiter": " ",
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
    ],
    "metadata": {"version": 1.0},
}
"""The task of the own questions, as the harness writes it in a file; without its rows."""


def own_task(questions: Sequence[Document], *, ending: str) -> Any:
    """Return the own questions as a task of the harness."""
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

    rows = own_rows(questions, ending=ending)
    return ConfigurableTask(
        config={**OWN_CONFIG, "custom_dataset": lambda **_: {"test": Dataset.from_list(rows)}}
    )


def _question(task: Any, sample: Mapping[str, Any], category: str | None) -> Question:
    doc, choices = sample["doc"], []
    if task.OUTPUT_TYPE == "multiple_choice":
        choices = [str(choice) for choice in task.doc_to_choice(doc)]
    text, target = task.doc_to_text(doc), sample["target"]
    gold = text if task.multiple_input else target  # then the text names the right choice
    logs = [float(answer[0]) for answer in sample["filtered_resps"]][: len(choices) or 1]
    scores = {
        name: float(sample[name])
        for name in sample["metrics"]
        if isinstance(sample[name], int | float)
    }
    return Question(
        index=int(sample["doc_id"]),
        category=category,
        text=_beginning(text if isinstance(text, str) else str(target)),
        choices=[_beginning(choice) for choice in choices],
        gold=gold if type(gold) is int and choices else None,
        answer=SideItem(
            chosen=max(range(len(logs)), key=logs.__getitem__) if choices else None,
            scores=scores,
            loglikelihoods=[round(value, 6) for value in logs],
        ),
    )


def _beginning(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the harness from writing: its bars run into ours, and its warnings quote questions."""
    import lm_eval.api.task as tasks

    log, bar = logging.getLogger("lm_eval"), tasks.tqdm
    level = log.level
    log.setLevel(logging.CRITICAL)
    tasks.tqdm = lambda items, **_: items
    try:
        yield
    finally:
        log.setLevel(level)
        tasks.tqdm = bar
