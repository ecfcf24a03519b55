"""Colours: the same in CSS and Python, and readable in both themes."""

import re
from dataclasses import asdict

import pytest

from backend.figures.theme import FONT, THEMES, ThemeName
from tests.frontend.sources import FRONTEND, STYLES, name, read

TOKENS = FRONTEND / "styles" / "tokens.css"
AA_TEXT = 4.5
AA_GRAPHIC = 3.0

TEXT_PAIRS = [
    ("ink", "paper"),
    ("ink", "surface"),
    ("muted", "paper"),
    ("muted", "surface"),
    ("accent", "paper"),
    ("accent", "surface"),
    ("accent", "accent-surface"),
    ("on-accent", "accent"),
    ("warning", "paper"),
    ("warning", "warning-surface"),
    ("damage", "paper"),
    ("damage", "surface"),
    ("stream", "paper"),
    ("stream", "surface"),
    ("update", "paper"),
    ("update", "surface"),
]
GRAPHIC_PAIRS = [
    ("control", "paper"),
    ("stream", "paper"),
    ("update", "paper"),
    ("violet", "paper"),
    ("ochre", "paper"),
    ("rose", "paper"),
    ("accent", "paper"),
]


def tokens(theme: ThemeName) -> dict[str, str]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", read(TOKENS))
    return {token: light if theme == "light" else dark for token, light, dark in pairs}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_have_the_colours_of_the_page(theme: ThemeName) -> None:
    page = tokens(theme)

    assert asdict(THEMES[theme]) == {field: page[field] for field in asdict(THEMES[theme])}


def test_figures_have_the_font_of_the_page() -> None:
    found = re.search(r"--font: ([^;]+);", read(TOKENS))

    assert found
    assert re.sub(r"\s+", " ", found[1]).replace('"', "'") == FONT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_can_be_read(text: str, ground: str, theme: ThemeName) -> None:
    colours = tokens(theme)

    assert contrast(colours[text], colours[ground]) >= AA_TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), GRAPHIC_PAIRS)
def test_lines_and_controls_can_be_seen(mark: str, ground: str, theme: ThemeName) -> None:
    colours = tokens(theme)

    assert contrast(colours[mark], colours[ground]) >= AA_GRAPHIC


def test_raw_colours_are_written_in_the_tokens_only() -> None:
    raw = re.compile(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl\(")

    assert {name(path) for path in STYLES if raw.search(read(path))} == {"styles/tokens.css"}


def test_every_custom_property_that_is_used_exists() -> None:
    styles = "\n".join(read(path) for path in STYLES)
    defined = set(re.findall(r"^\s+(--[\w-]+):", styles, flags=re.MULTILINE))

    assert set(re.findall(r"var\((--[\w-]+)", styles)) - defined == set()


def test_motion_stops_for_those_who_asked() -> None:
    assert "prefers-reduced-motion: reduce" in read(FRONTEND / "styles" / "base.css")
