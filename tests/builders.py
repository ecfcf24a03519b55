"""Builders with defaults: valid values of the contracts, seeded and plausible, no model needed."""

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from linearity.contracts.granularity import state_names
from linearity.contracts.linearity import (
    Interval,
    LinearityResult,
    Matrix,
    Pairs,
    Profile,
    Repeats,
    SampleSizes,
    TokenClasses,
    TokenCounts,
    Vector,
)
from linearity.contracts.token_errors import ERROR_EDGES, TokenErrors

WIDTH = 64
TOKENS = 16_384


def a_profile(*, blocks: int = 4, lift: float = 0.0, seed: int = 0) -> Profile:
    """Return a profile whose stream scores lie near 0.93 and whose update scores near 0.5."""
    noise = random.Random(seed)
    stream = [_score(0.93 + lift - 0.35 * (block == 0), noise, 0.03) for block in range(blocks)]
    update = [_score(0.52 + lift, noise, 0.15) for _ in range(blocks)]
    return Profile(
        r2_fit=_moved(stream, 0.02),
        r2_adjusted=_moved(stream, 0.01),
        r2_heldout=[*stream],
        update_r2_fit=_moved(update, 0.06),
        update_r2_adjusted=_moved(update, 0.03),
        update_r2_heldout=[*update],
        r2_heldout_ci95=_intervals(stream, 0.01),
        update_r2_heldout_ci95=_intervals(update, 0.04),
        ridge=[0.01] * blocks,
        block_influence=[noise.uniform(0.02, 0.2) for _ in range(blocks)],
        update_norm_ratio=[
            3.0 if block == 0 else noise.uniform(0.1, 0.6) for block in range(blocks)
        ],
        state_norm=[10.0 * (block + 1) for block in range(blocks + 1)],
        rotation_fit=[noise.uniform(0.6, 0.95) for _ in range(blocks)],
        anisotropy=[0.05 + 0.2 * noise.random() for _ in range(blocks + 1)],
        effective_rank=[noise.uniform(10.0, 60.0) for _ in range(blocks + 1)],
        rank=[float(WIDTH)] * blocks,
        condition=[noise.uniform(40.0, 500.0) for _ in range(blocks)],
    )


def some_token_classes(*, blocks: int = 4, seed: int = 0) -> TokenClasses:
    """Return errors of Japanese and English text; first tokens are hardly explained at all."""
    noise = random.Random(seed + 2)
    names = ["first", "punctuation", "word_start", "kanji", "hiragana", "katakana"]
    return TokenClasses(
        names=names,
        tokens=[16, 520, 1_300, 910, 1_100, 200],
        error=[[900.0, *(noise.uniform(0.03, 0.4) for _ in names[1:])] for _ in range(blocks)],
    )


def some_sample_sizes(profile: Profile) -> SampleSizes:
    """Return a profile that settles: half as far from its end each time."""

    def settling(end: Vector) -> Matrix:
        return [[(value or 0.0) - 0.2 / 2**k for value in end] for k in range(3)] + [end]

    return SampleSizes(
        tokens=[1024, 3072, 8192, TOKENS],
        r2_heldout=settling(profile.r2_heldout),
        update_r2_heldout=settling(profile.update_r2_heldout),
    )


def _moved_down(scores: Vector) -> Vector:
    return [None if value is None else value - 0.013 for value in scores]


def some_token_errors(profile: Profile, *, tokens: int = 4_030, seed: int = 0) -> TokenErrors:
    """Return log-normal errors with the mean that the held-out score tells."""
    noise = random.Random(seed + 3)
    rows = [
        sorted((1 - (score or 0.0)) * noise.lognormvariate(-0.5, 1.0) for _ in range(tokens))
        for score in profile.r2_heldout
    ]

    def at(share: float) -> list[float]:
        return [row[round(share * (tokens - 1))] for row in rows]

    return TokenErrors(
        tokens=tokens,
        counts=[_counted(row) for row in rows],
        p50=at(0.5),
        p95=at(0.95),
        p99=at(0.99),
    )


def _counted(values: list[float]) -> list[int]:
    counts = [0] * (len(ERROR_EDGES) + 1)
    for value in values:
        counts[bisect_right(ERROR_EDGES, value)] += 1
    return counts


def a_result(
    *, blocks: int = 4, model: str = "glass-en", dataset: str = "python-docs", seed: int = 0
) -> LinearityResult:
    """Return a finished `linearity` result; pairs and profile agree on adjacent states."""
    profile = a_profile(blocks=blocks, seed=seed)
    return LinearityResult(
        id="0123456789abcdef" * 2,
        created="2026-11-23T08:15:00Z",
        model={
            "id": model,
            "name": model,
            "fingerprint": "a" * 64,
            "blocks": blocks,
            "width": WIDTH,
            "dtype": "float32",
        },
        dataset={"id": dataset, "name": dataset, "fingerprint": "b" * 64},
        params=_params(),
        environment={"torch": "2.13.0", "device": "cpu"},
        tokens=TokenCounts(
            fit=12_082,
            heldout=4_030,
            excluded_first=64,
            excluded_sinks=5,
            width_ratio=12_082 / WIDTH,
            fit_documents=60,
            heldout_documents=19,
        ),
        states=[str(state) for state in range(blocks + 1)],
        pairs=_pairs(profile, blocks),
        profile=profile,
        kept=a_profile(blocks=blocks, lift=0.065, seed=seed + 1),
        token_classes=some_token_classes(blocks=blocks, seed=seed),
        sample_sizes=some_sample_sizes(profile),
        repeats=Repeats(
            seeds=[0, 1],
            r2_heldout=[profile.r2_heldout, _moved_down(profile.r2_heldout)],
            update_r2_heldout=[profile.update_r2_heldout, _moved_down(profile.update_r2_heldout)],
        ),
        token_errors=some_token_errors(profile, seed=seed),
        finding={
            "en": "From block 1 on, a linear map explains 90-96 % of the next state.",
            "ja": "ブロック 1 以降では、線形写像が次の状態の分散の 90〜96 % を説明します。",
        },
        warnings=[],
    )


