"""An adapter of the dense model, renumbered for an export, does there what it did before."""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from linearity.adapters.lora_adapter import read_adapter, write_adapter
from linearity.adapters.lora_desk import told
from linearity.adapters.lora_names import Renumbering
from linearity.contracts.export import Architecture
from linearity.contracts.families import FAMILIES
from linearity.errors import InvalidParameterError
from linearity.models.families import find_layout
from tests.backend.builders import a_model
from tests.families.tiny import BLOCKS, build

MODEL = a_model(id="mine", name="SmolLM2-135M-Instruct", source="path", reference="/models/x")
IDS = torch.tensor([[5, 17, 9, 3, 8, 2]])
RANK, ALPHA = 4, 8
TARGETS = {
    "llama": ["self_attn.q_proj", "mlp.down_proj"],
    "gpt2": ["attn.c_attn", "mlp.c_proj"],
}


def an_architecture(kept: list[int], **changes: Any) -> Architecture:
    """Return what an export that drops all but some blocks says of itself."""
    plain = Architecture(
        name="X", model_type="x", is_stock=True, blocks=len(kept),
        origins=[[block, block] for block in kept], linear_blocks=[], uneven=[], dtype="float32",
        parameters=1, dense_parameters=1, weight_bytes=4, dense_weight_bytes=4,
    )  # fmt: skip
    return replace(plain, **changes)


def write(
    folder: Path, network: nn.Module, family: str, *, blocks: range = range(BLOCKS), **config: Any
) -> Path:
    """Write a random adapter of a network's blocks, as peft does."""
    noise = torch.Generator().manual_seed(3)
    path = f"{FAMILIES[family].decoder}.{FAMILIES[family].blocks}"
    tensors: dict[str, Tensor] = {}
    for block in blocks:
        for target in TARGETS[family]:
            module = f"{path}.{block}.{target}"
            inner, outer = in_and_out(network.get_submodule(module))
            name = f"base_model.model.{module}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, inner, generator=noise)
            tensors[f"{name}.lora_B.weight"] = torch.randn(outer, RANK, generator=noise)
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    given = {
        "peft_type": "LORA",
        "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": [target.rpartition(".")[2] for target in TARGETS[family]],
        "layers_to_transform": None,
        "alpha_pattern": {},
    }
    (folder / "adapter_config.json").write_text(json.dumps(given | config))
    return folder


def in_and_out(module: Any) -> tuple[int, int]:
    shape = tuple(module.weight.shape)
    return shape[::-1] if isinstance(module, nn.Linear) else shape


def applied(network: nn.Module, folder: Path) -> nn.Module:
    """Return a copy with an adapter added to its weights, by the formula of the LoRA paper."""
    changed = copy.deepcopy(network)
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    for name in [name for name in tensors if name.endswith(".lora_A.weight")]:
        path = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        module: Any = changed.get_submodule(path)
        update = tensors[name.replace("lora_A", "lora_B")] @ tensors[name]
        update *= alpha_of(path, config) / config["r"]
        module.weight.data += update if isinstance(module, nn.Linear) else update.T
    return changed


def alpha_of(path: str, config: Mapping[str, Any]) -> float:
    """Return the alpha of a module: peft looks for a key that its path ends with."""
    matching = [v for k, v in config["alpha_pattern"].items() if re.match(rf"(.*\.)?({k})$", path)]
    return float((matching or [config["lora_alpha"]])[0])


def cut(network: nn.Module, family: str, kept: list[int]) -> nn.Module:
    """Return a copy with some blocks only, numbered anew."""
    changed: Any = copy.deepcopy(network)
    decoder = changed.get_submodule(FAMILIES[family].decoder)
    blocks = getattr(decoder, FAMILIES[family].blocks)
    setattr(decoder, FAMILIES[family].blocks, nn.ModuleList(blocks[block] for block in kept))
    changed.config.num_hidden_layers = len(kept)
    return changed  # type: ignore[no-any-return]


