"""The sentence that says how fast a changed model is, and what to know about its numbers."""

from collections.abc import Sequence

import numpy as np

from linearity.contracts.runs import RunWarning
from linearity.contracts.timings import Engine, LoadPoint, Speedup, Timing

UNSTEADY = 0.10
"""Half of the dense model's pairs lie further apart than this share of their median."""
BOUNDED = ("first_token", "next_token", "request", "tokens_per_s")


def timing_of(point: LoadPoint, metric: str) -> Timing | None:
    """Return one metric of a load, if the engine knows it."""
    return next((timing for timing in point.timings if timing.metric == metric), None)


def speed_finding(points: Sequence[LoadPoint], engine: Engine) -> dict[str, str]:
    """Return the finding: tokens a second of both sides at the smallest and the largest load."""
    shown = points[:1] if len(points) == 1 else [points[0], points[-1]]
    told = [text for point in shown if (text := _told(point)) is not None]
    if not told:
        return {
            "en": "No pair was measured, so nothing can be said about speed.",
            "ja": "1 組も測定できなかったため、速度については何も言えません。",
        }
    where = ", ".join(part for part in (engine.device_name or engine.device, engine.dtype) if part)
    en = "; ".join(text["en"] for text in told)
    ja = "、".join(text["ja"] for text in told)
    return {
        "en": f"Tokens per second of the changed model against the dense one: {en}. Measured with "
        f"{engine.software}{f' on {where}' if where else ''}; the numbers hold there and nowhere "
        "else.",
        "ja": f"1 秒あたりのトークン数を元のモデルと比べると、{ja}です。{engine.software}"
        f"{f'、{where}' if where else ''} での測定値で、ほかの環境には当てはまりません。",
    }


def _told(point: LoadPoint) -> dict[str, str] | None:
    timing = timing_of(point, "tokens_per_s")
    if timing is None or timing.speedup is None:
        return None
    dense, changed = (
        f"{side.mean if side.p50 is None else side.p50:,.1f}"
        for side in (timing.dense, timing.changed)
    )
    en, ja = _interval(timing.speedup)
    value, load = timing.speedup.value, f"{point.load:,}"
    requests = "request" if point.load == 1 else "requests"
    return {
        "en": f"{value:.2f} times as many with {load} {requests} side by side ({dense} to "
        f"{changed}{en})",
        "ja": f"同時 {load} 件で {value:.2f} 倍({dense} から {changed}{ja})",
    }


def _interval(speedup: Speedup) -> tuple[str, str]:
    if speedup.ci95 is None:
        return "", ""
    low, high = speedup.ci95
    undecided = low <= 1.0 <= high
    return (
        f"; 95 % interval {low:.2f} to {high:.2f}"
        f"{', which shows no difference' if undecided else ''}",
        f"、95 % 区間 {low:.2f}〜{high:.2f}{'、差があるとは言えません' if undecided else ''}",
    )


def speed_warnings(points: Sequence[LoadPoint], ceiling: float | None) -> list[RunWarning]:
    """Return what to know about the numbers: an unsteady machine, more than can be."""
    return [*_unsteady(points), *([] if ceiling is None else _above(points, ceiling))]


def _unsteady(points: Sequence[LoadPoint]) -> list[RunWarning]:
    found = {}
    for point in points:
        timing = timing_of(point, "request")
        if timing is not None and timing.pairs["dense"]:
            low, middle, high = np.percentile(timing.pairs["dense"], (25, 50, 75))
            if high - low > UNSTEADY * middle:
                found[point.load] = float((high - low) / middle)
    if not found:
        return []
    worst = max(found, key=lambda load: found[load])
    return [
        RunWarning(
            "unsteady",
            f"the machine was not steady: at {worst:,} at once the middle half of the dense "
            f"model's times spans {100 * found[worst]:.0f} % of their median. Pairs cancel what "
            "slows both sides; close other programs, or measure more pairs.",
            {"loads": list(found), "worst": worst, "percent": round(100 * found[worst])},
        )
    ]


def _above(points: Sequence[LoadPoint], ceiling: float) -> list[RunWarning]:
    above = [
        (point.load, timing.metric, timing.speedup.ci95[0])
        for point in points
        for timing in point.timings
        if timing.metric in BOUNDED
        and timing.speedup is not None
        and timing.speedup.ci95 is not None
        and timing.speedup.ci95[0] > ceiling
    ]
    if not above:
        return []
    load, metric, low = max(above, key=lambda item: item[2])
    return [
        RunWarning(
            "above_ceiling",
            f"{metric} at {load:,} at once is at least {low:.2f} times as fast, and leaving out "
            f"blocks alone allows {ceiling:.2f}: something else differs between the two sides",
            {"load": load, "metric": metric, "low": low, "ceiling": ceiling},
        )
    ]
