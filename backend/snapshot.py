"""A view of a result as one HTML file that needs no server and no network.

It holds what is on the screen: the finding, the key numbers, the pictures with the same switches
and selection, the table, and the whole result as JSON. Scripts are inline: plotly.js from the
installed wheel once, and a small reader made of the page's own modules. A policy in the file lets
exactly these two run and nothing be fetched.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

import frontend
from backend.assets import plotly_path
from backend.catalogue import LANGUAGES, words
from backend.figures.categories import category_points
from backend.figures.figure import FIGURES, figure
from backend.markup import Markup, element, join
from backend.snapshot_choice import routes_options
from backend.snapshot_parts import (
    Part,
    cite,
    facts,
    finding,
    header,
    key_numbers,
    selection,
    warnings,
)
from backend.snapshot_passage import passage_text
from backend.snapshot_tables import number_table
from backend.version import read_version
from linearity.adapters.clock import utc_now
from linearity.contracts.parameters import choice

STYLES = (
    "tokens", "base", "layout", "controls", "run", "changed_model", "passage", "tables", "snapshot",
)  # fmt: skip
SCRIPTS = (
    "chart_config.js", "plotly_japanese.js", "scores.js", "curves.js", "passages.js",
    "selection_shapes.js",
)  # fmt: skip
READER = "snapshot.js"

FIGURE_KEYS: dict[str, dict[str, str]] = {
    "heatmap": {"score": "score", "split": "split", "scale": "scale"},
    "profile": {"published": "published"},
    "curve": {"metric": "metric", "action": "action", "fitting": "fitting", "scale": "axis"},
    "three_curves": {"metric": "metric", "scale": "axis"},
}
"""Which keys of the view a figure's options come from, as in the page's views."""
AXIS_HEIGHT, ROW_HEIGHT = 64, 30
PAGE_DEFAULTS = {"axis": "log"}
"""Where the page begins otherwise than a figure does."""


def snapshot(
    result: Mapping[str, Any],
    view: Mapping[str, str],
    *,
    sha256: str | None = None,
    imported: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the file; `view` is spelled as in the page's address, `sha256` names the result.

    `imported` says where a result comes from that was not computed here.

    Raises
    ------
    InvalidParameterError
        For a language, theme or switch that does not exist.
    """
    lang = choice("lang", view.get("lang", LANGUAGES[0]), LANGUAGES)
    theme = choice("theme", view.get("theme", "light"), ("light", "dark"))
    looks = {"lang": lang, "theme": theme}
    figures = {
        name: figure(name, result, _options(name, result, view) | looks)
        for name in _shown(result, view)
    }
    part = Part(result, words(lang), {**view, "lang": lang}, sha256, utc_now()[:16] + "Z", imported)
    return _document(part, theme, figures).encode()


def _options(name: str, result: Mapping[str, Any], view: Mapping[str, str]) -> dict[str, str]:
    if name == "categories":
        return routes_options(result, view)
    view = PAGE_DEFAULTS | dict(view)
    return {option: view[key] for option, key in FIGURE_KEYS.get(name, {}).items() if key in view}


def _shown(result: Mapping[str, Any], view: Mapping[str, str]) -> list[str]:
    """Return the figures that the result has numbers for."""
    there = {
        "categories": bool(category_points(result, **routes_options(result, view)).categories),
        "interaction": bool(result.get("interaction")),
        "scores": bool(result.get("scores") or result.get("single")),
        "documents": bool(result.get("documents")),
        "token_classes": bool(result.get("token_classes")),
        "sample_sizes": bool(result.get("sample_sizes")),
        "token_errors": bool(result.get("token_errors")),
        "three_curves": bool(result.get("sweep")),
    }
    return [name for name in FIGURES[result["kind"]] if there.get(name, True)]


def _document(part: Part, theme: str, figures: Mapping[str, Any]) -> str:
    drawn = {"lang": part.view["lang"], "view": dict(part.view), "figures": figures}
    plotly, reader = _plotly(), _reader()
    policy = (
        f"default-src 'none'; script-src '{_hash(plotly)}' '{_hash(reader)}'; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="referrer" content="no-referrer">'),
        Markup('<meta name="robots" content="noindex, nofollow">'),
        element("title", f"{part.title} · LinearScope"),
        element("style", Markup(_styles())),
    )
    body = element(
        "body",
        element(
            "main",
            header(part),
            finding(part),
            key_numbers(part),
            selection(part),
            passage_text(part),
            _pictures([_panel(*item, part) for item in figures.items()]),
            element("noscript", element("p", part.words["snapshot_no_script"])),
            number_table(part),
            warnings(part),
            facts(part, read_version()),
            cite(part, read_version()),
            class_="page snapshot",
        ),
        _data("drawn", drawn),
        _data("result", part.result),
        element("script", Markup(plotly)),
        element("script", Markup(reader)),
    )
    page = element("html", head, body, lang=part.view["lang"], data_theme=theme)
    return f"<!doctype html>\n{page}\n"


def _pictures(panels: Sequence[Markup]) -> Markup:
    """Put the first picture, the tall one, beside two others, and the rest in turns below."""
    if len(panels) < 2:
        return join(*panels)
    left, right = [panels[0], *panels[3::2]], [*panels[1:3], *panels[4::2]]
    columns = (element("div", *column, class_="stack") for column in (left, right))
    return element("div", *columns, class_="pictures")


def _panel(name: str, drawn: Mapping[str, Any], part: Part) -> Markup:
    rows = drawn["layout"].get("yaxis", {}).get("ticktext", [])
    height = f"height: {AXIS_HEIGHT + ROW_HEIGHT * len(rows)}px" if name == "categories" else None
    return element(
        "figure",
        element("h2", part.words[f"figure_{name}"]),
        element("figcaption", part.words[f"figure_{name}_note"], class_="quiet"),
        element("div", class_=f"plot plot-{name}", data_figure=name, style=height),
        class_=f"panel panel-{name}",
    )


def _data(id: str, value: object) -> Markup:
    # Without "<" no text can end the element.
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode().replace("<", "\\u003c")
    return element("script", Markup(text), type="application/json", id=id)


@functools.cache  # five megabytes that never change while the process lives
def _plotly() -> str:
    return _inline(plotly_path().read_text(encoding="utf-8"))


@functools.cache
def _reader() -> str:
    """Return the modules that the reader names, and the reader, as one script."""
    folder = Path(frontend.__file__).parent
    parts = [_without_modules((folder / name).read_text("utf-8")) for name in (*SCRIPTS, READER)]
    return _inline("(() => {\n" + "\n".join(parts) + "})();\n")


def _without_modules(source: str) -> str:
    """Return a module's lines without its imports; its exports become plain declarations."""
    kept = [line for line in source.splitlines() if not line.startswith("import ")]
    return "\n".join(line.removeprefix("export ") for line in kept)


def _inline(script: str) -> str:
    # Neither may end the element early; both spellings mean the same inside a string of JavaScript.
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("\r\n", "\n")


@functools.cache
def _styles() -> str:
    folder = Path(frontend.__file__).parent / "styles"
    return "\n".join((folder / f"{name}.css").read_text("utf-8") for name in STYLES)


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
