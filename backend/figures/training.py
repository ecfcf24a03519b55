"""How a healing went: the loss of every stretch of steps above, split A below."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.figures.hover import number
from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, Theme, axis, base_layout, legend, meta

MARGIN = {"l": 60, "r": 16, "t": 52, "b": 44}
UPPER, LOWER = [0.56, 1.0], [0.0, 0.44]
LOSSES = (("loss", "ink", "loss"), ("states", "stream", "loss_states"), ("kl", "update", "loss_kl"))
Words = Mapping[str, str]
Place = Mapping[str, Any]


def training(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; of two trainings the dense model's is dashed."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    trainings = result.get("training") or []
    data = [trace for item in trainings for trace in _traces(item, len(trainings), theme, words)]
    steps = axis(theme, words["training_step"], anchor="y2", rangemode="tozero")
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": True,
        "legend": legend(theme, y=1.02),
        "xaxis": steps,
        "yaxis": axis(theme, words["training_axis"], domain=UPPER, rangemode="tozero"),
        "yaxis2": axis(
            theme,
            words["select_axis"],
            domain=LOWER,
            zeroline=True,
            zerolinecolor=theme.hatch,
            rangemode="tozero",
        ),
        "shapes": [line for item in trainings for line in _best(item, theme)],
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['training_axis']}"),
    }
    return {"data": data, "layout": layout}


def training_points(training: Mapping[str, Any], name: str) -> tuple[list[int], list[float]]:
    """Return the steps where a number of the curve is known, and the numbers."""
    known = [(p["step"], p[name]) for p in training["curve"] if p[name] is not None]
    return [step for step, _ in known], [value for _, value in known]


def _traces(
    training: Mapping[str, Any], count: int, theme: Theme, words: Words
) -> list[dict[str, Any]]:
    dash = "dash" if training["model"] == "dense" else "solid"
    of = f", {words[training['model'] + '_model']}" if count > 1 else ""
    drawn = [(name, getattr(theme, colour), word, "y") for name, colour, word in LOSSES]
    if training["model"] == "changed" and count == 1:
        drawn.append(("select_kl", theme.violet, "select_kl", "y2"))
    drawn.append(("select_nll_diff", theme.accent, "select_damage", "y2"))
    traces = []
    for name, colour, word, place in drawn:
        steps, values = training_points(training, name)
        if not values:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": words[word] + of,
                "x": steps,
                "y": values,
                "yaxis": place,
                "line": {"color": colour, "width": 2, "dash": dash},
                "marker": {"size": 4, "color": colour},
                "customdata": [_hover(p, words) for p in training["curve"] if p["step"] in steps],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    return traces


def _best(training: Mapping[str, Any], theme: Theme) -> Sequence[dict[str, Any]]:
    """Mark the step whose weights were kept, once that is known."""
    if not training.get("steps") or training["model"] == "dense":
        return []
    x = training["best_step"]
    line = {"color": theme.muted, "width": 1, "dash": "dot"}
    return [
        {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line,
         "layer": "below"}
    ]  # fmt: skip


def _hover(place: Place, words: Words) -> str:
    lines = [
        f"<b>{words['training_step']} {place['step']:,}</b>",
        words["trained_tokens"].format(tokens=f"{place['tokens']:,}"),
    ]
    for name, _, word in LOSSES:
        if place[name] is not None:
            lines.append(f"{words[word]} {number(place[name], '.4g')}")
    lines += [
        f"{words['select_damage']} {number(place['select_nll_diff'], '.4f')}",
        f"{words['select_kl']} {number(place['select_kl'], '.4f')}",
    ]
    return "<br>".join(lines)
