"""`verify`: the run of a result computed again, and what is said of a changed one."""

import copy
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.children import python_command, python_environ
from linearity.adapters.execute import execute
from linearity.adapters.results import result_bytes
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.redaction import without_texts
from linearity.contracts.results import read_result
from linearity.errors import InvalidResultError, OtherVersionError
from linearity.verifying import Verification, check_question, verify
from tests.studies.recorder import Recorder

SMALL: dict[str, Json] = {"fit_tokens": 1024, "select_tokens": 256}
QUESTIONS: dict[str, dict[str, Json]] = {
    "linearity": {"tokens": 1024, "pairs": "all"},
    "ablation": {"strategies": ["block_influence"], "changed": 2, "interaction": 2, **SMALL},
    "plan": {"plan": "1:drop,2:linear", **SMALL},
    "answers": {
        "plan": "1:drop",
        "prompts": 2,
        "new_tokens": 4,
        "canaries": [{"prompt": "The list, the tuple", "must_say": ["a"]}],
        **SMALL,
    },
    "speed": {
        "plan": "1:drop,2:linear",
        "batches": [1, 2],
        "prompt_tokens": 8,
        "new_tokens": 3,
        **SMALL,
    },
}
Run = Callable[[str], dict[str, Any]]
Verify = Callable[[dict[str, Any]], Verification]


@pytest.fixture(scope="module")
def result_of(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> Run:
    """A function that computes a kind once and returns its result as read from a file."""
    known: dict[str, dict[str, Any]] = {}

    def compute(kind: str) -> dict[str, Any]:
        if kind not in known:
            question = QUESTIONS[kind]
            request = make_request(kind, question, model=glass_record, dataset=docs_record)
            found = execute(
                request,
                model=glass_record,
                dataset=docs_record,
                store=small_store,
                device="cpu",
                progress=Recorder(),
            )
            known[kind] = read_result(result_bytes(found))
        return copy.deepcopy(known[kind])

    return compute


@pytest.fixture
def again(
    small_store: ArtifactStore, glass_record: ModelRecord, docs_record: DatasetRecord
) -> Verify:
    """A function that verifies a result."""

    def check(result: dict[str, Any]) -> Verification:
        return verify(
            result,
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device="cpu",
            progress=Recorder(),
        )

    return check


CHANGES: dict[str, tuple[list[str | int], Any]] = {
    "linearity": (["profile", "update_r2_heldout", 2], lambda score: score + 1e-3),
    "ablation": (["curves", 1, "points", 0, "nll_diff"], lambda damage: damage - 1e-3),
    "plan": (["documents", 0, "kl"], lambda kl: 0.0),
    "answers": (["answers", 0, "changed"], lambda text: text + "!"),
    "speed": (["sides", "changed", "step_bytes"], lambda size: size + 1),
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_result_of_every_kind_agrees_and_one_changed_number_does_not(
    kind: str, result_of: Run, again: Verify
) -> None:
    result = result_of(kind)
    assert check_question(result)

    assert again(result).agrees

    way, change = CHANGES[kind]
    inner: Any = result
    for part in way[:-1]:
        inner = inner[part]
    inner[way[-1]] = change(inner[way[-1]])
    found = again(result)

    assert not found.agrees
    assert found.comparison is not None
    wrong = [field.field for field in found.comparison.fields if not field.agrees]
    assert wrong == [".".join(part for part in way if isinstance(part, str))]


def test_a_result_without_its_texts_agrees_and_says_so(result_of: Run, again: Verify) -> None:
    bare = without_texts(result_of("plan"))

    found = again(bare)

    assert check_question(bare)
    assert found.agrees
    assert not found.texts


@pytest.mark.parametrize(
    ("kind", "params"),
    [*QUESTIONS.items(), ("linearity", {"protocol": "paper"}), ("linearity", {"repeats": 3})],
)
def test_complete_parameters_are_those_of_the_same_question(
    kind: str, params: dict[str, Json], glass_record: ModelRecord, docs_record: DatasetRecord
) -> None:
    request = make_request(kind, params, model=glass_record, dataset=docs_record)

    again = make_request(kind, request.params, model=glass_record, dataset=docs_record)

    assert again.run_id == request.run_id


def test_a_changed_question_is_seen_without_computing(result_of: Run) -> None:
    result = result_of("linearity")
    result["params"]["seed"] = 1

    assert not check_question(result)


def test_prompts_of_ones_own_belong_to_the_question(result_of: Run) -> None:
    with pytest.raises(InvalidResultError, match="texts were left out"):
        check_question(without_texts(result_of("answers")))


def test_numbers_of_another_method_are_not_compared(result_of: Run) -> None:
    with pytest.raises(OtherVersionError, match="computed by method 1"):
        check_question(result_of("linearity") | {"method": 1})


def test_parameters_that_no_run_has_are_refused(result_of: Run, again: Verify) -> None:
    result = result_of("linearity")
    result["params"]["context"] = 5_000  # glass-en reads fewer

    with pytest.raises(InvalidResultError, match=r"params\.context"):
        again(result)


@pytest.mark.slow
def test_the_command_verifies_and_names_what_differs(
    tmp_path: Path, result_of: Run, glass_folder: Callable[[], Path]
) -> None:
    file = tmp_path / "r.json"
    file.write_bytes(result_bytes(result_of("linearity")))

    found = run_cli(tmp_path, str(file))
    assert found.returncode == 0, found.stderr
    assert "All " in found.stdout
    assert "DIFFERS" not in found.stdout

    changed = result_of("linearity")
    changed["profile"]["r2_heldout"][1] += 0.01
    file.write_bytes(result_bytes(changed))
    found = run_cli(tmp_path, str(file), "--json")
    told = json.loads(found.stdout)
    assert found.returncode == 1
    assert told["agrees"] is False
    assert told["comparison"]["fields"][0]["place"] == "profile.r2_heldout[1]"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda result: b"no json", "no result"),
        (lambda result: result_bytes(result | {"schema": 99}), "schema 99"),
        (
            lambda result: result_bytes(renamed(result, "dataset", "c" * 64)),
            "is registered here",
        ),
        (lambda result: result_bytes(renamed(result, "model", "c" * 64)), "the fingerprint"),
    ],
)
def test_what_cannot_be_verified_ends_with_a_sentence(
    tmp_path: Path, result_of: Run, spoil: Callable[[Any], bytes], words: str
) -> None:
    file = tmp_path / "r.json"
    file.write_bytes(spoil(result_of("linearity")))

    found = run_cli(tmp_path, str(file))

    assert found.returncode == 2
    assert words in found.stderr
    assert "Traceback" not in found.stderr


def test_a_changed_question_fails_by_its_id(tmp_path: Path, result_of: Run) -> None:
    result = result_of("linearity")
    result["params"]["seed"] = 1
    (tmp_path / "r.json").write_bytes(result_bytes(result))

    found = run_cli(tmp_path, str(tmp_path / "r.json"))

    assert found.returncode == 1
    assert "DIFFERS   id" in found.stdout


def renamed(result: dict[str, Any], part: str, fingerprint: str) -> dict[str, Any]:
    """Return a result of another input, its id that of the changed question."""
    from linearity.contracts.results import request_of

    changed = copy.deepcopy(result)
    changed[part]["fingerprint"] = fingerprint
    if part == "dataset":
        changed[part] |= {"id": "theirs", "name": "Theirs"}
    return changed | {"id": request_of(changed).run_id}


def run_cli(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = python_environ({**os.environ, "LINEARSCOPE_DATA": str(data / "data")})
    return subprocess.run(
        python_command("backend.cli", "verify", *arguments, "--device", "cpu"),
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
