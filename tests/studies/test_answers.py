"""Answers of glass-en, dense and changed: which prompts, in which template, compared how."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from linearity.adapters.chat_templates import SandboxedTemplate
from linearity.adapters.inputs import load_records
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.answers import AnswersParams, AnswersResult, parse_params
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.errors import InvalidParameterError, RunCancelledError, TooFewTokensError
from linearity.models.generation import write_answers
from linearity.models.healed import HealedWeights, healed_tensors
from linearity.models.loaded import LoadedModel
from linearity.studies.answers import AnswersMeasurement, measure_answers
from linearity.studies.material import Material
from linearity.studies.prompts import take_prompts
from tests.studies.recorder import Recorder

SAMPLING: dict[str, Json] = {"fit_tokens": 2048, "select_tokens": 256, "context": 64}
SMALL: dict[str, Json] = {"plan": "1:drop", "prompts": 24, "prompt_tokens": 12, "new_tokens": 8}

TEMPLATE = "{% for m in messages %}{{ 'Q' if m.role == 'user' else 'A' }}: {{ m.content }}\n"
TEMPLATE += "{% endfor %}{% if add_generation_prompt %}A:{% endif %}"


@pytest.fixture(scope="module")
def records(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[Document]:
    return load_records(docs_record, small_store)


@pytest.fixture(scope="module")
def questions() -> list[Document]:
    """Forty sums with answers, in four categories."""
    return [
        Document.asked(f"{k} and {k} are", str(2 * k), category=f"class {k % 4}") for k in range(40)
    ]


@pytest.fixture
def parsed(glass_record: ModelRecord) -> Callable[..., AnswersParams]:
    def parse(**params: Json) -> AnswersParams:
        return parse_params({**SAMPLING, **SMALL, **params}, model=glass_record)

    return parse


class Asking:
    """Runs the study on one model with some records and parameters."""

    def __init__(self, model: LoadedModel, parsed: Callable[..., AnswersParams]) -> None:
        self.model, self.parsed = model, parsed

    def material(self, records: Sequence[Document], params: AnswersParams) -> Material:
        return Material.of(self.model, records, params.sampling)

    def __call__(
        self, records: Sequence[Document], recorder: Recorder | None = None, **given: Json
    ) -> AnswersMeasurement:
        params = self.parsed(**given)
        material = self.material(records, params)
        return measure_answers(material, params, records, recorder or Recorder())


@pytest.fixture
def ask(glass: LoadedModel, parsed: Callable[..., AnswersParams]) -> Asking:
    return Asking(glass, parsed)


def codes(measured: AnswersMeasurement) -> list[str]:
    return [warning.code for warning in measured.warnings]


def test_the_answers_are_those_of_the_dense_model_and_of_the_model_without_the_block(
    ask: Asking, records: list[Document], glass: LoadedModel
) -> None:
    measured = ask(records)
    prompts = [glass.tokenize(pair.prompt) for pair in measured.answers]
    with torch.inference_mode():
        dense = {k: a for b in write_answers(glass, prompts, new_tokens=8) for k, a in b.items()}
        block = glass.layout.blocks[1]
        handle = block.register_forward_hook(lambda _, args, __: args[0])
        without = {k: a for b in write_answers(glass, prompts, new_tokens=8) for k, a in b.items()}
        handle.remove()

    assert len(measured.answers) == 24
    assert [p.dense for p in measured.answers] == [
        glass.detokenize(dense[k].tokens) for k in range(24)
    ]
    assert [p.changed for p in measured.answers] == [
        glass.detokenize(without[k].tokens) for k in range(24)
    ]
    assert measured.summary.identical == sum(dense[k] == without[k] for k in range(24))
    assert 0 < measured.summary.agreement < 1
    assert "1:drop" in measured.finding["en"]


def test_the_model_is_the_dense_one_again_afterwards(ask: Asking, records: list[Document]) -> None:
    one, two = ask(records), ask(records, plan="2:drop")

    assert [pair.dense for pair in one.answers] == [pair.dense for pair in two.answers]
    assert [pair.changed for pair in one.answers] != [pair.changed for pair in two.answers]


def test_plain_texts_are_begun_round_robin_and_first_at_their_start(
    ask: Asking, records: list[Document], glass: LoadedModel
) -> None:
    params = ask.parsed(prompts=60)
    material = ask.material(records, params)
    texts = material.documents_of("select")
    taken = take_prompts(material, params, records, ["select"])
    starts = [
        (p.document, _start(glass.tokenize(records[p.document].text), p.ids)) for p in taken.prompts
    ]

    assert starts[: len(texts)] == [(document, 0) for document in texts]
    assert len(starts) == len(set(starts)) == 60
    assert {start % 256 for _, start in starts[: len(texts) + 10]} == {0}


def _start(text: Sequence[int], window: Sequence[int]) -> int:
    size = len(window)
    return next(k for k in range(0, len(text), 4) if tuple(text[k : k + size]) == tuple(window))


def test_gaps_are_filled_only_where_starts_256_apart_are_too_few(
    ask: Asking, glass: LoadedModel
) -> None:
    text = "one two three four five six seven eight nine ten eleven twelve. " * 40
    records = [Document(f"{k} {text}") for k in range(12)]
    params = ask.parsed(prompts=10_000)
    taken = take_prompts(ask.material(records, params), params, records, ["select"])
    by_document: dict[int, int] = {}
    for prompt in taken.prompts:
        by_document[prompt.document] = by_document.get(prompt.document, 0) + 1

    # Prompts of 12 tokens never overlap: the closest starts are 16 apart.
    for document, count in by_document.items():
        length = len(glass.tokenize(records[document].text))
        assert count == len(range(0, length - 11, 16))


def test_a_plan_that_only_drops_goes_on_to_split_f_and_one_that_fits_does_not(
    ask: Asking, questions: list[Document]
) -> None:
    drop = ask(questions, prompts=40)
    params = ask.parsed(prompts=40, plan="1:linear", fit_tokens=256)
    material = ask.material(questions, params)
    fitted = take_prompts(material, params, questions, ["select"])
    members = {name: set(material.documents_of(name)) for name in ("fit", "select", "report")}

    assert {pair.document for pair in drop.answers} == members["select"] | members["fit"]
    assert {prompt.document for prompt in fitted.prompts} == members["select"]
    assert [p.document for p in drop.answers][: len(fitted.prompts)] == [
        p.document for p in fitted.prompts
    ]
    assert drop.splits["report"].used_documents == 0
    assert drop.splits["fit"].used_documents == len(members["fit"])


def test_a_fitted_plan_is_answered_too(ask: Asking, records: list[Document]) -> None:
    measured = ask(records, plan="1:linear")

    assert measured.splits["fit"].tokens > 1500
    assert measured.splits["select"].tokens == 12 * 24
    assert measured.summary.prompts == 24
    assert all(pair.changed_tokens for pair in measured.answers)


def test_records_with_a_prompt_are_asked_whole_and_judged_by_their_response(
    ask: Asking, questions: list[Document]
) -> None:
    measured = ask(questions)

    for pair in measured.answers:
        record = questions[pair.document]
        assert (pair.prompt, pair.reference) == (record.prompt, record.response)
        assert pair.category == record.category
    assert measured.summary.references == measured.summary.prompts
    assert measured.summary.dense.number is not None
    assert measured.summary.dense.valid_json is None


def test_prompts_come_before_plain_texts(ask: Asking, questions: list[Document]) -> None:
    mixed = [*questions, *(Document(f"{k}. It was a dark and stormy night.") for k in range(40))]
    measured = ask(mixed, prompts=200)
    asked = [pair.document < 40 for pair in measured.answers]

    assert asked == sorted(asked, reverse=True)
    assert 0 < sum(asked) < len(asked)
    assert measured.summary.references == sum(asked)


def test_prompts_are_rendered_in_the_template_and_plain_texts_are_not(
    ask: Asking, questions: list[Document], records: list[Document], glass: LoadedModel
) -> None:
    template = SandboxedTemplate("glass", TEMPLATE, {})
    chatty = Asking(replace(glass, template=template), ask.parsed)
    params = ask.parsed()
    material = chatty.material(questions, params)
    (first, *_) = take_prompts(material, params, questions, ["select"]).prompts

    assert first.ids == tuple(glass.tokenize(f"Q: {first.text}\nA:"))
    assert chatty(questions).template == "chat"
    assert chatty(questions, template="none").template == "none"
    assert chatty(records).template == "none"
    assert chatty(records, template="chat").template == "chat"
    assert chatty([*questions, *records], prompts=60).template == "mixed"
    assert ask(questions).template == "none"


def test_a_bos_token_stands_before_every_prompt_that_is_not_rendered(
    ask: Asking, questions: list[Document], records: list[Document], glass: LoadedModel
) -> None:
    begun = Asking(replace(glass, bos=2), ask.parsed)
    params = ask.parsed()

    for given in (questions, records):
        taken = take_prompts(begun.material(given, params), params, given, ["select"])
        assert all(p.ids == (2, *glass.tokenize(p.text)) for p in taken.prompts[:5])


def test_a_template_that_the_model_does_not_have_is_refused(
    ask: Asking, questions: list[Document]
) -> None:
    with pytest.raises(InvalidParameterError, match="this model has no chat template"):
        ask(questions, template="chat")


def test_a_template_of_a_local_folder_is_never_rendered(glass_record: ModelRecord) -> None:
    local = replace(glass_record, source="path")

    assert parse_params(dict(SMALL), model=local).template == "none"
    with pytest.raises(InvalidParameterError, match="a template is a program"):
        parse_params({**SMALL, "template": "chat"}, model=local)


def test_prompt_and_answer_fit_into_the_model(glass_record: ModelRecord) -> None:
    longest = {**SMALL, "prompt_tokens": 100, "new_tokens": 27}

    assert parse_params(longest, model=glass_record).new_tokens == 27
    with pytest.raises(InvalidParameterError, match=r"new_tokens: wanted .* 1 to 27"):
        parse_params({**longest, "new_tokens": 28}, model=glass_record)


def test_prompts_that_are_too_long_for_the_model_are_passed_over_and_counted(
    ask: Asking, questions: list[Document]
) -> None:
    long = [Document.asked("word " * 200 + str(k)) for k in range(40)]
    measured = ask([*questions, *long], prompts=200)

    assert "long_prompts" in codes(measured)
    assert all(pair.document < 40 for pair in measured.answers)
    with pytest.raises(TooFewTokensError, match=r"no prompt can be taken .* are too long"):
        ask(long)


def test_too_few_prompts_are_said_with_their_numbers(
    ask: Asking, questions: list[Document]
) -> None:
    measured = ask(questions, prompts=200)
    warnings = {warning.code: warning for warning in measured.warnings}
    given = len(measured.answers)

    assert warnings["fewer_prompts"].data == {"prompts": given, "asked": 200, "documents": given}
    assert warnings["few_prompts"].data == {"prompts": given, "needed": 200}


def test_a_dataset_of_one_document_gives_prompts_of_that_document(
    ask: Asking, records: list[Document]
) -> None:
    whole = [Document("\n".join(record.text for record in records[:6]), "all")]
    measured = ask(whole)

    assert {(pair.document, pair.category) for pair in measured.answers} == {(0, "all")}


def test_canaries_are_asked_with_the_prompts_and_judged_for_both_models(
    ask: Asking, records: list[Document]
) -> None:
    free = ask(records, prompts=1, canaries=[{"prompt": "Once upon a", "must_say": "time"}])
    (canary,) = free.canaries
    word = canary.dense.split()[0]
    told = ask(
        records,
        prompts=1,
        canaries=[{"prompt": "Once upon a", "must_say": [], "must_not_say": word.upper()}],
    )

    assert canary.prompt == "Once upon a"
    assert told.canaries[0].forbidden["dense"] == [word.upper()]
    assert told.canaries[0].passed["dense"] is False
    assert "Of your own 1 check, the dense model passes 0" in told.finding["en"]
    assert free.summary.prompts == 1


def test_a_canary_that_is_too_long_is_an_error_with_the_limit(
    ask: Asking, records: list[Document]
) -> None:
    with pytest.raises(InvalidParameterError, match=r"canaries.prompt: wanted at most 120 tokens"):
        ask(records, canaries=[{"prompt": "word " * 200, "must_say": "x"}])


def test_progress_counts_a_prompt_when_both_models_have_answered_it(
    ask: Asking, records: list[Document]
) -> None:
    recorder = Recorder()
    ask(records, recorder, prompts=40, canaries=[{"prompt": "Once", "must_say": "x"}])
    shares = [step[3] for step in recorder.steps]

    assert {step[1:3] for step in recorder.steps} == {(41, "prompts")}
    assert shares == sorted(shares)
    assert recorder.steps[0] == (0, 41, "prompts", 0.0)
    assert recorder.steps[-1] == (41, 41, "prompts", 1.0)


def test_partial_results_have_the_final_shape_and_grow(
    ask: Asking, records: list[Document]
) -> None:
    recorder = Recorder()
    final = ask(records, recorder, prompts=80)
    partials = recorder.partials

    assert [p["partial"] for p in partials] == [
        {"done": 32, "total": 80}, {"done": 64, "total": 80},
    ]  # fmt: skip
    for partial in partials:
        assert partial.keys() - {"partial"} == set(AnswersMeasurement.__dataclass_fields__)
        answers = partial["answers"]
        assert isinstance(answers, list)
        assert len(answers) == partial["partial"]["done"]  # type: ignore[index,call-overload]
        assert {(a["document"], a["changed"]) for a in answers} <= {
            (pair.document, pair.changed) for pair in final.answers
        }


def test_a_cancelled_run_stops_and_leaves_the_dense_model(
    ask: Asking, records: list[Document], glass: LoadedModel
) -> None:
    with pytest.raises(RunCancelledError):
        ask(records, Recorder(stop_at=0.8), prompts=40)

    assert len(glass.layout.decoder.get_submodule("layers")._modules) == 4
    assert list(glass.layout.decoder.get_submodule("layers").children()) == glass.layout.blocks


def test_a_measurement_becomes_a_result(ask: Asking, records: list[Document]) -> None:
    measured = ask(records)
    params = ask.parsed()
    result = AnswersResult(
        id="0" * 32,
        created="2026-11-24T00:00:00Z",
        model={},
        dataset={},
        params=params.as_json(),
        environment={},
        **{name: getattr(measured, name) for name in AnswersMeasurement.__dataclass_fields__},
    ).as_json()

    assert result["kind"] == "answers"
    assert result["summary"]["prompts"] == 24  # type: ignore[index,call-overload]


def test_healed_weights_answer_in_the_place_of_fitted_maps(
    glass: LoadedModel, glass_record: ModelRecord, records: list[Document]
) -> None:
    params = parse_params(
        {"plan": "1:linear", "prompts": 4, "new_tokens": 6, "fit_tokens": 512, "context": 64},
        model=glass_record,
    )
    material = Material.of(glass, records, params.sampling)
    (before, linear, *after) = material.changes(parse_plan("1:linear", blocks=4), "one_shot")
    assert linear.linear is not None
    tensors = healed_tensors((before, linear, *after), glass)
    moved = {name: 3.0 * tensor for name, tensor in tensors.items()}
    asked = replace(params, healed="a" * 64)

    def answers(found: dict[str, Tensor]) -> list[str]:
        weights = HealedWeights("w", "m", params.plan, params.fitting, [], found)
        measured = measure_answers(material, asked, records, Recorder(), weights)
        assert measured.splits["fit"].tokens == 0
        return [pair.changed for pair in measured.answers]

    plain = measure_answers(material, params, records, Recorder())
    assert answers(tensors) == [pair.changed for pair in plain.answers]
    assert answers(moved) != answers(tensors)
    assert "healed" not in params.as_json()
    assert asked.as_json()["healed"] == "a" * 64
