import csv
import io
from typing import Any

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from backend.dependencies import Services
from backend.export_labels import COLUMNS, FOR_EXCEL, MATRICES, STATE_METRICS, VECTORS
from backend.exports import to_csv, to_excel_csv, to_npz
from linearity.contracts.linearity import TOKEN_CLASSES, Pairs, Profile
from tests.backend.builders import a_finished_run
from tests.builders import a_result, adjacent_only, by_sublayers

RESULT = a_result(blocks=4).as_json()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_the_table_holds_every_number_of_the_result_once() -> None:
    rows = rows_of(to_csv(RESULT))

    named = (
        "table", "metric", "from_state", "to_state", "token_class", "seen_tokens", "seed",
        "from_error",
    )  # fmt: skip
    keys = [tuple(row[name] for name in named) for row in rows]
    pairs = [row for row in rows if row["table"] == "pairs"]
    assert len(keys) == len(set(keys))
    assert len(pairs) == 9 * 10  # nine scores, ten pairs of five states
    assert {row["table"] for row in rows} == {
        "pairs",
        "profile",
        "kept",
        "token_classes",
        "sample_sizes",
        "repeats",
        "token_errors",
    }


def test_errors_by_class_of_token_are_one_number_a_row() -> None:
    classes: Any = RESULT["token_classes"]
    rows = [row for row in rows_of(to_csv(RESULT)) if row["table"] == "token_classes"]

    errors = {(row["token_class"], row["block"]): row for row in rows if row["metric"] == "error"}
    sizes = {row["token_class"]: row["value"] for row in rows if row["metric"] == "tokens"}
    assert sizes == dict(zip(classes["names"], map(str, classes["tokens"]), strict=True))
    assert len(errors) == 4 * len(classes["names"])
    assert float(errors["kanji", "2"]["value"]) == classes["error"][2][3]
    assert "漢字" in to_excel_csv(RESULT, "ja").decode("utf-8-sig")


def test_the_spread_of_errors_is_a_row_a_bin_and_empty_bins_are_told() -> None:
    errors: Any = RESULT["token_errors"]
    rows = [row for row in rows_of(to_csv(RESULT)) if row["table"] == "token_errors"]

    bins = [row for row in rows if row["metric"] == "tokens" and row["block"] == "1"]
    assert [int(row["value"]) for row in bins] == errors["counts"][1]
    assert (bins[0]["from_error"], float(bins[0]["to_error"])) == ("0.0", 1e-5)
    assert (float(bins[-1]["from_error"]), bins[-1]["to_error"]) == (1e3, "")
    (p95,) = [row for row in rows if row["metric"] == "p95" and row["block"] == "1"]
    assert float(p95["value"]) == errors["p95"][1]


def test_numbers_survive_the_table_to_the_last_digit() -> None:
    result: Any = RESULT
    rows = rows_of(to_csv(RESULT))

    found = next(
        row for row in rows if row["table"] == "profile" and row["metric"] == "r2_heldout"
        and row["block"] == "2"
    )  # fmt: skip
    low, high = result["profile"]["r2_heldout_ci95"][2]
    assert (found["from_state"], found["to_state"]) == ("2", "3")
    assert float(found["value"]) == result["profile"]["r2_heldout"][2]
    assert (float(found["low"]), float(found["high"])) == (low, high)


def test_a_state_has_its_norm_without_a_block() -> None:
    norms = [row for row in rows_of(to_csv(RESULT)) if row["metric"] == "state_norm"]

    assert [row["from_state"] for row in norms if row["table"] == "profile"] == list("01234")
    assert {row["block"] for row in norms} == {""}


def test_attention_and_mlp_of_a_block_are_rows_of_that_block() -> None:
    rows = rows_of(to_csv(by_sublayers(a_result(blocks=8)).as_json()))
    of_block = [
        (row["from_state"], row["to_state"], row["block"])
        for row in rows
        if row["table"] == "profile" and row["metric"] == "r2_heldout"
    ]

    assert of_block[:3] == [("0", "0.attn", "0"), ("0.attn", "1", "0"), ("1", "1.attn", "1")]
    assert of_block[-1] == ("3.attn", "4", "3")


