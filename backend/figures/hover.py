"""What a reader sees beside the pointer: the whole of a point, not only the drawn number."""

import textwrap
from collections.abc import Mapping
from typing import Any

from backend.figures.labels import escape

Words = Mapping[str, str]
LINE_WIDTH = 56


def point_hover(point: Mapping[str, Any], title: str, words: Words) -> str:
    """Return the plan, perplexity, damage with interval, KL and agreement of a point."""
    count = words["one_changed" if point["changed"] == 1 else "blocks_changed"]
    agreement = words["agreement"].format(top1=share(point["top1"]), top5=share(point["top5"]))
    return "<br>".join(
        [
            f"<b>{escape(title)}</b>",
            count.format(count=point["changed"]),
            wrapped(point["plan"]),
            f"{words['damage']} {damage(point, words)}",
            f"{words['ppl']} {number(point['ppl'], '.4g')} · KL {number(point['kl'], '.4f')}",
            agreement,
        ]
    )


def damage(point: Mapping[str, Any], words: Words) -> str:
    """Return the damage with its interval where there is one."""
    text = f"<b>{number(point['nll_diff'], '.4f')}</b>"
    interval = point.get("ci95")
    if interval is None:
        return text
    return f"{text} ({words['interval']} {interval[0]:.4f} – {interval[1]:.4f})"


def number(value: float | None, form: str) -> str:
    """Return a number, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def share(value: float | None) -> str:
    """Return a share as a percentage."""
    return number(value, ".1%")


def wrapped(text: str) -> str:
    """Return a plan in lines that fit beside the pointer."""
    spaced = escape(text).replace(",", ", ")
    return "<br>".join(textwrap.wrap(spaced, LINE_WIDTH)).replace(", ", ",")
