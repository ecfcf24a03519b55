"""The fresh process that loads an export from the disk and says what it computes.

::

    python -m linearity.adapters.export_check FOLDER

FOLDER holds ``task.json``, the questions, and what the plan in memory answered; ``report.json`` is
written there. Of a stock export nothing of this package takes part in the model: transformers
finds, builds and loads it alone.
"""

import json
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from linearity.adapters.weight_writer import write_file
from linearity.models.architectures import register
from linearity.models.witness import Questions, Witness, as_tensors, witness

TASK, REPORT = "task.json", "report.json"
QUESTIONS, ANSWERS = "questions.safetensors", "answers.safetensors"
AGAIN = "again"
ROOM_TO_SAVE = 1.2
"""Free space that writing the weights again needs, as a multiple of them."""


def write_task(folder: Path, task: dict[str, Any], questions: Questions, answers: Witness) -> None:
    """Leave everything in a folder that the fresh process needs."""
    for name, value in ((QUESTIONS, questions), (ANSWERS, answers)):
        write_file(folder / name, as_tensors(value))
    (folder / TASK).write_text(json.dumps(task))


def main() -> int:
    """Answer the task in the folder that the only argument names."""
    work = Path(sys.argv[1])
    task = json.loads((work / TASK).read_text())
    torch.set_num_threads(task["threads"])
    torch.set_float32_matmul_precision("highest")
    report = examine(Path(task["folder"]), work, task)
    (work / REPORT).write_text(json.dumps(report))
    return 0


def examine(folder: Path, work: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Return what differs between a folder and the answers of the plan in memory."""
    import transformers
    from transformers import AutoModelForCausalLM, GenerationConfig

    register(task["model_type"])
    network, info = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype="auto",
        attn_implementation=task["attention"],
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    wrong = {name: sorted(map(str, found))[:5] for name, found in info.items() if found}
    network.eval().to(task["device"])
    # Its own samplers and stop tokens would end or change what is compared.
    network.generation_config = GenerationConfig()
    questions = Questions(**load_file(work / QUESTIONS))
    plan = Witness(**load_file(work / ANSWERS))
    answers = witness(network, questions)
    return {
        "loading": wrong,
        "architecture": type(network).__name__,
        "parameters": sum(p.numel() for p in network.parameters()),
        "nll_plan": float(plan.nll.mean()),
        "nll": float(answers.nll.mean()),
        "tokens": len(answers.nll),
        "finite": bool(torch.isfinite(answers.logits).all() and torch.isfinite(answers.nll).all()),
        "logits_difference": float((answers.logits - plan.logits).abs().max()),
        "logits_largest": float(plan.logits.abs().max()),
        "top1": float((answers.top == plan.top).double().mean()),
        "prompts": len(questions.prompts),
        "new_tokens": answers.cached.shape[1],
        "same_as_plan": _same(answers.cached, plan.cached),
        "same_without_cache": _same(answers.cached, answers.uncached),
        "plan_same_without_cache": _same(plan.cached, plan.uncached),
        "saved_again": _saves_again(network, folder, work / AGAIN),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def _same(one: Tensor, other: Tensor) -> int:
    """Return how many tokens agree before the first that does not, over all rows."""
    if one.shape != other.shape:
        return 0
    return int((one == other).long().cumprod(1).sum())


def _saves_again(network: Any, folder: Path, again: Path) -> bool | None:
    """Return whether the library writes the same weights; None where the disk has no room."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if shutil.disk_usage(folder).free < ROOM_TO_SAVE * size:
        return None
    network.save_pretrained(again)
    first, second = _places(folder), _places(again)
    return first.keys() == second.keys() and all(
        torch.equal(_tensor(first[name], name), _tensor(second[name], name)) for name in first
    )


def _places(folder: Path) -> dict[str, Path]:
    places: dict[str, Path] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as opened:
            places |= dict.fromkeys(opened.keys(), path)
    return places


def _tensor(path: Path, name: str) -> Tensor:
    with safe_open(path, framework="pt") as opened:
        tensor: Tensor = opened.get_tensor(name)
        return tensor


if __name__ == "__main__":
    sys.exit(main())
