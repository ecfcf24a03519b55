"""Every family through intake, states, plans and the two kinds, against plain transformers."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from linearity.adapters.hugging_face import load_model, streamed_model
from linearity.adapters.inputs import load_documents, prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.ablation import parse_params as parse_ablation
from linearity.contracts.actions import ACTIONS, parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.families import FAMILIES, Family
from linearity.contracts.inputs import DatasetRecord, Document, ModelRecord
from linearity.contracts.linearity import parse_params as parse_linearity
from linearity.contracts.plan import parse_plan_parameter
from linearity.errors import InvalidParameterError, RejectedInputError
from linearity.measure.windows import Role, Window
from linearity.models.loaded import LoadedModel
from linearity.models.source import counted_heldout
from linearity.models.states import record_states, source_of
from linearity.models.sublayers import at_granularity
from linearity.models.surgery import carried_out
from linearity.studies.ablation import measure_ablation
from linearity.studies.linearity import measure_linearity
from linearity.studies.material import Material
from tests.conftest import quiet
from tests.families.hooked import attention_updates, blocks_of, hooked, part
from tests.families.tiny import BLOCKS, VARIANTS, build, write_tiny
from tests.models.test_surgery import generated
from tests.oracles import greedy_loop, logits_of, mean_loss
from tests.studies.recorder import Recorder

NEW_TOKENS = 5
SAMPLING: dict[str, Json] = {
    "fit_tokens": 1024, "select_tokens": 256, "report_tokens": 256, "context": 24, "seed": 3,
}  # fmt: skip
EVERYTHING: dict[str, Json] = {
    "actions": "all", "changed": 2, "interaction": 2,
    "strategies": ["block_influence", "update_linearity", "single_damage"],
}  # fmt: skip
PLANS = [
    "0:drop", "3:drop", "1-2:drop", "0:linear", "1:linear", "2:linear", "3:linear",
    "0-1:linear", "1:linear,2:linear", "0:linear,2:linear", "0:drop,1:linear", "1:drop,3:linear",
]  # fmt: skip
MERGED = ["1:merged", "3:merged", "1-2:merged", "1:merged,3:merged", "0:linear,3:merged"]


@dataclass(frozen=True)
class Case:
    """A family's tiny model, taken in like anybody's."""

    name: str
    family: Family
    record: ModelRecord
    model: LoadedModel
    material: Material
    documents: list[str]

    @property
    def prompts(self) -> list[list[int]]:
        """Prompts of different lengths, one of a single token, two longer than the windows."""
        lengths = [13, 1, 22]
        return [self.model.tokenize(self.documents[k])[:n] for k, n in enumerate(lengths)]


@pytest.fixture(scope="module", params=list(VARIANTS))
def case(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    small_store: ArtifactStore,
    docs_record: DatasetRecord,
) -> Case:
    """A tiny model that went through inspection in the limited child."""
    folder = write_tiny(tmp_path_factory.mktemp("family"), request.param)
    record = prepare_model(str(folder), store=small_store, roots=[folder.parent], log=quiet)
    params = parse_ablation(SAMPLING, model=record)
    model = load_model(
        record, small_store, device="cpu", dtype="float32", attention=params.sampling.attention
    )
    documents = load_documents(docs_record, small_store)
    material = Material(model, documents, params.sampling)
    material.rules.update({0: "mean", 1: "pass", 2: "mean", 3: "mean"})
    name = VARIANTS[request.param][0]
    return Case(request.param, FAMILIES[name], record, model, material, documents)


def test_the_record_says_what_the_files_say(case: Case) -> None:
    network = case.model.network

    assert FAMILIES[case.record.family] is case.family
    assert (case.record.blocks, case.record.width) == (BLOCKS, 16)
    # Tied weights are stored, and counted, once.
    assert case.record.parameters == sum(p.numel() for p in network.parameters())


def test_what_was_taken_in_computes_what_was_saved(case: Case) -> None:
    saved = build(case.name, attention=case.family.attentions[0])
    for prompt in case.prompts:
        torch.testing.assert_close(
            logits_of(case.model.network, prompt), logits_of(saved, prompt), atol=2e-5, rtol=2e-5
        )


@torch.inference_mode()
def test_states_are_the_library_s_and_the_last_one_is_before_the_final_norm(case: Case) -> None:
    ids = case.prompts[2]
    states = record_states(case.model, [ids])
    network, decoder = case.model.network, part(case.model.network, case.family.decoder)
    before_norm: list[Tensor] = []
    norm = part(decoder, case.family.norm)
    handle = norm.register_forward_pre_hook(lambda _, args: before_norm.append(args[0]))
    library = network(torch.tensor([ids]), output_hidden_states=True).hidden_states
    handle.remove()

    assert states.shape == (len(ids), BLOCKS + 1, 16)
    for state in range(BLOCKS):
        torch.testing.assert_close(states[:, state], library[state][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(states[:, BLOCKS], before_norm[0][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(norm(states[:, BLOCKS]), library[-1][0], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_padding_changes_no_state_and_logits_are_the_library_s(case: Case) -> None:
    together = record_states(case.model, case.prompts)
    alone = torch.cat([record_states(case.model, [prompt]) for prompt in case.prompts])
    logits = torch.cat([logits_of(case.model.network, prompt) for prompt in case.prompts])

    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        case.model.layout.logits(together[:, -1]), logits, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_streams_through_memory_has_the_same_states(
    case: Case, small_store: ArtifactStore, dtype: str
) -> None:
    roles: list[Role] = ["heldout", "train", "validation"]
    windows = [
        Window(k, 0, tuple(prompt), role)
        for k, (prompt, role) in enumerate(zip(case.prompts, roles, strict=True))
    ]
    batches = [windows[:2], windows[2:], windows]  # padded, alone with no mask, padded again
    for attention in case.family.attentions:
        streamed, resident = (
            open_model(case.record, small_store, device="cpu", dtype=dtype, attention=attention)
            for open_model in (streamed_model, load_model)
        )
        read, recorded = (
            list(source_of(model).stream(batches, ahead=lambda _done, _total: None))
            for model in (streamed, resident)
        )
        for one, other in zip(read, recorded, strict=True):
            assert one.states.dtype == getattr(torch, dtype)
            if case.family.stacks is None or len(one.windows) == 1:
                assert torch.equal(one.states, other.states), attention
            else:
                # What stands at padding goes through experts too, and they round by group.
                tolerance = 2e-5 if dtype == "float32" else 0.1
                torch.testing.assert_close(one.states, other.states, atol=tolerance, rtol=tolerance)
            kept = counted_heldout(one.windows)
            assert torch.equal(one.heldout.double(), one.states[kept].double())


def plans_of(case: Case) -> list[str]:
    if case.family.linear_refusal:
        return [plan for plan in PLANS if "linear" not in plan]
    return PLANS if case.family.merged_refusal else PLANS + MERGED


def test_cached_generation_of_a_padded_batch_equals_full_forward_passes(case: Case) -> None:
    for text in plans_of(case):
        plan = parse_plan(text, blocks=BLOCKS)
        with carried_out(case.model, case.material.changes(plan, "one_shot")) as network:
            tokens, logits = generated(network, case.prompts)
        for k, prompt in enumerate(case.prompts):
            with hooked(case.model.network, case.family, case.material, plan):
                expected = greedy_loop(case.model.network, prompt, NEW_TOKENS)
            assert tokens[k].tolist() == expected[0], text
            torch.testing.assert_close(logits[k], expected[1], atol=2e-4, rtol=2e-4)


@torch.inference_mode()
def test_only_the_first_token_of_the_text_is_exempt_not_that_of_a_later_chunk(case: Case) -> None:
    ids = case.model.tokenize(case.documents[3])[:25]
    texts = ("0:linear", "2:linear", "0:drop,3:linear")
    for text in texts if not case.family.linear_refusal else ("0:drop", "1-2:drop"):
        plan = parse_plan(text, blocks=BLOCKS)
        with hooked(case.model.network, case.family, case.material, plan):
            expected = logits_of(case.model.network, ids)
        with carried_out(case.model, case.material.changes(plan, "one_shot")) as network:
            cache, parts = None, []
            for start, stop in pairwise([0, 11, 12, 25]):
                chunk = torch.tensor([ids[start:stop]])
                out = network(chunk, past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                parts.append(out.logits[0])
        torch.testing.assert_close(torch.cat(parts), expected, atol=2e-4, rtol=2e-4)


def test_the_loss_of_a_plan_is_that_of_plain_forward_passes(case: Case) -> None:
    bench = case.material.bench("select")
    windows = [window.ids for window in bench.windows]
    for text in plans_of(case):
        plan = parse_plan(text, blocks=BLOCKS)
        loss = bench.loss(bench.passages.run(case.material.changes(plan, "one_shot")))
        with hooked(case.model.network, case.family, case.material, plan):
            assert loss == pytest.approx(mean_loss(case.model.network, windows), abs=1e-5), text


def snapshot(network: nn.Module, family: Family) -> list[object]:
    return [
        [id(block) for block in blocks_of(network, family)],
        [getattr(module, "layer_idx", None) for module in network.modules()],
        [(name, id(p)) for name, p in network.named_parameters()],
        network.config.to_dict(),  # type: ignore[operator,union-attr]
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()],
    ]


def test_afterwards_everything_is_as_before(case: Case) -> None:
    network, prompt = case.model.network, case.prompts[2]
    before, logits = snapshot(network, case.family), logits_of(network, prompt)
    for text in plans_of(case):
        changes = case.material.changes(parse_plan(text, blocks=BLOCKS), "one_shot")
        with carried_out(case.model, changes) as inside:
            assert not torch.equal(logits_of(inside, prompt), logits)
        assert snapshot(network, case.family) == before
        assert torch.equal(logits_of(network, prompt), logits)


def test_linearity_and_ablation_run_with_every_action_that_makes_sense(case: Case) -> None:
    params = parse_linearity({"tokens": 2048, "context": 24}, model=case.record)
    documents = [Document(text=text) for text in case.documents]
    measured = measure_linearity(case.model, documents, params, Recorder(), reach=BLOCKS)
    ablation = parse_ablation(SAMPLING | EVERYTHING, model=case.record)
    found = measure_ablation(case.material, ablation, Recorder())

    assert all(score is not None and score <= 1 for score in measured.profile.r2_heldout)
    sensible = {action for action in ACTIONS if not case.family.refusal(action)}
    assert {damage.action for damage in found.single} == sensible


def test_actions_that_make_no_sense_are_refused_with_the_reason(case: Case) -> None:
    for action in ACTIONS:
        text, why = f"1:{action}", case.family.refusal(action)
        if not why:
            assert parse_plan_parameter(text, model=case.record).text == text
            continue
        with pytest.raises(InvalidParameterError, match=why[:20]):
            parse_plan_parameter(text, model=case.record)
        with pytest.raises(InvalidParameterError, match=why[:20]):
            parse_ablation(SAMPLING | {"actions": [action]}, model=case.record)
    if case.family.merged_refusal:
        with pytest.raises(RejectedInputError, match=case.family.merged_refusal[:20]):
            case.material.changes(parse_plan("1:merged", blocks=BLOCKS), "one_shot")


def test_what_is_not_said_asks_for_no_action_that_makes_no_sense(case: Case) -> None:
    usual = ["drop", "linear"]
    assert parse_ablation(SAMPLING, model=case.record).actions == [
        action for action in usual if not case.family.refusal(action)
    ]


IN_PARALLEL = {
    "stablelm in parallel", "gpt_neox", "gptj", "falcon", "falcon of the new architecture",
    "falcon with one norm", "phi", "phi with head norms",
}  # fmt: skip


@torch.inference_mode()
def test_between_attention_and_mlp_lies_the_stream_with_what_attention_adds(case: Case) -> None:
    if case.name in IN_PARALLEL:
        return
    ids = case.prompts[2]
    whole = record_states(case.model, [ids])
    fine = record_states(at_granularity(case.model, "sublayer"), [ids])
    added = attention_updates(case.model.network, case.family, ids)

    assert fine.shape == (len(ids), 2 * BLOCKS + 1, 16)
    assert torch.equal(fine[:, ::2], whole)
    for block in range(BLOCKS):
        torch.testing.assert_close(
            fine[:, 2 * block + 1], whole[:, block] + added[block], atol=1e-5, rtol=1e-5
        )
    together = record_states(at_granularity(case.model, "sublayer"), case.prompts)
    torch.testing.assert_close(together[-len(ids) :], fine, atol=1e-5, rtol=1e-5)


def test_sublayers_are_measured_or_refused_with_the_reason(
    case: Case, small_store: ArtifactStore
) -> None:
    asked: dict[str, Json] = {"tokens": 1024, "context": 24, "granularity": "sublayer"}
    if case.name in IN_PARALLEL:
        with pytest.raises(InvalidParameterError, match="read the same state"):
            parse_linearity(asked, model=case.record)
        with pytest.raises(RejectedInputError, match="read the same state"):
            at_granularity(case.model, "sublayer")
        return
    params = parse_linearity(asked, model=case.record)
    streamed = streamed_model(
        case.record, small_store, device="cpu", dtype="float32", attention=params.attention
    )

    windows = [Window(k, 0, tuple(prompt), "train") for k, prompt in enumerate(case.prompts)]

    found = measure_linearity(case.model, case.documents, params, Recorder(), reach=1)
    source = source_of(at_granularity(streamed, "sublayer"))
    read = next(iter(source.stream([windows], ahead=lambda _done, _total: None))).states

    assert torch.equal(read, record_states(at_granularity(case.model, "sublayer"), case.prompts))
    assert len(found.profile.r2_heldout) == 2 * BLOCKS
    assert all(score is not None and score <= 1 for score in found.profile.r2_heldout)
