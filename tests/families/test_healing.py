"""Students of every family: what is trained is what the library's own forward pass computes."""

import pytest
import torch
from torch import Tensor

from linearity.contracts.actions import parse_plan
from linearity.contracts.families import FAMILIES
from linearity.models.changes import AffineMap, Changes, Segment, dropped, kept
from linearity.models.down import Down, read_down
from linearity.models.healed import HealedWeights, healed_changes, healed_tensors
from linearity.models.loaded import LoadedModel
from linearity.models.replay import dense_pass
from linearity.models.student import Student
from linearity.models.surgery import carried_out
from tests.families.test_exports import model_of, some_windows
from tests.families.tiny import VARIANTS

PLANS = {"drop": "1:drop", "linear": "0:linear,2:drop", "merged": "2-3:merged"}
CASES = [
    (variant, action, train)
    for variant, (name, _) in VARIANTS.items()
    for action in PLANS
    if not FAMILIES[name].refusal(action)
    for train in ("maps", "adapters", "all")
    if not (train == "maps" and action == "drop") and not FAMILIES[name].is_encoder
]


def changes_of(model: LoadedModel, action: str) -> Changes:
    """Return the changed model of a plan, with maps that are drawn."""
    numbers = torch.Generator().manual_seed(9)
    if action == "drop":
        return kept(0), dropped(1, 1), kept(2), kept(3)
    if action == "linear":
        W = 0.05 * torch.randn(16, 16, generator=numbers).double()
        b, first = torch.randn(2, 16, generator=numbers).double()
        linear = AffineMap(W, b, first).module(torch.float32)
        return Segment(0, 0, "0-0:linear", linear=linear), kept(1), dropped(2, 2), kept(3)
    dense = read_down(model.layout.blocks[1], model.layout.family)
    turned = 1.1 * dense.weight
    bias = None if dense.bias is None else 1.1 * dense.bias
    return kept(0), Segment(1, 3, "1-3:merged", block=1, down=Down(turned, bias))


def logits_of(model: LoadedModel, changes: Changes, ids: Tensor, mask: Tensor) -> Tensor:
    with torch.inference_mode(), carried_out(model, changes) as network:
        logits: Tensor = network(ids, attention_mask=mask.long(), use_cache=False).logits
    return logits[mask]


@pytest.mark.parametrize(("variant", "action", "train"), CASES)
def test_a_student_computes_what_its_weights_compute_in_the_library(
    variant: str, action: str, train: str
) -> None:
    model = model_of(variant)
    changes = changes_of(model, action)
    student = Student(model, changes, train=train, rank=2)
    vocabulary = model.network.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
    batch, dense = dense_pass(model, some_windows(vocabulary))
    before = logits_of(model, changes, batch.ids, batch.mask)
    optimiser = torch.optim.Adam(list(student.parameters.values()), lr=0.01)
    losses = []
    for _ in range(4):
        states = student.forward(batch, dense)
        loss = torch.stack([(s - dense[k])[batch.mask].square().mean() for k, s in states]).sum()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
    now = student.changes("now")
    trained = model.layout.logits(student.forward(batch, dense)[-1][1]).detach()[batch.mask]
    after = logits_of(model, now, batch.ids, batch.mask)
    plan = parse_plan(PLANS[action], blocks=4)
    kept_weights = HealedWeights("run", "m", plan.text, "one_shot", [], healed_tensors(now, model))
    again = logits_of(model, healed_changes(kept_weights, plan, model), batch.ids, batch.mask)

    assert losses[-1] < losses[0]
    torch.testing.assert_close(trained, after, atol=1e-5, rtol=1e-4)
    assert torch.equal(again, after)
    assert not torch.allclose(before, after, atol=1e-4)
