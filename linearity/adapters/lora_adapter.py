"""LoRA adapters of a dense model, made to fit an export of it: read, judged, renumbered, written.

The format is that of peft: ``adapter_config.json`` beside ``adapter_model.safetensors``. What an
adapter adds to a block that is gone is left out; what it adds to the others stays as it is.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from linearity.adapters.findings import Findings
from linearity.adapters.given_files import GivenFile, open_given, parse_object
from linearity.adapters.lora_names import OPTION, Renumbering, WeightName, read_name
from linearity.adapters.safetensors_header import read_header
from linearity.contracts.canonical import Json
from linearity.contracts.delivery import RenumberedAdapter
from linearity.contracts.export import Architecture
from linearity.contracts.inputs import ModelRecord
from linearity.errors import InvalidParameterError
from linearity.models.families import Layout

CONFIG, WEIGHTS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
LARGEST_CONFIG = 1 << 20


@dataclass(frozen=True)
class LoraAdapter:
    """An adapter that fits the dense model.

    Parameters
    ----------
    name : str
        Of its folder.
    config : dict
    weights : Path
    blocks : str
        Path of the list of blocks in the base model.
    down : str
        In a block: the module that a map of an export may be merged into.
    """

    name: str
    config: dict[str, Json]
    weights: Path
    blocks: str
    down: str


def read_adapter(
    folder: Path, model: ModelRecord, network: nn.Module, layout: Layout
) -> LoraAdapter:
    """Return the adapter in a folder.

    Parameters
    ----------
    folder : Path
    model : ModelRecord
        The dense model.
    network : nn.Module
        Its modules; their parameters need no numbers.
    layout : Layout

    Raises
    ------
    InvalidParameterError
        If it is none, of another method than LoRA, or of another base model.
    """
    config = _read_config(folder)
    _check_base(config, model)
    weights = folder / WEIGHTS
    if not weights.is_file():
        pickled = (folder / PICKLED).is_file()
        raise _refused(
            f"a folder with {WEIGHTS}",
            f"only {PICKLED}" if pickled else folder.name,
            "Save it again with peft's save_pretrained: pickles are never loaded."
            if pickled
            else "Name the folder that peft's save_pretrained wrote.",
        )
    modules = dict(network.named_modules())
    for name, shape in _shapes(weights).items():
        read = read_name(name)
        if read is None:
            raise _refused("weights named as peft names them", name)
        _check_fits(read, shape, modules, model)
    return LoraAdapter(
        name=folder.resolve().name,
        config=config,
        weights=weights,
        blocks=_blocks_path(modules, layout),
        down=layout.family.down,
    )


def write_adapter(
    adapter: LoraAdapter, architecture: Architecture, base: str, folder: Path
) -> RenumberedAdapter:
    """Write an adapter for an exported model; return what became of it.

    Parameters
    ----------
    adapter : LoraAdapter
    architecture : Architecture
        Of the export.
    base : str
        What the exported folder is called, for ``base_model_name_or_path``.
    folder : Path
        An empty one.

    Raises
    ------
    InvalidParameterError
        If nothing of it is left.
    """
    numbering = Renumbering(adapter.blocks, places_of(architecture))
    tensors, modules = {}, set[str]()
    blocks: dict[bool, set[int]] = {True: set(), False: set()}
    downs = set[int]()
    for name, tensor in load_file(adapter.weights).items():
        read, new = read_name(name), numbering.name(name)
        assert read is not None  # all were read before
        if (block := numbering.block_of(read.module)) is not None:
            blocks[new is not None].add(block)
            downs |= {block} if read.module.endswith(f".{adapter.down}") else set()
        if new is None:
            continue
        tensors[new] = tensor
        if read.part:
            modules.add(str(numbering.path(read.module)))
    if not tensors:
        raise _refused(
            "an adapter of blocks that the plan keeps",
            f"parts of blocks {_listed(blocks[False])} only",
            "Nothing of this adapter is left under this plan: leave it out.",
        )
    config = numbering.config(adapter.config, modules) | {"base_model_name_or_path": base}
    _write(folder, config, tensors)
    merged = {first for first, last in architecture.origins if last > first}
    return RenumberedAdapter(
        name=adapter.name,
        kept=sorted(blocks[True]),
        left_out=sorted(blocks[False]),
        merged=sorted(blocks[True] & merged & downs),
    )


def places_of(architecture: Architecture) -> dict[int, int]:
    """Return the entry that runs each dense block that still runs."""
    return {
        origin[0]: entry
        for entry, origin in enumerate(architecture.origins)
        if entry not in architecture.linear_blocks
    }


def _write(folder: Path, config: Mapping[str, Json], tensors: Mapping[str, Tensor]) -> None:
    save_file(dict(tensors), folder / WEIGHTS, {"format": "pt"})
    # In the order as given: of several patterns that fit a module, peft takes the first.
    text = json.dumps(dict(config), indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")


def _read_config(folder: Path) -> dict[str, Json]:
    path = folder / CONFIG
    if not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
        raise _refused(f"a folder with {CONFIG}", folder.name)
    findings = Findings()
    config = parse_object(path.read_bytes(), CONFIG, findings)
    if config is None:
        raise _refused(f"{CONFIG} as strict JSON", findings.reasons[0].message)
    if config.get("peft_type") != "LORA":
        raise _refused("an adapter of the type LORA", str(config.get("peft_type")))
    for field in ("layer_replication", "target_parameters"):
        if config.get(field):
            raise _refused(f"an adapter without {field}", str(config[field]))
    return config


def _check_base(config: Mapping[str, Json], model: ModelRecord) -> None:
    named = config.get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return  # shapes alone must tell
    known = {_last_part(model.name), _last_part(model.reference)}
    if _last_part(named) not in known:
        raise _refused(
            f"an adapter of {model.name}",
            named,
            "Name its own base model with --model. If both are the same weights, write "
            f"{model.name} into its base_model_name_or_path.",
        )


def _last_part(name: str) -> str:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].partition("@")[0]
    return re.sub(r"[^a-z0-9]", "", last.lower())


def _shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    findings = Findings()
    with open_given(GivenFile(WEIGHTS, weights.resolve()).path) as (stream, status):
        tensors = read_header(stream, status.st_size, WEIGHTS, findings)
    if tensors is None or findings.reasons:
        raise _refused(f"{WEIGHTS} as safetensors", findings.reasons[0].message)
    return {tensor.name: tensor.shape for tensor in tensors}


def _check_fits(
    name: WeightName, shape: tuple[int, ...], modules: Mapping[str, nn.Module], model: ModelRecord
) -> None:
    module = modules.get(name.module)
    if module is None:
        raise _other_base(model, f"it has parts of {name.module}, which {model.name} has not")
    wanted = _wanted(name, module)
    if wanted is None:
        raise _other_base(model, f"{name.module} is no module that {name.part} belongs to")
    at, size = wanted
    if at >= len(shape) or shape[at] != size:
        raise _other_base(
            model,
            f"{name.part or name.leaf} of {name.module} has the shape {list(shape)}, and "
            f"{size} numbers are wanted in place {at}",
        )


def _wanted(name: WeightName, module: Any) -> tuple[int, int] | None:
    """Return which dimension of a weight must have which size."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim == 0:
        return None
    if not name.part:
        own = getattr(module, name.leaf or "weight", None)
        return (0, own.shape[0]) if isinstance(own, Tensor) else None
    inner, outer = _in_and_out(module, weight)
    return {
        "lora_A": (1, inner),
        "lora_B": (0, outer),
        "lora_embedding_A": (1, inner),
        "lora_embedding_B": (0, outer),
        "lora_magnitude_vector": (0, outer),
        "lora_bias": (0, outer),
    }[name.part]


def _in_and_out(module: Any, weight: Tensor) -> tuple[int, int]:
    # A linear layer keeps (out, in); embeddings, and the Conv1D of GPT-2, (in, out).
    if isinstance(module, nn.Linear):
        return weight.shape[1], weight.shape[0]
    return weight.shape[0], weight.shape[-1]


def _blocks_path(modules: Mapping[str, nn.Module], layout: Layout) -> str:
    first = next(name for name, module in modules.items() if module is layout.blocks[0])
    return first.rpartition(".")[0]


def _other_base(model: ModelRecord, why: str) -> InvalidParameterError:
    return _refused(
        f"an adapter of {model.name}", why, "Name the base model of this adapter with --model."
    )


def _refused(wanted: str, got: str, next_step: str = "") -> InvalidParameterError:
    return InvalidParameterError(OPTION, wanted=wanted, got=got, next_step=next_step)


def _listed(blocks: set[int]) -> str:
    return ", ".join(map(str, sorted(blocks)))
