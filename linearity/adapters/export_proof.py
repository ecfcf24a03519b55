"""Has a fresh process load an export from the disk, and judges what it found."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from linearity.adapters.export_check import REPORT, write_task
from linearity.adapters.export_folder import PREFIX, check_room, staged_folder
from linearity.adapters.lifetime import parent_guard
from linearity.contracts.export import LARGEST_NLL_DIFFERENCE, Generated, Proof
from linearity.contracts.runs import RunWarning
from linearity.errors import NotProvenError
from linearity.models.witness import Questions, Witness

POLL_SECONDS = 0.2
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Claim:
    """What a folder is said to be.

    Parameters
    ----------
    folder : Path
    architecture : str
        Class that must come of loading it.
    model_type : str
    parameters : int
    dtype, attention : str
    questions : Questions
    answers : Witness
        Of the plan in memory.
    """

    folder: Path
    architecture: str
    model_type: str
    parameters: int
    dtype: str
    attention: str
    questions: Questions
    answers: Witness


def prove(claim: Claim, *, device: str, check: Callable[[], None]) -> Proof:
    """Return what a fresh process found.

    Parameters
    ----------
    claim : Claim
    device : str
        Where it computes: the one that the plan in memory was asked on.
    check : callable
        Called often; may raise to stop, which ends the process.

    Raises
    ------
    NotProvenError
        If it could not load the folder, or found something else.
    DiskFullError
        If the disk filled up meanwhile.
    """
    started = time.monotonic()
    # Named after the folder: what a killed attempt left goes with the next one.
    name = f"{claim.folder.name.removeprefix(PREFIX)}-proof"
    with staged_folder(claim.folder.parent, name) as work:
        task = {
            "folder": str(claim.folder.absolute()),
            "model_type": claim.model_type,
            "device": device,
            "attention": claim.attention,
            "threads": torch.get_num_threads(),
        }
        write_task(work, task, claim.questions, claim.answers)
        _run(work, check)
        report = json.loads((work / REPORT).read_text())
    return judge(claim, report, device=device, seconds=time.monotonic() - started)


def proof_warnings(proof: Proof) -> list[RunWarning]:
    """Return what to know about a folder that is proven all the same."""
    generated, warnings = proof.generated, []
    if min(generated.same_as_plan, generated.same_without_cache) < generated.whole:
        warnings.append(
            RunWarning(
                "generation_parts",
                f"of {generated.whole} tokens written greedily, {generated.same_as_plan} are those "
                f"of the plan in memory and {generated.same_without_cache} those without the "
                "cache: sixteen-bit numbers round near ties either way",
                {
                    "tokens": generated.whole,
                    "same_as_plan": generated.same_as_plan,
                    "same_without_cache": generated.same_without_cache,
                },
            )
        )
    if proof.saved_again is None:
        warnings.append(
            RunWarning("not_saved_again", "the disk had no room to try whether it saves again", {})
        )
    return warnings


def _run(work: Path, check: Callable[[], None]) -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    said = work / "said"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "linearity.adapters.export_check", str(work)],
            env={**os.environ, **_OFFLINE, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=parent_guard(),
        )
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                check()
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        check_room(work, 0)  # what a full disk stops says nothing about the folder
        raise _unproven(f"a fresh process could not load the folder: {_last_words(said)}")


def _last_words(said: Path) -> str:
    lines = said.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it ended without a word, perhaps for lack of memory"


def _proof(report: dict[str, Any], device: str, seconds: float) -> Proof:
    return Proof(
        tokens=report["tokens"],
        nll_plan=report["nll_plan"],
        nll=report["nll"],
        nll_difference=abs(report["nll"] - report["nll_plan"]),
        logits_difference=report["logits_difference"],
        logits_largest=report["logits_largest"],
        top1=report["top1"],
        generated=Generated(
            prompts=report["prompts"],
            tokens=report["new_tokens"],
            same_as_plan=report["same_as_plan"],
            same_without_cache=report["same_without_cache"],
        ),
        parameters=report["parameters"],
        saved_again=report["saved_again"],
        device=device,
        seconds=round(seconds, 3),
        versions=report["versions"],
    )


def judge(claim: Claim, report: dict[str, Any], *, device: str, seconds: float) -> Proof:
    """Return what a process reported about a folder, if the folder is the plan.

    Raises
    ------
    NotProvenError
    """
    proof = _proof(report, device, seconds)
    if report["loading"]:
        raise _unproven(f"loading it reported {json.dumps(report['loading'])[:300]}")
    if report["architecture"] != claim.architecture:
        raise _unproven(f"it loads as {report['architecture']}, wanted {claim.architecture}")
    if proof.parameters != claim.parameters:
        raise _unproven(
            f"it has {proof.parameters:,} parameters, the plan has {claim.parameters:,}"
        )
    # Written so that NaN is refused, too.
    if not (report["finite"] and proof.nll_difference <= LARGEST_NLL_DIFFERENCE):
        raise _unproven(
            f"its loss is {proof.nll:.6f} nats per token, that of the plan {proof.nll_plan:.6f}; "
            f"{LARGEST_NLL_DIFFERENCE:g} is the most that they may differ",
            nll=proof.nll,
            nll_plan=proof.nll_plan,
        )
    written = min(proof.generated.same_as_plan, proof.generated.same_without_cache)
    alike = report["plan_same_without_cache"] == proof.generated.whole
    if claim.dtype == "float32" and alike and written < proof.generated.whole:
        raise _unproven(
            f"of {proof.generated.whole} tokens written greedily only {written} are the plan's, "
            "with and without the cache"
        )
    if proof.saved_again is False:
        raise _unproven("save_pretrained writes other weights than it loaded")
    return proof


def _unproven(how: str, **data: object) -> NotProvenError:
    return NotProvenError(
        f"the export is not what the plan is: {how}",
        next_step="Try dtype=float32; if it happens again, report it with plan and versions.",
        **data,
    )