def a_partial(*, blocks: int = 4, done: int = 2_048, half: bool = False) -> dict[str, Any]:
    """Return what a running job publishes; pair scores are there only from `half` on."""
    result = a_result(blocks=blocks).as_json() | {
        "kept": None,
        "finding": None,
        "partial": {"done": done, "total": TOKENS, "pairs_at": done if half else None},
    }
    pairs: Any = result["pairs"]
    if not half:
        scores = [name for name in pairs if "r2_" in name]
        blank = [[None] * (blocks + 1) for _ in range(blocks + 1)]
        result["pairs"] = pairs | dict.fromkeys(scores, blank)
    return result


def adjacent_only(result: LinearityResult) -> LinearityResult:
    """Return the same result as `pairs=adjacent` would have given it."""

    def neighbours(matrix: Matrix) -> Matrix:
        return [
            [score if j == i + 1 else None for j, score in enumerate(row)]
            for i, row in enumerate(matrix)
        ]

    scores = [name for name in Pairs.__dataclass_fields__ if "r2_" in name]
    fewer = {name: neighbours(getattr(result.pairs, name)) for name in scores}
    return replace(result, pairs=replace(result.pairs, **fewer))


def by_sublayers(result: LinearityResult) -> LinearityResult:
    """Return a result of 2L blocks as that of L blocks whose attention and MLP are told apart."""
    blocks = (len(result.states) - 1) // 2
    return replace(
        result,
        model=result.model | {"blocks": blocks},
        params=result.params | {"granularity": "sublayer"},
        states=state_names(blocks, "sublayer"),
    )


def in_sample(result: LinearityResult) -> LinearityResult:
    """Return the same result as `protocol=paper` would have given it."""

    def without(part: Any, *more: str) -> Any:
        scores = [name for name in part.__dataclass_fields__ if "heldout" in name]
        blank = {name: _blank(getattr(part, name)) for name in scores}
        return replace(part, **blank, **dict.fromkeys(more))

    profile = without(result.profile)
    return replace(
        result,
        params=result.params | {"protocol": "paper", "heldout": 0.0, "exclude": "none"},
        tokens=replace(result.tokens, heldout=0, heldout_documents=0, excluded_first=0),
        pairs=without(result.pairs, "cka"),
        profile=profile,
        kept=profile,
        token_classes=None,
        sample_sizes=None,
        token_errors=None,
        repeats=None,
    )


def _blank(values: Any) -> Any:
    return [
        _blank(value) if isinstance(value, list) and len(value) > 2 else None for value in values
    ]


def _params() -> dict[str, Any]:
    return {
        "tokens": TOKENS,
        "context": 256,
        "heldout": 0.25,
        "seed": 0,
        "ridge": "auto",
        "exclude": "sinks",
        "pairs": "auto",
        "repeats": 1,
        "granularity": "block",
        "dtype": "float32",
        "attention": "sdpa",
    }


def _pairs(profile: Profile, blocks: int) -> Pairs:
    def decay(values: Vector) -> Callable[[int, int], float]:
        return lambda i, j: float(values[j - 1] or 0) * 0.97 ** (j - i - 1)

    return Pairs(
        r2_fit=_triangle(blocks, decay(profile.r2_fit)),
        r2_adjusted=_triangle(blocks, decay(profile.r2_adjusted)),
        r2_heldout=_triangle(blocks, decay(profile.r2_heldout)),
        update_r2_heldout=_triangle(blocks, decay(profile.update_r2_heldout)),
        cosine=_triangle(blocks, lambda i, j: 0.95 ** (j - i)),
        cka=_triangle(blocks, lambda i, j: 0.97 ** (j - i)),
        angular=_triangle(blocks, lambda i, j: 0.5 * (1 - 0.9 ** (j - i))),
        update_r2_fit=_triangle(blocks, decay(profile.update_r2_fit)),
        update_r2_adjusted=_triangle(blocks, decay(profile.update_r2_adjusted)),
    )


def _triangle(blocks: int, value: Callable[[int, int], float]) -> Matrix:
    states = range(blocks + 1)
    return [[value(i, j) if j > i else None for j in states] for i in states]


def _score(centre: float, noise: random.Random, spread: float) -> float:
    return min(0.9995, centre + noise.uniform(-spread, spread))


def _moved(values: list[float], by: float) -> Vector:
    return [min(0.9999, value + by) for value in values]


def _intervals(values: list[float], half_width: float) -> list[Interval | None]:
    return [[value - half_width, value + half_width] for value in values]


def as_result(value: Mapping[str, Any]) -> LinearityResult:
    """Return stored JSON as a result; fails when a field is missing or unknown."""
    return LinearityResult.from_json(value)
