"""The worst models we know, registered over HTTP: refused with a reason; nobody else suffers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.main import create_app
from tests.adapters.tiny_llama import CONFIG, tokenizer_json, write_tiny_llama
from tests.backend.serving import serving
from tests.servers import eventually
from tests.system.house import House

pytestmark = [pytest.mark.system, pytest.mark.slow]

Break = Callable[[Path], object]


def tokenizer(**values: Any) -> Break:
    spelled = json.dumps(tokenizer_json() | values)
    return lambda folder: (folder / "tokenizer.json").write_text(spelled)


REPLACE = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
SPLIT = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
PADDING = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None,
           "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"}  # fmt: skip
WORST: dict[str, tuple[Break, str]] = {
    "replacements": (
        tokenizer(normalizer={"type": "Sequence", "normalizers": [REPLACE] * 7}),
        "10,000,000 times as long",
    ),
    "expression": (tokenizer(pre_tokenizer=SPLIT), "PanicException"),
    "padding": (tokenizer(padding=PADDING), "pads every text to 1,000,000,000"),
    "labels": (
        lambda f: (f / "config.json").write_text(json.dumps(CONFIG | {"num_labels": 10**8})),
        "num_labels is 100000000",
    ),
}


def test_the_worst_models_are_rejected_and_the_same_worker_goes_on(
    house: House, tmp_path: Path
) -> None:
    for name, (breaking, _) in WORST.items():
        breaking(write_tiny_llama(tmp_path / name))
    write_tiny_llama(tmp_path / "sound")
    worker = house.start_worker(LINEARSCOPE_MODEL_ROOTS=str(tmp_path))
    app = create_app(replace(house.settings, model_roots=(tmp_path,)))
    with serving(app) as address, httpx.Client(base_url=f"{address}/api/v1") as client:
        ids = {name: registered(client, tmp_path / name) for name in [*WORST, "sound"]}
        seen = {name: settled(client, id) for name, id in ids.items()}

    for name, (_, words) in WORST.items():
        assert seen[name]["state"] == "rejected"
        assert words in seen[name]["problem"]["message"]
        assert seen[name]["problem"]["data"]["reasons"][0]["file"].endswith(".json")
    assert seen["sound"]["state"] == "ready"
    assert worker.poll() is None
    assert len(house.queue.workers()) == 1


def registered(client: httpx.Client, folder: Path) -> str:
    answer = client.post("/models", json={"source": "path", "path": str(folder)})
    assert answer.status_code in (201, 202), answer.text
    return str(answer.json()["id"])


def settled(client: httpx.Client, id: str) -> dict[str, Any]:
    def get() -> dict[str, Any]:
        return dict(client.get(f"/models/{id}").json())

    eventually(lambda: get()["state"] != "inspecting", seconds=120)
    return get()
