"""Ask whether a `benchmark` run answers item by item as lm-evaluation-harness's own command does.

Runs the kind on the given questions, writes them as a task folder, fills the model's folder into
the very command line that the result prints, runs it, and compares every log-likelihood and choice.
With ``--export`` the changed model too, from a folder that the kind `export` wrote. Needs the extra
`eval` and questions to ask: `make bench` does not run it.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linearity.adapters.given_files import TEMPLATE
from linearity.adapters.harness_commands import EXPORT_FOLDER, MODEL_FOLDER, TASK_FOLDER
from linearity.adapters.harness_folder import write_task_folder
from linearity.adapters.harness_questions import load_questions
from linearity.adapters.hugging_face import assembled, stored_path
from linearity.adapters.inputs import prepare_model
from linearity.adapters.settings import read_settings
from linearity.adapters.store import ArtifactStore
from linearity.contracts.benchmark import OWN_TASK


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print one line of JSON, and return 1 where a choice differs."""
    given = _parser().parse_args(arguments)
    store = ArtifactStore(read_settings(os.environ).store)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = _run(given, folder)
        questions = load_questions(result["params"]["questions"], store)
        write_task_folder(questions, folder / "task", ending=result["params"]["ending"])
        record = prepare_model(given.model, store=store, roots=None, log=print)
        with assembled(record.files, store) as model:
            for file in record.files:  # left out there: no library of ours is given a template
                if file.name == TEMPLATE:
                    (model / TEMPLATE).symlink_to(stored_path(file, store).absolute())
            places = {MODEL_FOLDER: str(model), TASK_FOLDER: str(folder / "task")}
            told = {"dense": _compared(result, "dense", places, folder)}
        if given.export:
            told["changed"] = _compared(
                result, "changed", places | {EXPORT_FOLDER: given.export}, folder
            )
    print(json.dumps({"run": result["id"], "questions": len(result["items"]), **told}))
    return 1 if any(side["choices_differ"] for side in told.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dataset", default="python-docs")
    parser.add_argument("--plan", default="13:drop")
    parser.add_argument("--questions", required=True, help="JSON lines of questions")
    parser.add_argument("--limit", default="500")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--export", help="folder of the changed model, by the kind export")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    return parser


def _run(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    out = folder / "result.json"
    settings = [f"plan={given.plan}", f"questions={given.questions}", f"limit={given.limit}"]
    settings += [f"dtype={given.dtype}", *given.settings]
    command = [sys.executable, "-m", "linearity", "run", "benchmark", "--model", given.model]
    command += ["--dataset", given.dataset, "--device", given.device, "--out", str(out)]
    subprocess.run([*command, *(f"--set={item}" for item in settings)], check=True)
    result: dict[str, Any] = json.loads(out.read_bytes())
    return result


def _compared(
    result: Mapping[str, Any], side: str, places: Mapping[str, str], folder: Path
) -> dict[str, float]:
    samples = harness_samples(result["commands"][side], places, folder / f"lm-eval-{side}")
    items = [item for item in result["items"] if item["task"] == OWN_TASK]
    differences, choices = [], 0
    for item, sample in zip(items, samples, strict=True):
        logs = [float(answer[0]) for answer in sample["filtered_resps"]]
        ours = item[side]["loglikelihoods"]
        differences += [abs(a - b) for a, b in zip(ours, logs, strict=True)]
        choices += any(item[side]["scores"][name] != sample[name] for name in ("acc", "acc_norm"))
    return {"choices_differ": choices, "largest_difference_nats": max(differences)}


def harness_samples(line: str, places: Mapping[str, str], folder: Path) -> list[dict[str, Any]]:
    """Run a result's command line with its folders filled in; return what it logged, in order."""
    for name, place in places.items():
        line = line.replace(name, place)
    folder.mkdir()
    # Beside this Python, wherever the folders of programs are.
    program = Path(sys.executable).parent / "lm-eval"
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(folder / "cache"),
    }
    subprocess.run([str(program), *shlex.split(line)[1:]], cwd=folder, env=environment, check=True)
    [logged] = folder.glob("lm-eval-results/**/samples_*.jsonl")
    samples = [json.loads(text) for text in logged.read_text("utf-8").splitlines()]
    return sorted(samples, key=lambda sample: int(sample["doc_id"]))


if __name__ == "__main__":
    sys.exit(main())
