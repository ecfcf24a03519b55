"""Rules of the page's scripts that a reader can rely on."""

import re
from pathlib import Path

import pytest

from tests.frontend.sources import FRONTEND, SCRIPTS, name, read

MOST_LINES = 132
LISTS = {"api.js": 200}  # one line an address
BEFORE_EVERYTHING = {"theme.js"}  # runs before the modules, so it cannot use them
IN_SAVED_FILES = {"snapshot.js"}  # put into files by backend/snapshot.py, never loaded by the page


def without_comments(path: Path) -> str:
    return re.sub(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", "", read(path), flags=re.DOTALL)


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_text_never_becomes_markup(path: Path) -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\("
    )

    assert forbidden.findall(without_comments(path)) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_modules_are_short(path: Path) -> None:
    assert len(read(path).splitlines()) <= LISTS.get(name(path), MOST_LINES)


def test_only_api_knows_addresses() -> None:
    address = re.compile(r"[\"'`](?:/api|/assets|/runs|/jobs|/library|https?:)")
    knowing = {name(path) for path in SCRIPTS if address.search(without_comments(path))}

    # latest.js names the SVG namespace, which is an identifier and never fetched.
    assert knowing - {"views/latest.js"} == {"api.js"}


def test_only_api_fetches() -> None:
    fetching = {name(path) for path in SCRIPTS if re.search(r"\bfetch\(", without_comments(path))}

    assert fetching == {"api.js"}


def test_only_charts_touches_plotly() -> None:
    plotly = re.compile(r"\bPlotly\b|\bplotly\.(?:react|newPlot|relayout|toImage|register)")
    touching = {name(path) for path in SCRIPTS if plotly.search(without_comments(path))}

    assert touching - IN_SAVED_FILES == {"charts.js"}


def test_only_state_writes_the_address_bar() -> None:
    writing = {
        name(path)
        for path in SCRIPTS
        if re.search(r"history\[|history\.|pushState|replaceState", without_comments(path))
    }

    assert writing == {"state.js"}


def test_figures_are_never_sent_to_a_cloud() -> None:
    config = read(FRONTEND / "chart_config.js")

    assert "showSendToCloud: false" in config
    assert "displaylogo: false" in config
    for user in ("charts.js", "snapshot.js"):
        assert "...CONFIG" in read(FRONTEND / user)


def test_every_import_exists() -> None:
    imported = [
        (path.parent / target).resolve()
        for path in SCRIPTS
        for target in re.findall(r"(?:from|import\()\s*\"(\.[^\"]+)\"", read(path))
    ]

    assert imported
    assert [path for path in imported if not path.is_file()] == []


def test_every_module_is_used() -> None:
    imported = {
        (path.parent / target).resolve()
        for path in SCRIPTS
        for target in re.findall(r"(?:from|import\()\s*\"(\.[^\"]+)\"", read(path))
    }

    unused = {name(path) for path in SCRIPTS if path.resolve() not in imported}

    assert unused - BEFORE_EVERYTHING - IN_SAVED_FILES == {"app.js"}


def test_the_page_has_no_inline_script_and_no_other_host() -> None:
    page = read(FRONTEND / "index.html")

    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"\son\w+=", page) == []
    assert re.findall(r"(?:src|<link[^>]*href)=\"(?!\{\{)", page) == []
