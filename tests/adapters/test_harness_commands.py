"""The command lines of a result: what they say, and that lm-eval's own program agrees with us."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from linearity.adapters.harness import LmEvaluationHarness
from linearity.adapters.harness_commands import MODEL_FOLDER, TASK_FOLDER, commands
from linearity.adapters.harness_folder import write_task_folder
from linearity.contracts.benchmark import parse_params
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import ModelRecord
from linearity.models.likelihood import Ids, Scored, score_continuations
from linearity.models.loaded import LoadedModel
from tests.adapters.test_harness import some_questions

GIVEN: dict[str, Json] = {"plan": "1:drop", "questions": "0" * 64, "few_shot": 2, "limit": 12}


def test_a_model_of_the_hub_is_named_with_its_commit(glass_record: ModelRecord) -> None:
    hub = replace(glass_record, source="hub", reference="owner/name@abc123")
    told = commands(parse_params(GIVEN, model=hub), hub, device="cuda:0")

    assert "pretrained=owner/name,revision=abc123,dtype=float32" in told["dense"]
    assert "--limit 12" in told["dense"]
    assert "--device cuda:0" in told["dense"]
    assert "pretrained=EXPORT_FOLDER" in told["changed"]


def test_no_path_of_a_machine_is_told(glass_record: ModelRecord) -> None:
    local = replace(glass_record, source="path", reference="/srv/secret/model")

    assert "/srv" not in str(commands(parse_params(GIVEN, model=local), local, device="cpu"))


@pytest.mark.parametrize(("plan", "trusts"), [("1:drop", False), ("1:linear,2:drop", True)])
def test_an_export_with_maps_brings_its_architecture(
    glass_record: ModelRecord, plan: str, trusts: bool
) -> None:
    params = parse_params({**GIVEN, "plan": plan, "fit_tokens": 1024}, model=glass_record)
    told = commands(params, glass_record, device="cpu")

    assert ("trust_remote_code=True" in told["changed"]) is trusts
    assert "trust_remote_code" not in told["dense"]


def test_tasks_and_template_are_named(glass_record: ModelRecord) -> None:
    params = parse_params(
        {"plan": "1:drop", "tasks": ["piqa", "arc_easy"], "chat": True}, model=glass_record
    )
    words = shlex.split(commands(params, glass_record, device="cpu")["dense"])

    assert words[words.index("--tasks") + 1] == "arc_easy,piqa"
    assert "--apply_chat_template" in words
    assert "--include_path" not in words


@pytest.mark.slow
def test_lm_evals_own_program_answers_every_question_the_same(
    glass: LoadedModel,
    glass_record: ModelRecord,
    glass_folder: Callable[[], Path],
    tmp_path: Path,
) -> None:
    def score(pairs: Sequence[tuple[Ids, Ids]]) -> list[Scored]:
        return score_continuations(glass, pairs)

    questions, params = some_questions(), parse_params(GIVEN, model=glass_record)
    [ours] = LmEvaluationHarness(params, questions).ask(glass, score)
    write_task_folder(questions, tmp_path / "task", ending=params.ending)
    line = commands(params, glass_record, device="cpu")["dense"]
    line = line.replace(MODEL_FOLDER, str(glass_folder())).replace(TASK_FOLDER, "task")
    program = Path(sys.executable).parent / "lm-eval"
    environment = {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "cache"),
    }
    subprocess.run(
        [program, *shlex.split(line)[1:]], cwd=tmp_path, env=os.environ | environment, check=True
    )
    [logged] = tmp_path.glob("lm-eval-results/**/samples_*.jsonl")
    samples = [json.loads(text) for text in logged.read_text("utf-8").splitlines()]
    samples.sort(key=lambda sample: int(sample["doc_id"]))

    assert len(ours.questions) == len(samples) == 12
    for question, sample in zip(ours.questions, samples, strict=True):
        logs = [float(answer[0]) for answer in sample["filtered_resps"]]
        assert question.answer.loglikelihoods == pytest.approx(logs, abs=1e-3)
        assert question.answer.scores == {name: sample[name] for name in ("acc", "acc_norm")}
