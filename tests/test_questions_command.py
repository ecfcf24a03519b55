"""Own questions on the command line: as a task folder, as a run, and where lm-eval is missing."""

import json
import sys
from pathlib import Path

import pytest

from linearity.__main__ import main, parse_settings
from linearity.adapters.harness import LmEvaluationHarness
from linearity.contracts.benchmark import parse_params
from linearity.contracts.inputs import ModelRecord
from linearity.errors import MissingPackageError

ROWS = [
    {"question": f"{k} and {k} are ", "choices": [str(2 * k), str(2 * k + 3)], "answer": 0}
    for k in range(6)
]
SMALL = ("fit_tokens=512", "select_tokens=128", "context=64")


@pytest.fixture
def exam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of questions, and a data folder that is empty."""
    monkeypatch.setenv("LINEARSCOPE_DATA", str(tmp_path / "data"))
    path = tmp_path / "exam.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def test_questions_become_a_task_folder(exam: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "task"
    status = main(["questions", str(exam), "--out", str(folder), "--ending", " ="])
    task = json.loads((folder / "own_questions.yaml").read_text())
    lines = Path(task["dataset_kwargs"]["data_files"]["test"]).read_text().splitlines()
    rows = [json.loads(line) for line in lines]

    assert status == 0
    assert rows[2] == {"query": "2 and 2 are =", "choices": ["4", "7"], "gold": 0}
    assert "!function" not in (folder / "own_questions.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text": "a plain text"}', "multiple-choice questions"),
        ('{"question": "q", "choices": ["a"], "answer": 0}', "no list of 2 to 100 texts"),
    ],
)
def test_what_holds_no_questions_is_refused(
    exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    exam.write_text(text)
    status = main(["questions", str(exam), "--out", str(tmp_path / "task")])

    assert status == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "task").exists()


def test_names_and_endings_are_not_cut_at_their_commas() -> None:
    given = parse_settings(["questions=exam, part 2.jsonl", 'ending="\\nAnswer, please:"'])

    assert given == {"questions": "exam, part 2.jsonl", "ending": "\nAnswer, please:"}
    assert parse_settings(["ending= = 1, 2"]) == {"ending": " = 1, 2"}


@pytest.mark.slow
def test_a_benchmark_runs_without_a_server(exam: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    settings = ["plan=1:drop,2:linear", f"questions={exam}", "few_shot=1", *SMALL]
    arguments = [part for setting in settings for part in ("--set", setting)]
    asked = [
        "run",
        "benchmark",
        "--model",
        "glass-en",
        "--dataset",
        "python-docs",
        "--device",
        "cpu",
    ]
    status = main([*asked, *arguments, "--out", str(out)])
    result = json.loads(out.read_bytes())

    assert status == 0
    assert (result["kind"], len(result["items"])) == ("benchmark", len(ROWS))
    assert result["commands"]["dense"].startswith("lm-eval run --model hf")
    assert str(tmp_path) not in json.dumps(result)


def test_a_machine_without_lm_eval_says_how_to_get_it(
    glass_record: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    params = parse_params({"plan": "1:drop", "tasks": ["piqa"]}, model=glass_record)

    with pytest.raises(MissingPackageError) as caught:
        LmEvaluationHarness(params, [])

    assert caught.value.next_step == "Run: pip install lm-eval"
