"""An export is a folder that a fresh process has loaded, or nothing at all."""

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from linearity.adapters.execute import execute
from linearity.adapters.export_check import examine, write_task
from linearity.adapters.export_folder import check_room
from linearity.adapters.export_proof import Claim, judge, prove
from linearity.adapters.store import ArtifactStore
from linearity.contracts.export import parse_params
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.errors import DiskFullError, InvalidParameterError, NotProvenError, RunCancelledError
from linearity.models.loaded import LoadedModel
from linearity.models.witness import witness
from linearity.studies.export import ExportMeasurement, measure_export
from linearity.studies.material import Material
from tests.studies.recorder import Recorder

PLAN = "1:drop,3:merged"
SMALL = {"fit_tokens": 1024, "select_tokens": 512}


@pytest.fixture(scope="module")
def measured(
    glass: LoadedModel,
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
) -> ExportMeasurement:
    """A plan of glass-en in memory, which has answered what folders are asked."""
    from linearity.adapters.inputs import load_records

    params = parse_params({"plan": "1:drop", "attention": "eager", **SMALL}, model=glass_record)
    records = load_records(docs_record, small_store)
    return measure_export(Material.of(glass, records, params.sampling), params, None)


@pytest.mark.slow
def test_a_fresh_process_proves_the_folder_that_a_run_leaves(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    request = make_request(
        "export",
        {"plan": PLAN, "max_shard_bytes": 1_000_000, **SMALL},
        model=glass_record,
        dataset=docs_record,
    )
    folder = tmp_path / "pruned"
    recorder = Recorder()
    result: Any = execute(
        request,
        model=glass_record,
        dataset=docs_record,
        store=small_store,
        device="cpu",
        progress=recorder,
        out_dir=folder,
    )
    proof, architecture = result["proof"], result["architecture"]

    assert [path.name for path in tmp_path.iterdir()] == ["pruned"]
    assert {file["name"] for file in result["files"]} == {p.name for p in folder.iterdir()}
    assert architecture["origins"] == [[0, 0], [2, 3]]
    assert proof["parameters"] == architecture["parameters"]
    assert proof["logits_difference"] <= 1e-5
    assert abs(proof["nll"] - result["point"]["nll"]) <= 1e-5
    assert proof["saved_again"]
    assert proof["generated"]["same_as_plan"] == proof["generated"]["same_without_cache"] == 32
    assert recorder.steps[-1][-1] == 1.0


def test_a_folder_is_refused_before_anything_is_computed(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").write_text("")
    request = make_request("export", {"plan": "1:drop"}, model=glass_record, dataset=docs_record)
    with pytest.raises(InvalidParameterError, match="does not exist, or is empty"):
        execute(
            request,
            model=glass_record,
            dataset=docs_record,
            store=ArtifactStore(tmp_path / "no model here"),
            device="cpu",
            progress=Recorder(),
            out_dir=tmp_path / "mine",
        )


def test_a_run_that_is_cancelled_while_it_writes_leaves_nothing(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    request = make_request(
        "export", {"plan": "1:drop", **SMALL}, model=glass_record, dataset=docs_record
    )
    with pytest.raises(RunCancelledError):
        execute(
            request,
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device="cpu",
            progress=Recorder(stop_at=0.6),
            out_dir=tmp_path / "pruned",
        )

    assert list(tmp_path.iterdir()) == []


def test_the_process_that_proves_ends_with_the_run(
    measured: ExportMeasurement, dense_folder: Path
) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        raise RunCancelledError("stop")

    with pytest.raises(RunCancelledError):
        prove(claim_of(dense_folder, measured), device="cpu", check=check)

    assert len(asked) == 1
    assert [path.name for path in dense_folder.parent.iterdir()] == [dense_folder.name]


def test_a_folder_that_cannot_be_loaded_is_no_export(
    measured: ExportMeasurement, dense_folder: Path
) -> None:
    (dense_folder / "config.json").write_text("{}")
    with pytest.raises(NotProvenError, match="could not load the folder: "):
        prove(claim_of(dense_folder, measured), device="cpu", check=lambda: None)


def weights_without_one(weights: dict[str, torch.Tensor]) -> None:
    del weights["model.layers.2.mlp.down_proj.weight"]


def another_weight(weights: dict[str, torch.Tensor]) -> None:
    weights["model.norm.weight"] *= 1.2


def not_a_number(weights: dict[str, torch.Tensor]) -> None:
    weights["model.norm.weight"][0] = float("nan")


def nothing(weights: dict[str, torch.Tensor]) -> None:
    """Leave a whole dense model: one block too many for the plan."""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (weights_without_one, "missing_keys"),
        (another_weight, "its loss is"),
        (not_a_number, "its loss is nan"),
        (nothing, "parameters"),
    ],
)
def test_a_folder_that_is_not_the_plan_is_no_export(
    change: Callable[[dict[str, torch.Tensor]], None],
    said: str,
    measured: ExportMeasurement,
    glass: LoadedModel,
    dense_folder: Path,
    tmp_path: Path,
) -> None:
    weights = load_file(dense_folder / "model.safetensors")
    change(weights)
    save_file(weights, dense_folder / "model.safetensors", {"format": "pt"})
    dense = witness(glass.network, measured.questions)
    parameters = sum(p.numel() for p in glass.network.parameters()) - (change is nothing)
    claim = claim_of(dense_folder, measured, answers=dense, parameters=parameters)

    with pytest.raises(NotProvenError, match=said):
        judge(claim, looked_at(claim, tmp_path), device="cpu", seconds=0.0)


def test_a_folder_that_is_the_model_in_memory_is_proven(
    measured: ExportMeasurement, glass: LoadedModel, dense_folder: Path, tmp_path: Path
) -> None:
    dense = witness(glass.network, measured.questions)
    parameters = sum(p.numel() for p in glass.network.parameters())
    claim = claim_of(dense_folder, measured, answers=dense, parameters=parameters)
    proof = judge(claim, looked_at(claim, tmp_path), device="cpu", seconds=0.0)

    assert proof.logits_difference == 0.0
    assert proof.nll_plan == pytest.approx(measured.dense["nll"], abs=1e-6)
    assert proof.saved_again


def test_a_disk_without_room_leaves_no_folder(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    request = make_request(
        "export", {"plan": "1:drop", **SMALL}, model=glass_record, dataset=docs_record
    )
    with largest_file(1 << 20), pytest.raises(DiskFullError, match="has no room for the export"):
        execute(
            request,
            model=glass_record,
            dataset=docs_record,
            store=small_store,
            device="cpu",
            progress=Recorder(),
            out_dir=tmp_path / "pruned",
        )

    assert list(tmp_path.iterdir()) == []


def test_what_the_disk_cannot_hold_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="are needed and"):
        check_room(tmp_path, 1 << 60)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse longer files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def dense_folder(glass_folder: Callable[[], Path], tmp_path: Path) -> Path:
    """A folder with the whole of glass-en, alone in another one."""
    alone = tmp_path / "alone" / "model"
    shutil.copytree(glass_folder(), alone)
    return alone


def claim_of(folder: Path, measured: ExportMeasurement, **changes: Any) -> Claim:
    values: dict[str, Any] = {
        "folder": folder,
        "architecture": "LlamaForCausalLM",
        "model_type": "llama",
        "parameters": 0,
        "dtype": "float32",
        "attention": "eager",
        "questions": measured.questions,
        "answers": measured.witness,
    }
    return Claim(**values | changes)


def looked_at(claim: Claim, work: Path) -> dict[str, Any]:
    """Return what the fresh process would report, without starting one."""
    task = {"model_type": "llama", "device": "cpu", "attention": claim.attention}
    write_task(work, task, claim.questions, claim.answers)
    report: dict[str, Any] = json.loads(json.dumps(examine(claim.folder, work, task)))
    return report
