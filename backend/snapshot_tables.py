"""The table of a saved page: of a linearity run the one on the screen, else every number."""

from collections.abc import Iterable, Sequence
from typing import Any

from backend.exports import TABLES
from backend.figures.options import parse_options
from backend.figures.places import is_by_sublayers, transition_names
from backend.figures.points import pair_points
from backend.markup import Markup, element
from backend.snapshot_parts import MISSING, Part, interval, score, significant

MOST_ROWS = 5_000
"""Longer tables would make the file slow; the whole result is in it as JSON all the same."""


def number_table(part: Part) -> Markup:
    """Return the table, folded away under its title."""
    if part.result["kind"] != "linearity":
        table = _table(_every_number(part))
    elif part.view.get("table") == "blocks":
        table = _table(_blocks(part))
    else:
        table = _table(_pairs(part))
    summary = element("summary", part.words["snapshot_table"])
    return element(
        "details", summary, element("div", table, class_="scroll-x"), class_="snapshot-table"
    )


def _table(rows: Iterable[Sequence[str]]) -> Markup:
    head, *body = rows
    heads = [element("th", cell, scope="col") for cell in head]
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in cells))
        for first, *cells in body
    ]
    return element(
        "table", element("thead", element("tr", *heads)), element("tbody", *lines),
        class_="score-table",
    )  # fmt: skip


def _every_number(part: Part) -> Iterable[Sequence[str]]:
    rows = TABLES[part.result["kind"]].for_people(part.result, part.view["lang"])
    for place, row in zip(range(MOST_ROWS), rows, strict=False):
        yield ["" if cell is None else str(cell) for cell in row] if place else [*map(str, row)]


def _pairs(part: Part) -> Iterable[Sequence[str]]:
    """Yield how much of each later state each earlier one explains, as the heat map shows it."""
    asked = {key: part.view[key] for key in ("score", "split") if key in part.view}
    options = parse_options(asked)
    points = pair_points(part.result, score=options.score, split=options.split)
    states = part.result["states"]
    yield [part.words["from_to"], *(states[end] for end in points.to_states)]
    for start, values in zip(points.from_states, points.scores, strict=True):
        cells = zip(points.to_states, values, strict=True)
        yield [states[start], *("" if end <= start else score(value) for end, value in cells)]


_BLOCK_COLUMNS = (
    ("stream_heldout", "profile", "r2_heldout"),
    ("stream_interval", "profile", "r2_heldout_ci95"),
    ("update_heldout", "profile", "update_r2_heldout"),
    ("update_interval", "profile", "update_r2_heldout_ci95"),
    ("stream_fit", "profile", "r2_fit"),
    ("update_fit", "profile", "update_r2_fit"),
    ("stream_kept", "kept", "r2_heldout"),
    ("update_kept", "kept", "update_r2_heldout"),
    ("norm_ratio", "profile", "update_norm_ratio"),
    ("block_influence", "profile", "block_influence"),
    ("rotation_fit", "profile", "rotation_fit"),
)


def _blocks(part: Part) -> Iterable[Sequence[str]]:
    yield [part.words["block"], *(part.words[f"column_{key}"] for key, _, _ in _BLOCK_COLUMNS)]
    names = transition_names(part.result, parse_options({"lang": part.view["lang"]}).lang)
    for block in range(len(part.result["states"]) - 1):
        yield [
            names[block] if is_by_sublayers(part.result) else str(block),
            *(
                _block_cell(key, (part.result.get(source) or {}).get(field), block)
                for key, source, field in _BLOCK_COLUMNS
            ),
        ]


def _block_cell(key: str, values: Sequence[Any] | None, block: int) -> str:
    value = values[block] if values else None
    if value is None:
        return MISSING
    if key.endswith("_interval"):
        return interval(value)
    if key == "norm_ratio":
        return significant(value)
    return score(value, 4 if key.endswith("_kept") else 3)
