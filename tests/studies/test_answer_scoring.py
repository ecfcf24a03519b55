"""Only answers are scored: every number against plain passes over exactly the answers' tokens.

Nothing of the sampling, of the windows' marks or of `linearity.evaluate` is used on the oracle's
side: a record is tokenised here in two pieces, and the numbers come from the network's own logits
and hidden states in float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from linearity.adapters.chat_templates import SandboxedTemplate
from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts import ablation, linearity, plan
from linearity.contracts.actions import parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, Document, Message, ModelRecord
from linearity.errors import InputChangedError
from linearity.measure.sampling import SamplingPlan, sample_windows
from linearity.models.loaded import LoadedModel
from linearity.studies.ablation import measure_ablation
from linearity.studies.linearity import Measurement, measure_linearity
from linearity.studies.material import Material
from linearity.studies.plan import PlanMeasurement, measure_plan
from tests.oracles import changed_network, divergences, last_states, logits_of
from tests.studies.recorder import Recorder

Array = NDArray[np.float64]
SMALL: dict[str, Json] = {
    "fit_tokens": 4096, "select_tokens": 4096, "context": 128, "seed": 3, "attention": "eager",
}  # fmt: skip
LINEARITY: dict[str, Json] = {
    "tokens": 12_288, "context": 128, "seed": 3, "attention": "eager", "ridge": 0.01,
    "exclude": "first",
}  # fmt: skip


@pytest.fixture(scope="module")
def texts(docs_record: DatasetRecord, small_store: ArtifactStore) -> list[str]:
    return load_documents(docs_record, small_store)


@pytest.fixture(scope="module")
def questions(texts: list[str]) -> list[Document]:
    """Records that fit into one window each, in two categories and one without."""
    return [
        Document.asked(text[:60], text[60:120], category=("search", "translate", None)[k % 3])
        for k, text in enumerate(texts)
        if len(text) > 200
    ]


@pytest.fixture(scope="module")
def talks(texts: list[str]) -> list[Document]:
    """Conversations of two questions and two answers."""
    roles = ("user", "assistant", "user", "assistant")
    return [
        Document.conversation(
            [Message(role, text[25 * k : 25 * k + 25]) for k, role in enumerate(roles)]
        )
        for text in texts
        if len(text) > 200
    ]


@dataclass(frozen=True)
class Marked:
    """One record as its tokens, and which of them are answers'."""

    ids: tuple[int, ...]
    scored: NDArray[np.bool_]


def marked(model: LoadedModel, pieces: Sequence[tuple[str, bool]]) -> Marked:
    ids: list[int] = []
    scored: list[bool] = []
    for text, is_answer in pieces:
        tokens = model.tokenize(text)
        ids += tokens
        scored += [is_answer] * len(tokens)
    return Marked(tuple(ids), np.array(scored))


def read(model: LoadedModel, record: Document) -> Marked:
    """Return what should be read of a record, and which of it should be scored."""
    if record.messages is None:
        return marked(model, [(f"{record.prompt}\n", False), (str(record.response), True)])
    first, said, second, last = (message.content for message in record.messages)
    return marked(
        model,
        [
            (f"user: {first}\nassistant:", False),
            (f" {said}", True),
            (f"\nuser: {second}\nassistant:", False),
            (f" {last}", True),
        ],
    )


def losses(network: torch.nn.Module, ids: Sequence[int]) -> Array:
    logits = logits_of(network, ids)[:-1].numpy().astype(np.float64)
    value: Array = -log_softmax(logits, axis=1)[np.arange(len(ids) - 1), list(ids[1:])]
    return value


@dataclass(frozen=True)
class Expected:
    """Means over exactly the tokens of answers."""

    dense: float
    changed: float
    kl: float
    tokens: int


def expected(
    model: LoadedModel, material: Material, text: str, records: Sequence[Document]
) -> Expected:
    network = changed_network(model, material, parse_plan(text, blocks=4))
    dense, changed, kl = [], [], []
    for record in records:
        given = read(model, record)
        scored = given.scored[1:]
        logits = [logits_of(net, given.ids)[:-1].numpy() for net in (model.network, network)]
        dense.append(losses(model.network, given.ids)[scored])
        changed.append(losses(network, given.ids)[scored])
        kl.append(divergences(*logits)[scored])
    before, after, divergence = (
        float(np.concatenate(parts).mean()) for parts in (dense, changed, kl)
    )
    return Expected(before, after, divergence, tokens=sum(map(len, dense)))


