"""The command lines of lm-evaluation-harness that ask the same by its own means."""

import shlex

from linearity.contracts.actions import parse_plan
from linearity.contracts.benchmark import OWN_TASK, BenchmarkParams
from linearity.contracts.inputs import ModelRecord

MODEL_FOLDER = "MODEL_FOLDER"
EXPORT_FOLDER = "EXPORT_FOLDER"
TASK_FOLDER = "TASK_FOLDER"
"""Stand where the reader puts a folder of theirs: results hold no paths of a machine."""
BATCH = 16


def commands(params: BenchmarkParams, model: ModelRecord, *, device: str) -> dict[str, str]:
    """Return a command line for each side.

    The dense model is named as the hub knows it, or by a folder to fill in; the changed one by the
    folder of its export.
    """
    dense = f"pretrained={MODEL_FOLDER}"
    if model.source == "hub":
        name, _, revision = model.reference.partition("@")
        dense = f"pretrained={name}" + (f",revision={revision}" if revision else "")
    changed = f"pretrained={EXPORT_FOLDER}"
    if any(step.action == "linear" for step in parse_plan(params.plan, blocks=model.blocks).steps):
        changed += ",trust_remote_code=True"  # the export brings its own small architecture along
    sides = {"dense": dense, "changed": changed}
    return {side: shlex.join(_command(params, model, device)) for side, model in sides.items()}


def _command(params: BenchmarkParams, model: str, device: str) -> list[str]:
    tasks = [*([OWN_TASK] if params.questions else []), *params.tasks]
    # Sums of logarithms in a model's own 16-bit type are too coarse to compare choices.
    arguments = f"{model},dtype={params.dtype},softmax_dtype=float32"
    command = ["lm-eval", "run", "--model", "hf", "--model_args", arguments]
    command += ["--tasks", ",".join(tasks), "--num_fewshot", str(params.few_shot)]
    command += ["--include_path", TASK_FOLDER] if params.questions else []
    command += ["--limit", str(params.limit)] if params.limit else []
    command += ["--apply_chat_template"] if params.chat else []
    command += ["--seed", str(params.seed), "--batch_size", str(BATCH), "--device", device]
    return [*command, "--log_samples", "--output_path", "lm-eval-results"]
