"""The papers of an exported folder: its card, its plan with the measured numbers, its recipe.

Names and texts that people chose are quoted; where things lie on this machine is never told.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from linearity.contracts.ablation import Point
from linearity.contracts.actions import parse_plan
from linearity.contracts.canonical import Json
from linearity.contracts.common import Protocol
from linearity.contracts.delivery import NO, PROVEN, Delivery
from linearity.contracts.export import Architecture, Proof
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.runs import RunRequest
from linearity.contracts.serving import base_name, mergekit

CARD, PLAN, RECIPE = "README.md", "plan.json", "mergekit.yml"
FORMAT = 1
"""Of ``plan.json``; raised when a field changes its meaning."""

_PROGRAMS = {
    "transformers": "transformers",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llama.cpp": "llama.cpp",
}
_REASONS = {
    "fresh_process": "loaded from this folder in a fresh process and compared with the plan",
    "package": "loaded in a fresh process and compared, with the Python package `linearity`; the "
    "folder carries the same code, for `trust_remote_code=True`",
    "stock": "a stock architecture; not tried here",
    "uneven": "a stock architecture whose blocks differ by a list that was cut; not tried here",
    "own_code": "only by running the code that lies in this folder; not tried here",
    "own_architecture": "does not know this architecture",
    "no_gguf": "a stock architecture, to be converted to GGUF first; not tried here",
}


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Everything that the papers of a folder tell.

    Parameters
    ----------
    request : RunRequest
    model, dataset : records of the inputs
    software : str
        Version of LinearScope.
    steps, point, dense, protocol : as in `ExportResult`
    architecture : Architecture
    proof : Proof
    delivery : Delivery
    """

    request: RunRequest
    model: ModelRecord
    dataset: DatasetRecord
    software: str
    steps: Sequence[MeasuredStep]
    point: Point
    dense: dict[str, float]
    protocol: Protocol
    architecture: Architecture
    proof: Proof
    delivery: Delivery


def write_papers(folder: Path, told: Exported) -> list[str]:
    """Write the card, ``plan.json`` and, for a plan that only drops, mergekit's recipe."""
    plan = parse_plan(told.request.params["plan"], blocks=told.model.blocks)
    papers = {
        CARD: card(told),
        PLAN: json.dumps(plan_file(told), indent=2, ensure_ascii=False) + "\n",
        RECIPE: mergekit(told.model, plan, told.architecture),
    }
    written = {name: text for name, text in papers.items() if text is not None}
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return sorted(written)


def plan_file(told: Exported) -> dict[str, Json]:
    """Return what ``plan.json`` holds: the question by its digests, and what was measured."""
    request = told.request
    return {
        "format": FORMAT,
        "run": request.run_id,
        "software": f"LinearScope {told.software}",
        "plan": request.params["plan"],
        "fitting": request.params["fitting"],
        "healed": request.params["healed"],
        "steps": [asdict(step) for step in told.steps],
        "model": {
            "name": base_name(told.model),
            "fingerprint": request.model,
            "blocks": told.model.blocks,
        },
        "dataset": {"name": told.dataset.name, "fingerprint": request.dataset},
        "params": request.params,
        "dense": dict(told.dense),
        "measured": {k: v for k, v in asdict(told.point).items() if k != "categories"},
        "protocol": asdict(told.protocol),
        "architecture": asdict(told.architecture),
        "proof": asdict(told.proof),
        "licence": told.delivery.licence,
    }


