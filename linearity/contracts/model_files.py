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
"""Files read beside the weights."""

CARD = "README.md"
VOCABULARIES = ("vocab.json", "merges.txt", "added_tokens.json")
NOTICE = re.compile(
    r"(LICEN[CS]E|NOTICE|COPYING|USE_POLICY)([-_][a-z0-9_-]{1,40})?(\.(txt|md|rst))?",
    re.ASCII | re.IGNORECASE,
)
"""Terms and notices; like `VOCABULARIES` they are only copied, as bytes, into what is exported.

Of the card one line is read: the licence that it names. Anything else in a folder is not opened.
"""

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


def is_side_file(name: str) -> bool:
    """Whether `name` is kept beside a model, though nothing that is measured depends on it."""
    return name in VOCABULARIES or NOTICE.fullmatch(name) is not None


def is_kept_file(name: str) -> bool:
    """Whether `name` is a file of a model or beside one; others may be left out."""
    return is_model_file(name) or is_side_file(name)


def is_fetched_file(name: str) -> bool:
    """Whether `name` is taken from a repository or a folder of somebody's."""
    return is_kept_file(name) or name == CARD


def is_weight_file(name: str) -> bool:
    """Whether `name` is that of a weight file that is read."""
    return name == WEIGHTS or SHARD.fullmatch(name) is not None
