"""The own questions as a folder that lm-evaluation-harness reads with ``--include_path``."""

import json
from collections.abc import Sequence
from pathlib import Path

from linearity.adapters.harness import OWN_CONFIG, own_rows
from linearity.contracts.benchmark import OWN_TASK
from linearity.contracts.canonical import canonical_json
from linearity.contracts.inputs import Document


def write_task_folder(questions: Sequence[Document], folder: Path, *, ending: str) -> None:
    """Write a task of the own questions, the very rows that a run asks.

    Parameters
    ----------
    questions : sequence of Document
    folder : Path
        Made if it is not there; the task names its rows by their whole path.
    ending : str
        As the run's parameter.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder.resolve() / f"{OWN_TASK}.jsonl"
    lines = [canonical_json(row) for row in own_rows(questions, ending=ending)]
    rows.write_bytes(b"\n".join(lines) + b"\n")
    task = OWN_CONFIG | {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
    }
    # JSON is YAML too.
    (folder / f"{OWN_TASK}.yaml").write_text(json.dumps(task, indent=2) + "\n", encoding="utf-8")