def card(told: Exported) -> str:
    """Return the model card: Markdown, whose first lines the hub reads."""
    parts = [
        _front_matter(told),
        f"# {told.delivery.name}",
        _what_it_is(told),
        _measured(told),
        _proven(told),
        _use(told.delivery),
        _runs_in(told.delivery),
        _terms(told),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(told: Exported) -> str:
    lines = ["library_name: transformers", "pipeline_tag: text-generation"]
    if told.model.source == "hub":
        lines += [f"base_model: {json.dumps(told.model.reference.partition('@')[0])}"]
    if told.delivery.licence:
        lines += [f"license: {json.dumps(told.delivery.licence)}"]
    return "\n".join(["---", *lines, "tags:", "- linearscope", "- pruned", "---"])


def _what_it_is(told: Exported) -> str:
    stock = (
        f"a stock `{told.architecture.name}` of transformers"
        if told.architecture.is_stock
        else f"`{told.architecture.name}`, which comes with the Python package `linearity` "
        "(the same code lies in this folder)"
    )
    healed = " The maps were healed by distillation." if told.request.params["healed"] else ""
    return (
        f"{plain(base_name(told.model))} with the plan `{told.request.params['plan']}`: "
        f"{told.point.changed} of {told.model.blocks} blocks changed (they count from 0)."
        f"{healed} The folder is {stock} with {told.architecture.blocks} entries and "
        f"{told.architecture.parameters:,} parameters (dense: "
        f"{told.architecture.dense_parameters:,}), in {told.architecture.dtype}.\n\n"
        f"Written by LinearScope {plain(told.software)}, run `{told.request.run_id}`; "
        f"[`{PLAN}`]({PLAN}) has the plan, all settings and every number below."
    )


def _measured(told: Exported) -> str:
    point, protocol = told.point, told.protocol
    low, high = point.ci95 or (None, None)
    interval = "no interval" if low is None else f"95 % interval {low:+.4f} to {high:+.4f}"
    rows = [
        ("loss, nats per token", f"{told.dense['nll']:.4f}", f"{point.nll:.4f}"),
        ("perplexity", f"{told.dense['ppl']:.2f}", f"{point.ppl:.2f}"),
        ("damage, nats per token", "", f"{point.nll_diff:+.4f} ({interval})"),
        ("KL from the dense model, nats", "", f"{point.kl:.4f}"),
        ("same likeliest next token", "", f"{point.top1:.1%}"),
    ]
    return (
        "## Measured\n\n"
        f"On {protocol.tokens:,} predictions in {protocol.documents} documents of "
        f"{plain(told.dataset.name)}, split `{protocol.split}`, windows of {protocol.context} "
        "tokens; no map was fitted on them. Plans are chosen on this split: measure a frozen one "
        "on text of your own. A plan is not harmless because these numbers look small.\n\n"
        "| | dense | this model |\n|---|---|---|\n"
        + "\n".join(f"| {name} | {dense} | {changed} |" for name, dense, changed in rows)
    )


def _proven(told: Exported) -> str:
    proof = told.proof
    versions = ", ".join(f"{name} {plain(v)}" for name, v in sorted(proof.versions.items()))
    written = proof.generated.whole
    return (
        "## Proven\n\n"
        f"A fresh process loaded this folder from the disk ({versions}; {plain(proof.device)}). "
        f"Its loss on {proof.tokens:,} predictions is {proof.nll:.6f} nats per token, that of the "
        f"plan in memory {proof.nll_plan:.6f}; its logits differ by {proof.logits_difference:.3g} "
        f"at most, of a largest size of {proof.logits_largest:.3g}. Of {written} tokens written "
        f"greedily, {proof.generated.same_as_plan} are the plan's, and "
        f"{proof.generated.same_without_cache} are the same without the cache."
    )


def _use(delivery: Delivery) -> str:
    lines = "\n".join(command.text for command in delivery.commands)
    return f"## Use\n\n```\n{lines}\n```"


def _runs_in(delivery: Delivery) -> str:
    said = {PROVEN: "yes", NO: "no"}
    rows = [
        f"| {_PROGRAMS[item.program]} {plain(item.version or '')}".rstrip() + " | "
        f"{said.get(item.status, 'not tested')} | {_REASONS[item.reason]} |"
        for item in delivery.runs_in
    ]
    return "## Runs in\n\n| program | | |\n|---|---|---|\n" + "\n".join(rows)


def _terms(told: Exported) -> str:
    named = told.delivery.licence
    says = f"names its licence as `{plain(named)}`" if named else "does not say its licence here"
    copied = ", ".join(f"`{name}`" for name in told.delivery.copied) or "none"
    return (
        "## Terms\n\n"
        f"The weights are derived from {plain(base_name(told.model))}, which {says}. Its terms "
        f"hold for this folder too. Files of the dense model, copied as they are: {copied}."
    )


def plain(text: str) -> str:
    """Return a name that people chose as text that Markdown leaves alone."""
    shown = "".join(mark if mark.isprintable() else " " for mark in text)
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>|#~&!$" else mark for mark in shown)