def planned(
    model: LoadedModel, record: ModelRecord, records: Sequence[Document], **given: Json
) -> tuple[Material, PlanMeasurement]:
    params = plan.parse_params({**SMALL, "plan": "1:linear", **given}, model=record)
    material = Material.of(model, records, params.sampling)
    return material, measure_plan(material, params, Recorder())


@pytest.mark.parametrize("kind", ["questions", "talks"])
@pytest.mark.parametrize("text", ["1:drop", "1-2:linear"])
def test_a_plan_is_measured_on_the_tokens_of_answers_only(
    glass: LoadedModel,
    glass_record: ModelRecord,
    kind: str,
    text: str,
    request: pytest.FixtureRequest,
) -> None:
    records: list[Document] = request.getfixturevalue(kind)
    material, measured = planned(glass, glass_record, records, plan=text)
    members = [records[k] for k in material.documents_of("select")]
    wanted = expected(glass, material, text, members)
    everything = [read(glass, record) for record in members]

    assert measured.protocol.tokens == wanted.tokens
    assert measured.protocol.context_tokens == sum(int((~m.scored).sum()) for m in everything)
    assert measured.protocol.passed_over == 0
    assert measured.protocol.documents == len(members) > 10
    assert measured.dense["nll"] == pytest.approx(wanted.dense, abs=1e-5)
    assert measured.point.nll == pytest.approx(wanted.changed, abs=1e-5)
    assert measured.point.nll_diff == pytest.approx(wanted.changed - wanted.dense, abs=1e-5)
    assert measured.point.kl == pytest.approx(wanted.kl, abs=1e-5)


def test_categories_are_measured_on_the_tokens_of_their_answers_only(
    glass: LoadedModel, glass_record: ModelRecord, questions: list[Document]
) -> None:
    material, measured = planned(glass, glass_record, questions, plan="2:drop")
    members = [questions[k] for k in material.documents_of("select")]

    assert {row.category for row in measured.point.categories} == {"search", "translate"}
    for row in measured.point.categories:
        wanted = expected(
            glass, material, "2:drop", [r for r in members if r.category == row.category]
        )
        assert row.tokens == wanted.tokens
        assert row.nll == pytest.approx(wanted.changed, abs=1e-5)
        assert row.nll_diff == pytest.approx(wanted.changed - wanted.dense, abs=1e-5)
        assert row.kl == pytest.approx(wanted.kl, abs=1e-5)


def test_an_ablation_is_measured_on_the_tokens_of_answers_only(
    glass: LoadedModel, glass_record: ModelRecord, questions: list[Document]
) -> None:
    params = ablation.parse_params(
        {**SMALL, "strategies": ["stream_linearity", "block_influence"], "actions": ["drop"],
         "changed": 2, "interaction": 0},
        model=glass_record,
    )  # fmt: skip
    material = Material.of(glass, questions, params.sampling)
    measured = measure_ablation(material, params, Recorder())
    members = [questions[k] for k in material.documents_of("select")]
    given = [read(glass, record) for record in members]

    for point in (point for curve in measured.curves for point in curve.points):
        wanted = expected(glass, material, point.plan, members)
        assert point.nll_diff == pytest.approx(wanted.changed - wanted.dense, abs=1e-5)
    assert measured.protocol.tokens == sum(int(one.scored[1:].sum()) for one in given)
    rows = answer_states(glass, [questions[k] for k in material.documents_of("fit")])
    (ranked,) = (s.values for s in measured.scores if s.strategy == "block_influence")
    for block, influence in enumerate(ranked):
        assert influence == pytest.approx(1 - mean_cosine(rows, block), abs=1e-6)


def answer_states(model: LoadedModel, records: Sequence[Document]) -> Array:
    """Return all states of the answers' tokens of some records, (N, S, d)."""
    rows = []
    for record in records:
        given = read(model, record)
        states = torch.stack(last_states(model.network, given.ids), dim=1).double().numpy()
        rows.append(states[given.scored])
    return np.concatenate(rows)


def mean_cosine(states: Array, block: int) -> float:
    X, Y = states[:, block], states[:, block + 1]
    product = (X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1)
    return float(product.mean())


