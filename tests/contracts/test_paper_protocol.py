"""`protocol=paper` is a preset: what it fixes, what stays free, and its place in the digest."""

from typing import Any

import pytest

from linearity.contracts.canonical import Json
from linearity.contracts.linearity import linearity_request, parse_params
from linearity.errors import InvalidParameterError
from tests.browser.seed import DATASET, MODEL


def asked(**params: Json) -> dict[str, Any]:
    return parse_params(params, model=MODEL).as_json()


def test_it_fixes_what_the_paper_did() -> None:
    params = asked(protocol="paper", seed=3, pairs="adjacent")

    assert params["protocol"] == "paper"
    assert (params["exclude"], params["heldout"], params["ridge"]) == ("none", 0.0, 0.0)
    assert (params["template"], params["score"], params["repeats"]) == ("none", "all", 1)
    assert (params["seed"], params["pairs"]) == (3, "adjacent")
    assert params["context"] == min(2048, MODEL.context)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens", 8192), ("exclude", "sinks"), ("heldout", 0.25), ("ridge", 0.1), ("repeats", 2),
     ("context", 128), ("granularity", "sublayer"), ("score", "answer")],
)  # fmt: skip
def test_what_it_fixes_cannot_be_asked_otherwise(name: str, value: Json) -> None:
    with pytest.raises(InvalidParameterError, match=f"{name}: wanted nothing beside") as caught:
        asked(protocol="paper", **{name: value})
    assert "leave protocol out" in caught.value.next_step


@pytest.mark.parametrize("given", [{"tokens": "auto"}, {"ridge": "auto"}, {"exclude": "none"}])
def test_what_means_the_same_may_stand_there(given: dict[str, Json]) -> None:
    assert asked(protocol="paper", **given) == asked(protocol="paper")


def test_another_word_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="protocol: wanted one of standard, paper"):
        asked(protocol="official")


def test_the_digest_holds_the_protocol_and_the_standard_one_keeps_its_old_digest() -> None:
    def run_id(**params: Json) -> str:
        return linearity_request(params, model=MODEL, dataset=DATASET).run_id

    assert run_id() == run_id(protocol="standard")
    assert run_id(protocol="paper") != run_id()
    assert "protocol" not in asked()
