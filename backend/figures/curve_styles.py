"""How a curve looks: its strategy is a colour, its action and fitting a dash and a marker."""

from backend.figures.theme import Theme

_COLOURS = {
    "update_linearity": "update",
    "stream_linearity": "stream",
    "block_influence": "violet",
    "span_angular": "ochre",
    "greedy_loss": "rose",
    "single_damage": "ink",
}
"""Told apart by readers who do not see red or green, too."""

_DASHES = {
    ("drop", None): ("solid", "circle"),
    ("linear", "one_shot"): ("dash", "square"),
    ("linear", "sequential"): ("dashdot", "triangle-up"),
    ("merged", "one_shot"): ("dot", "diamond"),
    ("merged", "sequential"): ("longdashdot", "triangle-down"),
}


def strategy_colour(strategy: str, theme: Theme) -> str:
    """Return the colour of a strategy; random orders, and what is not known, are grey."""
    return str(getattr(theme, _COLOURS.get(strategy, "muted")))


def line_style(action: str, fitting: str | None) -> tuple[str, str]:
    """Return dash and marker of an action."""
    return _DASHES.get((action, fitting), ("solid", "circle"))
