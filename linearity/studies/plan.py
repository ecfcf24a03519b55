"""The kind `plan`: one list of actions, measured on split A, or once it is frozen on split B."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from linearity.contracts.ablation import Point
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.common import Protocol, SplitFacts
from linearity.contracts.inputs import Document
from linearity.contracts.plan import DocumentQuality, Guard, MeasuredStep, PlanParams
from linearity.contracts.runs import RunWarning
from linearity.evaluate.quality import summarise
from linearity.ports import Progress
from linearity.studies.ablation_warnings import (
    ENOUGH_TOKENS_PER_WIDTH,
    few_fit_tokens,
    quality_warnings,
)
from linearity.studies.guard import document_qualities, guard_of
from linearity.studies.material import Material
from linearity.studies.plan_finding import plan_finding
from linearity.studies.work import Work, work_of

STAGES = 3


@dataclass(frozen=True)
class PlanMeasurement:
    """All numbers of a run, before a result is made of them."""

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    steps: list[MeasuredStep]
    point: Point
    documents: list[DocumentQuality]
    guard: Guard
    finding: dict[str, str]
    warnings: list[RunWarning]
    work: Work


def measure_plan(
    material: Material, params: PlanParams, records: Sequence[Document], progress: Progress
) -> PlanMeasurement:
    """Measure one plan.

    Parameters
    ----------
    material : Material
        May be used already; what it holds is used again.
    params : PlanParams
    records : sequence of Document
        The dataset, for titles and categories.
    progress : Progress
    """
    plan = parse_plan(params.plan, blocks=material.blocks)
    split = "preview" if params.fidelity == "preview" else params.split
    progress.step(0, STAGES, "stages", 0.0)
    built = material.build(plan, params.fitting)
    progress.step(1, STAGES, "stages", 0.4)
    bench = material.bench(split)
    progress.step(2, STAGES, "stages", 0.7)
    tokens = bench.tokens(built.changes)
    documents = document_qualities(material, bench, tokens, records)
    point = Point.of(
        changed=plan.changed,
        plan=plan.text,
        edge=0 in plan.blocks or material.blocks - 1 in plan.blocks,
        quality=summarise(tokens, bench.reference),
    )
    protocol = material.protocol(split)
    dense = {"nll": bench.dense_loss, "ppl": math.exp(bench.dense_loss)}
    progress.step(STAGES, STAGES, "stages", 1.0)
    return PlanMeasurement(
        splits=material.split_facts(fits=uses_maps(plan), measured=split),
        protocol=protocol,
        dense=dense,
        steps=built.steps,
        point=point,
        documents=documents,
        guard=guard_of(material, bench, tokens, documents),
        finding=plan_finding(point, dense, protocol, preview=split == "preview"),
        warnings=_warnings(material, plan, params, protocol),
        work=work_of(bench),
    )


def uses_maps(plan: Plan) -> bool:
    """Whether anything has to be fitted for a plan."""
    return any(step.action != "drop" for step in plan.steps)


def _warnings(
    material: Material, plan: Plan, params: PlanParams, protocol: Protocol
) -> list[RunWarning]:
    warnings = quality_warnings(protocol)
    width = material.model.width
    if uses_maps(plan) and params.fit_tokens < ENOUGH_TOKENS_PER_WIDTH * width:
        warnings.append(few_fit_tokens(params.fit_tokens, width))
    if params.fidelity == "preview":
        warnings.append(
            RunWarning(
                "preview",
                f"a preview on {protocol.tokens:,} predictions; measure with fidelity=full "
                "before deciding",
                {"tokens": protocol.tokens},
            )
        )
    return warnings
