"""Results of the kind `benchmark`, seeded and plausible, no model needed."""

import random
from typing import Any

from linearity.contracts.benchmark import (
    BenchmarkResult,
    CategoryScore,
    ItemResult,
    SideItem,
    TaskScores,
)
from linearity.evaluate.paired_scores import paired_score

CHOICES = ["a candle", "the moon", "a stone", "rain"]
ROUTES = ("billing", "shipping")


def a_benchmark(
    *, questions: int = 40, tasks: tuple[str, ...] = ("own_questions",), seed: int = 0, **more: Any
) -> BenchmarkResult:
    """Return a benchmark whose changed model loses more than it gains."""
    items = [
        item
        for place, task in enumerate(tasks)
        for item in some_items(task, questions, random.Random(seed + place))
    ]
    facts: dict[str, Any] = {
        "id": "b" * 32,
        "created": "2026-11-25T12:00:00Z",
        "model": {"id": "glass-en", "name": "GlassLM English", "fingerprint": "a" * 64}
        | {"blocks": 4, "width": 128, "dtype": "float32"},
        "dataset": {"id": "python-docs", "name": "Python docs", "fingerprint": "b" * 64},
        "params": {
            "plan": "1:drop", "fitting": "one_shot", "healed": "", "questions": "c" * 64,
            "tasks": [task for task in tasks if task != "own_questions"], "few_shot": 0,
            "limit": 0, "ending": "\nAnswer:", "chat": False,
        },
        "environment": {"device": ["cpu"], "linearscope": "0.1.0"},
        "finding": {"en": "Of 40 own questions ...", "ja": "自分の問題 40 問の正答率は……"},
        "warnings": [],
        "harness": {"name": "lm-evaluation-harness", "version": "0.4.13"},
        "splits": {},
        "tasks": [_scores(task, items) for task in tasks],
        "items": items,
        "commands": {"dense": "lm-eval run --model hf", "changed": "lm-eval run --model hf"},
    }  # fmt: skip
    return BenchmarkResult(**{**facts, **more})


def some_items(task: str, count: int, noise: random.Random) -> list[ItemResult]:
    """Return questions; the changed model answers a fifth of them otherwise."""
    return [_item(task, k, noise) for k in range(count)]


def _item(task: str, index: int, noise: random.Random) -> ItemResult:
    gold = noise.randrange(len(CHOICES))
    dense = gold if noise.random() < 0.7 else (gold + 1) % 4
    changed = dense if noise.random() < 0.8 else noise.randrange(4)
    own = task == "own_questions"
    return ItemResult(
        task=task,
        index=index,
        category=ROUTES[index % 2] if own else None,
        question=f"What shines by night, number {index}?",
        choices=CHOICES,
        gold=gold,
        dense=_side(dense, gold, noise),
        changed=_side(changed, gold, noise),
    )


def _side(chosen: int, gold: int, noise: random.Random) -> SideItem:
    right = float(chosen == gold)
    logs = [-2.0 if k == chosen else -4.0 - noise.random() for k in range(4)]
    return SideItem(chosen, {"acc": right, "acc_norm": right}, logs)


def _scores(task: str, items: list[ItemResult]) -> TaskScores:
    own = [item for item in items if item.task == task]
    names = sorted({item.category for item in own if item.category is not None})
    return TaskScores(
        task=task,
        version="1.0",
        questions=len(own),
        chance=0.25,
        scores=[_paired(metric, own) for metric in ("acc", "acc_norm")],
        categories=[
            CategoryScore(name, len(members), _paired("acc", members))
            for name in names
            if (members := [item for item in own if item.category == name])
        ],
    )


def _paired(metric: str, items: list[ItemResult]) -> Any:
    dense, changed = ([getattr(i, side).scores[metric] for i in items] for side in SIDES)
    return paired_score(metric, dense, changed)


SIDES = ("dense", "changed")
