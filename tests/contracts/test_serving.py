"""What is said of an exported folder: its name, lines to copy, where it runs, mergekit's recipe."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from linearity.contracts.actions import parse_plan
from linearity.contracts.delivery import PROGRAMS
from linearity.contracts.serving import (
    base_name,
    commands,
    deliver,
    folder_name,
    kept_ranges,
    mergekit,
    runs_in,
)
from tests.backend.builders import a_model
from tests.figures.export_results import an_export

RUN = "0123456789abcdef" * 2
STOCK, CUSTOM = an_export().architecture, an_export(stock=False).architecture
PROOF = an_export().proof
HUB = {"source": "hub", "name": "owner/name", "reference": "owner/name@" + "c" * 40}


@pytest.mark.parametrize(
    ("model", "plan", "name"),
    [
        ("SmolLM2-135M-Instruct", "0:drop,2-3:drop", "SmolLM2-135M-Instruct-drop3-01234567"),
        ("owner/name", "1:merged", "owner-name-merged1-01234567"),
        ("日本語 モデル", "0:drop,1:linear", "model-changed2-01234567"),
        ("../../etc", "0:drop", "etc-drop1-01234567"),
    ],
)
def test_a_folder_is_called_after_model_plan_and_run(model: str, plan: str, name: str) -> None:
    assert folder_name(model, parse_plan(plan, blocks=8), RUN) == name


def test_lines_are_those_of_a_shell_whatever_the_folder_is_called() -> None:
    for command in commands("it's a; $(name)", STOCK):
        parts = shlex.split(command.text)
        assert any("./it's a; $(name)" in part for part in parts)


def test_a_stock_folder_is_served_and_tested_by_other_programs() -> None:
    told = {command.program: command.text for command in commands("x-drop3", STOCK)}

    assert told["vllm"] == "vllm serve ./x-drop3 --served-model-name x-drop3"
    assert told["lm_eval"] == (
        "lm-eval run --model hf --model_args pretrained=./x-drop3,dtype=float32"
        " --tasks arc_easy piqa"
    )
    assert "transformers" in told


def test_nothing_is_offered_to_programs_that_do_not_know_the_architecture() -> None:
    assert "vllm" not in {command.program for command in commands("x", CUSTOM)}
    assert [item.status for item in runs_in(CUSTOM, PROOF)] == [
        "proven",
        "not_tested",
        "not_tested",
        "no",
    ]


@pytest.mark.parametrize("architecture", [STOCK, CUSTOM, replace(STOCK, uneven=["layer_types"])])
def test_only_what_was_tried_is_called_proven(architecture: Any) -> None:
    told = runs_in(architecture, PROOF)

    assert tuple(item.program for item in told) == PROGRAMS
    assert [item.program for item in told if item.status == "proven"] == ["transformers"]
    assert told[0].version == "5.23.0"


def test_blocks_that_differ_are_said() -> None:
    assert {i.reason for i in runs_in(replace(STOCK, uneven=["layer_types"]), PROOF)[1:]} == {
        "uneven"
    }


@pytest.mark.parametrize(
    ("plan", "ranges"),
    [
        ("0:drop", [(1, 8)]),
        ("7:drop", [(0, 7)]),
        ("2:drop,4-5:drop", [(0, 2), (3, 4), (6, 8)]),
        ("0-6:drop", [(7, 8)]),
    ],
)
def test_kept_ranges_hold_every_kept_block_once(plan: str, ranges: list[tuple[int, int]]) -> None:
    parsed = parse_plan(plan, blocks=8)
    found = kept_ranges(parsed, 8)
    kept = [block for first, after in found for block in range(first, after)]

    assert found == ranges
    assert sorted([*kept, *parsed.blocks]) == list(range(8))


def test_the_recipe_is_yaml_that_drops_the_same_blocks() -> None:
    yaml = pytest.importorskip("yaml")
    model = a_model(**HUB, blocks=8)
    text = mergekit(model, parse_plan("2:drop,4-5:drop", blocks=8), STOCK)
    assert text
    recipe = yaml.safe_load(text)

    assert recipe["merge_method"] == "passthrough"
    sources = [slice["sources"][0] for slice in recipe["slices"]]
    assert [source["layer_range"] for source in sources] == [[0, 2], [3, 4], [6, 8]]
    assert {source["model"] for source in sources} == {HUB["reference"]}


def test_the_recipe_quotes_a_name_that_would_be_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    model = a_model(source="upload", name='a": [x]\n# \\b', blocks=4)
    text = mergekit(model, parse_plan("1:drop", blocks=4), STOCK)
    assert text

    assert yaml.safe_load(text)["slices"][0]["sources"][0]["model"] == 'a": [x]# \\b'


def test_a_plan_with_maps_has_no_recipe_and_uneven_blocks_are_warned_of() -> None:
    model = a_model(blocks=8)
    uneven = replace(STOCK, uneven=["layer_types"])

    assert mergekit(model, parse_plan("2:merged", blocks=8), STOCK) is None
    assert "layer_types" in str(mergekit(model, parse_plan("2:drop", blocks=8), uneven))


def test_where_a_model_lies_is_never_told() -> None:
    here = a_model(source="path", name="mine", reference="/srv/secret/mine")

    assert base_name(here) == "mine"
    assert base_name(a_model(**HUB)) == HUB["reference"]


def test_an_unknown_licence_stays_unknown() -> None:
    assert deliver("x", a_model(), STOCK, PROOF, []).licence is None
    assert deliver("x", a_model(licence="mit"), STOCK, PROOF, ["LICENSE"]).licence == "mit"


def test_the_package_is_named_wherever_its_architecture_is_loaded() -> None:
    told = {command.purpose: command.text for command in commands("x", CUSTOM)}

    for purpose in ("load", "evaluate"):
        assert "register_architectures" in shlex.split(told[purpose])[2]
