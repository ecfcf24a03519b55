"""Hub and folders through the API: search, preflight, pinned models, series."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.dependencies import Services
from linearity.adapters.hub_place import HubPlace
from linearity.adapters.settings import Settings
from tests.backend.builders import ORIGIN
from tests.backend.conftest import open_app
from tests.hub_server import Hub, commit_of, serving_hub

HUB = "/api/v1/hub/models"
FOLDERS = "/api/v1/folders"
MODELS = "/api/v1/models"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import close_session

    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving_hub() as hub:
        yield hub
    close_session()


@pytest.fixture
def hub_settings(hub: Hub, settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, hub=HubPlace(endpoint=hub.endpoint, cache=tmp_path / "hub-cache"))


@pytest.fixture
def hub_app(hub_settings: Settings) -> Iterator[FastAPI]:
    yield from open_app(hub_settings)


@pytest.fixture
def hub_client(hub_app: FastAPI) -> TestClient:
    return TestClient(hub_app, base_url=ORIGIN, raise_server_exceptions=False)


@pytest.fixture
def glass_files(glass_folder: Callable[[], Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in glass_folder().iterdir()}


def services_of(app: FastAPI) -> Services:
    services: Services = app.state.services
    return services


def test_a_search_is_answered_by_the_hub_once_and_then_by_the_cache(
    hub: Hub, hub_client: TestClient
) -> None:
    hub.add("org/glass", {}, downloads=12, gated="auto")

    answers = [hub_client.get(HUB, params={"q": "gla"}).json() for _ in range(2)]

    assert answers[0] == answers[1]
    assert (answers[0]["origin"], answers[0]["why"]) == ("hub", None)
    assert answers[0]["items"][0]["name"] == "org/glass"
    assert len([path for path in hub.requests if path.startswith("/api/models?")]) == 1


def test_a_hub_that_fails_or_is_silent_gives_way_to_the_local_cache(
    hub: Hub, hub_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.hub_desk.SEARCH_SECONDS", 0.3)
    hub.silent = True

    first = hub_client.get(HUB, params={"q": "gla"}).json()
    asked = len(hub.requests)
    second = hub_client.get(HUB, params={"q": "glas"}).json()

    assert (first["origin"], first["why"]) == ("cache", "unreachable")
    assert (second["origin"], second["why"]) == ("cache", "unreachable")
    assert len(hub.requests) == asked  # it is spared for a while


def test_a_look_at_a_silent_hub_ends_in_time_with_a_sentence(
    hub: Hub, hub_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.hub_desk.LOOK_SECONDS", 0.3)
    hub.silent = True

    answer = hub_client.get(f"{HUB}/org/glass")

    assert (answer.status_code, answer.json()["code"]) == (503, "hub_unreachable")
    assert answer.headers["retry-after"]


def test_the_preflight_tells_size_commit_licence_memory_and_minutes(
    hub: Hub, hub_client: TestClient, hub_app: FastAPI, glass_files: dict[str, bytes]
) -> None:
    hub.add("org/glass", glass_files, tags={"v1": commit_of("v1")})

    told: Any = hub_client.get(f"{HUB}/org/glass", params={"revision": "v1"}).json()

    assert told["commit"] == commit_of("v1")
    assert (told["usable"], told["blocks"], told["width"]) == (True, 4, 128)
    assert (told["licence"], told["origin"], told["registered"]) == ("apache-2.0", "hub", None)
    assert told["download_bytes"] == sum(map(len, glass_files.values()))
    assert told["estimate"]["memory_bytes"] > 0
    low, high = told["estimate"]["seconds"]
    assert 0 < low < high
    assert told["estimate"]["devices"] == []  # no worker has said what it computes on
    assert {item["name"] for item in told["revisions"]} == {"main", "v1"}


@pytest.mark.parametrize(
    ("owner", "name", "revision"),
    [("..", "x", None), ("a", "b.git", None), ("-x", "y", None), ("a", "x..b", None),
     ("a", "b", "../../x"), ("a", "b", "x" * 1000), ("a", "x" * 97, None)],
)  # fmt: skip
def test_names_that_no_hub_has_are_refused_unasked(
    owner: str, name: str, revision: str | None, hub: Hub, hub_client: TestClient
) -> None:
    query = {} if revision is None else {"revision": revision}

    answer = hub_client.get(f"{HUB}/{owner}/{name}", params=query)

    assert answer.status_code in (404, 422)  # an address with .. is another address
    assert hub.requests == []


def test_a_missing_model_is_a_404_and_a_gated_one_a_preflight_with_the_reason(
    hub: Hub, hub_client: TestClient, glass_files: dict[str, bytes]
) -> None:
    hub.add("org/gated", glass_files, gated="manual")

    missing = hub_client.get(f"{HUB}/no/such")
    gated = hub_client.get(f"{HUB}/org/gated").json()

    assert (missing.status_code, missing.json()["data"]["reason"]) == (404, "not_on_hub")
    assert (gated["usable"], gated["gated"], gated["estimate"]) == (False, "manual", None)
    assert [reason["code"] for reason in gated["reasons"]] == ["gated"]


def test_a_model_is_registered_at_the_commit_that_was_shown(
    hub_client: TestClient, hub_app: FastAPI
) -> None:
    commit = commit_of("shown")
    body = {"source": "hub", "name": "org/glass", "revision": "v1", "commit": commit}

    answer = hub_client.post(MODELS, json=body)

    assert answer.status_code == 202
    assert answer.json()["reference"] == f"org/glass@{commit}"
    assert answer.json()["name"] == "org/glass@v1"


@pytest.mark.parametrize("commit", ["main", "A" * 40, "a" * 39, "../" * 13, ""])
def test_a_commit_must_be_one(commit: str, hub_client: TestClient) -> None:
    body = {"source": "hub", "name": "org/glass", "commit": commit}

    assert hub_client.post(MODELS, json=body).json()["code"] == "invalid_parameter"


def test_a_series_of_revisions_is_registered_in_one_step_in_order(
    hub: Hub, hub_client: TestClient, hub_app: FastAPI
) -> None:
    steps = {f"step{number}": commit_of(str(number)) for number in (1000, 2000, 10000)}
    hub.add("org/glass", {}, branches=dict(steps))
    body = {"source": "hub", "name": "org/glass", "revisions": list(steps)}

    first = hub_client.post(MODELS, json=body)
    second = hub_client.post(MODELS, json=body)

    rows = first.json()["items"]
    assert (first.status_code, first.json()["series"]) == (202, "org/glass")
    assert [row["name"] for row in rows] == [f"org/glass@{step}" for step in steps]
    assert [row["reference"] for row in rows] == [f"org/glass@{sha}" for sha in steps.values()]
    assert [row["options"]["place"] for row in rows] == [0, 1, 2]
    assert {row["series"] for row in rows} == {"org/glass"}
    assert [row["id"] for row in second.json()["items"]] == [row["id"] for row in rows]
    assert len(services_of(hub_app).state.open_inputs()) == 3


BAD_SERIES: dict[str, dict[str, Any]] = {
    "one revision": {"source": "hub", "name": "org/glass", "revisions": ["main"]},
    "51 revisions": {"source": "hub", "name": "org/glass", "revisions": ["x"] * 51},
    "no texts": {"source": "hub", "name": "org/glass", "revisions": ["main", 3]},
    "no list": {"source": "hub", "name": "org/glass", "revisions": "main,v1"},
    "climbing": {"source": "hub", "name": "org/glass", "revisions": ["main", "../x"]},
    "twice": {"source": "hub", "name": "org/glass", "revisions": ["main", "main"]},
    "bad name": {"source": "hub", "name": "glass", "revisions": ["main", "v1"]},
    "both": {"source": "hub", "name": "o/g", "revisions": ["a", "b"], "paths": ["/a", "/b"]},
    "relative": {"source": "path", "paths": ["a", "b"]},
    "built in": {"source": "builtin", "revisions": ["a", "b"]},
    "commit beside": {"source": "hub", "name": "o/g", "revisions": ["a", "b"], "commit": "c"},
}


@pytest.mark.parametrize("case", BAD_SERIES)
def test_a_bad_series_registers_nothing(
    case: str, hub: Hub, hub_client: TestClient, hub_app: FastAPI
) -> None:
    hub.add("org/glass", {})

    answer = hub_client.post(MODELS, json=BAD_SERIES[case])

    assert (answer.status_code, answer.json()["next_step"] != "") == (422, True)
    assert services_of(hub_app).state.list_inputs("model") == []


def test_an_unknown_revision_registers_none_of_the_series(
    hub: Hub, hub_client: TestClient, hub_app: FastAPI
) -> None:
    hub.add("org/glass", {})
    body = {"source": "hub", "name": "org/glass", "revisions": ["main", "step9"]}

    answer = hub_client.post(MODELS, json=body)

    assert (answer.status_code, answer.json()["data"]["reason"]) == (404, "not_on_hub")
    assert services_of(hub_app).state.list_inputs("model") == []


def test_folders_are_listed_below_the_roots_and_models_marked(
    client: TestClient, settings: Settings, glass_folder: Callable[[], Path]
) -> None:
    root = settings.model_roots[0]
    shutil.copytree(glass_folder(), root / "glass")
    (root / "texts").mkdir()
    (root / "texts" / "secret.txt").write_text("x")
    (root / ".hidden").mkdir()

    roots = client.get(FOLDERS).json()["roots"]
    listing: Any = client.get(FOLDERS, params={"path": roots[0]["path"]}).json()
    inside = client.get(FOLDERS, params={"path": str(root / "texts")})

    assert [item["name"] for item in listing["folders"]] == ["glass", "texts"]
    assert listing["parent"] is None
    assert listing["folders"][0]["model"]["blocks"] == 4
    assert listing["folders"][0]["model"]["dtype"] == "float32"
    assert listing["folders"][1]["model"] is None
    assert "secret" not in inside.text
    assert inside.json()["parent"] == str(root)


@pytest.mark.parametrize("path", ["/", "/etc", "{root}/..", "{root}/../..", "{root}/out", "x", "",
                                  "/nowhere", "{root}/\x00"])  # fmt: skip
@pytest.mark.parametrize("address", [FOLDERS, f"{FOLDERS}/model"])
def test_nothing_outside_the_roots_is_listed_or_looked_at(
    path: str, address: str, client: TestClient, settings: Settings
) -> None:
    root = settings.model_roots[0]
    (root / "out").symlink_to("/etc")

    answer = client.get(address, params={"path": path.format(root=root)})

    assert (answer.status_code, answer.json()["code"]) == (403, "path_not_allowed")
    assert [item["name"] for item in client.get(FOLDERS, params={"path": str(root)}).json()[
        "folders"]] == []  # fmt: skip


def test_a_config_that_is_a_link_out_of_the_roots_is_not_opened(
    client: TestClient, settings: Settings, tmp_path: Path, glass_folder: Callable[[], Path]
) -> None:
    folder = settings.model_roots[0] / "glass"
    shutil.copytree(glass_folder(), folder)
    (folder / "config.json").unlink()
    (tmp_path / "private.json").write_text('{"model_type": "a secret"}')
    (folder / "config.json").symlink_to(tmp_path / "private.json")

    answer = client.get(f"{FOLDERS}/model", params={"path": str(folder)})

    assert [reason["code"] for reason in answer.json()["reasons"]] == ["link_outside"]
    assert "secret" not in answer.text


def test_a_model_folder_has_the_same_preflight_with_what_its_workers_compute_on(
    client: TestClient, settings: Settings, glass_folder: Callable[[], Path]
) -> None:
    folder = settings.model_roots[0] / "glass"
    shutil.copytree(glass_folder(), folder)

    told: Any = client.get(f"{FOLDERS}/model", params={"path": str(folder)}).json()

    assert (told["usable"], told["family"], told["blocks"]) == (True, "llama", 4)
    assert told["estimate"]["pairs"] == "all"
    assert told["estimate"]["tokens"] == 16384


@pytest.mark.parametrize(
    "shape", ["[4611686018427387904, 4611686018427387904]", '["9"]', "[true]", "[1.5]", "[-1]",
              "{}", f"[{', '.join(['1'] * 100_000)}]", f"[{'9' * 4000}, {'9' * 4000}]"],
    ids=["product", "text", "bool", "fraction", "negative", "object", "rank", "digits"],
)  # fmt: skip
def test_a_header_with_a_shape_that_cannot_be_spoils_neither_listing_nor_look(
    shape: str, client: TestClient, settings: Settings
) -> None:
    root = settings.model_roots[0]
    (root / "odd").mkdir()
    header = f'{{"w": {{"dtype": "F32", "shape": {shape}, "data_offsets": [0, 8]}}}}'.encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(8)
    (root / "odd" / "model.safetensors").write_bytes(weights)
    (root / "odd" / "config.json").write_text("{}")

    listing = client.get(FOLDERS, params={"path": str(root)})
    told: Any = client.get(f"{FOLDERS}/model", params={"path": str(root / "odd")}).json()

    assert listing.status_code == 200
    assert listing.json()["folders"][0]["model"]["usable"] is False
    assert "not_safetensors" in [reason["code"] for reason in told["reasons"]]


def test_folders_become_a_series_named_by_where_they_lie(
    client: TestClient, settings: Settings
) -> None:
    root = settings.model_roots[0]
    for step in ("step10", "step20"):
        (root / "mine" / step).mkdir(parents=True)
    paths = [str(root / "mine" / step) for step in ("step10", "step20")]

    answer = client.post(MODELS, json={"source": "path", "paths": paths})

    assert answer.json()["series"] == str(root / "mine")
    assert [row["name"] for row in answer.json()["items"]] == ["step10", "step20"]


def test_blocks_that_are_named_make_another_model_of_the_same_folder(
    client: TestClient, settings: Settings, services: Services
) -> None:
    folder = settings.model_roots[0] / "mine"
    folder.mkdir()
    body = {"source": "path", "path": str(folder)}
    parts = {"blocks": "model.layers", "norm": "model.norm"}

    plain = client.post(MODELS, json=body).json()
    named = client.post(MODELS, json=body | parts).json()
    again = client.post(MODELS, json=body | parts).json()

    assert named["id"] == again["id"] != plain["id"]
    row = services.state.get_input("model", named["id"])
    assert row is not None
    assert row.options == parts


def test_what_a_device_holds_decides_whether_a_model_fits(services: Services) -> None:
    from backend.forecasts import Device, forecast
    from linearity.adapters.first_look import FirstLook

    look = FirstLook("llama", 4, 128, 1000, 512, 300_000, "float32", 1_200_000)
    devices = [Device("small", 1 << 20), Device("large", 1 << 40), Device("cuda:0", None)]

    told: Any = forecast(look, state=services.state, devices=devices)
    streams = Device("between", told["streaming"]["memory_bytes"])
    between: Any = forecast(look, state=services.state, devices=[streams])

    assert [item["fits"] for item in told["devices"]] == [False, True, None]
    assert [item["mode"] for item in told["devices"]] == [None, "resident", None]
    assert between["devices"][0] | {"fits": False, "mode": "streaming"} == between["devices"][0]
