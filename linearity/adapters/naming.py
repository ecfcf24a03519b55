"""How a model or dataset that somebody names becomes an id, a name and a reference."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from linearity.contracts.canonical import digest
from linearity.contracts.inputs import BUILTIN_DATASETS, BUILTIN_MODELS
from linearity.contracts.named_layout import NamedParts
from linearity.contracts.reading import HubDataset
from linearity.errors import InvalidParameterError, UnknownInputError

MAXIMUM_ID_LENGTH = 96

_HUB = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w./-]{1,100}))?",
    re.ASCII,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class InputName:
    """What an input is registered under."""

    id: str
    name: str
    source: str
    reference: str


def name_input(kind: str, text: str) -> InputName:
    """Return the registration of `text`: a built-in name, a hub id, or a path.

    Raises
    ------
    UnknownInputError
        If it is none of the three.
    """
    builtins = BUILTIN_MODELS if kind == "model" else BUILTIN_DATASETS
    if text in builtins:
        return InputName(id=text, name=builtins[text], source="builtin", reference=text)
    if text.startswith(("/", "./", "../", "~")):
        return name_path(text)
    if kind == "model" and _HUB.fullmatch(text):
        name, _, revision = text.partition("@")
        return name_hub(name, revision or None)
    raise UnknownInputError(
        f"no {kind} is called {text[:80]!r}",
        next_step=f"Use one of {', '.join(builtins)}, "
        + ("a hub id like owner/name, " if kind == "model" else "")
        + "or a path that begins with / or ./",
        name=text[:80],
    )


def name_hub(name: str, revision: str | None) -> InputName:
    """Return the registration of a model of the hub."""
    reference = name if revision is None else f"{name}@{revision}"
    refused = ".." in reference or "--" in name or name.endswith(".git")
    if refused or not _HUB.fullmatch(reference):
        raise InvalidParameterError("name", wanted="a hub id like owner/name", got=reference)
    # The hub allows no "--" in names, so `a/b-c` and `a-b/c` stay apart.
    id = name.replace("/", "--") + (f"--{digest(revision)[:8]}" if revision else "")
    return InputName(id=safe_id(id, reference), name=name, source="hub", reference=reference)


def name_revision(name: str, revision: str | None, commit: str) -> InputName:
    """Return the registration of a hub model pinned to a commit, called after its revision."""
    if not _COMMIT.fullmatch(commit):
        raise InvalidParameterError("commit", wanted="40 hexadecimal digits", got=commit)
    if revision is not None:
        name_hub(name, revision)
    shown = name if revision in (None, "main", commit) else f"{name}@{revision}"
    return replace(name_hub(name, commit), name=shown)


def name_hub_dataset(dataset: HubDataset) -> InputName:
    """Return the registration of a dataset of the hub."""
    id = f"{dataset.name.replace('/', '--')}-{digest(dataset.reference)[:8]}"
    return InputName(safe_id(id, dataset.reference), dataset.name, "hub", dataset.reference)


def name_path(text: str) -> InputName:
    """Return the registration of a folder or file on this machine."""
    path = Path(text).expanduser().absolute()
    name = path.name or "root"
    id = safe_id(f"{name}-{digest(str(path))[:8]}", str(path))
    return InputName(id=id, name=name, source="path", reference=str(path))


def named_apart(name: InputName, parts: NamedParts | None) -> InputName:
    """Return the registration of the same files with other blocks named: another model."""
    if parts is None:
        return name
    text = f"{name.id}-{digest(parts.as_json())[:8]}"
    return replace(name, id=safe_id(text, text))


def safe_id(text: str, material: str) -> str:
    """Return `text` as an address-safe id; what is too long ends in a digest of `material`."""
    safe = _UNSAFE.sub("-", text).strip("-.") or "input"
    if len(safe) <= MAXIMUM_ID_LENGTH:
        return safe
    return f"{safe[: MAXIMUM_ID_LENGTH - 9]}-{digest(material)[:8]}"
