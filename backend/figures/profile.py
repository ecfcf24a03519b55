"""The profile: how linear each block is, as a stream and in what it adds."""

from collections.abc import Mapping
from typing import Any

from backend.figures.labels import LABELS
from backend.figures.options import FigureOptions
from backend.figures.places import is_by_sublayers, transition_names
from backend.figures.points import Series, series
from backend.figures.profile_lines import (
    band,
    below,
    bottom_of,
    ends,
    layout,
    line,
    main_line,
    style,
    style_key,
)
from backend.figures.published import published_ranges
from backend.figures.theme import THEMES
from linearity.contracts.paper_protocol import PAPER

FIELDS = {"stream": "r2", "update": "update_r2"}


def profile(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure: held-out with its band, in-sample thin, all tokens kept dotted.

    Of a run that held nothing out there is the in-sample line alone.
    """
    if result["params"].get("protocol") == PAPER:
        return _in_sample(result, options)
    if is_by_sublayers(result):
        return _by_parts(result, options)
    blocks = len(result["states"]) - 1
    theme = THEMES[options.theme]
    words = LABELS[options.lang]
    data: list[dict[str, Any]] = []
    heldouts: dict[str, Series] = {}
    for name, prefix in FIELDS.items():
        colour = theme.stream if name == "stream" else theme.update
        heldout = series(result["profile"], f"{prefix}_heldout", blocks=blocks)
        fit = series(result["profile"], f"{prefix}_fit", blocks=blocks)
        heldouts[name] = heldout
        data += [*band(heldout, colour), line(fit.values, colour, width=1, name=name)]
        if options.kept:
            kept = series(result.get("kept"), f"{prefix}_heldout", blocks=blocks)
            data.append(line(kept.values, colour, width=1.5, dash="dot", name=name))
        data.append(main_line(heldout, colour, name, result, options.lang))
    ranges = published_ranges(result, options)
    lowest = bottom_of([*data, *ranges])
    places = transition_names(result, options.lang)
    data += [below(heldouts[name], lowest, theme, words, (name, places)) for name in FIELDS]
    data += [*style_key(words, theme, kept=options.kept), *ranges]
    return {"data": data, "layout": layout(result, options, blocks, lowest, ends(heldouts))}


def _in_sample(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    blocks = len(result["states"]) - 1
    theme, words = THEMES[options.theme], LABELS[options.lang]
    lines = {
        name: series(result["profile"], f"{prefix}_fit", blocks=blocks)
        for name, prefix in FIELDS.items()
    }
    data = [
        main_line(line, getattr(theme, name), name, result, options.lang)
        for name, line in lines.items()
    ]
    ranges = published_ranges(result, options)
    lowest = bottom_of([*data, *ranges])
    data += [style(words["fit_as_paper"], 2.5, "solid", theme), *ranges]
    return {"data": data, "layout": layout(result, options, blocks, lowest, ends(lines))}


def _by_parts(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the held-out lines of attention and MLP apart: one line would only jump up and down.

    In-sample scores, and those with all tokens kept, are left to the table.
    """
    count = len(result["states"]) - 1
    theme, words = THEMES[options.theme], LABELS[options.lang]
    data: list[dict[str, Any]] = []
    heldouts = {}
    for name, prefix in FIELDS.items():
        colour = getattr(theme, name)
        heldout = series(result["profile"], f"{prefix}_heldout", blocks=count)
        heldouts[name] = heldout
        whole = main_line(heldout, colour, name, result, options.lang)
        for part in (0, 1):
            every = slice(part, None, 2)
            of_part = Series(heldout.values[every], heldout.low[every], heldout.high[every])
            bands = band(of_part, colour)
            data += [shape | {"x": [2 * x + part for x in shape["x"]]} for shape in bands]
            data.append(
                whole
                | {key: whole[key][every] for key in ("x", "y", "customdata", "text")}
                | {
                    "line": {"width": 1.5, "color": colour, "dash": ("solid", "dot")[part]},
                    "marker": {"size": 6, "color": colour, "symbol": ("circle", "square")[part]},
                }
            )
    lowest = bottom_of(data)
    places = transition_names(result, options.lang)
    data += [below(heldouts[name], lowest, theme, words, (name, places)) for name in FIELDS]
    data.append(style(f"{words['heldout']}  {words['parts_key']}", 2.5, "solid", theme))
    return {"data": data, "layout": layout(result, options, count, lowest, ends(heldouts))}
