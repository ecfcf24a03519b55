"""The weights that a configuration asks for, against the library that will load them."""

from typing import Any

import pytest
import torch

from linearity.adapters.expected_weights import HEAD
from tests.adapters.tiny_llama import CONFIG, checked

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "untied": {"tie_word_embeddings": False},
    "no groups of heads": {"num_key_value_heads": None},
    "wide heads": {"head_dim": 10},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "stretched positions": {"rope_scaling": {"type": "linear", "factor": 2.0}},
    "llama3 positions": {
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}},
    "yarn": {
        "rope_scaling": {"rope_type": "yarn", "factor": 2.0,
                         "original_max_position_embeddings": 64}},
    "one spelling of positions": {
        "rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_and_shapes_are_those_of_the_model_that_the_cleaned_configuration_builds(
    variant: str,
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = checked(CONFIG | VARIANTS[variant])
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config.cleaned))
    built = {name: tuple(value.shape) for name, value in model.state_dict().items()}

    assert config.weights == built
    assert (HEAD in model.all_tied_weights_keys) == config.is_tied


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cleaned_configuration_builds_the_same_model_as_the_given_one(variant: str) -> None:
    from transformers import AutoConfig

    given = CONFIG | VARIANTS[variant]
    cleaned = AutoConfig.for_model(**checked(given).cleaned)
    raw = AutoConfig.for_model(**{key: value for key, value in given.items() if value is not None})
    raw.rope_parameters.pop("type", None)  # the old spelling of rope_type, kept beside it

    for name in ("rope_parameters", "head_dim", "num_key_value_heads", "hidden_act", "eos_token_id",
                 "rms_norm_eps", "tie_word_embeddings", "max_position_embeddings"):  # fmt: skip
        assert getattr(cleaned, name) == getattr(raw, name), name
