"""The text of a passage in a saved page, shaded as on the screen. Mirrors frontend/passages.js."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from backend.markup import EMPTY, Markup, element, join
from backend.snapshot_parts import Part, significant

OUTSIDE = ("first", "sink")
QUANTILES = ("p50", "p95", "p99")
SHOWN_AS = {"\n": "⏎", "\t": "⇥"}

Token = Mapping[str, Any]


def passage_text(part: Part) -> Markup:
    """Return the passage at the block of the view; nothing for other kinds."""
    if part.result["kind"] != "passage":
        return EMPTY
    block = shown_block(part.result, part.view.get("sel", ""))
    usual = significant(part.result["reference"]["mean"][block])
    tokens: Sequence[Token] = part.result["passage"]
    options = [_option(part, place, block) for place in range(len(tokens))]
    return element(
        "section",
        element("h2", part.words["passage"]),
        element("p", part.say("passage_block", block=block, usual=usual), class_="quiet"),
        element("div", *_pieces(tokens, options), class_="passage-tokens", dir="auto"),
        class_="passage",
    )


def shown_block(result: Mapping[str, Any], selected: str) -> int:
    """Return the selected block, or the one whose mean error over the passage is largest."""
    blocks = len(result["states"]) - 1
    first, _, last = selected.partition("-")
    if first.isdecimal() and last.isdecimal() and int(last) == int(first) + 1 <= blocks:
        return int(first)
    pairs = zip(result["passage"], result["error"], strict=True)
    scored = [errors for token, errors in pairs if token["token_class"] not in OUTSIDE]
    means = [sum(errors) for errors in zip(*scored, strict=True)] or [0.0]
    return means.index(max(means))


def _pieces(tokens: Sequence[Token], options: Sequence[Markup]) -> list[Markup]:
    """Put tokens one after the other; those that make up one character stand below it."""
    made: list[Markup] = []
    parts: list[Markup] = []
    for place, (token, option) in enumerate(zip(tokens, options, strict=True)):
        if token["part"] == 0:
            made.append(join(option, Markup("<br>")) if "\n" in token["text"] else option)
            continue
        parts.append(option)
        if place + 1 == len(tokens) or tokens[place + 1]["part"] <= 1:
            whole = element("span", token["character"] or "□", class_="whole")
            below = element("span", *parts, class_="parts")
            made.append(element("span", whole, below, class_="character"))
            parts = []
    return made


def _option(part: Part, place: int, block: int) -> Markup:
    token, error = part.result["passage"][place], part.result["error"][place][block]
    reference = part.result["reference"]
    outside = token["token_class"] in OUTSIDE
    level = sum(error > reference[name][block] for name in QUANTILES)
    decades = math.log10(max(error, 1e-12) / max(reference["mean"][block], 1e-12))
    shade = min(1.0, max(0.0, (decades + 1.0) / 2.0))
    text = token["text"].strip("⟨⟩") if token["part"] else token["text"]
    text = "".join(SHOWN_AS.get(sign, sign) for sign in text) or f"[{place}]"
    return element(
        "span",
        text,
        class_="token",
        title=f"{part.words['class_' + token['token_class']]} · {significant(error)}",
        data_level=None if outside else str(level),
        data_kind=token["token_class"] if outside else None,
        style=f"--shade: {0.0 if outside else shade:.3f}",
    )
