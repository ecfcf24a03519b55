"""What a reader may ask of a figure, parsed strictly."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from backend.figures.theme import ThemeName
from linearity.contracts.actions import ACTIONS
from linearity.contracts.common import FITTINGS
from linearity.contracts.parameters import choice
from linearity.contracts.runs import Language
from linearity.errors import InvalidParameterError, UnknownParameterError

SCORES = ("stream", "update", "angular", "cosine", "cka")
SPLITS = ("heldout", "adjusted", "fit")
SCALES = ("linear", "log")
METRICS = ("nll_diff", "ppl", "kl", "top1", "top5")
SHARES = ("top1", "top5")
"""Metrics in [0, 1], which need no logarithm."""

COSTS = ("decode_s", "prefill_s", "bytes", "prefill_flops")

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
    "cost": COSTS,
}
"""Every option with its values, the default first."""
FREE = ("plan", "beside")
"""Options that are no choice."""
LONGEST_BESIDE = 8_000


@dataclass(frozen=True)
class FigureOptions:
    """Options of a figure, complete.

    `plan` names a point, None takes the figure's own choice; `beside` are scores of another run,
    one a block, empty for none.
    """

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
    cost: str = COSTS[0]
    beside: tuple[float | None, ...] = ()


def parse_options(options: Mapping[str, str]) -> FigureOptions:
    """Return complete options.

    A combination that has no numbers becomes the nearest that has: angular distance, cosine and
    CKA need neither a split nor, for the angle, `1 - score`; shares have a linear axis.
    """
    for name in options:
        if name not in (*CHOICES, *FREE):
            raise UnknownParameterError(name, known=[*CHOICES, *FREE])
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
        cost=value["cost"],
        beside=_scores(options.get("beside", "")),
    )


def _scores(text: str) -> tuple[float | None, ...]:
    """Return scores written with commas between them; what is missing is left out."""
    if not text:
        return ()
    if len(text) <= LONGEST_BESIDE:
        try:
            found = [float(part) if part else None for part in text.split(",")]
        except ValueError:
            found = []
        if found and all(score is None or math.isfinite(score) for score in found):
            return tuple(found)
    raise InvalidParameterError(
        "beside", wanted="one number a block, with commas between them", got=text[:80]
    )