def logits(network: Any) -> Tensor:
    with torch.no_grad():
        return network(IDS, use_cache=False).logits  # type: ignore[no-any-return]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    place = tmp_path / "renumbered"
    place.mkdir()
    return place


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("kept", [[0, 2, 3], [1, 3]])
def test_a_renumbered_adapter_does_to_the_cut_what_it_did_to_those_blocks(
    tmp_path: Path, target: Path, family: str, kept: list[int]
) -> None:
    network = build(family, attention="eager")
    leaf = TARGETS[family][0]
    path = f"{FAMILIES[family].decoder}.{FAMILIES[family].blocks}"
    alphas = {f"{path}.{kept[-1]}.{leaf}": 3, leaf.rpartition(".")[2]: 5, f"{path}.0.{leaf}": 9}
    folder = write(tmp_path / "lora", network, family, alpha_pattern=alphas)
    layout = find_layout(network, FAMILIES[family])
    adapter = read_adapter(folder, MODEL, network, layout)
    became = write_adapter(adapter, an_architecture(kept), "./cut", target)

    wanted = logits(cut(applied(network, folder), family, kept))
    torch.testing.assert_close(logits(applied(cut(network, family, kept), target)), wanted)
    gone = sorted(set(range(BLOCKS)) - set(kept))
    assert (became.kept, became.left_out, became.merged) == (kept, gone, [])
    assert not torch.allclose(wanted, logits(cut(network, family, kept)))


def test_blocks_that_became_maps_or_hold_one_are_said(tmp_path: Path, target: Path) -> None:
    network = build("llama", attention="eager")
    folder = write(tmp_path / "lora", network, "llama")
    adapter = read_adapter(folder, MODEL, network, find_layout(network))
    architecture = an_architecture([0, 1, 2], origins=[[0, 0], [1, 1], [2, 3]], linear_blocks=[1])
    became = write_adapter(adapter, architecture, "./cut", target)
    names = load_file(target / "adapter_model.safetensors")

    assert (became.kept, became.left_out, became.merged) == ([0, 2], [1, 3], [2])
    assert {re.findall(r"layers\.(\d)", name)[0] for name in names} == {"0", "2"}
    assert told(became) == (
        "an adapter of 2 blocks; left out, because the blocks are gone: 1, 3; measure it: these "
        "blocks carry a merged map where it has a part of its own: 2"
    )


@pytest.mark.parametrize(
    "named",
    [
        {"layers_to_transform": [1, 3], "layers_pattern": "layers"},
        {"target_modules": r"model\.layers\.(1|3)\.(self_attn\.q_proj|mlp\.down_proj)"},
        {"target_modules": ["model.layers.1.self_attn.q_proj", "model.layers.3.mlp.down_proj"]},
    ],
)
def test_what_names_blocks_becomes_whole_paths(
    tmp_path: Path, target: Path, named: dict[str, Any]
) -> None:
    network = build("llama", attention="eager")
    folder = write(tmp_path / "lora", network, "llama", blocks=range(1, 4, 2), **named)
    adapter = read_adapter(folder, MODEL, network, find_layout(network))
    write_adapter(adapter, an_architecture([0, 3]), "./cut", target)
    config = json.loads((target / "adapter_config.json").read_text())

    assert config["target_modules"] == [
        "model.layers.1.mlp.down_proj", "model.layers.1.self_attn.q_proj",
    ]  # fmt: skip
    assert (config["layers_to_transform"], config["layers_pattern"]) == (None, None)
    assert config["base_model_name_or_path"] == "./cut"


def test_what_names_no_block_stays_and_so_does_what_is_unknown(
    tmp_path: Path, target: Path
) -> None:
    network = build("llama", attention="eager")
    folder = write(tmp_path / "lora", network, "llama", use_rslora=True, mine={"a": [1]})
    before = json.loads((folder / "adapter_config.json").read_text())
    adapter = read_adapter(folder, MODEL, network, find_layout(network))
    write_adapter(adapter, an_architecture([0, 3]), "./cut", target)
    after = json.loads((target / "adapter_config.json").read_text())

    assert after == before | {"base_model_name_or_path": "./cut"}


