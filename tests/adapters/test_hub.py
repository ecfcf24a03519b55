"""Search, first look and download against a real HTTP server; and the cache where it is silent."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from linearity.adapters.hub import download
from linearity.adapters.hub_catalogue import HubCatalogue
from linearity.adapters.hub_place import HubPlace, read_hub_place
from linearity.errors import (
    HubUnreachableError,
    InvalidParameterError,
    LinearScopeError,
    RejectedInputError,
    UnknownInputError,
)
from tests.conftest import quiet
from tests.hub_server import Hub, commit_of, serving_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import close_session

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving_hub() as hub:
        yield hub
    close_session()


@pytest.fixture
def place(hub: Hub, tmp_path: Path) -> HubPlace:
    return HubPlace(endpoint=hub.endpoint, cache=tmp_path / "cache")


@pytest.fixture
def glass_files(glass_folder: Callable[[], Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in glass_folder().iterdir()}


def cache_model(cache: Path, name: str, source: Path, *, commit: str, ref: str = "main") -> None:
    """Put a model into a hub cache, as the hub's client lays it out."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / ref).write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    blobs = folder / "blobs"
    blobs.mkdir(exist_ok=True)
    for path in source.iterdir():
        blob = blobs / commit_of(f"{commit}{path.name}")
        shutil.copy(path, blob)
        (snapshot / path.name).symlink_to(blob)


def test_a_search_tells_downloads_size_and_gate_of_the_most_downloaded_first(
    hub: Hub, place: HubPlace
) -> None:
    hub.add("org/small", {}, downloads=5, counted={"BF16": 1000})
    hub.add("org/small-gated", {}, downloads=9, gated="manual")
    hub.add("org/other", {}, downloads=100)

    hits = HubCatalogue(place).search("small", 8)

    assert [(hit.name, hit.downloads, hit.gated, hit.parameters) for hit in hits] == [
        ("org/small-gated", 9, True, None),
        ("org/small", 5, False, 1000),
    ]


def test_a_look_pins_the_commit_and_reads_only_config_and_header(
    hub: Hub, place: HubPlace, glass_files: dict[str, bytes]
) -> None:
    hub.add("org/glass", glass_files, tags={"v1": commit_of("v1")})

    model = HubCatalogue(place).look("org/glass", None)

    assert model.commit == commit_of("org/glass@main")
    assert (model.origin, model.licence, model.look.reasons) == ("hub", "apache-2.0", ())
    assert (model.look.blocks, model.look.width, model.look.dtype) == (4, 128, "float32")
    assert model.look.parameters is not None
    assert model.look.parameters * 4 < len(glass_files["model.safetensors"])
    assert model.download_bytes == sum(map(len, glass_files.values()))
    assert [(item.name, item.kind) for item in model.revisions] == [
        ("main", "branch"),
        ("v1", "tag"),
    ]
    asked = [path for path in hub.requests if "/resolve/" in path]
    assert {path.rpartition("/")[2] for path in asked} == {"config.json", "model.safetensors"}


def test_parameters_that_the_hub_has_counted_need_no_header(
    hub: Hub, place: HubPlace, glass_files: dict[str, bytes]
) -> None:
    hub.add("org/glass", glass_files, counted={"BF16": 7_000_000})

    model = HubCatalogue(place).look("org/glass", "main")

    assert model.look.parameters == 7_000_000
    assert not any("model.safetensors" in path for path in hub.requests)


