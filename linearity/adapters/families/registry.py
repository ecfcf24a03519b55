"""What reads the config.json of each family, by the name that the file gives it."""

from collections.abc import Callable

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Description
from linearity.adapters.families.gemma import read_gemma, read_gemma2, read_gemma3
from linearity.adapters.families.llama import read_llama, read_mistral
from linearity.adapters.families.olmo import read_olmo, read_olmo2
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
}
"""Each notes a finding for everything that is out of bounds."""
