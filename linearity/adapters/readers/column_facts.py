"""What a preview says about one column: what it holds, three cells of it, how much text."""

from collections.abc import Mapping, Sequence
from typing import Any

from linearity.adapters.readers.token_counts import TokenCounter
from linearity.contracts.canonical import Json, canonical_json

SHOWN_CELLS = 3
SHOWN_CHARACTERS = 200
_KEPT_TEXTS = 200


class ColumnFacts:
    """Collects the cells of a column."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kinds: dict[str, int] = {}
        self._cells: list[str] = []
        self._texts: list[str] = []
        self._characters = 0

    def add(self, value: Json) -> None:
        """Take the next cell."""
        kind = _kind(value)
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if kind == "empty":
            return
        if len(self._cells) < SHOWN_CELLS:
            self._cells.append(_shown(value))
        if isinstance(value, str):
            self._characters += len(value)
            if len(self._texts) < _KEPT_TEXTS:
                self._texts.append(value)

    def as_json(self, scale: float, counter: TokenCounter) -> dict[str, Any]:
        """Return the facts; `scale` is the rows of the whole over those that were read."""
        kinds = {kind: count for kind, count in self._kinds.items() if kind != "empty"}
        kind = max(kinds, key=lambda name: kinds[name], default="empty")
        characters = round(self._characters * scale)
        per_character = counter.tokens_per_character(self._texts) if kind == "text" else None
        return {
            "name": self.name,
            "kind": kind,
            "cells": self._cells,
            "filled": sum(kinds.values()) / max(sum(self._kinds.values()), 1),
            "characters": characters,
            "tokens": None if per_character is None else round(characters * per_character),
        }


def _kind(value: Json) -> str:
    if value is None or value == "":
        return "empty"
    if isinstance(value, str):
        return "number" if _is_number(value) else "text"
    if isinstance(value, bool | int | float):
        return "number"
    if isinstance(value, Sequence) and all(isinstance(item, Mapping) for item in value):
        return "messages"
    return "other"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else canonical_json(value).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
