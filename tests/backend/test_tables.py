"""Exports of the kinds that change a model: every number once, words for people, no formulas."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.exports import TABLES, to_csv, to_excel_csv, to_npz
from backend.tables import ablation, answers, plan
from linearity.adapters.results import store_result
from linearity.contracts.common import Quality
from linearity.contracts.kinds import make_request
from linearity.contracts.runs import KINDS
from linearity.errors import InvalidParameterError
from tests.backend.builders import a_dataset, a_model, ready_inputs
from tests.builders import a_result
from tests.figures.ablation_results import a_plan, an_ablation, some_answers
from tests.figures.benchmark_results import a_benchmark
from tests.figures.export_results import an_export
from tests.figures.heal_results import a_healing
from tests.figures.passages import a_passage
from tests.figures.speeds import a_speed

Rows = list[dict[str, str]]
RESULTS: dict[str, Callable[[], Any]] = {
    "linearity": lambda: a_result(blocks=4).as_json(),
    "ablation": lambda: an_ablation(blocks=6, changed=3, seeds=5, interaction=4).as_json(),
    "plan": lambda: a_plan().as_json(),
    "answers": lambda: some_answers(prompts=6, references=True).as_json(),
    "passage": lambda: a_passage().as_json(),
    "export": lambda: an_export().as_json(),
    "heal": lambda: a_healing(sweep=True, text=True, routes=True).as_json(),
    "speed": lambda: a_speed().as_json(),
    "benchmark": lambda: a_benchmark().as_json(),
}


def rows_of(result: Any, table: str = "") -> Rows:
    rows = list(csv.DictReader(io.StringIO(to_csv(result).decode(), newline="")))
    return [row for row in rows if not table or row["table"] == table]


def only(rows: Rows, **cells: str) -> dict[str, str]:
    found = [row for row in rows if cells.items() <= row.items()]
    assert len(found) == 1
    return found[0]


def test_every_kind_has_a_table() -> None:
    assert set(TABLES) == set(KINDS) == set(RESULTS)


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_stands_in_the_table_twice(kind: str) -> None:
    rows = rows_of(RESULTS[kind]())

    keys = [tuple(v for k, v in row.items() if k not in ("value", "low", "high")) for row in rows]
    assert len(keys) > 10
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_name_that_people_read_is_in_their_language(kind: str, language: str) -> None:
    table, result = TABLES[kind], RESULTS[kind]()
    data = to_excel_csv(result, language)
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    plain = rows_of(result)

    keys = {*table.columns, *(row[name] for row in plain for name in table.named if row[name])}
    assert keys <= table.words.keys()
    assert all(all(pair) for pair in table.words.values())
    assert data.startswith(b"\xef\xbb\xbf")
    assert len(rows) == len(plain)
    place = ("en", "ja").index(language)
    assert header == [table.words[name][place] for name in table.columns]
    assert {row[0] for row in rows} == {table.words[row["table"]][place] for row in plain}


def test_the_quality_of_every_point_of_every_curve_is_there_to_the_last_digit() -> None:
    result = RESULTS["ablation"]()
    rows = rows_of(result, "curves")

    quality = set(Quality.__dataclass_fields__) - {"ci95", "categories"}
    assert len(rows) == sum(len(curve["points"]) for curve in result["curves"]) * len(quality)
    curve = result["curves"][1]
    point = curve["points"][2]
    row = only(
        rows,
        strategy=curve["strategy"],
        action=curve["action"],
        changed_blocks="3",
        metric="nll_diff",
    )
    assert float(row["value"]) == point["nll_diff"]
    assert [float(row["low"]), float(row["high"])] == point["ci95"]
    assert (row["plan"], row["block"]) == (point["plan"], str(curve["order"][2]))
    assert (row["fitting"], row["seed"]) == (curve["fitting"], "")


def test_the_parts_of_an_ablation_have_their_tables() -> None:
    result = RESULTS["ablation"]()

    single = only(rows_of(result, "single"), block="2", action="linear", metric="nll_diff")
    score = only(rows_of(result, "scores"), block="5", strategy="block_influence")
    rank = only(
        rows_of(result, "rank_correlation"), strategy="stream_linearity", action="drop",
        metric="spearman",
    )  # fmt: skip
    pairs = rows_of(result, "interaction")
    assert (single["rule"], single["edge"]) == ("pass", "0")
    assert single["low"]
    assert score["measure"] == "1 - score"
    assert float(rank["value"]) == result["rank_correlation"][2]["spearman"]
    assert len([row for row in pairs if row["metric"] == "interaction"]) == 4 * 3 / 2
    assert len([row for row in pairs if row["metric"] == "damage"]) == 4 * 5 / 2
    assert {row["metric"] for row in rows_of(result, "dense")} == {"nll", "ppl"}


def test_a_plan_tells_its_documents_categories_and_worst_tokens() -> None:
    result = RESULTS["plan"]()

    point = only(rows_of(result, "point"), metric="nll_diff")
    document = only(rows_of(result, "documents"), document="3", metric="kl")
    category = only(rows_of(result, "categories"), category="tables", metric="nll_diff")
    worst = only(rows_of(result, "worst_tokens"), position="42", metric="kl")
    ridge = only(rows_of(result, "steps"), plan="14-15:linear")
    assert float(point["value"]) == result["point"]["nll_diff"]
    assert float(document["value"]) == result["documents"][3]["kl"]
    assert document["title"] == result["documents"][3]["title"]
    assert (category["low"], category["high"]) == ("", "")  # below five documents
    assert (worst["token"], worst["dense"], worst["changed"]) == (
        " precedence", " precedence", " <unk>",
    )  # fmt: skip
    assert ridge["value"] == "0.03"


def test_answers_have_a_row_a_pair_and_a_summary_of_both_models() -> None:
    result = RESULTS["answers"]()
    pairs = rows_of(result, "answers")

    same = only(rows_of(result, "summary"), metric="identical")
    changed = only(rows_of(result, "summary"), model="changed", metric="mean_tokens")
    canary = only(rows_of(result, "canaries"), missing="length")
    assert [row["prompt"] for row in pairs] == [item["prompt"] for item in result["answers"]]
    assert pairs[1]["changed"] == result["answers"][1]["changed"]  # it holds a line break
    assert (pairs[0]["first_difference"], pairs[1]["first_difference"]) == ("", "6")
    assert pairs[0]["dense_stopped"] == "1"
    assert same["value"] == "2"
    assert float(changed["value"]) == result["summary"]["changed"]["mean_tokens"]
    assert (canary["model"], canary["value"]) == ("changed", "0")


def test_categories_of_an_ablation_have_a_row_a_number() -> None:
    result: Any = an_ablation(blocks=6, changed=3, interaction=0, routes=True).as_json()
    curve = result["curves"][1]

    row = only(
        rows_of(result, "curve_categories"),
        strategy=curve["strategy"],
        action=curve["action"],
        changed_blocks="2",
        category="code",
        metric="nll_diff",
    )
    alone = only(
        rows_of(result, "single_categories"),
        action="linear", block="3", category="tables", metric="tokens",
    )  # fmt: skip
    found = curve["points"][1]["categories"][0]
    assert float(row["value"]) == found["nll_diff"]
    assert [float(row["low"]), float(row["high"])] == found["ci95"]
    assert row["plan"] == curve["points"][1]["plan"]
    assert alone["value"] == "440"


def test_an_archive_holds_categories_as_an_axis() -> None:
    result: Any = an_ablation(blocks=6, changed=3, interaction=0, routes=True).as_json()

    with np.load(io.BytesIO(to_npz(result)), allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files}
    meta = orjson.loads(found["meta"].tobytes())

    point = result["curves"][1]["points"][2]
    assert meta["categories"] == ["code", "prose", "tables"]
    assert found["curves_categories_nll_diff"].shape == (len(meta["curves"]), 3, 3)
    assert found["curves_categories_kl"][1, 2, 1] == point["categories"][1]["kl"]
    assert [*found["curves_categories_ci95"][1, 2, 0]] == point["categories"][0]["ci95"]
    assert np.isnan(found["curves_categories_ci95"][1, 2, 2]).all()  # below five documents
    assert found["single_categories_top1"].shape == (2, 6, 3)


def test_a_plan_from_before_schema_2_keeps_its_categories() -> None:
    result: Any = a_plan().as_json()
    old = result | {"point": {k: v for k, v in result["point"].items() if k != "categories"}}
    old["guard"] = {"categories": [{k: v for k, v in c.items() if k != "nll"}
                                   for c in result["point"]["categories"]]}  # fmt: skip

    row = only(rows_of(old, "categories"), category="code", metric="nll_diff")

    assert float(row["value"]) == result["point"]["categories"][0]["nll_diff"]


def test_answers_of_every_category_have_their_rates() -> None:
    rows = rows_of(some_answers().as_json(), "categories")

    same = only(rows, category="code", metric="identical_share")
    limit = only(rows, category="prose", model="changed", metric="at_limit")
    assert (float(same["value"]), float(same["low"]), float(same["high"])) == (0.2, 0.07, 0.45)
    assert float(limit["value"]) == 0.8


def test_an_answer_that_looks_like_a_formula_is_defused() -> None:
    result = some_answers(prompts=2)
    pair = replace(result.answers[0], changed="=HYPERLINK(0)", dense="-1 is a number")
    rows = rows_of(replace(result, answers=[pair]).as_json(), "answers")

    assert (rows[0]["changed"], rows[0]["dense"]) == ("'=HYPERLINK(0)", "'-1 is a number")


def test_an_archive_of_curves_is_rectangular_and_names_its_rows() -> None:
    result = RESULTS["ablation"]()
    result["curves"][0]["points"] = result["curves"][0]["points"][:2]

    with np.load(io.BytesIO(to_npz(result)), allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files}
    meta = orjson.loads(found["meta"].tobytes())

    assert found["curves_nll_diff"].shape == (len(result["curves"]), 3)
    assert np.isnan(found["curves_nll_diff"][0, 2])
    assert found["curves_kl"][1, 2] == result["curves"][1]["points"][2]["kl"]
    assert found["curves_ci95"].shape == (len(result["curves"]), 3, 2)
    assert found["single_nll_diff"].shape == (2, 6)
    assert found["scores"].shape == (4, 6)
    assert found["interaction_interaction"].shape == (4, 4)
    assert [row["strategy"] for row in meta["curves"]] == [
        curve["strategy"] for curve in result["curves"]
    ]


def test_an_archive_has_the_drops_of_the_interaction_map_even_where_nobody_asked_to_drop() -> None:
    whole = an_ablation()
    asked_for_linear = replace(whole, params=whole.params | {"actions": ["linear"]}).as_json()

    arrays = ablation.arrays(asked_for_linear)

    actions = ablation.names(asked_for_linear)["single"]
    assert "drop" in actions
    assert arrays["single_nll_diff"].shape == (len(actions), whole.model["blocks"])


def test_an_archive_without_an_interaction_map_leaves_it_out() -> None:
    result = an_ablation(blocks=6, changed=3, interaction=0).as_json()

    with np.load(io.BytesIO(to_npz(result)), allow_pickle=False) as archive:
        assert not [name for name in archive.files if name.startswith("interaction")]


def test_a_passage_is_a_row_a_token_and_block() -> None:
    result: Any = a_passage().as_json()
    rows = rows_of(result, "passage")

    assert len(rows) == len(result["passage"]) * 4
    last = only(rows, position="4", block="2")
    assert (last["token"], last["character"], last["token_class"]) == ("⟨9A⟩", "線", "byte")
    assert float(last["value"]) == result["error"][4][2]
    assert only(rows_of(result, "reference"), metric="p95", block="3")["value"] == "0.2"
    with np.load(io.BytesIO(to_npz(result)), allow_pickle=False) as archive:
        assert archive["error"].tolist() == result["error"]
        assert archive["reference_mean"].shape == (4,)
        meta = orjson.loads(archive["meta"].tobytes())
    assert [token["text"] for token in meta["passage"]][1] == " model"


@pytest.mark.parametrize("kind", ["plan", "answers"])
def test_what_is_no_matrix_is_not_exported_as_one(kind: str) -> None:
    with pytest.raises(InvalidParameterError, match="json or csv"):
        to_npz(RESULTS[kind]())


@pytest.mark.parametrize("kind", ["ablation", "plan", "answers"])
def test_results_of_every_kind_are_downloaded_in_the_formats_that_suit_them(
    client: TestClient, services: Services, kind: str
) -> None:
    address = f"/api/v1/runs/{a_finished_one(services, kind)}/result"

    plain = client.get(address, params={"format": "csv"})
    excel = client.get(address, params={"format": "csv", "for": "excel", "lang": "ja"})
    archive = client.get(address, params={"format": "npz"})

    columns = {"ablation": ablation.COLUMNS, "plan": plan.COLUMNS, "answers": answers.COLUMNS}
    assert plain.text.startswith(",".join(columns[kind]) + "\n")
    assert excel.content.startswith("\ufeff表,".encode())
    assert plain.headers["content-disposition"].startswith(f'attachment; filename="{kind}-')
    if kind == "ablation":
        assert archive.content.startswith(b"PK")
    else:
        assert (archive.status_code, archive.json()["code"]) == (422, "invalid_parameter")
        assert "json or csv" in archive.json()["detail"]
        assert archive.json()["next_step"]


def a_finished_one(services: Services, kind: str) -> str:
    model, dataset = ready_inputs(services)
    params = {} if kind == "ablation" else {"plan": "1:drop"}
    request = make_request(kind, params, model=a_model(), dataset=a_dataset())
    run = services.state.submit(request, model=model, dataset=dataset).run
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    sha256, _ = store_result(RESULTS[kind]() | {"id": run.id}, services.store)
    assert services.state.finish(run.id, run.attempt, sha256, 1.5)
    return run.id
