"""Plans of growing size for the curves of a healing: remove, replace, replace and heal."""

from collections.abc import Sequence

from linearity.contracts.actions import Plan, Step
from linearity.studies.bench import Bench
from linearity.studies.material import Material


def mildest_first(plan: Plan, fitting: str, material: Material, bench: Bench) -> list[Step]:
    """Return the steps of a plan by the damage that each does alone on split A, mildest first."""
    damage = {}
    for step in plan.steps:
        changes = material.changes(Plan((step,)), fitting)
        damage[step] = bench.loss(bench.passages.run(changes, remember=False))
    return sorted(plan.steps, key=lambda step: (damage[step], step))


def smaller_plan(order: Sequence[Step], count: int) -> Plan:
    """Return the plan of the first `count` steps of `order`."""
    return Plan(tuple(sorted(order[:count])))


def removed(plan: Plan) -> Plan:
    """Return the plan that drops every block that `plan` changes."""
    return Plan.of(plan.blocks, "drop")
