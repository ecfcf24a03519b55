"""An export with linear blocks: registered and measured again, loadable without this package."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from linearity.adapters.execute import execute
from linearity.adapters.inputs import prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import DatasetRecord, ModelRecord
from linearity.contracts.kinds import make_request
from linearity.errors import InvalidParameterError, RejectedInputError
from tests.conftest import quiet
from tests.studies.recorder import Recorder

SMALL = {"fit_tokens": 1024, "select_tokens": 512}
PLAN = "1-2:linear"

WITHOUT_PACKAGE = """
import json, sys
sys.modules["linearity"] = None  # not to be found here
import torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
ids = torch.tensor([json.loads(sys.argv[2])])
with torch.inference_mode():
    print(json.dumps([type(model).__name__, model(ids).logits[0, -1].tolist()]))
"""


@pytest.fixture(scope="module")
def exported(
    glass_record: ModelRecord,
    docs_record: DatasetRecord,
    small_store: ArtifactStore,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any]]:
    """The folder of a plan with a span of two blocks in one map, and its result."""
    folder = tmp_path_factory.mktemp("exports") / "linear"
    request = make_request(
        "export", {"plan": PLAN, **SMALL}, model=glass_record, dataset=docs_record
    )
    result: Any = execute(
        request,
        model=glass_record,
        dataset=docs_record,
        store=small_store,
        device="cpu",
        progress=Recorder(),
        out_dir=folder,
    )
    return folder, result


@pytest.fixture(scope="module")
def record(exported: tuple[Path, dict[str, Any]], small_store: ArtifactStore) -> ModelRecord:
    """The same folder, taken in like anybody's."""
    folder, _ = exported
    return prepare_model(str(folder), store=small_store, roots=[folder.parent], log=quiet)


@pytest.mark.slow
def test_it_says_that_it_is_not_stock(exported: tuple[Path, dict[str, Any]]) -> None:
    folder, result = exported
    found = result["architecture"]

    assert (found["is_stock"], found["linear_blocks"]) == (False, [1])
    assert found["origins"] == [[0, 0], [1, 2], [3, 3]]
    assert found["model_type"] == "linearscope_llama"
    assert result["proof"]["logits_difference"] <= 1e-5
    assert "modeling_linearscope.py" in {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_it_registers_again_and_its_linear_block_is_linear(
    record: ModelRecord, docs_record: DatasetRecord, small_store: ArtifactStore
) -> None:
    params: dict[str, Json] = {"tokens": 2048, "pairs": "adjacent"}
    request = make_request("linearity", params, model=record, dataset=docs_record)
    result: Any = execute(
        request,
        model=record,
        dataset=docs_record,
        store=small_store,
        device="cpu",
        progress=Recorder(),
    )
    scores = result["profile"]["r2_heldout"]

    assert (record.family, record.blocks) == ("linearscope_llama", 3)
    assert any("is not run" in warning for warning in record.warnings)
    assert scores[1] == pytest.approx(1.0, abs=1e-6)
    assert max(scores[0], scores[2]) < 0.999


@pytest.mark.slow
def test_kinds_that_change_a_model_want_the_one_it_was_made_from(
    record: ModelRecord, docs_record: DatasetRecord
) -> None:
    with pytest.raises(InvalidParameterError, match="change the model that it was made from"):
        make_request("plan", {"plan": "0:drop"}, model=record, dataset=docs_record)


@pytest.mark.slow
def test_its_own_file_is_enough_where_the_package_is_not(
    exported: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    folder, _ = exported
    ids = [5, 9, 200, 31]
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGE, str(folder), json.dumps(ids)],
        env={**os.environ, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    name, logits = json.loads(said.strip().splitlines()[-1])
    ours: Any = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False).eval()
    with torch.inference_mode():
        expected = ours(torch.tensor([ids])).logits[0, -1]

    assert name == type(ours).__name__ == "LinearLlamaForCausalLM"
    torch.testing.assert_close(torch.tensor(logits), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [None, [], [0, 1, 2], [1, 1], [2, 1], [3], ["1"], [True], 1])
def test_a_list_of_linear_blocks_that_makes_no_sense_is_refused(
    blocks: object,
    exported: tuple[Path, dict[str, Any]],
    small_store: ArtifactStore,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported[0], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"linear_blocks": blocks}))

    with pytest.raises(RejectedInputError, match="linear_blocks"):
        prepare_model(str(folder), store=small_store, roots=[tmp_path], log=quiet)
