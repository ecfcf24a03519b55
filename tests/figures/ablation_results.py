"""Builders of the kinds that change a model: valid values of the contracts, plausible, no model."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from linearity.contracts.ablation import (
    AblationResult,
    Curve,
    Interaction,
    Matrix,
    Point,
    RankCorrelation,
    SingleDamage,
    StrategyScores,
)
from linearity.contracts.actions import Plan
from linearity.contracts.answers import (
    AnswerPair,
    AnswersResult,
    AnswersSummary,
    CanaryResult,
    CategoryAnswers,
    SideSummary,
)
from linearity.contracts.common import CategoryQuality, Protocol, Quality, SplitFacts
from linearity.contracts.plan import (
    DocumentQuality,
    Guard,
    MeasuredStep,
    PlanResult,
    WorstToken,
)
from linearity.contracts.runs import RunWarning

DENSE_NLL = 2.71
SELECT_TOKENS = 2_040
STRATEGIES = ("update_linearity", "stream_linearity", "block_influence", "single_damage")
SAMPLING: dict[str, Any] = {
    "fit_tokens": 16_384,
    "select_tokens": 2_048,
    "report_tokens": 4_096,
    "context": 256,
    "seed": 0,
    "ridge": "auto",
    "dtype": "float32",
    "attention": "sdpa",
}
MODEL: dict[str, Any] = {
    "id": "smollm2",
    "name": "SmolLM2-135M-Instruct",
    "fingerprint": "a" * 64,
    "blocks": 30,
    "width": 576,
    "dtype": "float32",
}
DATASET = {"id": "python-docs", "name": "python-docs", "fingerprint": "b" * 64}
HEAD: dict[str, Any] = {
    "id": "0123456789abcdef" * 2,
    "created": "2026-11-23T08:15:00Z",
    "dataset": DATASET,
    "environment": {"torch": "2.13.0", "device": "cpu"},
}
FINDING = {
    "en": "A linear map in place of 5 blocks costs 0.31 nats a token; dropping them costs 0.98.",
    "ja": "5 ブロックの線形化で損失は 0.31 nats、削除では 0.98 nats 増えます。",
}


def damages(blocks: int, action: str) -> list[float]:
    """Return the damage of every block changed alone: the ends cost most, the middle little."""
    noise = random.Random(blocks)
    inner = [noise.uniform(0.03, 0.35) for _ in range(blocks)]
    inner[0], inner[-1] = 7.4, 1.9
    share = {"drop": 1.0, "linear": 0.35, "merged": 0.6}[action]
    return [round(value * share, 6) for value in inner]


def some_categories(damage: float) -> list[CategoryQuality]:
    """Return three categories of which the smallest has too few documents for an interval."""
    return [
        CategoryQuality(
            name, documents, tokens, DENSE_NLL + damage * share, damage * share,
            None if documents < 5 else [damage * (share - 0.4), damage * (share + 0.4)],
            damage * share, math.exp(-damage * share),
        )
        for name, documents, tokens, share in (
            ("code", 6, 800, 0.7), ("prose", 6, 800, 1.2), ("tables", 4, 440, 1.5),
        )
    ]  # fmt: skip


def a_quality(damage: float, *, routes: bool = False) -> Quality:
    """Return the quality of a changed model that is `damage` nats worse."""
    return Quality(
        nll=DENSE_NLL + damage,
        ppl=math.exp(DENSE_NLL + damage),
        nll_diff=damage,
        ci95=[damage * 0.85 - 0.01, damage * 1.15 + 0.01],
        kl=damage * 0.9 + 0.004,
        top1=math.exp(-0.9 * damage),
        top5=math.exp(-0.7 * damage),
        categories=some_categories(damage) if routes else [],
    )


def an_ablation(
    *,
    blocks: int = 30,
    strategies: Sequence[str] = STRATEGIES,
    actions: Sequence[str] = ("drop", "linear"),
    changed: int = 10,
    seeds: int = 0,
    interaction: int = 8,
    routes: bool = False,
) -> AblationResult:
    """Return a finished `ablation` result; with `routes`, of a dataset with categories."""
    result = AblationResult(
        **HEAD,
        model=MODEL | {"blocks": blocks},
        params={
            "strategies": [*strategies, *(["random"] if seeds else [])],
            "actions": [*actions],
            "fitting": ["one_shot"],
            "changed": changed,
            "interaction": interaction,
            "random_seeds": max(seeds, 5),
            **SAMPLING,
        },
        splits=_splits(report=False),
        protocol=a_protocol(),
        dense={"nll": DENSE_NLL, "ppl": math.exp(DENSE_NLL)},
        scores=[_scores(strategy, blocks) for strategy in strategies],
        single=[one for action in actions for one in _single(blocks, action)],
        curves=_curves(blocks, strategies, actions, changed=changed, seeds=seeds),
        rank_correlation=[
            RankCorrelation(
                strategy=strategy,
                action=action,
                spearman=1.0 if strategy == "single_damage" else 0.41 - 0.2 * index,
                blocks=blocks,
                by_definition=strategy == "single_damage",
            )
            for index, strategy in enumerate(strategies)
            for action in actions
        ],
        interaction=_interaction(blocks, interaction) if interaction else None,
        guard=None,
        finding=FINDING,
        warnings=[],
    )
    return _with_routes(result) if routes else result


def a_partial_ablation(*, points: int = 3, blocks: int = 30) -> dict[str, Any]:
    """Return what a running job publishes: some blocks measured, curves that grow."""
    value = an_ablation(blocks=blocks).as_json()
    curves: Any = value["curves"]
    grown = [curve | {"points": curve["points"][:points]} for curve in curves[:3]]
    return value | {
        "curves": grown if points else [],
        "single": value["single"][: blocks + blocks // 2],  # type: ignore[index]
        "rank_correlation": [],
        "interaction": None,
        "finding": None,
        "partial": {"done": 60 + points, "total": 100},
    }


def a_plan(
    *, plan: str = "12:drop,14-15:linear", split: str = "select", fidelity: str = "full"
) -> PlanResult:
    """Return a finished `plan` result with documents of three categories."""
    documents = [_document(index) for index in range(16)]
    return PlanResult(
        **HEAD,
        model=MODEL,
        params={"plan": plan, "fitting": "one_shot", "split": split, "fidelity": fidelity}
        | SAMPLING,
        splits=_splits(report=split == "report"),
        protocol=a_protocol(split=split),
        dense={"nll": DENSE_NLL, "ppl": math.exp(DENSE_NLL)},
        steps=[
            MeasuredStep(12, 12, "drop", None, None),
            MeasuredStep(14, 15, "linear", 0.03, ["pass", "mean"]),
        ],
        point=Point.of(changed=3, plan=plan, edge=False, quality=a_quality(0.31, routes=True)),
        documents=documents,
        guard=Guard(
            worst_documents=[3, 7, 1],
            worst_tokens=[_worst(index) for index in range(12)],
            worst_categories=["tables"],
            canaries=["The with statement is used to wrap the execution of", "A class definition"],
        ),
        finding=FINDING,
        warnings=[],
    )


def some_answers(*, prompts: int = 30, references: bool = False) -> AnswersResult:
    """Return a finished `answers` result: every fifth answer is the same in both models."""
    pairs = [_pair(index, references=references) for index in range(prompts)]
    return AnswersResult(
        **HEAD,
        model=MODEL,
        params=SAMPLING
        | {
            "plan": "12:drop",
            "fitting": "one_shot",
            "prompts": prompts,
            "prompt_tokens": 32,
            "new_tokens": 32,
            "template": "auto",
            "canaries": [],
        },
        splits=_splits(report=False),
        template="none",
        summary=AnswersSummary(
            prompts=prompts,
            references=prompts if references else 0,
            identical=sum(pair.first_difference is None for pair in pairs),
            first_difference_median=4.0,
            agreement=0.31,
            length_ratio=0.92,
            dense=SideSummary(31.2, 0.9, 0.11, *_scored(references, 0.5)),
            changed=SideSummary(28.7, 0.8, 0.19, *_scored(references, 0.4)),
        ),
        categories=[_category_answers(name, references) for name in ("code", "prose")],
        answers=pairs,
        canaries=[
            _canary("What does len return?", missing=["length"]),
            _canary("Say hello <b>twice</b>.", missing=[]),
        ],
        finding=FINDING,
        warnings=[
            RunWarning("few_prompts", "only 30 prompts", {"prompts": prompts, "needed": 200})
        ],
    )


def a_protocol(*, split: str = "select", tokens: int = SELECT_TOKENS) -> Protocol:
    """Return how quality was measured."""
    return Protocol(
        split=split, tokens=tokens, documents=16, windows=8, context=256, stride=256, bos=False
    )


def _splits(*, report: bool) -> dict[str, SplitFacts]:
    return {
        "fit": SplitFacts(documents=31, used_documents=31, tokens=16_384),
        "select": SplitFacts(documents=16, used_documents=16, tokens=2_048),
        "report": SplitFacts(32, 32 if report else 0, 4_096 if report else 0),
    }


def _scores(strategy: str, blocks: int) -> StrategyScores:
    noise = random.Random(f"{strategy} of {blocks}")
    values: list[float | None] = [noise.random() for _ in range(blocks)]
    return StrategyScores(strategy=strategy, action=None, measure="1 - score", values=values)


def _single(blocks: int, action: str) -> list[SingleDamage]:
    return [
        SingleDamage(
            block=block,
            action=action,
            rule=("mean" if block == 11 else "pass") if action == "linear" else None,
            nll_diff=damage,
            ci95=a_quality(damage).ci95,
            kl=damage * 0.9,
            top1=math.exp(-damage),
            edge=block in (0, blocks - 1),
        )
        for block, damage in enumerate(damages(blocks, action))
    ]


def _curves(
    blocks: int, strategies: Sequence[str], actions: Sequence[str], *, changed: int, seeds: int
) -> list[Curve]:
    named = [
        _curve(blocks, strategy, action, changed=changed, seed=None)
        for strategy in strategies
        for action in actions
    ]
    orders = [
        _curve(blocks, "random", action, changed=changed, seed=seed)
        for action in actions
        for seed in range(seeds)
    ]
    return named + orders


def _curve(blocks: int, strategy: str, action: str, *, changed: int, seed: int | None) -> Curve:
    alone = damages(blocks, action)
    noise = random.Random(f"{strategy} {seed}")
    order = sorted(range(blocks), key=lambda block: alone[block] * noise.uniform(0.3, 3.0))
    if strategy == "random":
        noise.shuffle(order)
    points = []
    for number in range(1, min(changed, blocks - 1) + 1):
        chosen = order[:number]
        damage = sum(alone[block] for block in chosen) * (1 + 0.08 * (number - 1))
        points.append(
            Point.of(
                changed=number,
                plan=Plan.of(chosen, action).text,
                edge=0 in chosen or blocks - 1 in chosen,
                quality=a_quality(damage),
            )
        )
    fitting = None if action == "drop" else "one_shot"
    return Curve(strategy, action, fitting, seed, order[:changed], points)


def _with_routes(result: AblationResult) -> AblationResult:
    curves = [
        replace(
            curve,
            points=[replace(p, categories=some_categories(p.nll_diff)) for p in curve.points],
        )
        for curve in result.curves
    ]
    single = [replace(one, categories=some_categories(one.nll_diff)) for one in result.single]
    return replace(result, curves=curves, single=single)


def _interaction(blocks: int, pairs: int) -> Interaction:
    alone = damages(blocks, "drop")
    chosen = sorted(sorted(range(blocks), key=lambda block: alone[block])[:pairs])
    noise = random.Random(3)
    extra: Matrix = [
        [noise.uniform(-0.05, 0.2) if j > i else None for j in range(len(chosen))]
        for i in range(len(chosen))
    ]
    damage: Matrix = [
        [
            alone[a] if a == b else alone[a] + alone[b] + (extra[min(i, j)][max(i, j)] or 0.0)
            for j, b in enumerate(chosen)
        ]
        for i, a in enumerate(chosen)
    ]
    return Interaction(blocks=chosen, damage=damage, interaction=extra)


def _document(index: int) -> DocumentQuality:
    damage = 0.05 + 0.04 * ((index * 7) % 16)
    return DocumentQuality(
        document=index,
        title=f"Document {index}: <b>assignment</b> statements & more",
        category=("code", "prose", "tables")[index % 3],
        tokens=120 + index,
        nll_dense=2.5,
        nll=2.5 + damage,
        nll_diff=damage,
        kl=damage * 0.9,
        top1=math.exp(-damage),
    )


def _worst(index: int) -> WorstToken:
    return WorstToken(
        document=3 if index % 2 else 7,
        position=40 + index,
        before="The following table lists all operator",
        token=" precedence",
        dense=" precedence",
        changed=" <unk>",
        kl=9.1 - 0.4 * index,
        nll_diff=7.2 - 0.3 * index,
    )


def _pair(index: int, *, references: bool) -> AnswerPair:
    same = index % 5 == 0
    before = "The statement binds a name to "
    dense = before + f"an object in the current scope, number {index}."
    changed = dense if same else before + f"a value.\nThen it <i>repeats</i> a value, {index}."
    return AnswerPair(
        document=index,
        prompt=f"Prompt {index}: an assignment statement evaluates the expression list and",
        dense=dense,
        changed=changed,
        first_difference=None if same else 6,
        dense_before=len(dense) if same else len(before),
        changed_before=len(changed) if same else len(before),
        agreement=1.0 if same else 0.3,
        dense_tokens=18,
        changed_tokens=18 if same else 15,
        dense_stopped=True,
        changed_stopped=index % 2 == 0,
        reference="an object" if references else None,
        category="code" if index % 2 else "prose",
    )


def _category_answers(name: str, references: bool) -> CategoryAnswers:
    return CategoryAnswers(
        category=name,
        documents=4,
        prompts=15,
        identical=3,
        identical_ci95=[0.07, 0.45],
        agreement=0.31,
        agreement_ci95=None,
        first_difference_median=4.0,
        length_ratio=0.92,
        dense=SideSummary(31.2, 0.9, 0.11, *_scored(references, 0.5)),
        changed=SideSummary(28.7, 0.8, 0.19, *_scored(references, 0.4)),
    )


def _scored(references: bool, value: float) -> tuple[float | None, ...]:
    return (value / 2, value, None, None) if references else (None,) * 4


def _canary(prompt: str, *, missing: list[str]) -> CanaryResult:
    return CanaryResult(
        prompt=prompt,
        dense="It returns the length of an object.",
        changed="It returns a number." if missing else "It returns the length.",
        missing={"dense": [], "changed": missing},
        forbidden={"dense": [], "changed": []},
        passed={"dense": True, "changed": not missing},
    )
