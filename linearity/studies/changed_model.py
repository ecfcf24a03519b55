"""The changed model that a run is about, healed or not: what other kinds time, ask and export."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from linearity.contracts.actions import parse_plan
from linearity.contracts.changed import ChangedParams
from linearity.errors import HealedMismatchError
from linearity.models.healed import HealedWeights, healed_changes
from linearity.models.surgery import carried_out
from linearity.studies.building import Built
from linearity.studies.material import Material


def build_changed(
    material: Material, params: ChangedParams, healed: HealedWeights | None = None
) -> Built:
    """Return the changed model that `params` mean, and what was chosen for its steps.

    Parameters
    ----------
    material : Material
        Split F of its text is read only where maps are fitted: never with healed weights.
    params : ChangedParams
    healed : HealedWeights or None
        Those that `params.healed` names.

    Raises
    ------
    HealedMismatchError
        If the weights belong to another plan or fitting.
    """
    plan = parse_plan(params.plan, blocks=material.blocks)
    if healed is None:
        assert not params.healed, "whoever names healed weights brings them along"
        return material.build(plan, params.fitting)
    _check_same(healed.plan, params.plan, "plan")
    _check_same(healed.fitting, params.fitting, "fitting")
    return Built(healed_changes(healed, plan, material.model), healed.steps)


@contextmanager
def changed_network(
    material: Material, params: ChangedParams, healed: HealedWeights | None = None
) -> Iterator[nn.Module]:
    """Yield the network as `params` mean it, with cache and `generate`; then it is dense again."""
    built = build_changed(material, params, healed)
    with carried_out(material.model, built.changes) as network:
        yield network


def _check_same(given: str, wanted: str, what: str) -> None:
    if given != wanted:
        raise HealedMismatchError(
            f"the healed weights belong to the {what} {given[:80]}, the run asks for {wanted[:80]}",
            next_step=f"Give the {what} that was healed, or heal this one.",
            parameter=what,
        )
