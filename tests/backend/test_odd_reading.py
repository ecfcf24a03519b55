"""Results, figures and exports are read oddly: quickly answered, text stays text."""

import io
import json
from typing import Any

import numpy as np
import pytest
import zstandard
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.exports import to_csv, to_excel_csv, to_npz
from backend.figures.figure import FIGURES, figure
from linearity.adapters.results import store_result
from tests.backend.builders import a_finished_run, a_running_run
from tests.builders import a_result
from tests.figures.ablation_results import a_plan, an_ablation, some_answers
from tests.figures.passages import a_passage
from tests.figures.speeds import a_speed

HOSTILE = (
    "<script>alert(1)</script>", "javascript:alert(1)", r"$\href{javascript:alert(1)}{x}$",
    "%{x} %{customdata}", "x" * 10_000, "two\nlines\r\nmore",
    "=HYPERLINK(\"http://x\")", "a\u202eb",
)  # fmt: skip


@pytest.fixture
def result_address(services: Services) -> str:
    return f"/api/v1/runs/{a_finished_run(services).id}/result"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("*", 304),
        ('W/"no", "such", "tags"', 200),
        (", ".join(f'"{number:032x}"' for number in range(230)), 200),  # 8 kB
        ("nonsense without quotes", 200),
        ('"', 200),
        ("", 200),
    ],
)
def test_90_tags_of_any_kind_are_compared(
    client: TestClient, result_address: str, sent: str, status: int
) -> None:
    answer = client.get(result_address, headers={"If-None-Match": sent})

    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)


@pytest.mark.parametrize(
    "sent",
    ["bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 10_000, 2)), "bytes=9-1", "bytes=-5-",
     "bytes=-99999999999999999999", "lines=0-1", "bytes="],
)  # fmt: skip
def test_91_ranges_are_not_offered_and_cost_nothing(
    client: TestClient, result_address: str, sent: str
) -> None:
    whole = client.get(result_address).json()

    answer = client.get(result_address, headers={"Range": sent})

    assert answer.status_code == 200
    assert answer.json() == whole


@pytest.mark.parametrize(
    "sent",
    ["identity;q=0", "zstd", "*;q=0", "br;q=0, gzip;q=0", "gzip;q=nan", "gzip;q=-1", ";;;,,,",
     "gzip;q=1;q=0", "x" * 1000],
)  # fmt: skip
def test_95_every_wish_of_encoding_gets_readable_bytes(
    client: TestClient, result_address: str, sent: str
) -> None:
    whole = client.get(result_address).json()

    answer = client.get(result_address, headers={"Accept-Encoding": sent})

    assert answer.status_code == 200
    body = answer.content
    if answer.headers.get("content-encoding") == "zstd":  # which not every client library unpacks
        body = body if body[:1] == b"{" else zstandard.decompress(body)
    assert json.loads(body) == whole
    assert "accept-encoding" in answer.headers["vary"].lower()


@pytest.mark.parametrize("name", HOSTILE)
def test_92_a_hostile_name_is_text_in_figures_and_exports(
    client: TestClient, services: Services, name: str
) -> None:
    value: Any = a_result(blocks=4).as_json()
    value["model"] = value["model"] | {"name": name}
    value["dataset"] = value["dataset"] | {"name": name}
    run = a_running_run(services)
    sha256, _ = store_result(value | {"id": run.id}, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 1.5)
    address = f"/api/v1/runs/{run.id}"

    drawn = client.get(f"{address}/figures/profile")
    exported = client.get(f"{address}/result?format=csv&for=excel")

    assert drawn.status_code == exported.status_code == 200
    assert "<script" not in json.loads(drawn.text)["layout"]["meta"]["caption"]
    assert drawn.headers["x-content-type-options"] == "nosniff"
    assert "attachment" in exported.headers["content-disposition"]
    assert name[:20] not in exported.headers["content-disposition"]


@pytest.mark.parametrize("name", HOSTILE)
def test_94_a_hostile_category_is_text_everywhere(name: str) -> None:
    result: Any = an_ablation(blocks=4, changed=2, interaction=0, routes=True).as_json()
    for point in (p for curve in result["curves"] for p in curve["points"]):
        point["categories"][0]["category"] = name

    drawn = json.dumps(figure("categories", result, {}))
    table = to_csv(result).decode()

    assert "<script" not in drawn
    assert len(to_npz(result)) > 0
    # Quoted where it must be, and defused where a spreadsheet would run it.
    assert (f"'{name[:5]}" in table) == name.startswith("=")


def _without_numbers(value: Any) -> Any:
    """Return the same shape with every score null."""
    if isinstance(value, dict):
        return {key: _without_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_numbers(item) for item in value]
    return None if isinstance(value, float) else value


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("name", FIGURES["linearity"])
def test_93_one_pair_or_no_number_at_all_is_drawn(name: str, blocks: int, null: bool) -> None:
    result: Any = a_result(blocks=blocks).as_json()
    if null:
        result |= {key: _without_numbers(result[key]) for key in ("pairs", "profile", "kept")}

    drawn = figure(name, result, {})

    json.dumps(drawn, allow_nan=False)
    assert drawn["layout"]


@pytest.mark.parametrize("equal", [0.0, 1.0])
@pytest.mark.parametrize("name", FIGURES["linearity"])
def test_93_equal_numbers_are_drawn(name: str, equal: float) -> None:
    def flat(value: Any) -> Any:
        if isinstance(value, list):
            return [flat(item) for item in value]
        return equal if isinstance(value, float) else value

    result: Any = a_result(blocks=4).as_json()
    for part in ("pairs", "profile", "kept"):
        result[part] = {key: flat(item) for key, item in result[part].items()}

    json.dumps(figure(name, result, {}), allow_nan=False)


@pytest.mark.parametrize("kind", ["ablation", "plan", "answers", "passage", "speed"])
def test_93_an_empty_result_has_figures_and_exports(kind: str) -> None:
    makers: dict[str, Any] = {
        "ablation": an_ablation,
        "plan": a_plan,
        "answers": some_answers,
        "passage": a_passage,
        "speed": a_speed,
    }
    full: dict[str, Any] = makers[kind]().as_json()
    empty = {key: [] if isinstance(value, list) else value for key, value in full.items()}
    empty |= {key: None for key in ("point", "guard", "summary", "interaction") if key in empty}

    for name in FIGURES[kind]:
        json.dumps(figure(name, empty, {}), allow_nan=False)
    assert to_csv(empty)
    assert to_excel_csv(empty, "ja")
    if kind == "ablation":
        assert np.load(io.BytesIO(to_npz(empty)), allow_pickle=False).files


def test_97_cancelling_twice_says_the_same(client: TestClient, services: Services) -> None:
    run = a_running_run(services)

    first, second = (client.post(f"/api/v1/runs/{run.id}/cancel") for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["status"] == second.json()["status"]
