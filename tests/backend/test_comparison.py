"""Two runs side by side: the rule, the sentence, the picture and the addresses."""

import codecs
import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.comparison import compare
from backend.comparison_words import comparison_finding, spans
from backend.dependencies import Services
from backend.exports import table_csv
from backend.figures.compare_profile import compare_profile
from backend.figures.options import parse_options
from backend.tables.comparison import TABLE
from linearity.adapters.results import store_result
from linearity.adapters.state import RunRow
from linearity.errors import InvalidRequestError
from tests.backend.builders import a_finished_run, a_run, current
from tests.builders import a_result

COMPARE = "/api/v1/compare"

Result = dict[str, Any]


def result(
    scores: list[float | None], *, half: float | None = 0.01, id: str = "a" * 32, name: str = "docs"
) -> Result:
    """Return a result with these stream scores and symmetric intervals around them."""
    value: Result = a_result(blocks=len(scores), dataset=name).as_json() | {"id": id}
    intervals = [
        None if score is None or half is None else [score - half, score + half] for score in scores
    ]
    value["profile"] |= {"r2_heldout": scores, "r2_heldout_ci95": intervals}
    value["dataset"] |= {"fingerprint": name}
    return value


def source(scores: list[float | None], **more: Any) -> Result:
    return result(scores, id="b" * 32, name="source", **more)


def test_a_block_differs_when_the_interval_of_the_difference_excludes_0() -> None:
    # sqrt(0.03^2 + 0.04^2) = 0.05
    first = result([0.90, 0.90, 0.90, 0.80], half=0.03)
    second = source([0.90, 0.8501, 0.8499, 0.8501], half=0.04)

    found = compare(first, second).differences["stream"]

    assert [item.differs for item in found] == [False, False, True, True]
    assert found[2].low == pytest.approx(0.0501 - 0.05)
    assert found[2].high == pytest.approx(0.0501 + 0.05)
    assert found[3].difference == pytest.approx(-0.0501)
    assert found[3].high == pytest.approx(-0.0001)


def test_limits_that_are_not_symmetric_go_to_their_own_side() -> None:
    first, second = result([0.9]), source([0.8])
    first["profile"]["r2_heldout_ci95"] = [[0.87, 0.91]]
    second["profile"]["r2_heldout_ci95"] = [[0.78, 0.84]]

    item = compare(first, second).differences["stream"][0]

    assert item.low == pytest.approx(0.1 - 0.05)  # 0.03 below the one, 0.04 above the other
    assert item.high == pytest.approx(0.1 + (0.01**2 + 0.02**2) ** 0.5)


def test_without_an_interval_nothing_is_judged() -> None:
    comparison = compare(result([0.9, None]), source([0.5, 0.5], half=None))

    assert [item.differs for item in comparison.differences["stream"]] == [False, False]
    assert [item.low for item in comparison.differences["stream"]] == [None, None]
    assert comparison.differences["stream"][1].difference is None
    assert "too few" in comparison_finding(comparison, "stream")["en"]


def test_the_sentence_names_the_blocks_and_the_largest_difference() -> None:
    first = result([0.90, 0.91, 0.95, 0.90, 0.90, 0.80])
    second = source([0.90, 0.84, 0.84, 0.90, 0.90, 0.84])

    said = comparison_finding(compare(first, second), "stream")

    assert said["en"] == (
        "Blocks 1–2 and 5 differ; most at block 2: 0.950 on docs against 0.840 on source "
        "(difference +0.110, 95 % interval +0.096 to +0.124)."
    )
    assert said["ja"] == (
        "ブロック 1〜2、5 に差があります。最も大きいのはブロック 2 で、docs では 0.950、"
        "source では 0.840 です(差 +0.110、95 % 区間 +0.096〜+0.124)。"
    )


def test_the_sentence_says_so_where_nothing_or_one_block_differs() -> None:
    same = compare(result([0.9, 0.9]), source([0.9, 0.9]))
    one = compare(result([0.9, 0.9]), source([0.9, 0.8]))

    assert comparison_finding(same, "stream")["en"].startswith("No block differs: the 95 %")
    assert comparison_finding(one, "stream")["en"].startswith("Block 1 differs; most at block 1")


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [([], []), ([3], [(3, 3)]), ([3, 4, 5, 9, 21, 22], [(3, 5), (9, 9), (21, 22)])],
)
def test_consecutive_blocks_become_spans(
    blocks: list[int], expected: list[tuple[int, int]]
) -> None:
    assert spans(blocks) == expected


def test_parameters_that_differ_and_text_that_is_shared_are_told() -> None:
    first, second = result([0.9]), result([0.9], id="b" * 32)
    second["params"] = second["params"] | {"exclude": "none"}

    told = compare(first, second).as_json()

    assert told["parameters"] == {"exclude": ["sinks", "none"]}
    assert told["shares_text"] is True
    assert told["expected_by_chance"] == pytest.approx(0.05)


def test_other_kinds_other_models_and_the_same_run_are_refused() -> None:
    first = result([0.9])
    other = source([0.9])
    for changes, words in (
        ({"kind": "plan"}, "of the kind plan"),
        ({"id": first["id"]}, "the same one"),
        ({"params": {"protocol": "paper"}}, "held nothing out"),
        ({"params": {"granularity": "sublayer"}}, "tells attention and MLP apart"),
        ({"model": {**first["model"], "fingerprint": "c"}}, "different models"),
    ):
        with pytest.raises(InvalidRequestError, match=words):
            compare(first, other | changes)