@pytest.mark.parametrize("kind", ["questions", "talks"])
def test_linearity_is_measured_on_the_states_of_answers_only(
    glass: LoadedModel, glass_record: ModelRecord, kind: str, request: pytest.FixtureRequest
) -> None:
    records: list[Document] = request.getfixturevalue(kind)
    params = linearity.parse_params(LINEARITY, model=glass_record)
    measured = measure_linearity(glass, records, params, Recorder())
    texts = [record.text for record in records]
    sides = sample_windows(  # who stands on which side is not the question here
        texts,
        glass.tokenize,
        SamplingPlan(params.tokens, 2000, params.heldout, params.seed),
        [record.category for record in records],
    )
    heldout = {window.document for window in sides if window.role == "heldout"}
    everything = set(range(len(records)))
    fit, new = (
        answer_states(glass, [records[k] for k in side])
        for side in (sorted(everything - heldout), sorted(heldout))
    )

    check(measured, fit, new)
    assert measured.tokens.context == sum(
        int((~read(glass, record).scored).sum()) for record in records
    )
    assert measured.tokens.passed_over == 0


def check(measured: Measurement, fit: Array, new: Array) -> None:
    assert measured.tokens.fit == len(fit)
    assert measured.tokens.heldout == len(new)
    assert measured.tokens.excluded_first == 0
    for block in range(4):
        X, Y, new_X, new_Y = fit[:, block], fit[:, block + 1], new[:, block], new[:, block + 1]
        predicted = LinearRegression().fit(X, Y).predict(X)
        trace = ((X - X.mean(0)) ** 2).sum()
        shrunk = Ridge(alpha=0.01 * trace / X.shape[1], solver="cholesky").fit(X, Y - X)
        heldout = r2_score(new_Y, new_X + shrunk.predict(new_X), multioutput="variance_weighted")
        every = np.concatenate([fit, new])
        assert measured.profile.r2_fit[block] == pytest.approx(
            r2_score(Y, predicted, multioutput="variance_weighted"), abs=1e-6
        )
        assert measured.profile.r2_heldout[block] == pytest.approx(heldout, abs=1e-6)
        assert measured.profile.block_influence[block] == pytest.approx(
            1 - mean_cosine(every, block), abs=1e-6
        )
        assert measured.profile.state_norm[block] == pytest.approx(
            np.linalg.norm(every[:, block], axis=1).mean(), abs=1e-6
        )


def test_everything_can_be_scored_and_then_a_record_is_its_text(
    glass: LoadedModel, glass_record: ModelRecord, questions: list[Document]
) -> None:
    plain = [Document(record.text, record.category) for record in questions]
    _, one = planned(glass, glass_record, questions, score="all")
    _, other = planned(glass, glass_record, plain)
    params = linearity.parse_params({**LINEARITY, "score": "all"}, model=glass_record)
    first, second = (
        measure_linearity(glass, records, params, Recorder()) for records in (questions, plain)
    )

    assert (one.dense, one.point, one.protocol) == (other.dense, other.point, other.protocol)
    assert one.protocol.context_tokens == 0
    assert (first.profile, first.pairs, first.tokens) == (
        second.profile,
        second.pairs,
        second.tokens,
    )


def test_texts_without_answers_give_the_same_numbers_to_the_bit(
    glass: LoadedModel, glass_record: ModelRecord, texts: list[str]
) -> None:
    params = plan.parse_params({**SMALL, "plan": "1:linear"}, model=glass_record)
    records = [Document(text) for text in texts]
    with_marks = measure_plan(Material.of(glass, records, params.sampling), params, Recorder())
    without = measure_plan(Material(glass, texts, params.sampling), params, Recorder())

    assert (with_marks.dense, with_marks.point, with_marks.protocol, with_marks.documents) == (
        without.dense,
        without.point,
        without.protocol,
        without.documents,
    )


def test_texts_and_records_with_answers_stand_side_by_side(
    glass: LoadedModel, glass_record: ModelRecord, texts: list[str], questions: list[Document]
) -> None:
    mixed = [*questions, *(Document(text[:100]) for text in texts)]
    material, measured = planned(glass, glass_record, mixed, plan="1:drop")
    wanted = 0
    for document in material.documents_of("select"):
        record = mixed[document]
        if record.response is None:
            wanted += len(glass.tokenize(record.text)) - 1
        else:
            wanted += int(read(glass, record).scored.sum())

    assert measured.protocol.tokens == wanted


