"""What the files of a model are called: the short list that is read, and what is never read.

Names alone, so that a file can be refused before its first byte was sent.
"""

import re

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
GENERATION = "generation_config.json"
SMALL_FILES = (
    CONFIG,
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "chat_template.jinja",
    GENERATION,
)
"""Files read beside the weights; anything else in a folder is never opened."""

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARD = re.compile(r"model-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors", re.ASCII)

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
REFUSED_KINDS = {
    **dict.fromkeys((*PICKLES, ".pickle", ".npy", ".npz", ".joblib"), "pickle"),
    **dict.fromkeys((".h5", ".hdf5", ".gguf", ".ggml", ".onnx", ".msgpack", ".tflite"), "format"),
    **dict.fromkeys(
        (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"), "archive"
    ),
    **dict.fromkeys((".py", ".so", ".sh", ".exe", ".dll", ".js", ".html", ".ipynb"), "code"),
}
"""Ends of names that are refused by what they stand for."""

CONVERT = (
    "python -c \"from transformers import AutoModelForCausalLM as M; M.from_pretrained('FOLDER')"
    ".save_pretrained('OUT')\""
)
"""Writes safetensors from a checkpoint that its owner trusts; run there, never here."""


def is_model_file(name: str) -> bool:
    """Whether `name` is one of the files that make up a model."""
    return name in (*SMALL_FILES, INDEX) or is_weight_file(name)


def is_weight_file(name: str) -> bool:
    """Whether `name` is that of a weight file that is read."""
    return name == WEIGHTS or SHARD.fullmatch(name) is not None
