"""A student begins as the changed model, learns where it is asked to, and leaves the teacher be."""

import copy

import pytest
import torch

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.inputs import DatasetRecord
from linearity.models.loaded import LoadedModel
from linearity.models.replay import dense_pass
from linearity.models.student import Student
from linearity.models.surgery import carried_out
from linearity.studies.material import Material
from tests.oracles import SMALL

CASES = [
    ("1:linear", "maps"), ("0:linear,1:linear,3:drop", "maps"), ("1:merged", "maps"),
    ("2:drop", "adapters"), ("0:linear,2:merged", "adapters"), ("1-2:merged", "all"),
    ("1:drop", "all"),
]  # fmt: skip


@pytest.fixture(scope="module")
def material(
    glass: LoadedModel, docs_record: DatasetRecord, small_store: ArtifactStore
) -> Material:
    return Material(glass, load_documents(docs_record, small_store), SMALL)


@pytest.mark.parametrize(("text", "train"), CASES)
def test_a_student_that_learnt_nothing_is_the_changed_model(
    text: str, train: str, material: Material
) -> None:
    built = material.build(parse_plan(text, blocks=4), "one_shot").changes
    student = Student(material.model, built, train=train, rank=4)
    batch, dense = dense_pass(material.model, material.bench("select").windows[:3])
    states = student.forward(batch, dense)
    with torch.inference_mode():
        wanted = [
            network(batch.ids, attention_mask=batch.mask.long(), use_cache=False).logits
            for changes in (built, student.changes("now"))
            for network in [_carried(material, changes)]
        ]
    got = material.model.layout.logits(states[-1][1]).detach()

    for logits in wanted:
        torch.testing.assert_close(
            got[batch.mask], logits[batch.mask], atol=2e-4, rtol=0, msg=str(text)
        )


@pytest.mark.parametrize(("text", "train"), CASES)
def test_a_step_moves_the_student_and_not_the_teacher(
    text: str, train: str, material: Material
) -> None:
    built = material.build(parse_plan(text, blocks=4), "one_shot").changes
    student = Student(material.model, built, train=train, rank=4)
    before = {n: w.clone() for n, w in material.model.network.state_dict().items()}
    batch, dense = dense_pass(material.model, material.bench("select").windows[:3])
    optimiser = torch.optim.Adam(list(student.parameters.values()), lr=1e-3)
    losses = []
    for _ in range(3):
        states = student.forward(batch, dense)
        loss = torch.stack([(s - dense[k]).square().mean() for k, s in states]).sum()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()

    assert losses[2] < losses[0]
    after = material.model.network.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert [key.key for key in student.changes("now")] != [key.key for key in built]


def test_position_zero_keeps_its_own_rule_while_a_map_learns(material: Material) -> None:
    built = material.build(parse_plan("1:linear", blocks=4), "one_shot").changes
    student = Student(material.model, built, train="maps")
    for parameter in student.parameters.values():
        parameter.data.add_(1.0)
    before, after = built[1].linear, student.changes("now")[1].linear
    assert before is not None
    assert after is not None

    assert torch.equal(before.first, after.first)
    assert not torch.equal(before.transposed, after.transposed)
    assert set(student.parameters) == {"1.map", "1.bias"}


def _carried(material: Material, changes: object) -> torch.nn.Module:
    with carried_out(material.model, changes) as network:  # type: ignore[arg-type]
        return copy.deepcopy(network)
