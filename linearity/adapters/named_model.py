"""A model of a family without a reader, whose user names its blocks and final norm by path.

transformers builds it without numbers, in the limited child, and one forward pass of it shows
whether what was named is a chain of states: what enters a block is what left the one before.
"""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from linearity.adapters.config_fields import Fields
from linearity.adapters.findings import Findings
from linearity.adapters.model_config import (
    CODE,
    FORBIDDEN_KEYS,
    ModelConfig,
    check_code,
    read_dtype,
    refuse_forbidden,
)
from linearity.adapters.safetensors_header import is_recomputed
from linearity.contracts.canonical import Json
from linearity.contracts.families import FAMILIES
from linearity.contracts.model_files import CONFIG
from linearity.contracts.named_layout import NamedLayout, NamedParts
from linearity.errors import RejectedInputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEAD = "lm_head.weight"
LARGEST_NUMBER = 10_000_000
LONGEST_TEXT = 200
MOST_ENTRIES = 4096
DEEPEST = 3

_FAMILY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}", re.ASCII)
_IGNORED = ("num_labels", "output_attentions", "output_hidden_states", "torchscript")
_KEPT = ("tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id")


def read_named(
    config: Mapping[str, Json], parts: NamedParts, findings: Findings
) -> ModelConfig | None:
    """Return what ``config.json`` says of a model whose parts are named, or None with findings."""
    family = config.get("model_type")
    if isinstance(family, str) and family in FAMILIES:
        _refuse(findings, f"{family} is a family whose parts are known: leave blocks and norm out")
        return None
    refuse_forbidden(config, findings)
    fields = Fields(config, CONFIG, findings)
    dtype = read_dtype(fields)
    cleaned = _cleaned(config, findings)
    if findings.reasons:
        return None
    try:
        network = _built(cleaned | {"dtype": dtype or "float32"})
        return _described(network, parts, cleaned, dtype)
    except RejectedInputError as error:
        _refuse(findings, error.message)
    except Exception as error:  # noqa: BLE001  # ten types and more for an odd configuration
        text = f"{type(error).__name__}: {error}"
        _refuse(findings, f"transformers could not build the model and run it: {text[:160]}")
    return None


def _refuse(findings: Findings, message: str) -> None:
    findings.refuse("bad_layout", message, file=CONFIG, field="model_type")


def _cleaned(config: Mapping[str, Json], findings: Findings) -> dict[str, Json]:
    """Return the fields that are a family's own, each a plain value within bounds.

    Those that all configurations share are left out: labels, outputs, whatever loads something.
    """
    from dataclasses import fields as fields_of

    from transformers import PreTrainedConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    family = config.get("model_type")
    known = isinstance(family, str) and _FAMILY.fullmatch(family)
    if not known or family not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        _refuse(findings, f"transformers has no causal language model {str(family)[:60]!r}")
        return {}
    shared = {field.name for field in fields_of(PreTrainedConfig)} - set(_KEPT)
    left_out = shared.union(FORBIDDEN_KEYS, _IGNORED, [CODE])
    cleaned: dict[str, Json] = {}
    for name, value in config.items():
        if name in left_out or name.startswith("_"):
            continue
        if not _is_plain(value, DEEPEST):
            findings.refuse(
                "bad_config",
                f"{CONFIG}: {name[:60]} is not a plain value within bounds",
                file=CONFIG,
                field=name[:60],
            )
            continue
        cleaned[name] = value
    architecture = str(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[str(family)])
    check_code(config, architecture, findings)
    return cleaned | {"model_type": family, "architectures": [architecture]}


def _is_plain(value: Json, depth: int) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT and value.isprintable()
    if isinstance(value, list | Mapping):
        # One with a type of its own is a configuration inside: images, sound.
        inner = value.values() if isinstance(value, Mapping) else value
        fits = depth > 0 and len(value) <= MOST_ENTRIES and "model_type" not in value
        return fits and all(_is_plain(item, depth - 1) for item in inner)
    if not isinstance(value, int | float):
        return value is None
    return math.isfinite(value) and abs(value) <= LARGEST_NUMBER


def _built(cleaned: Mapping[str, Json]) -> "PreTrainedModel":
    """Return the network on the meta device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**cleaned)
    with torch.device("meta"):
        network: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, attn_implementation="eager", trust_remote_code=False
        )
    return network.eval()


def _described(
    network: "PreTrainedModel",
    parts: NamedParts,
    cleaned: Mapping[str, Json],
    dtype: str | None,
) -> ModelConfig:
    from linearity.models.named_states import prove_states, unproven

    layout = _layout(network, parts)
    tied = set(network.all_tied_weights_keys or {})
    if tied - {HEAD}:
        raise unproven(f"{min(tied - {HEAD})[:80]} is tied to another weight: not read here")
    blocks, width = prove_states(network, layout)
    context = getattr(network.config, "max_position_embeddings", None)
    return ModelConfig(
        family=str(cleaned["model_type"]),
        blocks=blocks,
        width=width,
        vocabulary=network.get_input_embeddings().num_embeddings,
        context=context if isinstance(context, int) and context > 0 else LARGEST_NUMBER,
        is_tied=bool(tied),
        dtype=dtype,
        weights={
            name: tuple(value.shape)
            for name, value in network.state_dict().items()
            if not is_recomputed(name)
        },
        aliases={},
        parts={},
        cleaned={**cleaned, "tie_word_embeddings": bool(tied), "dtype": dtype or "float32"},
        layout=layout,
    )


def _layout(network: "PreTrainedModel", parts: NamedParts) -> NamedLayout:
    from linearity.models.named_states import unproven

    decoder = network.base_model_prefix
    for path in (parts.blocks, parts.norm):
        if not path.startswith(f"{decoder}."):
            raise unproven(
                f"{path} is not in {decoder}, which is what {type(network).__name__} calls blocks "
                "from"
            )
    head = network.get_output_embeddings()
    names = [name for name, module in network.named_modules() if module is head]
    if head is None or not names:
        raise unproven(f"{type(network).__name__} has no output embedding")
    attentions = ("sdpa", "eager") if network._supports_sdpa else ("eager",)
    return NamedLayout(
        decoder,
        names[0],
        parts.blocks.removeprefix(f"{decoder}."),
        parts.norm.removeprefix(f"{decoder}."),
        attentions,
    )
