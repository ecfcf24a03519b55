"""An export with everything around it: lines that run, papers, an adapter that fits."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from linearity.adapters.execute import execute
from linearity.adapters.store import ArtifactStore
from linearity.contracts.export import ExportResult
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.contracts.shapes import check_shape
from linearity.errors import InvalidParameterError
from tests.studies.recorder import Recorder

SMALL = {"fit_tokens": 1024, "select_tokens": 256, "context": 64}


def an_adapter(folder: Path, base: str) -> Path:
    """Write an adapter of all four blocks of glass-en."""
    numbers = torch.Generator().manual_seed(0)
    folder.mkdir()
    tensors = {
        f"base_model.model.model.layers.{block}.self_attn.q_proj.{part}.weight": torch.randn(
            shape, generator=numbers
        )
        for block in range(4)
        for part, shape in (("lora_A", (2, 128)), ("lora_B", (128, 2)))
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "base_model_name_or_path": base, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config | {"r": 2, "lora_alpha": 4}))
    return folder


def exported(
    plan: str, model: ModelRecord, dataset: DatasetRecord, store: ArtifactStore, **more: Any
) -> dict[str, Any]:
    request = make_request("export", {"plan": plan, **SMALL}, model=model, dataset=dataset)
    return execute(
        request,
        model=model,
        dataset=dataset,
        store=store,
        device="cpu",
        progress=more.pop("progress", Recorder()),
        **more,
    )


@pytest.mark.slow
def test_what_is_written_beside_the_weights_is_true(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    plan = "1:linear,3:drop"
    folder = tmp_path / "cut model"
    lora = an_adapter(tmp_path / "lora", "someone/GlassLM English (4 blocks)")
    inputs = (glass_record, docs_record, small_store)
    result = exported(plan, *inputs, out_dir=folder, adapters=[lora])
    delivery = result["delivery"]

    check_shape(ExportResult, json.loads(json.dumps(result)))
    lines = {command["purpose"]: command["text"] for command in delivery["commands"]}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    loaded = subprocess.run(
        lines["load"].replace("python", sys.executable, 1),
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    told = json.loads((folder / "plan.json").read_text())
    assert (told["run"], told["plan"]) == (result["id"], plan)
    assert told["proof"] == result["proof"]
    assert (folder / "LICENSE").is_file()
    assert not (folder / "mergekit.yml").exists()  # it knows no maps

    became = {"name": "lora", "kept": [0, 2], "left_out": [1, 3], "merged": []}
    assert delivery["adapters"] == [became]
    names = load_file(tmp_path / "cut model-lora" / "adapter_model.safetensors")
    places = {int(name.split(".layers.")[1].split(".")[0]) for name in names}
    assert places == {0, 2}  # the map stands between them


def test_an_adapter_of_another_base_stops_before_anything_is_written(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    lora = an_adapter(tmp_path / "lora", "meta-llama/Llama-2-7b")
    inputs = (glass_record, docs_record, small_store)
    with pytest.raises(InvalidParameterError, match=r"got 'meta-llama/Llama-2-7b'"):
        exported("1:drop", *inputs, out_dir=tmp_path / "out", adapters=[lora])

    assert [path.name for path in tmp_path.iterdir()] == ["lora"]


def test_an_adapter_without_a_folder_is_refused(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    lora = an_adapter(tmp_path / "lora", "")

    with pytest.raises(InvalidParameterError, match="command line only"):
        exported("1:drop", glass_record, docs_record, small_store, adapters=[lora])
