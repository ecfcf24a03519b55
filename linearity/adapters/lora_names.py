"""Names in a LoRA adapter of peft's format, and the same names after blocks were renumbered.

A weight is called ``base_model.model.<module>.<part>``; the configuration names modules by the ends
of their paths, by whole paths, or by an expression.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError

OPTION = "--adapter"
PREFIX = "base_model.model."
LOW_RANK = (
    "lora_A",
    "lora_B",
    "lora_embedding_A",
    "lora_embedding_B",
    "lora_magnitude_vector",
    "lora_bias",
)
PATTERNS = ("rank_pattern", "alpha_pattern")
_PART = re.compile(rf"\.(?P<part>{'|'.join(LOW_RANK)}|base_layer)(?P<leaf>\.(weight|bias))?$")


@dataclass(frozen=True)
class WeightName:
    """What a weight of an adapter is called.

    Parameters
    ----------
    module : str
        Path of the module in the base model that it belongs to.
    part : str
        One of `LOW_RANK`; empty for a weight that stands in for the module's own.
    leaf : str
        The end of the name: "weight", "bias" or empty.
    """

    module: str
    part: str
    leaf: str


def read_name(name: str) -> WeightName | None:
    """Return what a name says; None if it is none of an adapter of this format."""
    if not name.startswith(PREFIX):
        return None
    path = name.removeprefix(PREFIX)
    if found := _PART.search(path):
        part = "" if found["part"] == "base_layer" else found["part"]
        return WeightName(path[: found.start()], part, (found["leaf"] or "").lstrip("."))
    module, _, leaf = path.rpartition(".")
    return WeightName(module, "", leaf) if module and leaf in ("weight", "bias") else None


@dataclass(frozen=True)
class Renumbering:
    """Where blocks go.

    Parameters
    ----------
    blocks : str
        Path of the list of blocks, as ``model.layers``.
    places : mapping of int to int
        The entry of the exported list that runs a dense block; those that run nowhere are missing.
    """

    blocks: str
    places: Mapping[int, int]

    def block_of(self, path: str) -> int | None:
        """Return the dense block that a path lies in; None outside of them."""
        found = re.match(rf"{re.escape(self.blocks)}\.(\d+)(?=\.|$)", path)
        return int(found[1]) if found else None

    def path(self, path: str) -> str | None:
        """Return a path in the exported model; None if its block is gone."""
        block = self.block_of(path)
        if block is None:
            return path
        if block not in self.places:
            return None
        old, new = f"{self.blocks}.{block}", f"{self.blocks}.{self.places[block]}"
        return new + path.removeprefix(old)

    def name(self, name: str) -> str | None:
        """Return a weight's name in the renumbered adapter; None if its block is gone."""
        path = self.path(name.removeprefix(PREFIX))
        return None if path is None else PREFIX + path

    def config(self, config: Mapping[str, Json], modules: Iterable[str]) -> dict[str, Json]:
        """Return an adapter's configuration for the exported model.

        Parameters
        ----------
        config : mapping
            ``adapter_config.json``; what it says of blocks becomes whole paths.
        modules : iterable of str
            Paths of the modules, in the exported model, that the adapter has low-rank parts of.

        Raises
        ------
        InvalidParameterError
            If ranks are given by an expression that names blocks.
        """
        changed = dict(config)
        if self._tells_blocks(config):
            changed |= {
                "target_modules": sorted(modules),
                "layers_to_transform": None,
                "layers_pattern": None,
            }
        for field in PATTERNS:
            given = config.get(field)
            if isinstance(given, Mapping):
                changed[field] = self._patterns(field, given)
        return changed

    def _tells_blocks(self, config: Mapping[str, Json]) -> bool:
        targets = config.get("target_modules")
        if not isinstance(targets, list) or config.get("layers_to_transform") is not None:
            return True
        return any(re.search(r"\d", str(target)) for target in targets)

    def _patterns(self, field: str, given: Mapping[str, Json]) -> dict[str, Json]:
        leaf = self.blocks.rpartition(".")[2]
        place = re.compile(rf"(?P<before>(^|[.^]){leaf}\\?\.)(?P<block>\d+)(?=\\?\.|$)")
        kept: dict[str, Json] = {}
        for key, value in given.items():
            found = place.search(key)
            if found is None:
                if re.search(rf"{leaf}\\?\.[^A-Za-z]", key):
                    raise InvalidParameterError(
                        OPTION,
                        wanted=f"an adapter whose {field} names single blocks or none",
                        got=key,
                        next_step="Spell it out, one entry a module.",
                    )
                kept[key] = value
            elif (new := self.places.get(int(found["block"]))) is not None:
                kept[f"{key[: found.start('block')]}{new}{key[found.end('block') :]}"] = value
        return kept