CONFIG = b'{"model_type": "mamba", "num_hidden_layers": 2, "hidden_size": 8}'
UNUSABLE: dict[str, tuple[dict[str, bytes], str]] = {
    "no safetensors": ({"config.json": CONFIG, "pytorch_model.bin": b"x"}, "pickle_only"),
    "nothing at all": ({"README.md": b"x"}, "file_missing"),
    "another family": (
        {"config.json": CONFIG, "tokenizer.json": b"{}", "model.safetensors": b"x"},
        "unsupported_architecture",
    ),
    "no JSON": (
        {"config.json": b"{", "tokenizer.json": b"{}", "model.safetensors": b"x"},
        "bad_json",
    ),
    "a list": (
        {"config.json": b"[]", "tokenizer.json": b"{}", "model.safetensors": b"x"},
        "bad_json",
    ),
    "remote code": (
        {
            "config.json": b'{"model_type": "llama", "auto_map": {"AutoModel": "x.Y"}}',
            "tokenizer.json": b"{}",
            "model.safetensors": b"x",
        },
        "forbidden_config_key",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_is_explained_before_anything_is_fetched(
    case: str, hub: Hub, place: HubPlace
) -> None:
    files, code = UNUSABLE[case]
    hub.add("org/model", files)

    look = HubCatalogue(place).look("org/model", None).look

    assert code in [reason.code for reason in look.reasons]
    assert all(reason.message and reason.next_step for reason in look.reasons)


def test_a_gated_model_is_shown_with_the_way_in(
    hub: Hub, place: HubPlace, glass_files: dict[str, bytes]
) -> None:
    hub.add("org/gated", glass_files, gated="manual")

    model = HubCatalogue(place).look("org/gated", None)

    assert model.gated == "manual"
    assert [reason.code for reason in model.look.reasons] == ["gated"]
    assert "HF_TOKEN" in model.look.reasons[0].next_step


@pytest.mark.parametrize(("name", "revision"), [("no/such", None), ("org/glass", "no-such")])
def test_what_the_hub_does_not_have_is_an_error_that_says_so(
    name: str, revision: str | None, hub: Hub, place: HubPlace, glass_files: dict[str, bytes]
) -> None:
    hub.add("org/glass", glass_files)

    with pytest.raises(UnknownInputError) as caught:
        HubCatalogue(place).look(name, revision)

    assert caught.value.data["reason"] == "not_on_hub"


def test_the_token_goes_to_the_hub_and_into_no_error(
    hub: Hub, place: HubPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")

    with pytest.raises(UnknownInputError) as caught:
        HubCatalogue(place).look("no/such", None)

    assert "Bearer hf_secretsecretsecret" in hub.tokens
    assert "secret" not in str(caught.value.as_json())


@pytest.mark.parametrize("mood", ["broken", "closed", "offline"])
def test_where_the_hub_does_not_answer_the_cache_does(
    mood: str, hub: Hub, glass_folder: Callable[[], Path], tmp_path: Path
) -> None:
    hub.broken = True
    closed = "http://127.0.0.1:1"
    cache = tmp_path / "cache"
    place = HubPlace(
        endpoint=closed if mood == "closed" else hub.endpoint,
        offline=mood == "offline",
        cache=cache,
    )
    commit = commit_of("cached")
    cache_model(cache, "org/glass", glass_folder(), commit=commit)
    catalogue = HubCatalogue(place)

    model = catalogue.look("org/glass", None)

    assert (model.origin, model.commit, model.download_bytes) == ("cache", commit, 0)
    assert (model.look.blocks, model.look.reasons) == (4, ())
    assert [hit.name for hit in catalogue.search_cache("GLA", 8)] == ["org/glass"]
    assert catalogue.commits("org/glass", ["main"]) == {"main": commit}
    with pytest.raises(HubUnreachableError):
        catalogue.look("org/never-seen", None)
    with pytest.raises(HubUnreachableError):
        catalogue.search("glass", 8)


def test_a_cache_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    place = HubPlace(offline=True, cache=tmp_path / "none")

    assert HubCatalogue(place).search_cache("", 8) == []


def test_a_download_takes_the_files_of_the_list_and_tells_the_bytes(
    hub: Hub, place: HubPlace, glass_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linearity.adapters.hub.STEP_BYTES", 1000)
    strangers = {"../../.bashrc": b"evil", "modeling.py": b"evil", "model-../../x.safetensors": b""}
    hub.add("org/glass", {**glass_files, **strangers})
    lines: list[str] = []

    folder, commit = download("org/glass", lines.append, place=place)

    assert commit == commit_of("org/glass@main")
    assert {path.name for path in folder.iterdir()} == set(glass_files)
    assert (folder / "model.safetensors").read_bytes() == glass_files["model.safetensors"]
    assert lines[0].startswith("fetching org/glass at ")
    assert any(" of " in line and line.endswith(" MB") for line in lines[1:])
    asked = [path for path in hub.requests if "/resolve/" in path]
    assert not any("bashrc" in path or ".py" in path or "x.safe" in path for path in asked)


def test_a_model_without_safetensors_is_refused_before_a_byte_is_fetched(
    hub: Hub, place: HubPlace
) -> None:
    hub.add("org/old", {"config.json": b"{}", "tokenizer.json": b"{}", "pytorch_model.bin": b"x"})

    with pytest.raises(RejectedInputError, match="pickled"):
        download("org/old", quiet, place=place)

    assert not any("/resolve/" in path for path in hub.requests)


def test_revisions_become_commits_in_order_and_an_unknown_one_is_named(
    hub: Hub, place: HubPlace
) -> None:
    steps = {f"step{number}": commit_of(str(number)) for number in (1000, 2000)}
    hub.add("org/series", {}, branches=dict(steps), tags={"final": commit_of("final")})
    catalogue = HubCatalogue(place)

    assert list(catalogue.commits("org/series", ["step2000", "final", "step1000"]).items()) == [
        ("step2000", steps["step2000"]),
        ("final", commit_of("final")),
        ("step1000", steps["step1000"]),
    ]
    with pytest.raises(UnknownInputError, match="step3000"):
        catalogue.commits("org/series", ["step1000", "step3000"])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, HubPlace()),
        ({"HF_ENDPOINT": "http://h:1/"}, HubPlace(endpoint="http://h:1")),
        ({"HF_HUB_OFFLINE": "True"}, HubPlace(offline=True)),
        ({"HF_HUB_OFFLINE": "0"}, HubPlace()),
        ({"HF_HOME": "/h"}, HubPlace(cache=Path("/h/hub"))),
        ({"HF_HOME": "/h", "HF_HUB_CACHE": "/c"}, HubPlace(cache=Path("/c"))),
    ],
)
def test_the_place_is_read_from_the_variables_of_the_hub_library(
    environ: dict[str, str], expected: HubPlace
) -> None:
    assert read_hub_place(environ) == expected


def test_a_wrong_endpoint_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameterError, match="HF_ENDPOINT"):
        read_hub_place({"HF_ENDPOINT": "file:///etc"})


def test_a_full_disk_is_refused_before_the_first_byte(
    hub: Hub, place: HubPlace, glass_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("org/glass", glass_files)
    usage: Any = type("Usage", (), {"free": 10})
    monkeypatch.setattr("linearity.adapters.hub.shutil.disk_usage", lambda _: usage)

    with pytest.raises(LinearScopeError) as caught:
        download("org/glass", quiet, place=place)

    assert caught.value.code == "disk_full"
    assert not any("/resolve/" in path for path in hub.requests)
