"""A plan document by document: damage as bars, the most damaged first, coloured by category."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from backend.figures.hover import number, share
from backend.figures.labels import LABELS, caption, escape
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, Theme, axis, base_layout, legend, meta

MARGIN = {"l": 60, "r": 12, "t": 32, "b": 40}
COLOURS = ("stream", "update", "violet", "ochre", "rose")
"""Further categories share a grey, the rarest ones."""
LONGEST_TITLE = 60
Words = Mapping[str, str]
Document = Mapping[str, Any]


def documents(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    bars = document_bars(result)
    groups = categories(bars)
    data = [_bars(bars, group, colour, words) for group, colour in _coloured(groups, theme)]
    layout = base_layout(theme) | {
        "margin": MARGIN if len(groups) > 1 else MARGIN | {"t": 8},
        "bargap": 0.15 if len(bars) < 60 else 0,
        "barmode": "overlay",
        "showlegend": len(groups) > 1,
        "legend": legend(theme, y=1.03),
        "xaxis": axis(
            theme,
            words["documents_axis"],
            range=[-0.6, max(len(bars), 1) - 0.4],
            showticklabels=False,
            showgrid=False,
        ),
        "yaxis": axis(
            theme, words["nll_diff"], zeroline=True, zerolinecolor=theme.hatch, rangemode="tozero"
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['nll_diff']}"),
    }
    return {"data": data, "layout": layout}


def document_bars(result: Mapping[str, Any]) -> list[Document]:
    """Return the documents, the most damaged first."""
    return sorted(result.get("documents") or [], key=lambda document: -document["nll_diff"])


def categories(bars: Sequence[Document]) -> list[str | None]:
    """Return the categories, the most frequent first; None stands for documents without one."""
    counts = Counter(bar.get("category") for bar in bars)
    return [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))]


def _coloured(groups: Sequence[str | None], theme: Theme) -> list[tuple[list[str | None], str]]:
    """Return groups of categories with their colours: many rare ones are one group."""
    if len(groups) == 1:
        return [([groups[0]], theme.muted)]
    own = [
        ([name], str(getattr(theme, colour))) for name, colour in zip(groups, COLOURS, strict=False)
    ]
    rest = [*groups[len(COLOURS) :]]
    return [*own, (rest, theme.muted)] if rest else own


def _bars(
    bars: Sequence[Document], group: Sequence[str | None], colour: str, words: Words
) -> dict[str, Any]:
    shown = [(place, bar) for place, bar in enumerate(bars) if bar.get("category") in group]
    name = _category(group[0], words) if len(group) == 1 else words["other_categories"]
    return {
        "type": "bar",
        "name": name,
        "x": [place for place, _ in shown],
        "y": [bar["nll_diff"] for _, bar in shown],
        "customdata": [[bar["document"], _hover(bar, words)] for _, bar in shown],
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": "%{customdata[1]}<extra></extra>",
    }


def _category(name: str | None, words: Words) -> str:
    return words["no_category"] if name is None else escape(name[:LONGEST_TITLE])


def _hover(bar: Document, words: Words) -> str:
    title = bar["title"]
    short = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
    tokens = words["tokens"].format(tokens=bar["tokens"])
    lines = [
        f"<b>{escape(short)}</b>",
        words["document"].format(number=bar["document"]),
        f"{words['damage']} <b>{bar['nll_diff']:.4f}</b> · {tokens}",
        f"KL {number(bar.get('kl'), '.4f')} · top-1 {share(bar.get('top1'))}",
    ]
    if bar.get("category") is not None:
        lines.insert(2, _category(bar["category"], words))
    return "<br>".join(lines)
