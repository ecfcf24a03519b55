"""The card and the plan of a folder tell what was measured, and nothing of where they were made."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linearity.adapters.export_papers import Exported, card, plain, plan_file, write_papers
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.runs import RunRequest
from linearity.contracts.serving import deliver
from tests.backend.builders import a_dataset, a_model
from tests.figures.export_results import an_export

RESULT = an_export()


def told(plan: str = RESULT.params["plan"], **changes: Any) -> Exported:  # type: ignore[assignment]
    """Return what is told of the export of the builders."""
    model: ModelRecord = a_model(blocks=6, **changes)
    request = RunRequest("export", 1, 1, "a" * 64, "b" * 64, RESULT.params | {"plan": plan})
    return Exported(
        request=request,
        model=model,
        dataset=a_dataset(),
        software="1.2.3",
        steps=RESULT.steps,
        point=RESULT.point,
        dense=RESULT.dense,
        protocol=RESULT.protocol,
        architecture=RESULT.architecture,
        proof=RESULT.proof,
        delivery=deliver("mine", model, RESULT.architecture, RESULT.proof, ["LICENSE"]),
    )


def test_the_card_carries_the_measured_numbers_and_the_run() -> None:
    text = card(told(licence="apache-2.0"))
    point = RESULT.point

    assert told().request.run_id in text
    for number in (f"{point.nll:.4f}", f"{point.nll_diff:+.4f}", f"{point.kl:.4f}", "3.250000"):
        assert number in text
    assert "logits differ by 2e-06 at most" in text
    assert "vllm serve ./mine" in text
    assert "`LICENSE`" in text


def test_the_card_begins_with_what_the_hub_reads() -> None:
    yaml = pytest.importorskip("yaml")
    hub = {"source": "hub", "name": "owner/name", "reference": "owner/name@" + "c" * 40}
    text = card(told(licence="apache-2.0", **hub))
    front = yaml.safe_load(text.split("---")[1])

    assert front["base_model"] == "owner/name"
    assert front["license"] == "apache-2.0"
    assert front["library_name"] == "transformers"


def test_an_unknown_licence_is_said_and_none_is_made_up() -> None:
    text = card(told())

    assert "does not say its licence here" in text
    assert "license:" not in text


def test_nothing_tells_where_the_folder_was_made() -> None:
    value = told(source="path", name="mine", reference="/srv/secret/mine")
    everything = card(value) + json.dumps(plan_file(value))

    assert "/srv" not in everything
    assert "secret" not in everything


def test_a_name_that_is_markup_stays_a_name() -> None:
    text = card(told(source="upload", name="[x](http://y) <b>|\n# z"))

    assert r"\[x\](http" in text
    assert "<b>" not in text
    assert not re.search(r"^# z", text, re.MULTILINE)
    assert plain("a|b\n`c`") == "a\\|b \\`c\\`"


def test_plan_json_is_the_question_and_the_answer() -> None:
    value = told()
    written = json.loads(json.dumps(plan_file(value)))

    assert written["run"] == value.request.run_id
    assert written["plan"] == RESULT.params["plan"]
    assert written["model"]["fingerprint"] == "a" * 64
    assert written["measured"]["nll"] == RESULT.point.nll
    assert written["proof"]["nll_difference"] == 1e-8
    assert written["architecture"]["origins"] == [[0, 0], [1, 1], [3, 5]]


@pytest.mark.parametrize(
    ("plan", "papers"),
    [
        ("2:drop,4-5:merged", ["README.md", "plan.json"]),
        ("2:drop", ["README.md", "mergekit.yml", "plan.json"]),
    ],
)
def test_papers_are_written_as_utf8(tmp_path: Path, plan: str, papers: list[str]) -> None:
    value = replace(told(plan), software="日本")

    assert write_papers(tmp_path, value) == papers
    assert sorted(path.name for path in tmp_path.iterdir()) == papers
    assert "日本" in (tmp_path / "README.md").read_text(encoding="utf-8")
