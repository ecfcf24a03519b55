"""Finished `heal` results: one plan distilled, a sweep, and the same fine-tune of two models."""

from dataclasses import replace
from typing import Any

from linearity.contracts.ablation import Point
from linearity.contracts.heal import (
    CurvePoint,
    Difference,
    HealResult,
    SweepPoint,
    Training,
    Tuned,
    Weights,
)
from tests.figures.ablation_results import DENSE_NLL, SAMPLING, a_plan, a_quality

PLAN = "12:linear,13:linear,16:linear"
STEPS = 200


def a_healing(*, sweep: bool = False, text: bool = False, routes: bool = False) -> HealResult:
    """Return a finished `heal` result.

    Parameters
    ----------
    sweep : bool
        Whether smaller plans were healed as well.
    text : bool
        Whether both models were tuned on the text instead.
    routes : bool
        Whether the dataset has categories.
    """
    around = a_plan()
    before, after = (_point(PLAN, damage, routes=routes) for damage in (0.6, 0.2))
    head = {name: getattr(around, name) for name in ("id", "created", "model", "dataset")}
    return HealResult(
        **head,
        environment=around.environment,
        params={
            "plan": PLAN, "fitting": "one_shot", "healed": "",
            "train": "adapters" if text else "maps", "objective": "text" if text else "distil",
            "steps": STEPS, "learning_rate": 3e-4, "batch": 8, "alpha": 0.0 if text else 1.0,
            "rank": 8 if text else 0, "split": "report", "sweep": [1, 2] if sweep else [],
            **SAMPLING, "template": "auto", "score": "answer",
        },
        splits=around.splits,
        protocol=replace(around.protocol, split="report"),
        dense=around.dense,
        steps=around.steps,
        before=before,
        after=after,
        healing=Difference(-0.4, [-0.45, -0.35]),
        recovered=2 / 3,
        training=[*([a_training("dense", text=True)] if text else []),
                  a_training("changed", text=text)],
        sweep=some_points() if sweep else [],
        tuned=Tuned(
            Difference(-0.5, [-0.6, -0.4]), Difference(-0.7, [-0.8, -0.6]),
            Difference(0.6, [0.5, 0.7]), Difference(0.4, None),
        ) if text else None,
        documents=around.documents,
        guard=around.guard,
        finding={"en": "Healing moves perplexity from 27 to 18.", "ja": "修復で 27 から 18 へ。"},
        warnings=[],
        weights=Weights("c" * 64, 8_000_000, "adapters" if text else "maps"),
    )  # fmt: skip


def a_training(model: str, *, text: bool = False, looks: int = 21) -> Training:
    """Return a training whose curve falls to 0.2 nats above the dense model's."""
    curve = []
    for k in range(looks):
        left = 0.6 * 0.85**k + 0.2
        curve.append(
            CurvePoint(
                step=10 * k,
                tokens=20_480 * k,
                loss=None if k == 0 else 3 * left,
                states=None if k == 0 or text else 2 * left,
                kl=None if k == 0 or text else left,
                select_nll=DENSE_NLL + left,
                select_nll_diff=left,
                select_kl=0.9 * left,
            )
        )
    return Training(model, 1_000_000, STEPS, 409_600, 1.5, STEPS, curve)


def some_points() -> list[SweepPoint]:
    """Return three sizes of the plan, three ways each."""
    steps = PLAN.split(",")
    points = []
    for count in (1, 2, 3):
        plan = ",".join(steps[:count])
        dropped = plan.replace("linear", "drop")
        points.append(
            SweepPoint(
                count,
                count,
                plan,
                _point(dropped, 0.5 * count),
                _point(plan, 0.2 * count),
                _point(plan, 0.1 * count),
                150,
            )
        )
    return points


def a_partial_healing(*, looks: int) -> dict[str, Any]:
    """Return what a running job tells."""
    whole: Any = a_healing().as_json()
    curve = whole["training"][0]["curve"][:looks]
    now = whole["training"][0] | {"steps": 0, "best_step": 0, "curve": curve}
    kept = ("id", "kind", "schema", "method", "model", "dataset", "params", "dense")
    return {name: whole[name] for name in kept} | {
        "training": [now] if looks else [],
        "sweep": [],
        "finding": None,
        "warnings": [],
        "partial": {"done": 10 * max(looks - 1, 0), "total": STEPS},
    }


def _point(plan: str, damage: float, *, routes: bool = False) -> Point:
    changed = plan.count(":")
    quality = a_quality(damage, routes=routes)
    return Point.of(changed=changed, plan=plan, edge=False, quality=quality)
