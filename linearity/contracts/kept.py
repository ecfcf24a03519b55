"""What a result keeps beside itself: objects of the artifact store that it names.

They belong to the run that made them and go when it goes, unless something else names them too.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from linearity.contracts.canonical import Json


@dataclass(frozen=True)
class KeptObject:
    """An object of the artifact store.

    Parameters
    ----------
    sha256 : str
        64 hexadecimal digits.
    bytes : int
    """

    sha256: str
    bytes: int

    def as_json(self) -> dict[str, Json]:
        """Return it as plain values."""
        return asdict(self)


def kept_objects(result: Mapping[str, Any]) -> list[KeptObject]:
    """Return the objects that a result of any kind names, each once, in the order of its fields."""
    found = _NAMED_BY.get(str(result["kind"]), _nothing)(result)
    objects = {item["sha256"]: KeptObject(item["sha256"], item["bytes"]) for item in found}
    return list(objects.values())


def _nothing(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return []


def _weights(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result["weights"]] if result.get("weights") else []


def _files(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [file for file in result["files"] if file.get("sha256")]


_NAMED_BY: Mapping[str, Callable[[Mapping[str, Any]], list[Mapping[str, Any]]]] = {
    "heal": _weights,
    "export": _files,
}
