"""The weights that a model of a given configuration must have, by name and shape."""

from collections.abc import Mapping, Sequence

from linearity.adapters.findings import Findings
from linearity.adapters.model_config import ModelConfig
from linearity.adapters.safetensors_header import Tensor

HEAD = "lm_head.weight"
MOST_FINDINGS = 20

Shape = tuple[int, ...]


def expected_weights(config: ModelConfig) -> dict[str, Shape]:
    """Return every weight of a Llama and its shape, the output embedding included."""
    shapes: dict[str, Shape] = {
        "model.embed_tokens.weight": (config.vocabulary, config.width),
        "model.norm.weight": (config.width,),
        HEAD: (config.vocabulary, config.width),
    }
    for block in range(config.blocks):
        before = f"model.layers.{block}."
        shapes |= {before + name: shape for name, shape in _block(config).items()}
    return shapes


def _block(config: ModelConfig) -> dict[str, Shape]:
    queries = config.heads * config.head_width
    keys = config.kv_heads * config.head_width
    d, hidden = config.width, config.hidden
    maps = {
        "self_attn.q_proj": (queries, d, config.attention_bias),
        "self_attn.k_proj": (keys, d, config.attention_bias),
        "self_attn.v_proj": (keys, d, config.attention_bias),
        "self_attn.o_proj": (d, queries, config.attention_bias),
        "mlp.gate_proj": (hidden, d, config.mlp_bias),
        "mlp.up_proj": (hidden, d, config.mlp_bias),
        "mlp.down_proj": (d, hidden, config.mlp_bias),
    }
    shapes: dict[str, Shape] = {
        "input_layernorm.weight": (d,),
        "post_attention_layernorm.weight": (d,),
    }
    for name, (rows, columns, bias) in maps.items():
        shapes[f"{name}.weight"] = (rows, columns)
        if bias:
            shapes[f"{name}.bias"] = (rows,)
    return shapes


def check_weights(
    files: Mapping[str, Sequence[Tensor]], config: ModelConfig, findings: Findings
) -> None:
    """Find weights that are missing, that do not belong here, or have another shape.

    A tied output embedding may be absent. Old checkpoints hold rotation tables, which are
    recomputed.
    """
    expected = expected_weights(config)
    held = {tensor.name: (file, tensor) for file, tensors in files.items() for tensor in tensors}
    missing = sorted(set(expected) - set(held) - ({HEAD} if config.tied else set()))
    for name in missing[:MOST_FINDINGS]:
        where = " (config.json does not tie it to the input embedding)" if name == HEAD else ""
        findings.refuse("missing_weights", f"{name} is missing from the weights{where}", field=name)
    unexpected = [name for name in sorted(set(held) - set(expected)) if "rotary_emb" not in name]
    for name in unexpected[:MOST_FINDINGS]:
        file = held[name][0]
        findings.refuse(
            "unexpected_weights",
            f"{file}: {name[:120]} does not belong to the model that config.json describes",
            file=file,
            field=name,
        )
    different = [n for n in sorted(set(expected) & set(held)) if held[n][1].shape != expected[n]]
    for name in different[:MOST_FINDINGS]:
        file, tensor = held[name]
        findings.refuse(
            "mismatched_weights",
            f"{file}: {name} has the shape {_spell(tensor.shape)}, config.json asks for "
            f"{_spell(expected[name])}",
            file=file,
            field=name,
            bounds=(_spell(expected[name]), _spell(tensor.shape)),
        )


def _spell(shape: Shape) -> str:
    return " x ".join(map(str, shape))