def changed_config(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def changed_weights(folder: Path, change: Any) -> None:
    file = folder / "adapter_model.safetensors"
    save_file({k: v.contiguous() for k, v in change(load_file(file)).items()}, file)


def only_pickles(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


BROKEN: dict[str, tuple[Any, str]] = {
    "another base by name": (
        lambda f: changed_config(f, base_model_name_or_path="meta-llama/Llama-3.2-1B"),
        r"got 'meta-llama/Llama-3\.2-1B'",
    ),
    "another base by shape": (
        lambda f: changed_weights(
            f, lambda w: {k: v[:, :8] if "lora_A" in k else v for k, v in w.items()}
        ),
        r"lora_A of model\.layers\.\d\..* has the shape",
    ),
    "another base by depth": (
        lambda f: changed_weights(
            f, lambda w: {k.replace("layers.3", "layers.7"): v for k, v in w.items()}
        ),
        r"has parts of model\.layers\.7",
    ),
    "another method": (lambda f: changed_config(f, peft_type="IA3"), "IA3"),
    "blocks twice": (lambda f: changed_config(f, layer_replication=[[0, 2]]), "layer_replication"),
    "pickled weights": (only_pickles, r"adapter_model\.bin"),
    "no weights": (lambda f: (f / "adapter_model.safetensors").unlink(), "adapter_model"),
    "no configuration": (lambda f: (f / "adapter_config.json").unlink(), "adapter_config"),
    "a configuration twice told": (
        lambda f: (f / "adapter_config.json").write_text('{"r": 1, "r": 2}'), "strict JSON"),
    "other names": (
        lambda f: changed_weights(f, lambda w: {f"x.{k}": v for k, v in w.items()}), "peft names"),
    "no safetensors": (
        lambda f: (f / "adapter_model.safetensors").write_bytes(b"\x80\x04."), "safetensors"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_adapter_of_this_model_is_refused(tmp_path: Path, case: str) -> None:
    network = build("llama", attention="eager")
    folder = write(tmp_path / "lora", network, "llama")
    breaking, words = BROKEN[case]
    breaking(folder)

    with pytest.raises(InvalidParameterError, match=words) as caught:
        read_adapter(folder, MODEL, network, find_layout(network))
    assert caught.value.data["parameter"] == "--adapter"
    assert caught.value.next_step


def test_an_adapter_of_which_nothing_is_left_is_refused(tmp_path: Path, target: Path) -> None:
    network = build("llama", attention="eager")
    folder = write(tmp_path / "lora", network, "llama", blocks=range(1, 3))
    adapter = read_adapter(folder, MODEL, network, find_layout(network))

    with pytest.raises(InvalidParameterError, match="parts of blocks 1, 2 only"):
        write_adapter(adapter, an_architecture([0, 3]), "./cut", target)
    assert list(target.iterdir()) == []


def test_ranks_by_an_expression_of_blocks_are_refused() -> None:
    numbering = Renumbering("model.layers", {0: 0, 3: 1})

    with pytest.raises(InvalidParameterError, match="single blocks"):
        numbering.config({"rank_pattern": {r"layers\.(1|3)\.q_proj": 8}}, [])


def test_a_map_matters_only_where_the_adapter_has_a_part_too(tmp_path: Path, target: Path) -> None:
    network = build("llama", attention="eager")
    folder = write(tmp_path / "lora", network, "llama")
    changed_weights(folder, lambda w: {k: v for k, v in w.items() if "q_proj" in k})
    adapter = read_adapter(folder, MODEL, network, find_layout(network))
    merged = an_architecture([0, 1, 2], origins=[[0, 0], [1, 1], [2, 3]])

    assert write_adapter(adapter, merged, "./cut", target).merged == []
