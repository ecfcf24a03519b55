"""Every variable has a default, a check and a sentence that names it."""

import os
import re
from pathlib import Path

import pytest

from linearity.adapters import settings as settings_module
from linearity.adapters.settings import read_settings, unix_url
from linearity.errors import InvalidRequestError

BAD_VALUES = [
    ("LINEARSCOPE_PORT", "eighty"),
    ("LINEARSCOPE_PORT", "65536"),
    ("LINEARSCOPE_PORT", "-1"),
    ("LINEARSCOPE_PORT", "８０００"),
    ("LINEARSCOPE_DEVICE", "tpu"),
    ("LINEARSCOPE_DEVICE", "cuda:"),
    ("LINEARSCOPE_DEVICE", "cuda:0,cpu"),
    ("LINEARSCOPE_DEVICE", "cuda:0,cuda:0"),
    ("LINEARSCOPE_DEVICE_MEMORY", "24 gigs"),
    ("LINEARSCOPE_DEVICE_MEMORY", "0"),
    ("LINEARSCOPE_SHARD_TOKENS", "1000"),
    ("LINEARSCOPE_SHARD_TOKENS", "-1"),
    ("LINEARSCOPE_SHARD_TOKENS", "1e6"),
    ("LINEARSCOPE_TOKEN", "short"),
    ("LINEARSCOPE_TOKEN", "ünprintable-token-of-some-length"),
    ("LINEARSCOPE_STORE", "s3://bucket/folder"),
    ("LINEARSCOPE_MODEL_ROOTS", "relative/folder"),
    ("LINEARSCOPE_MODEL_ROOTS", "/no/such/folder/anywhere"),
    ("LINEARSCOPE_PUBLIC_URL", "ftp://example.org"),
    ("LINEARSCOPE_PUBLIC_URL", "example.org"),
    ("DATABASE_URL", "postgresql://user:secret@host/name"),
    ("REDIS_URL", "http://127.0.0.1"),
    ("REDIS_CACHE_URL", "localhost:6379"),
]


def test_nothing_given_means_a_loopback_server_and_a_folder_named_data() -> None:
    settings = read_settings({})

    assert settings.data == Path.cwd() / "data"
    assert settings.store == settings.data / "store"
    assert settings.database_url == f"sqlite:///{settings.data}/state.db"
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", 8000, None)
    assert settings.queue_url == settings.cache_url == "redis://127.0.0.1:6379/0"


def test_every_variable_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    settings = read_settings(
        {
            "LINEARSCOPE_DATA": str(tmp_path),
            "LINEARSCOPE_MODEL_ROOTS": os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]),
            "LINEARSCOPE_STORE": str(tmp_path / "elsewhere"),
            "DATABASE_URL": f"sqlite:///{tmp_path}/other.db",
            "REDIS_URL": "redis://queue:6379/1",
            "REDIS_CACHE_URL": "redis://cache:6379/0",
            "LINEARSCOPE_HOST": "0.0.0.0",
            "LINEARSCOPE_PORT": "9000",
            "LINEARSCOPE_TOKEN": "0123456789abcdef",
            "LINEARSCOPE_DEVICE": "cuda:1,cuda:0",
            "LINEARSCOPE_DEVICE_MEMORY": "24GiB",
            "LINEARSCOPE_SHARD_TOKENS": "65536",
            "LINEARSCOPE_PUBLIC_URL": "https://example.org/scope/",
        }
    )

    assert settings.model_roots == (tmp_path / "a", tmp_path / "b")
    assert settings.store == tmp_path / "elsewhere"
    assert settings.database_url.endswith("other.db")
    assert (settings.queue_url, settings.cache_url) == (
        "redis://queue:6379/1",
        "redis://cache:6379/0",
    )
    assert (settings.host, settings.port, settings.device) == ("0.0.0.0", 9000, "cuda:1,cuda:0")
    assert settings.device_memory == 24 * 2**30
    assert settings.shard_tokens == 65_536
    assert settings.public_url == "https://example.org/scope"


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_bad_value_stops_the_start_and_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_settings({name: value})

    assert caught.value.message.startswith(name)


@pytest.mark.parametrize("name", sorted({name for name, _ in BAD_VALUES}))
def test_an_empty_variable_counts_as_absent(name: str) -> None:
    assert read_settings({name: " "}) == read_settings({})


@pytest.mark.parametrize("document", ["docs/operations.md", ".env.example"])
def test_every_variable_is_documented(document: str) -> None:
    root = Path(settings_module.__file__).parents[2]
    source = Path(settings_module.__file__).read_text()
    names = set(re.findall(r'"(LINEARSCOPE_[A-Z_]+|DATABASE_URL|REDIS_[A-Z_]+)"', source))
    text = (root / document).read_text()

    assert len(names) >= 11
    assert {name for name in names if name not in text} == set()


def test_no_secret_shows_in_the_settings_or_in_an_error() -> None:
    settings = read_settings(
        {"LINEARSCOPE_TOKEN": "a-secret-of-length", "REDIS_URL": "redis://:hidden@host:6379/0"}
    )
    with pytest.raises(InvalidRequestError) as caught:
        read_settings({"REDIS_URL": "gopher://:hidden@host"})

    assert "secret" not in repr(settings)
    assert "hidden" not in repr(settings) + str(caught.value)


def test_a_socket_in_a_folder_with_spaces_has_a_usable_address() -> None:
    assert unix_url(Path("/my data/v.sock")) == "unix:///my%20data/v.sock?db=0"
