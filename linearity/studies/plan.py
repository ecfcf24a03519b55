"""The kind `plan`: one list of actions, measured on split A, or once it is frozen on split B."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from linearity.contracts.ablation import Point
from linearity.contracts.actions import Plan, parse_plan
from linearity.contracts.common import Protocol, SplitFacts
from linearity.contracts.plan import DocumentQuality, Guard, MeasuredStep, PlanParams
from linearity.contracts.runs import RunWarning
from linearity.ports import Progress
from linearity.studies.guard import document_qualities, guard_of
from linearity.studies.material import Material
from linearity.studies.plan_finding import plan_finding
from linearity.studies.quality_warnings import (
    category_warnings,
    fewer_tokens,
    fit_warnings,
    quality_warnings,
)
from linearity.studies.work import Work, WorkMeter

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


def measure_plan(material: Material, params: PlanParams, progress: Progress) -> PlanMeasurement:
    """Measure one plan.

    Parameters
    ----------
    material : Material
        May be used already; what it holds is used again.
    params : PlanParams
    progress : Progress
    """
    plan = parse_plan(params.plan, blocks=material.blocks)
    split = "preview" if params.fidelity == "preview" else params.split
    progress.step(0, STAGES, "stages", 0.0)
    built = material.build(plan, params.fitting)
    progress.step(1, STAGES, "stages", 0.4)
    bench = material.bench(split)
    work = WorkMeter(bench)
    progress.step(2, STAGES, "stages", 0.7)
    tokens = bench.tokens(built.changes)
    documents = document_qualities(material, bench, tokens)
    point = Point.of(
        changed=plan.changed,
        plan=plan.text,
        edge=0 in plan.blocks or material.blocks - 1 in plan.blocks,
        quality=bench.summary(tokens),
    )
    protocol = material.protocol(split)
    splits = material.split_facts(
        measured=split,
        fits=uses_maps(plan),
        rules=any(step.action == "linear" for step in plan.steps),
    )
    guard = guard_of(material, bench, tokens, documents, point)
    dense = {"nll": bench.dense_loss, "ppl": math.exp(bench.dense_loss)}
    progress.step(STAGES, STAGES, "stages", 1.0)
    return PlanMeasurement(
        splits=splits,
        protocol=protocol,
        dense=dense,
        steps=built.steps,
        point=point,
        documents=documents,
        guard=guard,
        finding=plan_finding(point, dense, protocol, preview=split == "preview"),
        warnings=_warnings(material, params, protocol, splits),
        work=work.until_now(),
    )


def uses_maps(plan: Plan) -> bool:
    """Whether anything has to be fitted for a plan."""
    return any(step.action != "drop" for step in plan.steps)


def _warnings(
    material: Material,
    params: PlanParams,
    protocol: Protocol,
    splits: Mapping[str, SplitFacts],
) -> list[RunWarning]:
    split = "preview" if params.fidelity == "preview" else params.split
    warnings = quality_warnings(protocol) + material.record_warnings(split)
    if splits["fit"].tokens:
        warnings += fit_warnings(params.sampling, splits["fit"], width=material.model.width)
    if params.fidelity == "preview":
        warnings.append(
            RunWarning(
                "preview",
                f"a preview on {protocol.tokens:,} predictions; measure with fidelity=full "
                "before deciding",
                {"tokens": protocol.tokens},
            )
        )
    else:
        asked = params.report_tokens if params.split == "report" else params.select_tokens
        warnings += fewer_tokens(params.split, splits[params.split].tokens, asked)
    return warnings + category_warnings(material.bench(split).categories)
