"""Run one request in this process: load the inputs, call the kind's study, return a result."""

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
import transformers

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_records
from linearity.adapters.kind_studies import LESS_MEMORY, STUDIES, Enveloped, Run, reach_of
from linearity.adapters.packages import software_version
from linearity.adapters.placement import (
    RESIDENT,
    device_names,
    hold_to,
    place,
)
from linearity.adapters.resident import Resident
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.linearity import LinearityParams
from linearity.contracts.parameters import choice
from linearity.contracts.runs import RunRequest
from linearity.errors import OutOfDeviceMemoryError
from linearity.ports import Checkpoints, NoCheckpoints, Progress
from linearity.studies.helping import help_linearity
from linearity.studies.shards import Board
from linearity.studies.work import Work


def execute(  # noqa: PLR0913  # everything that a run needs of the outside, by name
    request: RunRequest,
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    device: str,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
    resident: Resident | None = None,
    device_memory: int | None = None,
    board: Board | None = None,
    out_dir: Path | None = None,
    adapters: Sequence[Path] = (),
) -> dict[str, Json]:
    """Compute the result of a request.

    Parameters
    ----------
    request : RunRequest
    model, dataset : records of the inputs that the request names by fingerprint
    store : ArtifactStore
    device : str
        "cpu", "cuda:N", or several of these joined by commas.
    progress : Progress
        Receives progress and partial results; may raise to stop.
    checkpoints : Checkpoints, optional
        Where long kinds keep what is finished.
    resident : Resident, optional
        What earlier runs of this process left in memory.
    device_memory : int, optional
        Bytes of the device's memory that the run may take; all that is free by default.
    board : Board, optional
        Where other processes take shards of a wide run.
    out_dir : Path, optional
        Folder that an export becomes; by default its files become objects of the store.
    adapters : sequence of Path, optional
        Folders of LoRA adapters that are renumbered beside `out_dir`.

    Raises
    ------
    LinearScopeError
        Any of the tree, see linearity/errors.py.
    """
    started = time.monotonic()
    hold_to(device, device_memory)
    envelope = _envelope(request, model, dataset)
    run = Run(
        request=request,
        model=model,
        dataset=dataset,
        store=store,
        placement=place(request, model, device=device, most=device_memory),
        progress=Enveloped(progress, envelope),
        checkpoints=checkpoints or NoCheckpoints(),
        resident=resident or Resident(),
        board=board,
        out_dir=out_dir,
        adapters=tuple(adapters),
    )
    # A GPU of another generation must not round more coarsely without a word.
    torch.set_float32_matmul_precision("highest")
    try:
        found = STUDIES[choice("kind", request.kind, tuple(STUDIES))](run)
    except torch.OutOfMemoryError as error:
        run.resident.clear()
        raise OutOfDeviceMemoryError(
            f"{device} ran out of memory",
            next_step=LESS_MEMORY.get(request.kind, "Use fewer fit_tokens or select_tokens."),
            device=device,
        ) from error
    environment = _environment(run, time.monotonic() - started, found.work)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found.as_json(**envelope, created=created, environment=environment)


def help_execute(  # noqa: PLR0913  # what `execute` is given
    request: RunRequest,
    *,
    model: ModelRecord,
    dataset: DatasetRecord,
    store: ArtifactStore,
    device: str,
    progress: Progress,
    board: Board,
    device_memory: int | None = None,
) -> int:
    """Compute shards of a run that another process owns, until none is free; return how many.

    Takes what `execute` was given there. A model that does not fit here whole is left to others.

    Raises
    ------
    LinearScopeError
        Any of the tree, see linearity/errors.py.
    """
    hold_to(device, device_memory)
    placement = place(request, model, device=device, most=device_memory)
    if placement.mode != RESIDENT:
        progress.log(f"no help from here: {placement.why}")
        return 0
    torch.set_float32_matmul_precision("highest")
    params = LinearityParams(**request.params)  # type: ignore[arg-type]  # written by as_json
    return help_linearity(
        load_model(
            model,
            store,
            device=placement.device,
            dtype=params.dtype,
            attention=params.attention,
        ),
        load_records(dataset, store),
        params,
        progress,
        reach=reach_of(params),
        board=board,
    )


def _envelope(request: RunRequest, model: ModelRecord, dataset: DatasetRecord) -> dict[str, Json]:
    return {
        "id": request.run_id,
        "kind": request.kind,
        "schema": request.schema,
        "method": request.method,
        "model": {
            "id": model.id,
            "name": model.name,
            "fingerprint": model.fingerprint,
            "blocks": model.blocks,
            "width": model.width,
            "dtype": request.params["dtype"],
        },
        "dataset": {"id": dataset.id, "name": dataset.name, "fingerprint": dataset.fingerprint},
        "params": request.params,
    }


def _environment(run: Run, seconds: float, work: Work | None) -> dict[str, Json]:
    devices = run.placement.devices
    counted: dict[str, Json] = {}
    if work is not None:
        counted = {
            "block_runs": work.block_runs,
            "head_runs": work.head_runs,
            "forward_flops": work.forward_flops,
        }
    return {
        "linearscope": software_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": devices,
        "device_name": device_names(devices) or platform.machine(),
        "mode": run.placement.mode,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 3),
        **counted,
        **({} if run.board is None else run.board.used()),
    }
