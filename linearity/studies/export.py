"""The kind `export`, before anything is written: the plan in memory, measured and asked."""

import math
from dataclasses import dataclass

from linearity.contracts.ablation import Point
from linearity.contracts.actions import parse_plan
from linearity.contracts.common import Protocol, SplitFacts
from linearity.contracts.export import ExportParams
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.runs import RunWarning
from linearity.models.changes import Changes
from linearity.models.generation import longest_input
from linearity.models.healed import HealedWeights
from linearity.models.surgery import carried_out
from linearity.models.witness import Questions, Witness, witness
from linearity.studies.changed_model import build_changed
from linearity.studies.material import Material
from linearity.studies.quality_warnings import (
    category_warnings,
    fewer_tokens,
    fit_warnings,
    quality_warnings,
)

SPLIT = "select"


@dataclass(frozen=True)
class ExportMeasurement:
    """The plan in memory, as a folder shall be.

    Parameters
    ----------
    splits, protocol, dense, steps, point, warnings
        As of a plan that is measured on split A.
    changes : Changes
    questions : Questions
        What the folder will be asked.
    witness : Witness
        What the plan in memory answered.
    """

    splits: dict[str, SplitFacts]
    protocol: Protocol
    dense: dict[str, float]
    steps: list[MeasuredStep]
    point: Point
    warnings: list[RunWarning]
    changes: Changes
    questions: Questions
    witness: Witness


def measure_export(
    material: Material, params: ExportParams, healed: HealedWeights | None
) -> ExportMeasurement:
    """Build a plan's model, measure it on split A, and ask it what its folder will be asked.

    Parameters
    ----------
    material : Material
        Its `stop` may raise at any time.
    params : ExportParams
    healed : HealedWeights or None
        Those that the parameters name.
    """
    plan = parse_plan(params.plan, blocks=material.blocks)
    built = build_changed(material, params, healed)
    bench = material.bench(SPLIT)
    point = Point.of(
        changed=plan.changed,
        plan=plan.text,
        edge=0 in plan.blocks or material.blocks - 1 in plan.blocks,
        quality=bench.quality(built.changes),
    )
    longest = longest_input(material.model)
    questions = Questions.about(bench.ordered_windows(), longest=longest)
    with carried_out(material.model, built.changes) as network:
        answered = witness(network, questions, material.stop)
    protocol = material.protocol(SPLIT)
    splits = material.split_facts(
        measured=SPLIT,
        fits=params.fits,
        rules=params.fits and any(step.action == "linear" for step in plan.steps),
    )
    warnings = quality_warnings(protocol) + material.record_warnings(SPLIT)
    if splits["fit"].tokens:
        warnings += fit_warnings(params.sampling, splits["fit"], width=material.model.width)
    warnings += fewer_tokens(SPLIT, splits[SPLIT].tokens, params.select_tokens)
    return ExportMeasurement(
        splits=splits,
        protocol=protocol,
        dense={"nll": bench.dense_loss, "ppl": math.exp(bench.dense_loss)},
        steps=built.steps,
        point=point,
        warnings=warnings + category_warnings(bench.categories),
        changes=built.changes,
        questions=questions,
        witness=answered,
    )