def test_null_is_an_empty_cell() -> None:
    result: Any = orjson.loads(orjson.dumps(RESULT))
    result["profile"]["r2_heldout"][1] = None
    result["profile"]["r2_heldout_ci95"][1] = None

    rows = [row for row in rows_of(to_csv(result)) if row["table"] == "profile"]

    found = next(row for row in rows if row["metric"] == "r2_heldout" and row["block"] == "1")
    assert (found["value"], found["low"], found["high"]) == ("", "", "")


def test_plain_csv_is_utf8_with_line_feeds_and_english_keys() -> None:
    data = to_csv(RESULT)

    assert data.startswith(",".join(COLUMNS).encode() + b"\n")
    assert b"\r" not in data


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_spreadsheet_gets_a_mark_its_line_ends_and_its_language(language: str) -> None:
    data = to_excel_csv(RESULT, language)

    header = data.decode("utf-8-sig").split("\r\n")[0]
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == data.count(b"\n") > 50
    assert next(csv.reader([header])) == [FOR_EXCEL[language][name] for name in COLUMNS]


def test_text_that_looks_like_a_formula_is_defused_and_numbers_are_not() -> None:
    result: Any = RESULT | {"states": ["=1+1", "1", "2", "3", "4"]}
    result["pairs"] = RESULT["pairs"] | {"cosine": [[-0.5] * 5] * 5}  # type: ignore[operator]  # a dict

    rows = rows_of(to_csv(result))

    assert "'=1+1" in {row["from_state"] for row in rows}
    assert "-0.5" in {row["value"] for row in rows}


def test_every_number_of_the_contract_has_a_place_and_a_name_in_both_languages() -> None:
    exported = {*MATRICES, *VECTORS, *STATE_METRICS}
    known = {*Pairs.__dataclass_fields__, *Profile.__dataclass_fields__}

    assert {name.removesuffix("_ci95") for name in known} == exported
    assert FOR_EXCEL["en"].keys() == FOR_EXCEL["ja"].keys() >= exported | {*TOKEN_CLASSES}


def test_an_archive_holds_the_matrices_and_the_rest_as_json() -> None:
    result: Any = RESULT

    with np.load(io.BytesIO(to_npz(RESULT)), allow_pickle=False) as archive:
        pairs, intervals = archive["pairs_r2_heldout"], archive["profile_r2_heldout_ci95"]
        meta = orjson.loads(archive["meta"].tobytes())
        errors = archive["token_classes_error"]
        settling = archive["sample_sizes_r2_heldout"]
        splits = archive["repeats_update_r2_heldout"]
        counts, p99 = archive["token_errors_counts"], archive["token_errors_p99"]

    assert counts.tolist() == result["token_errors"]["counts"]
    assert p99.tolist() == result["token_errors"]["p99"]
    assert "token_errors" not in meta
    assert settling.tolist() == result["sample_sizes"]["r2_heldout"]
    assert splits.tolist() == result["repeats"]["update_r2_heldout"]
    assert errors.tolist() == result["token_classes"]["error"]
    assert meta["token_classes"] == result["token_classes"]["names"]
    assert pairs.shape == (5, 5)
    assert pairs[1, 3] == result["pairs"]["r2_heldout"][1][3]
    assert np.isnan(pairs[3, 1])
    assert intervals.shape == (4, 2)
    assert meta["params"] == result["params"]


def test_a_result_of_adjacent_pairs_only_exports_with_empty_cells() -> None:
    result = adjacent_only(a_result(blocks=4)).as_json()
    rows = rows_of(to_csv(result))
    far = [r for r in rows if (r["metric"], r["from_state"], r["to_state"]) == ("r2_fit", "0", "2")]

    assert [row["value"] for row in far] in ([], [""])
    assert to_npz(result).startswith(b"PK")


@pytest.mark.parametrize(
    ("query", "media_type", "name"),
    [
        ("format=csv", "text/csv; charset=utf-8", ".csv"),
        ("format=csv&for=excel&lang=ja", "text/csv; charset=utf-8", ".csv"),
        ("format=npz", "application/zip", ".npz"),
    ],
)
def test_a_download_has_its_name_its_type_and_a_stable_tag(
    client: TestClient, services: Services, query: str, media_type: str, name: str
) -> None:
    run = a_finished_run(services)

    one, two = (client.get(f"/api/v1/runs/{run.id}/result?{query}") for _ in range(2))

    assert one.headers["content-type"] == media_type
    assert one.headers["content-disposition"].endswith(f'{run.id}{name}"')
    assert one.headers["etag"] == two.headers["etag"]
    assert one.content == two.content
