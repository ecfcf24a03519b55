"""A finished `export` run with real files in the store, made without a worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.dependencies import Services
from linearity.adapters.results import store_result
from linearity.adapters.state import RunRow
from linearity.contracts.canonical import sha256_hex
from linearity.contracts.kept import kept_objects
from linearity.contracts.runs import RunRequest
from tests.backend.builders import current, ready_inputs

NAME = "GlassLM-drop1-0123abcd"


def an_export(services: Services, files: Mapping[str, bytes], *, owner: str = "local") -> RunRow:
    """Finish an export whose folder has `files`."""
    model, dataset = ready_inputs(services)
    assert model.record
    request = RunRequest("export", 1, 1, "a" * 64, "b" * 64, {"plan": "1:drop", "owner": owner})
    run = services.state.submit(request, model=model, dataset=dataset, owner=owner).run
    assert services.state.start_attempt(run.id, run.attempt, "worker-1")
    kept = [
        {"name": name, "sha256": services.store.put(data), "bytes": len(data)}
        for name, data in sorted(files.items())
    ]
    value: dict[str, Any] = {
        "id": run.id,
        "kind": "export",
        "created": "2026-11-25T08:00:00Z",
        "model": {"name": "GlassLM"},
        "delivery": {"name": NAME, "licence": "mit"},
        "files": kept,
    }
    sha256, _ = store_result(value, services.store)
    objects = kept_objects(value)
    assert services.state.finish(run.id, run.attempt, sha256, 1.5, objects=objects)
    return current(services, run)


def folder_files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256_hex(data) for name, data in files.items()}
