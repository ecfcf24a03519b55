"""The harness around a model in memory: item by item what lm-evaluation-harness itself answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linearity.adapters.chat_templates import SandboxedTemplate
from linearity.adapters.harness import LmEvaluationHarness, own_task
from linearity.adapters.harness_tasks import named_tasks
from linearity.adapters.tokenizer_library import open_tokenizer
from linearity.contracts.benchmark import BenchmarkParams, parse_params
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import Document, ModelRecord
from linearity.errors import HubUnreachableError, InvalidParameterError, NotYetError
from linearity.models.likelihood import Ids, Scored, score_continuations
from linearity.models.loaded import LoadedModel
from linearity.studies.benchmark import Answered

NOUNS = ("king", "queen", "rabbit", "garden", "little girl", "cat", "door", "table")
WRONG = ("q7#x", "zzzz zz", "%%", "the of and to in")
TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant]"


def some_questions(count: int = 24) -> list[Document]:
    """Return questions with two to four choices, in two categories."""
    return [
        Document.question(
            f"Once upon a time there was a {NOUNS[k % 8]} of age {k}. The word is",
            [NOUNS[k % 8], *WRONG[: 1 + k % 3]][:: 1 if k % 2 else -1],
            0 if k % 2 else 1 + k % 3,
            category=f"class {k % 2}",
        )
        for k in range(count)
    ]


@pytest.fixture
def parsed(glass_record: ModelRecord) -> Callable[..., BenchmarkParams]:
    def parse(**params: Json) -> BenchmarkParams:
        given: dict[str, Json] = {"plan": "1:drop", "questions": "0" * 64, **params}
        return parse_params(given, model=glass_record)

    return parse


def asked(
    model: LoadedModel, params: BenchmarkParams, questions: Sequence[Document]
) -> list[Answered]:
    def score(pairs: Sequence[tuple[Ids, Ids]]) -> list[Scored]:
        return score_continuations(model, pairs)

    return LmEvaluationHarness(params, questions).ask(model, score)


@pytest.mark.parametrize("few_shot", [0, 3])
def test_items_are_those_of_the_harness_itself(
    few_shot: int,
    glass: LoadedModel,
    glass_folder: Callable[[], Path],
    parsed: Callable[..., BenchmarkParams],
) -> None:
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    questions = some_questions()
    [ours] = asked(glass, parsed(few_shot=few_shot, seed=7), questions)
    task = own_task(questions, ending="\nAnswer:")
    task.set_config(key="num_fewshot", value=few_shot)
    task.set_fewshot_seed(7)
    theirs: Any = evaluate(
        HFLM(pretrained=glass.network, tokenizer=open_tokenizer(glass_folder()), batch_size=4),
        {"tasks": {ours.task: task}, "groups": {}, "group_map": {}},
        bootstrap_iters=0,
    )
    samples = sorted(theirs["samples"][ours.task], key=lambda sample: int(sample["doc_id"]))

    assert len(ours.questions) == len(samples) == len(questions)
    for question, sample in zip(ours.questions, samples, strict=True):
        logs = [answer[0] for answer in sample["filtered_resps"]]
        assert question.answer.loglikelihoods == pytest.approx(logs, abs=1e-3)
        assert question.answer.scores == {name: sample[name] for name in ("acc", "acc_norm")}
        assert question.gold == sample["target"]


def test_categories_and_choices_come_along(
    glass: LoadedModel, parsed: Callable[..., BenchmarkParams]
) -> None:
    [found] = asked(glass, parsed(limit=5), some_questions())

    assert [question.index for question in found.questions] == [0, 1, 2, 3, 4]
    assert found.questions[1].category == "class 1"
    assert found.questions[1].choices[0] == "queen"
    assert found.questions[1].text.endswith("The word is\nAnswer:")


def test_texts_of_questions_are_taken_as_they_stand(
    glass: LoadedModel, parsed: Callable[..., BenchmarkParams]
) -> None:
    braces = "{{ 7 * 7 }} {% for %} 3"
    [found] = asked(glass, parsed(ending=""), [Document.question(braces, ["{{ x }}", "12"], 1)] * 2)

    assert found.questions[0].text == braces
    assert found.questions[0].choices == ["{{ x }}", "12"]


def test_a_chat_template_is_rendered_in_the_sandbox_and_all_at_once(
    glass: LoadedModel, parsed: Callable[..., BenchmarkParams], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = SandboxedTemplate("glass", TEMPLATE, {})
    calls = []
    render = template.asked

    def counting(conversations: Any) -> Any:
        calls.append(len(conversations))
        return render(conversations)

    monkeypatch.setattr(template, "asked", counting)
    params = replace(parsed(few_shot=1), chat=True)
    read: list[str] = []
    model = replace(glass, template=template, tokenize=_noting(glass, read))
    [found] = asked(model, params, some_questions(4))

    assert calls == [4]
    assert any(text.startswith("[user] Once upon") and "[assistant] " in text for text in read)
    assert len(found.questions) == 4


def test_a_model_without_a_template_cannot_chat(
    glass: LoadedModel, parsed: Callable[..., BenchmarkParams]
) -> None:
    with pytest.raises(InvalidParameterError, match="no chat template"):
        asked(glass, replace(parsed(), chat=True), some_questions(2))


def test_more_examples_than_questions_are_refused(parsed: Callable[..., BenchmarkParams]) -> None:
    with pytest.raises(InvalidParameterError, match="at most 3"):
        LmEvaluationHarness(parsed(few_shot=4), some_questions(4))


def test_a_task_that_nobody_knows_is_named() -> None:
    with pytest.raises(InvalidParameterError, match="arc_eazy"):
        named_tasks(["arc_eazy"])


def test_without_a_hub_a_task_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def unreachable(**_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(HubUnreachableError, match="arc_easy") as caught:
        named_tasks(["arc_easy"])

    assert "questions of your own" in caught.value.next_step


def test_a_task_of_the_harness_itself(
    glass: LoadedModel, parsed: Callable[..., BenchmarkParams], monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    row = {
        "id": "1",
        "question": "Which is a king?",
        "choices": {"text": ["a king", "q7#"], "label": ["A", "B"]},
        "answerKey": "A",
    }
    rows = datasets.Dataset.from_list([row] * 6)
    splits = {"train": rows, "validation": rows, "test": rows}
    monkeypatch.setattr(datasets, "load_dataset", lambda **_: splits)
    [found] = asked(glass, parsed(questions="", tasks=["arc_easy"], few_shot=2), [])

    assert found.task == "arc_easy"
    assert found.questions[0].gold == 0
    assert found.questions[0].text == "Question: Which is a king?\nAnswer:"
    assert set(found.questions[0].answer.scores) == {"acc", "acc_norm"}


def test_a_task_that_writes_freely_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows = datasets.Dataset.from_list([{"question": "1 + 1?", "answer": "#### 2"}] * 6)
    monkeypatch.setattr(datasets, "load_dataset", lambda **_: {"train": rows, "test": rows})
    with pytest.raises(InvalidParameterError, match="generate_until"):
        named_tasks(["gsm8k"])


def test_begun_answers_do_not_go_with_a_template(glass: LoadedModel) -> None:
    from linearity.adapters.harness_model import HarnessModel

    with pytest.raises(NotYetError):
        HarnessModel(glass, lambda _: []).apply_chat_template([], add_generation_prompt=False)


def _noting(model: LoadedModel, read: list[str]) -> Callable[[str], list[int]]:
    def tokenize(text: str) -> list[int]:
        read.append(text)
        return model.tokenize(text)

    return tokenize
