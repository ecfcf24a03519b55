"""What docker-compose.yml, the Dockerfiles and .env.example promise, read from their text."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.system.compose import ROOT, MissingVariableError, read_compose

VALKEY = ("queue", "cache")
OF_THE_CPU, OF_THE_GPU = ("worker-cpu", "interactive-cpu"), ("worker-gpu", "interactive-gpu")
OURS = ("api", *OF_THE_CPU, *OF_THE_GPU)
DOCKERFILES = ("docker/api.Dockerfile", "docker/worker.Dockerfile")
HEAVY = {"torch", "transformers", "accelerate", "gguf", "safetensors", "scipy"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return read_compose({"LINEARSCOPE_TOKEN": "a long random text"})


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_compose_refuses_to_start_without_a_token() -> None:
    with pytest.raises(MissingVariableError, match=r"LINEARSCOPE_TOKEN: .*\.env"):
        read_compose({"LINEARSCOPE_TOKEN": ""})


def test_the_file_has_the_seven_services(services: dict[str, Any]) -> None:
    assert set(services) == {*OURS, *VALKEY}


@pytest.mark.parametrize("name", [*OURS, *VALKEY])
def test_every_service_is_watched_restarted_and_given_time_to_stop(
    services: dict[str, Any], name: str
) -> None:
    service = services[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])


@pytest.mark.parametrize("name", [*OURS, *VALKEY])
def test_no_service_has_rights_that_it_does_not_need(services: dict[str, Any], name: str) -> None:
    service = services[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"} & set(service)
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


def test_only_the_web_process_is_published_and_only_on_the_loopback(
    services: dict[str, Any],
) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api": ["127.0.0.1:8000:8000"]}


def test_the_valkey_servers_are_reachable_from_inside_only(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    for name in VALKEY:
        assert compose["services"][name]["networks"] == ["inside"]
        assert compose["services"][name]["user"] == "999:1000"


def test_the_queue_keeps_jobs_on_disk_and_the_cache_keeps_nothing(services: dict[str, Any]) -> None:
    queue, cache = (options(services[name]["command"]) for name in VALKEY)

    assert queue["maxmemory-policy"] == "noeviction"
    assert (queue["appendonly"], queue["appendfsync"]) == ("yes", "everysec")
    assert services["queue"]["volumes"] == ["queue:/data"]
    assert cache["maxmemory-policy"] == "allkeys-lfu"
    assert (cache["appendonly"], cache["save"]) == ("no", "")
    assert cache["maxmemory"]
    assert "volumes" not in services["cache"]


def test_web_process_and_workers_share_data_and_addresses(services: dict[str, Any]) -> None:
    shared = ("LINEARSCOPE_DATA", "LINEARSCOPE_MODEL_ROOTS", "REDIS_URL", "REDIS_CACHE_URL")
    seen = [{name: services[one]["environment"][name] for name in shared} for one in OURS]

    assert seen == [seen[0]] * len(OURS)
    assert seen[0]["REDIS_URL"] != seen[0]["REDIS_CACHE_URL"]
    assert all("data:/data" in services[one]["volumes"] for one in OURS)


def test_only_the_web_process_is_told_the_token(services: dict[str, Any]) -> None:
    told = [name for name in OURS if "LINEARSCOPE_TOKEN" in services[name]["environment"]]

    assert told == ["api"]


@pytest.mark.parametrize("name", OF_THE_GPU)
def test_a_gpu_worker_reserves_one_nvidia_device_and_must_be_asked_for(
    services: dict[str, Any], name: str
) -> None:
    worker = services[name]
    devices = worker["deploy"]["resources"]["reservations"]["devices"]

    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert worker["profiles"] == ["gpu"]
    assert worker["environment"]["LINEARSCOPE_DEVICE"] == "cuda:0"


@pytest.mark.parametrize("name", OF_THE_CPU)
def test_a_cpu_worker_is_there_without_being_asked_for(services: dict[str, Any], name: str) -> None:
    assert services[name]["environment"]["LINEARSCOPE_DEVICE"] == "cpu"
    assert "profiles" not in services[name]


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_what_ifs_and_long_analyses_have_a_worker_each(
    services: dict[str, Any], device: str
) -> None:
    asked = [services[f"{name}-{device}"]["command"][-1] for name in ("worker", "interactive")]

    assert asked == ["analysis", "interactive"]


@pytest.mark.parametrize("name", OURS)
def test_every_image_of_ours_has_its_dockerfile(services: dict[str, Any], name: str) -> None:
    assert services[name]["build"]["dockerfile"] in DOCKERFILES


@pytest.mark.parametrize("name", DOCKERFILES)
def test_images_do_not_run_as_root(name: str) -> None:
    users = [words[1] for words in instructions(name) if words[0] == "USER"]

    # The same number everywhere, because all of them write into one volume.
    assert users == ["10001:10001"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_images_get_everything_that_they_copy(name: str) -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [
        source for words in instructions(name) if words[0] == "COPY" for source in words[1:-1]
    ]

    assert "pyproject.toml" in copied
    assert [source for source in copied if f"!{source}" not in allowed] == []
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_of_the_web_process_never_installs_torch() -> None:
    installs = [line.split() for line in lines_of("docker/api.Dockerfile") if "install" in line]
    wanted = [words[-1] for words in installs if "pip" in words]

    assert wanted == ['"pip>=25.1"', "web", "."]
    assert all("--no-deps" in words for words in installs if words[-1] == ".")
    assert HEAVY.isdisjoint(distributions_of_group("web"))


def test_the_web_group_repeats_the_dependencies_word_for_word() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert set(project["dependency-groups"]["web"]) <= set(project["project"]["dependencies"])


def test_the_web_group_has_everything_that_the_web_process_loads() -> None:
    code = (
        "import sys, json, backend.cli, backend.serving\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    owners = importlib.metadata.packages_distributions()
    loaded = {
        canonicalize_name(one) for name in json.loads(printed) for one in owners.get(name, [])
    }

    # The interpreter's start loads setuptools' hook for editable installs.
    # redis takes xxhash where some other package has brought it.
    strangers = loaded - distributions_of_group("web") - {"linearscope", "setuptools", "xxhash"}
    assert strangers == set()


@pytest.mark.parametrize("document", [".env.example", "docs/operations.md"])
def test_every_setting_is_explained(document: str) -> None:
    source = (ROOT / "linearity/adapters/settings.py").read_text(encoding="utf-8")
    names = set(re.findall(r'"(LINEARSCOPE_[A-Z_]+|DATABASE_URL|REDIS_(?:CACHE_)?URL)"', source))
    text = (ROOT / document).read_text(encoding="utf-8")

    assert len(names) >= 11
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    used = re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert [name for name in used if f"\n#{name}=" not in example] == []


def options(command: list[str]) -> dict[str, str]:
    assert command[0] == "valkey-server"
    names, values = command[1::2], command[2::2]
    return {name.removeprefix("--"): value for name, value in zip(names, values, strict=True)}


def lines_of(dockerfile: str) -> list[str]:
    """Return the logical lines, without comments, chained commands apart."""
    text = (ROOT / dockerfile).read_text(encoding="utf-8")
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [part for part in re.split(r"\n|&&", bare.replace("\\\n", " ")) if part.strip()]


def instructions(dockerfile: str) -> list[list[str]]:
    return [line.split() for line in lines_of(dockerfile)]


def distributions_of_group(group: str) -> set[str]:
    """Return the installed distributions that a group asks for, and what those ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    waiting = [Requirement(text) for text in project["dependency-groups"][group]]
    found: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = str(canonicalize_name(wanted.name))
        for extra in ("", *wanted.extras):
            if (name, extra) in found or not is_installed(name):
                continue
            found.add((name, extra))
            needs = map(Requirement, importlib.metadata.requires(name) or [])
            waiting += [need for need in needs if applies(need, extra)]
    return {name for name, _ in found}


def applies(need: Requirement, extra: str) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": extra})


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
