"""Built-in names, hub ids and paths become ids that are safe in an address."""

import re
from pathlib import Path

import pytest

from linearity.adapters.naming import name_hub, name_input, name_path
from linearity.errors import LinearScopeError


def test_a_built_in_keeps_its_name_as_id() -> None:
    named = name_input("model", "glass-en")

    assert (named.id, named.source, named.reference) == ("glass-en", "builtin", "glass-en")


def test_a_hub_id_keeps_its_owner_and_revision() -> None:
    named = name_input("model", "owner/name@abc123")

    assert named.id.startswith("owner--name--")
    assert (named.name, named.source) == ("owner/name", "hub")
    assert named.reference == "owner/name@abc123"


def test_no_two_models_of_the_hub_share_an_id() -> None:
    texts = ["a/b-c", "a-b/c", "a/b@c", "a/b@c-d", "a/b@c/d", "a/b-c@d", "a/b.c", "a/b_c"]

    assert len({name_input("model", text).id for text in texts}) == len(texts)


def test_two_folders_of_the_same_name_are_different_inputs(tmp_path: Path) -> None:
    ids = {name_path(str(tmp_path / parent / "model")).id for parent in ("a", "b")}

    assert len(ids) == 2


@pytest.mark.parametrize("name", ["my model (v2)", "日本語", "..", "x" * 300])
def test_an_id_is_safe_in_an_address_whatever_the_folder_is_called(name: str) -> None:
    named = name_path(f"/models/{name}")

    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", named.id)


@pytest.mark.parametrize("text", ["nothing", "", "a/b/c", "http://host/x", "-x/y", "a b/c"])
def test_a_name_that_is_nothing_is_refused_with_the_names_there_are(text: str) -> None:
    with pytest.raises(LinearScopeError) as caught:
        name_input("model", text)

    assert "smollm2" in caught.value.next_step


@pytest.mark.parametrize("name", ["../x", "a/../b", "owner", "owner/na--me", "owner/n\nx"])
def test_a_hub_name_that_the_hub_would_refuse_is_refused_here(name: str) -> None:
    with pytest.raises(LinearScopeError):
        name_hub(name, None)
