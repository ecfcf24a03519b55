"""A tiny Llama in a folder, written byte by byte, so that a test can write any nonsense instead."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linearity.adapters.expected_weights import HEAD
from linearity.adapters.findings import Findings
from linearity.adapters.model_config import ModelConfig, read_config

Arrays = dict[str, np.ndarray]
LETTERS = "abcdefghijklmnopqrstuvwxyz ,.!"
VOCABULARY = 64

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "eos_token_id": 2,
    "torch_dtype": "float32",
}
TYPES = {"float32": "F32", "float16": "F16", "float64": "F64", "int8": "I8", "bool": "BOOL"}


def checked(config: Mapping[str, Any]) -> ModelConfig:
    read = read_config(config, Findings())
    assert read is not None
    return read


def random_weights(config: Mapping[str, Any]) -> Arrays:
    """Seeded numbers for every weight that `config` asks for; a tied head is left out."""
    numbers = np.random.default_rng(7)
    shapes = dict(checked(config).weights)
    if config["tie_word_embeddings"]:
        del shapes[HEAD]
    return {
        name: numbers.normal(scale=0.1, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def header_of(weights: Arrays) -> dict[str, dict[str, Any]]:
    header, place = {}, 0
    for name, array in weights.items():
        ends = [place, place + array.nbytes]
        dtype = TYPES[str(array.dtype)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": ends}
        place = ends[1]
    return header


def write_safetensors(path: Path, weights: Arrays, header: Any = None) -> None:
    """Write weights, under another header if one is given: a value, or bytes to be taken as is."""
    spelled = (
        header if isinstance(header, bytes) else json.dumps(header or header_of(weights)).encode()
    )
    body = b"".join(array.tobytes() for array in weights.values())
    path.write_bytes(struct.pack("<Q", len(spelled)) + spelled + body)


def tokenizer_json() -> dict[str, Any]:
    """A BPE tokenizer of letters with two merges."""
    tokens = ["<unk>", "<s>", "</s>", *LETTERS, "th", "the"]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: id for id, token in enumerate(tokens)},
            "merges": ["t h", "th e"],
        },
    }


def write_tiny_llama(folder: Path) -> Path:
    """Write the whole model and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    write_safetensors(folder / "model.safetensors", random_weights(CONFIG))
    return folder
