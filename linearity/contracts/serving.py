"""Lines to copy and what is known of other programs, for a folder that was proven."""

import json
import re
import shlex
from collections.abc import Sequence
from itertools import pairwise

from linearity.contracts.actions import Plan
from linearity.contracts.delivery import (
    NO,
    NOT_TESTED,
    PROVEN,
    Command,
    Delivery,
    RenumberedAdapter,
    RunsIn,
)
from linearity.contracts.export import Architecture, Proof
from linearity.contracts.inputs import ModelRecord

LONGEST_NAME = 60
REGISTER = "import linearity; linearity.register_architectures()"
"""What lets transformers know the architectures of this package."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def folder_name(model: str, plan: Plan, run_id: str) -> str:
    """Return what a folder is called: the model, what was done to how many blocks, and the run."""
    actions = sorted({step.action for step in plan.steps})
    what = actions[0] if len(actions) == 1 else "changed"
    plain = _UNSAFE.sub("-", model).strip("-.")[:LONGEST_NAME] or "model"
    return f"{plain}-{what}{plan.changed}-{run_id[:8]}"


def deliver(  # what is known of a folder
    name: str,
    model: ModelRecord,
    architecture: Architecture,
    proof: Proof,
    copied: Sequence[str],
    adapters: Sequence[RenumberedAdapter] = (),
) -> Delivery:
    """Return what goes with the folder `name`."""
    return Delivery(
        name=name,
        licence=model.licence,
        copied=list(copied),
        commands=commands(name, architecture),
        runs_in=runs_in(architecture, proof),
        adapters=list(adapters),
    )


def commands(name: str, architecture: Architecture) -> list[Command]:
    """Return the lines to copy; a program that cannot take the folder has none."""
    place = f"./{name}"
    opened = f"M.from_pretrained({json.dumps(place, ensure_ascii=False)})"
    load = f"from transformers import AutoModelForCausalLM as M; {opened}"
    asked = (
        f"run --model hf --model_args pretrained={shlex.quote(place)},dtype={architecture.dtype} "
        "--tasks arc_easy piqa"
    )
    measure = f"linearscope run linearity --model {shlex.quote(place)} --dataset python-docs"
    if architecture.is_stock:
        serve = f"vllm serve {shlex.quote(place)} --served-model-name {shlex.quote(name)}"
        lines = [
            Command("load", "transformers", f"python -c {shlex.quote(load)}"),
            Command("serve", "vllm", serve),
            Command("evaluate", "lm_eval", f"lm-eval {asked}"),
        ]
    else:
        test = "from lm_eval.__main__ import cli_evaluate as run; run()"
        lines = [
            Command("load", "transformers", f"python -c {shlex.quote(f'{REGISTER}; {load}')}"),
            Command(
                "evaluate", "lm_eval", f"python -c {shlex.quote(f'{REGISTER}; {test}')} {asked}"
            ),
        ]
    return [*lines, Command("measure", "linearscope", measure)]


def runs_in(architecture: Architecture, proof: Proof) -> list[RunsIn]:
    """Return what is known of each program."""
    version = proof.versions.get("transformers")
    if not architecture.is_stock:
        return [
            RunsIn("transformers", PROVEN, "package", version),
            RunsIn("vllm", NOT_TESTED, "own_code"),
            RunsIn("sglang", NOT_TESTED, "own_code"),
            RunsIn("llama.cpp", NO, "own_architecture"),
        ]
    reason = "uneven" if architecture.uneven else "stock"
    return [
        RunsIn("transformers", PROVEN, "fresh_process", version),
        RunsIn("vllm", NOT_TESTED, reason),
        RunsIn("sglang", NOT_TESTED, reason),
        RunsIn("llama.cpp", NOT_TESTED, "uneven" if architecture.uneven else "no_gguf"),
    ]


def mergekit(model: ModelRecord, plan: Plan, architecture: Architecture) -> str | None:
    """Return the recipe by which mergekit drops the same blocks; None for a plan that fits maps."""
    if any(step.action != "drop" for step in plan.steps):
        return None
    lines = ["# The same cut for mergekit; the second number of a layer_range is not part of it."]
    if model.source != "hub":
        lines.append("# Write the folder or the hub id of the dense model in place of its name.")
    if architecture.uneven:
        fields = ", ".join(architecture.uneven)
        lines += [
            f"# This model says block by block what differs ({fields}); mergekit is known to leave",
            "# such lists as they were, so compare its config.json with the one beside this file.",
        ]
    lines += ["merge_method: passthrough", f"dtype: {architecture.dtype}", "slices:"]
    for first, after in kept_ranges(plan, model.blocks):
        lines += [
            "- sources:",
            f"  - model: {_quoted(base_name(model))}",
            f"    layer_range: [{first}, {after}]",
        ]
    return "\n".join(lines) + "\n"


def kept_ranges(plan: Plan, blocks: int) -> list[tuple[int, int]]:
    """Return the runs of blocks that a plan keeps, each as its first and the one after its last."""
    changed = set(plan.blocks)
    edges = [-1, *sorted(changed), blocks]
    return [(one + 1, other) for one, other in pairwise(edges) if other - one > 1]


def base_name(model: ModelRecord) -> str:
    """Return what others can call the dense model; where it lies here is nobody's business."""
    return model.reference if model.source == "hub" else model.name


def _quoted(text: str) -> str:
    plain = "".join(mark for mark in text if mark.isprintable()).replace("\\", "\\\\")
    return '"' + plain.replace('"', '\\"') + '"'
