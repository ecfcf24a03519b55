"""Models of a real shape with random weights, and text for them: enough to measure time."""

import random

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from linearity.contracts.linearity import LinearityParams
from linearity.models.families import find_layout
from linearity.models.loaded import LoadedModel

WIDTH_7B, BLOCKS_7B, VOCABULARY_7B = 4096, 32, 32_000
HEAD = 128


def llama_7b(device: str) -> LoadedModel:
    """Return a bfloat16 model of Llama-2-7B's shape; its tokenizer reads decimal numbers."""
    return llama(device, width=WIDTH_7B, blocks=BLOCKS_7B, inner=11_008)


def llama(
    device: str, *, width: int, blocks: int, inner: int, dtype: torch.dtype = torch.bfloat16
) -> LoadedModel:
    """Return a Llama of any shape with random weights; its tokenizer reads decimal numbers."""
    config = LlamaConfig(
        vocab_size=VOCABULARY_7B,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=blocks,
        num_attention_heads=max(width // HEAD, 1),
        num_key_value_heads=max(width // HEAD, 1),
        max_position_embeddings=4096,
        attn_implementation="sdpa",
    )
    torch.manual_seed(0)
    with torch.device(device):
        torch.set_default_dtype(dtype)
        network = LlamaForCausalLM(config).eval()
        torch.set_default_dtype(torch.float32)
    return LoadedModel(
        layout=find_layout(network),
        width=width,
        device=torch.device(device),
        tokenize=lambda text: [int(word) for word in text.split()],
        bos=None,
        network=network,
    )


def linearity_params(tokens: int, *, pairs: str, dtype: str = "bfloat16") -> LinearityParams:
    """Return the usual parameters of a linearity run with so many tokens."""
    return LinearityParams(
        tokens=tokens,
        context=256,
        heldout=0.25,
        seed=0,
        ridge="auto",
        exclude="sinks",
        pairs=pairs,
        repeats=1,
        granularity="block",
        dtype=dtype,
        attention="sdpa",
    )


def number_documents(count: int, tokens: int) -> list[str]:
    """Return documents of random token numbers."""
    source = random.Random(0)
    return [
        " ".join(str(source.randrange(VOCABULARY_7B)) for _ in range(tokens)) for _ in range(count)
    ]
