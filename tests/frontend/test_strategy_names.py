"""A strategy has one name for people: the finding's is the page's."""

import json
from pathlib import Path

import pytest

from linearity.studies.ablation_finding import NAMES

CATALOGUES = Path(__file__).parents[2] / "frontend" / "i18n"


@pytest.mark.parametrize(("language", "place"), [("en", 0), ("ja", 1)])
def test_the_finding_names_strategies_as_the_page_does(language: str, place: int) -> None:
    words = json.loads((CATALOGUES / f"{language}.json").read_text(encoding="utf-8"))

    for strategy, names in NAMES.items():
        assert names[place] == words[f"strategy_{strategy}"]