def test_the_picture_shows_the_numbers_of_the_comparison() -> None:
    comparison = compare(result([0.90, 0.95]), source([0.90, 0.84]))
    figure = compare_profile(comparison, parse_options({"score": "stream", "lang": "ja"}))

    named = {trace["name"]: trace for trace in figure["data"] if trace.get("name")}
    assert (named["docs"]["y"], named["source"]["y"]) == ([0.90, 0.95], [0.90, 0.84])
    assert (named["差あり"]["x"], named["区間が 0 を含む"]["x"]) == ([1], [0])
    assert named["差あり"]["y"] == [pytest.approx(0.11)]
    assert named["差あり"]["error_y"]["array"] == [pytest.approx(0.01 * 2**0.5)]
    low, high = figure["layout"]["yaxis"]["range"]
    assert low < 0.83
    assert high > 0.96


def test_names_of_datasets_never_become_markup() -> None:
    comparison = compare(result([0.9], name="<b>x</b>"), source([0.8]))

    text = str(compare_profile(comparison, parse_options({})))

    assert "<b>x</b>" not in text


def two_runs(services: Services) -> tuple[RunRow, RunRow]:
    """Finish two runs of one model; the second reads other text."""
    first = a_finished_run(services)
    second = a_run(services, seed=1)
    assert services.state.start_attempt(second.id, second.attempt, "worker-1")
    value = source([0.5, 0.5, 0.5, 0.5]) | {"id": second.id}
    sha256, _ = store_result(value, services.store)
    assert services.state.finish(second.id, second.attempt, sha256, 1.5)
    return first, current(services, second)


def test_both_addresses_answer_and_are_revalidated(client: TestClient, services: Services) -> None:
    first, second = two_runs(services)
    query = {"runs": f"{first.id},{second.id}"}

    told: Any = client.get(COMPARE, params=query).json()
    figure = client.get(f"{COMPARE}/figures/profile", params=query | {"score": "update"})
    same = client.get(
        f"{COMPARE}/figures/profile",
        params=query | {"score": "update"},
        headers={"If-None-Match": figure.headers["etag"]},
    )

    assert [side["run"] for side in told["runs"]] == [first.id, second.id]
    assert len(told["scores"]["stream"]) == 4
    assert set(told["finding"]["update"]) == {"en", "ja"}
    assert (figure.status_code, same.status_code) == (200, 304)
    assert figure.json()["layout"]["yaxis2"]


def test_the_table_is_a_file_for_programs_and_for_spreadsheets(
    client: TestClient, services: Services
) -> None:
    first, second = two_runs(services)
    query = {"runs": f"{first.id},{second.id}", "format": "csv"}

    tidy = client.get(COMPARE, params=query)
    excel = client.get(COMPARE, params=query | {"for": "excel", "lang": "ja"})
    told: Any = client.get(COMPARE, params={"runs": query["runs"]}).json()

    lines = list(csv.DictReader(io.StringIO(tidy.text)))
    stream = [line for line in lines if line["score"] == "stream"]
    assert tidy.headers["content-type"] == "text/csv; charset=utf-8"
    assert tidy.headers["content-disposition"].endswith('.csv"')
    assert len(lines) == 8
    for line, item in zip(stream, told["scores"]["stream"], strict=True):
        assert float(line["first"]) == item["first"]
        assert float(line["second"]) == item["second"]
        assert float(line["difference"]) == item["difference"]
        assert line["differs"] == str(int(item["differs"]))
        assert float(line["low"]) == item["low"]
    assert excel.content.startswith(codecs.BOM_UTF8)
    assert excel.text.splitlines()[0].startswith("\ufeff指標(R²、検証データ),ブロック,")
    assert "ストリーム,0," in excel.text
    assert client.get(COMPARE, params=query | {"format": "npz"}).status_code == 422


def test_a_block_without_an_interval_is_empty_in_the_table() -> None:
    value = compare(result([0.9], half=None), source([0.8])).as_json()

    (line, *_) = csv.DictReader(io.StringIO(table_csv(TABLE, value).decode()))

    assert (line["low"], line["high"], line["differs"]) == ("", "", "")
    assert line["second_low"] != ""


def test_bad_questions_are_refused_with_a_reason(client: TestClient, services: Services) -> None:
    first = a_finished_run(services)
    for runs, status, code in (
        ("", 422, "invalid_parameter"),
        (first.id, 422, "invalid_parameter"),
        (f"{first.id},{first.id},{first.id}", 422, "invalid_parameter"),
        (f"{first.id},{first.id}", 422, "invalid_request"),
        (f"{first.id},nothing", 404, "run_not_found"),
    ):
        answer = client.get(COMPARE, params={"runs": runs})
        assert (answer.status_code, answer.json()["code"]) == (status, code), runs


def test_a_run_without_a_result_and_a_score_without_intervals_are_refused(
    client: TestClient, services: Services
) -> None:
    first, second = two_runs(services)
    queued = a_run(services, seed=7)
    figure = f"{COMPARE}/figures/profile"
    both = f"{first.id},{second.id}"

    open_run = client.get(COMPARE, params={"runs": f"{first.id},{queued.id}"})
    angle = client.get(figure, params={"runs": both, "score": "angular"})
    other = client.get(f"{COMPARE}/figures/heatmap", params={"runs": both})

    assert (open_run.status_code, open_run.json()["code"]) == (404, "run_not_finished")
    assert (angle.status_code, other.status_code) == (422, 422)
