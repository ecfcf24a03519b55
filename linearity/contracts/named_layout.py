"""Where a model of a family without a reader keeps its parts, as its user names them."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError

LONGEST_PATH = 200
ONLY_LINEARITY = (
    "its blocks were named by path: their states are proven to follow one another, and nothing is "
    "known of what is inside, so none is changed"
)

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*", re.ASCII)


@dataclass(frozen=True)
class NamedParts:
    """What a user says: dotted paths in the whole model, such as ``model.layers``.

    Parameters
    ----------
    blocks : str
        The list of blocks.
    norm : str
        The norm between the last block and the head.
    """

    blocks: str
    norm: str

    def as_json(self) -> dict[str, Json]:
        """Return the paths as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class NamedLayout:
    """What an inspection made of it.

    Parameters
    ----------
    decoder, head : str
        Dotted paths in the whole model: what is called with ``input_ids``, the output embedding.
    blocks, norm : str
        Dotted paths in the decoder.
    attentions : tuple of str
        transformers' attention implementations for it; ``auto`` is the first.
    """

    decoder: str
    head: str
    blocks: str
    norm: str
    attentions: tuple[str, ...] = ("eager",)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> "NamedLayout":
        """Rebuild it from plain values."""
        attentions = value["attentions"]
        assert isinstance(attentions, list | tuple)
        paths = {name: str(value[name]) for name in ("decoder", "head", "blocks", "norm")}
        return cls(**paths, attentions=tuple(map(str, attentions)))


def parse_parts(given: Mapping[str, Json]) -> NamedParts | None:
    """Return the parts that the fields ``blocks`` and ``norm`` name; None where neither is there.

    Raises
    ------
    InvalidParameterError
        If one is no dotted path of a module, or is missing.
    """
    if given.get("blocks") is None and given.get("norm") is None:
        return None
    return NamedParts(_path(given, "blocks", "model.layers"), _path(given, "norm", "model.norm"))


def _path(given: Mapping[str, Json], name: str, example: str) -> str:
    path = given.get(name)
    if isinstance(path, str) and len(path) <= LONGEST_PATH and _PATH.fullmatch(path):
        return path
    raise InvalidParameterError(
        name,
        wanted=f"a dotted path in the model, such as {example}: names of letters, digits and _, "
        f"at most {LONGEST_PATH} characters",
        got=None if path is None else str(path)[:80],
        next_step="Name both the list of blocks and the final norm; print(model) shows them.",
    )
