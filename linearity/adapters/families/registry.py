"""What reads the config.json of each family, by the name that the file gives it."""

from collections.abc import Callable

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.bloom import read_bloom
from linearity.adapters.families.encoders import read_bert, read_distilbert, read_roberta
from linearity.adapters.families.falcon import read_falcon
from linearity.adapters.families.family import Description
from linearity.adapters.families.gemma import read_gemma, read_gemma2, read_gemma3
from linearity.adapters.families.gpt2 import read_gpt2
from linearity.adapters.families.gpt_neox import read_gpt_neox
from linearity.adapters.families.gptj import read_gptj
from linearity.adapters.families.llama import read_llama, read_mistral
from linearity.adapters.families.moe import (
    read_mixtral,
    read_olmoe,
    read_qwen2_moe,
    read_qwen3_moe,
)
from linearity.adapters.families.olmo import read_olmo, read_olmo2
from linearity.adapters.families.opt import read_opt
from linearity.adapters.families.phi import read_phi
from linearity.adapters.families.phi3 import read_phi3
from linearity.adapters.families.qwen import read_qwen2, read_qwen3
from linearity.adapters.families.smollm3 import read_smollm3
from linearity.adapters.families.stablelm import read_stablelm

READERS: dict[str, Callable[[Fields], Description]] = {
    "llama": read_llama,
    "mistral": read_mistral,
    "qwen2": read_qwen2,
    "qwen3": read_qwen3,
    "smollm3": read_smollm3,
    "phi3": read_phi3,
    "stablelm": read_stablelm,
    "olmo": read_olmo,
    "olmo2": read_olmo2,
    "gemma": read_gemma,
    "gemma2": read_gemma2,
    "gemma3_text": read_gemma3,
    "gpt2": read_gpt2,
    "gpt_neox": read_gpt_neox,
    "gptj": read_gptj,
    "opt": read_opt,
    "bloom": read_bloom,
    "falcon": read_falcon,
    "phi": read_phi,
    "mixtral": read_mixtral,
    "qwen2_moe": read_qwen2_moe,
    "qwen3_moe": read_qwen3_moe,
    "olmoe": read_olmoe,
    "bert": read_bert,
    "roberta": read_roberta,
    "distilbert": read_distilbert,
}
"""Each notes a finding for everything that is out of bounds."""
