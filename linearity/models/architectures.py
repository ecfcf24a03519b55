"""Tells transformers of the architectures of this package, so that their folders load like any."""

from functools import cache
from typing import Any

from linearity.contracts.families import CUSTOM_PREFIX, FAMILIES, is_linearized, linearizable
from linearity.models.linearized import LinearBlocks


def register(model_type: str) -> None:
    """Let transformers load models of a type of this package; any other type is left alone."""
    if is_linearized(model_type):
        _registered(model_type.removeprefix(CUSTOM_PREFIX))


def register_architectures() -> None:
    """Let transformers load every export that has linear blocks.

    Afterwards ``AutoConfig`` and ``AutoModelForCausalLM`` take such folders like any other.
    """
    for name in linearizable():
        _registered(name)


def linear_config(config: Any, linear: list[int]) -> Any:
    """Return a family's configuration as one in which the entries `linear` are maps."""
    made, model = _registered(config.model_type.removeprefix(CUSTOM_PREFIX))
    fields = config.to_dict()
    for name in ("model_type", "transformers_version"):
        fields.pop(name, None)
    changed = made(**fields, linear_blocks=linear)
    changed.architectures = [model.__name__]
    return changed


@cache
def _registered(name: str) -> tuple[type, type]:
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    family = FAMILIES[name]
    model_type = f"{CUSTOM_PREFIX}{name}"
    base: Any = CONFIG_MAPPING[name]
    parent: Any = getattr(transformers, family.architecture)
    fields = {"model_type": model_type, "__module__": __name__}
    config: Any = type(f"Linear{base.__name__}", (base,), fields)
    model: Any = type(
        f"Linear{parent.__name__}",
        (LinearBlocks, parent),
        {
            "config_class": config,
            "blocks_path": f"{family.decoder}.{family.blocks}",
            "answers_tuple": family.has_tuples,
            "__module__": __name__,
        },
    )
    AutoConfig.register(model_type, config, exist_ok=True)
    AutoModelForCausalLM.register(config, model, exist_ok=True)
    return config, model
