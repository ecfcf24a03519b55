"""The order of work of the kind `export`: measure, write, prove, publish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from linearity.adapters.export_folder import (
    check_destination,
    publish_folder,
    publish_objects,
    staged_folder,
    store_staging,
)
from linearity.adapters.export_papers import Exported, write_papers
from linearity.adapters.export_proof import Claim, proof_warnings, prove
from linearity.adapters.lora_desk import AdapterDesk
from linearity.adapters.machine import memory_bytes
from linearity.adapters.packages import software_version
from linearity.adapters.resident import Resident
from linearity.adapters.side_files import copy_side_files
from linearity.adapters.store import ArtifactStore
from linearity.adapters.written_model import write_model
from linearity.contracts.actions import parse_plan
from linearity.contracts.delivery import Delivery
from linearity.contracts.export import Architecture, ExportParams, Proof
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.runs import RunRequest
from linearity.contracts.serving import deliver, folder_name
from linearity.models.healed import HealedWeights
from linearity.ports import Progress
from linearity.studies.export import ExportMeasurement, measure_export
from linearity.studies.export_finding import export_finding
from linearity.studies.material import Material

STAGES = 4
ROOM_FOR_A_SECOND = 1.3
"""Free memory that a second copy of the weights needs, as a multiple of them."""


@dataclass(frozen=True)
class Outside:
    """What an export needs beside the model and the text.

    Parameters
    ----------
    request : RunRequest
    model : ModelRecord
        Whose side files are copied.
    dataset : DatasetRecord
    store : ArtifactStore
    resident : Resident
        Gives way where both copies of the model would not fit.
    device : str
    progress : Progress
    check : callable
        Called often; may raise to stop.
    out_dir : Path or None
        Where the folder shall be; None for objects of the store.
    adapters : sequence of Path
        Folders of LoRA adapters of the dense model, which are renumbered beside `out_dir`.
    """

    request: RunRequest
    model: ModelRecord
    dataset: DatasetRecord
    store: ArtifactStore
    resident: Resident
    device: str
    progress: Progress
    check: Callable[[], None]
    out_dir: Path | None
    adapters: Sequence[Path] = ()

    @property
    def name(self) -> str:
        """What the folder is called."""
        if self.out_dir is not None:
            return self.out_dir.absolute().name
        plan = parse_plan(self.request.params["plan"], blocks=self.model.blocks)
        return folder_name(self.model.name, plan, self.request.run_id)


def export(
    material: Callable[[], Material],
    params: ExportParams,
    healed: HealedWeights | None,
    outside: Outside,
) -> dict[str, Any]:
    """Write the folder of a plan, prove it, and publish it; return the values of its result.

    `material` is asked for what plans are measured with, which is not held on to: the process
    that proves the folder needs the room.

    Raises
    ------
    InvalidParameterError
        If the folder cannot be where it was wanted, before anything is computed.
    NotProvenError, DiskFullError
        Then nothing of it is left.
    """
    out_dir, step = outside.out_dir, outside.progress.step
    within = store_staging(outside.store) if out_dir is None else check_destination(out_dir)
    step(0, STAGES, "stages", 0.0)
    attempt = outside.request.run_id if out_dir is None else ""
    with staged_folder(within, attempt) as staged, AdapterDesk(out_dir, outside.adapters) as desk:
        held = material()
        desk.read(outside.model, held.model)
        measured, architecture = _written(staged, held, params, healed, outside)
        del held
        copied = copy_side_files(outside.model, outside.store, staged)
        step(2, STAGES, "stages", 0.7)
        _make_room(outside, architecture.weight_bytes)
        claim = Claim(
            folder=staged,
            architecture=architecture.name,
            model_type=architecture.model_type,
            parameters=architecture.parameters,
            dtype=params.dtype,
            attention=params.attention,
            questions=measured.questions,
            answers=measured.witness,
        )
        proof = prove(claim, device=outside.device, check=outside.check)
        step(3, STAGES, "stages", 0.95)
        delivery = deliver(
            outside.name,
            outside.model,
            architecture,
            proof,
            copied.names,
            desk.write(architecture, outside.name),
        )
        write_papers(staged, _told(outside, measured, architecture, proof, delivery))
        if out_dir is None:
            files = publish_objects(staged, outside.store)
        else:
            files = publish_folder(staged, out_dir)
            desk.publish(outside.progress.log)
    step(STAGES, STAGES, "stages", 1.0)
    _log(outside.progress, architecture, proof, out_dir)
    return {
        "splits": measured.splits,
        "protocol": measured.protocol,
        "dense": measured.dense,
        "steps": measured.steps,
        "point": measured.point,
        "architecture": architecture,
        "proof": proof,
        "delivery": delivery,
        "files": files,
        "finding": export_finding(architecture, proof, measured.point),
        "warnings": measured.warnings + proof_warnings(proof) + copied.warnings,
    }


def _told(
    outside: Outside,
    measured: ExportMeasurement,
    architecture: Architecture,
    proof: Proof,
    delivery: Delivery,
) -> Exported:
    return Exported(
        request=outside.request,
        model=outside.model,
        dataset=outside.dataset,
        software=software_version(),
        steps=measured.steps,
        point=measured.point,
        dense=measured.dense,
        protocol=measured.protocol,
        architecture=architecture,
        proof=proof,
        delivery=delivery,
    )


def _written(
    staged: Path,
    material: Material,
    params: ExportParams,
    healed: HealedWeights | None,
    outside: Outside,
) -> tuple[ExportMeasurement, Architecture]:
    """Measure the plan in memory and write its weights and configuration."""
    measured = measure_export(material, params, healed)
    step = outside.progress.step
    step(1, STAGES, "stages", 0.5)
    architecture = write_model(
        staged,
        material.model,
        measured.changes,
        dtype=params.dtype,
        max_shard_bytes=params.max_shard_bytes,
        told=lambda share: step(1, STAGES, "stages", 0.5 + 0.2 * share),
    )
    return measured, architecture


def _make_room(outside: Outside, weight_bytes: int) -> None:
    """Let the model in memory go where a second one would not fit beside it."""
    if outside.device.startswith("cuda"):
        torch.cuda.empty_cache()
        free = torch.cuda.mem_get_info(outside.device)[0]
    else:
        # The material holds states and maps, too.
        free = memory_bytes() // 2
    if free < ROOM_FOR_A_SECOND * weight_bytes:
        outside.resident.clear()


def _log(
    progress: Progress, architecture: Architecture, proof: Proof, out_dir: Path | None
) -> None:
    where = "" if out_dir is None else f" in {out_dir}"
    progress.log(
        f"{architecture.name} of {architecture.blocks} blocks{where}: a fresh process gives "
        f"{proof.nll:.6f} nats per token (in memory {proof.nll_plan:.6f}), logits differ by "
        f"{proof.logits_difference:.3g} at most"
    )