def test_few_answers_in_much_context_are_said(
    glass: LoadedModel, glass_record: ModelRecord, texts: list[str]
) -> None:
    records = [Document.asked(text[:150], "Yes.") for text in texts]
    _, measured = planned(glass, glass_record, records, plan="1:drop")
    warning = next(w for w in measured.warnings if w.code == "small_scored_share")

    assert warning.data["scored"] < 0.1 * warning.data["tokens"]  # type: ignore[operator]
    assert measured.protocol.tokens == warning.data["scored"]


CHAT = (
    "{% for m in messages %}{% if 'refuse' in m.content %}{{ raise_exception('no') }}{% endif %}"
    "<{{ m.role }}>{{ m.content }}</>\n{% endfor %}{% if add_generation_prompt %}<assistant>"
    "{% endif %}"
)


def in_chat(model: LoadedModel, record: Document) -> Marked:
    """Return what should be read of a record in the template, spelled out by hand."""
    return marked(
        model,
        [
            (f"<user>{record.prompt}</>\n<assistant>", False),
            (str(record.response).strip(), True),
            ("</>\n", False),
        ],
    )


@pytest.fixture(scope="module")
def chatty(glass: LoadedModel) -> LoadedModel:
    return replace(glass, template=SandboxedTemplate("glass", CHAT, {}))


@pytest.fixture(scope="module")
def short(texts: list[str]) -> list[Document]:
    return [Document.asked(t[:45].strip(), t[45:90].strip()) for t in texts if len(t) > 100]


def test_the_chat_template_stands_around_answers_and_is_not_scored(
    chatty: LoadedModel, glass_record: ModelRecord, short: list[Document]
) -> None:
    material, measured = planned(chatty, glass_record, short, plan="1:drop")
    dense = []
    for document in material.documents_of("select"):
        given = in_chat(chatty, short[document])
        dense.append(losses(chatty.network, given.ids)[given.scored[1:]])

    assert measured.protocol.template == "chat"
    assert measured.protocol.tokens == sum(map(len, dense))
    assert measured.dense["nll"] == pytest.approx(np.concatenate(dense).mean(), abs=1e-5)
    _, plain = planned(chatty, glass_record, short, plan="1:drop", template="none")
    assert plain.protocol.template == "none"
    assert plain.dense != measured.dense


def test_records_that_the_template_does_not_take_are_read_plainly_and_counted(
    chatty: LoadedModel, glass_record: ModelRecord, short: list[Document]
) -> None:
    refused = [Document.asked(f"refuse {r.prompt}", r.response) for r in short[: len(short) // 2]]
    _, measured = planned(chatty, glass_record, [*refused, *short], plan="1:drop")
    warning = next(w for w in measured.warnings if w.code == "unrendered_records")

    assert measured.protocol.template == "mixed"
    assert 0 < warning.data["records"] < measured.protocol.documents  # type: ignore[operator]


def test_linearity_says_which_template_was_used(
    chatty: LoadedModel, glass_record: ModelRecord, short: list[Document]
) -> None:
    params = linearity.parse_params(LINEARITY, model=glass_record)
    measured = measure_linearity(chatty, short, params, Recorder())

    assert measured.tokens.template == "chat"
    assert measured.tokens.fit + measured.tokens.heldout == sum(
        int(in_chat(chatty, record).scored.sum()) for record in short
    )


def test_a_template_that_is_not_allowed_is_told_and_another_question(
    glass: LoadedModel, glass_record: ModelRecord, short: list[Document], texts: list[str]
) -> None:
    uploaded = replace(glass_record, source="upload", has_template=True)
    allowed = replace(uploaded, template_allowed=True)
    withheld = replace(glass, withheld=True)
    asked = {**SMALL, "plan": "1:drop"}

    assert plan.parse_params(asked, model=uploaded).template == "none"
    assert plan.parse_params(asked, model=allowed).template == "auto"
    _, measured = planned(withheld, uploaded, short, plan="1:drop")
    assert "template_withheld" in {warning.code for warning in measured.warnings}
    assert measured.protocol.template == "none"
    _, plain = planned(withheld, uploaded, [Document(text) for text in texts], plan="1:drop")
    assert "template_withheld" not in {warning.code for warning in plain.warnings}


def test_a_question_from_the_time_when_the_template_was_allowed_is_refused(
    glass: LoadedModel, glass_record: ModelRecord, short: list[Document]
) -> None:
    with pytest.raises(InputChangedError, match="may not be rendered any more"):
        planned(replace(glass, withheld=True), glass_record, short, plan="1:drop")
