"""What a reader may ask of a figure, parsed strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from backend.figures.theme import ThemeName
from linearity.contracts.actions import ACTIONS
from linearity.contracts.common import FITTINGS
from linearity.contracts.parameters import choice
from linearity.contracts.runs import Language
from linearity.errors import UnknownParameterError

SCORES = ("stream", "update", "angular", "cosine", "cka")
SPLITS = ("heldout", "adjusted", "fit")
SCALES = ("linear", "log")
METRICS = ("nll_diff", "ppl", "kl", "top1", "top5")
SHARES = ("top1", "top5")
"""Metrics in [0, 1], which need no logarithm."""

CHOICES: dict[str, tuple[str, ...]] = {
    "lang": ("en", "ja"),
    "theme": ("light", "dark"),
    "score": SCORES,
    "split": SPLITS,
    "scale": SCALES,
    "metric": METRICS,
    "action": ("all", *ACTIONS),
    "fitting": ("all", *FITTINGS),
    "kept": ("1", "0"),
    "partial": ("0", "1"),
    "published": ("0", "1"),
}
"""Every option with its values, the default first."""


@dataclass(frozen=True)
class FigureOptions:
    """Options of a figure, complete; `plan` names a point, None takes the figure's own choice."""

    lang: Language
    theme: ThemeName
    score: str
    split: str
    scale: str
    kept: bool
    metric: str
    action: str
    fitting: str
    published: bool = False
    plan: str | None = None


def parse_options(options: Mapping[str, str]) -> FigureOptions:
    """Return complete options.

    A combination that has no numbers becomes the nearest that has: angular distance, cosine and
    CKA need neither a split nor, for the angle, `1 - score`; shares have a linear axis.
    """
    for name in options:
        if name not in (*CHOICES, "plan"):
            raise UnknownParameterError(name, known=[*CHOICES, "plan"])
    value = {name: choice(name, options.get(name, all_[0]), all_) for name, all_ in CHOICES.items()}
    score = value["score"]
    unscaled = score == "angular" or value["metric"] in SHARES
    return FigureOptions(
        lang=cast("Language", value["lang"]),
        theme=cast("ThemeName", value["theme"]),
        score=score,
        split=value["split"] if score in ("stream", "update") else "heldout",
        scale="linear" if unscaled else value["scale"],
        kept=value["kept"] == "1",
        metric=value["metric"],
        action=value["action"],
        fitting=value["fitting"],
        published=value["published"] == "1",
        plan=options.get("plan"),
    )
