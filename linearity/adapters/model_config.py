"""``config.json``: what it says about a model of a supported family, within bounds.

transformers obeys some keys (code of a repository, kernels) and computes with others whatever
they say (a hundred million labels took 27 s and 5.7 GB). So only known fields with bounded values
are taken over, and a configuration written from these alone is what transformers ever reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from linearity.adapters.config_fields import Fields
from linearity.adapters.findings import Findings
from linearity.contracts.canonical import Json
from linearity.contracts.families import SUPPORTED
from linearity.contracts.model_files import CONFIG

MOST_BLOCKS = 512
MOST_HEADS = 512
LARGEST_HEAD = 1024
LARGEST_WIDTH = 65_536
LARGEST_HIDDEN = 1_048_576
LARGEST_VOCABULARY = 2_000_000
LONGEST_CONTEXT = 10_000_000
MOST_LABELS = 10_000

FORBIDDEN_KEYS = (
    "auto_map",
    "quantization_config",
    "_attn_implementation",
    "attn_implementation",
    "_attn_implementation_internal",
    "_experts_implementation_internal",
    "experts_implementation",
    "custom_pipelines",
    "custom_generate",
    "trust_remote_code",
    "per_layer_config",
)
ACTIVATIONS = ("silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "quick_gelu",
               "relu", "relu2", "mish")  # fmt: skip
DTYPES = ("float32", "float16", "bfloat16", "float64", "auto")
DEFAULT_THETA = 10_000.0

# What each way to stretch positions needs and may have, with bounds.
_FACTORS = {
    "factor": (1.0, 10_000.0),
    "low_freq_factor": (1e-3, 1e4),
    "high_freq_factor": (1e-3, 1e4),
    "attention_factor": (0.0, 1e4),
    "beta_fast": (1e-3, 1e4),
    "beta_slow": (1e-3, 1e4),
    "mscale": (0.0, 1e4),
    "mscale_all_dim": (0.0, 1e4),
}
_STRETCHINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "default": ((), ()),
    "linear": (("factor",), ()),
    "dynamic": (("factor",), ()),
    "llama3": (("factor", "low_freq_factor", "high_freq_factor"), ()),
    "yarn": (
        ("factor",),
        ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"),
    ),
}


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model, checked.

    Parameters
    ----------
    family : str
    blocks, width, hidden, heads, kv_heads, head_width, vocabulary, context : int
        L; d; width of the MLP; heads of queries, of keys and values; their width; V; the longest
        input in tokens.
    tied, attention_bias, mlp_bias : bool
    dtype : str or None
        What the file says that the weights are.
    cleaned : mapping
        Known fields only, in the spelling that transformers reads.
    """

    family: str
    blocks: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context: int
    tied: bool
    attention_bias: bool
    mlp_bias: bool
    dtype: str | None
    cleaned: Mapping[str, Json]


def read_config(config: Mapping[str, Json], findings: Findings) -> ModelConfig | None:
    """Return what ``config.json`` says, or None with findings."""
    before = len(findings.reasons)
    for key in FORBIDDEN_KEYS:
        if config.get(key) is not None:
            findings.refuse(
                "forbidden_config_key",
                f"{CONFIG}: the key {key!r} is not accepted",
                file=CONFIG,
                field=key,
            )
    family = config.get("model_type")
    if family not in SUPPORTED:
        findings.refuse(
            "unsupported_architecture",
            f"{CONFIG}: the architecture {str(family)[:60]!r} is not supported",
            file=CONFIG,
            field="model_type",
            bounds=(", ".join(SUPPORTED), str(family)[:60]),
        )
        return None
    read = _read_llama(str(family), config, findings)
    return read if len(findings.reasons) == before else None


def _read_llama(family: str, config: Mapping[str, Json], findings: Findings) -> ModelConfig:
    fields = Fields(config, CONFIG, findings)
    heads = fields.whole("num_attention_heads", 1, MOST_HEADS)
    width = fields.whole("hidden_size", 1, LARGEST_WIDTH)
    vocabulary = fields.whole("vocab_size", 1, LARGEST_VOCABULARY)
    kv_heads = fields.whole("num_key_value_heads", 1, MOST_HEADS, default=heads)
    head_width = fields.whole("head_dim", 2, LARGEST_HEAD, default=max(width // heads, 2))
    if width % heads:
        fields.refuse("num_attention_heads", f"a divisor of hidden_size ({width:,})", limit=width)
    if heads % kv_heads:
        fields.refuse("num_key_value_heads", f"a divisor of the {heads} heads", limit=heads)
    if head_width % 2:
        fields.refuse("head_dim", "an even width of the heads (hidden_size / heads)")
    _check_labels(fields, findings)
    tied = fields.flag("tie_word_embeddings", default=False)
    read = ModelConfig(
        family=family,
        blocks=fields.whole("num_hidden_layers", 1, MOST_BLOCKS),
        width=width,
        hidden=fields.whole("intermediate_size", 1, LARGEST_HIDDEN),
        heads=heads,
        kv_heads=kv_heads,
        head_width=head_width,
        vocabulary=vocabulary,
        context=fields.whole("max_position_embeddings", 1, LONGEST_CONTEXT),
        tied=tied,
        attention_bias=fields.flag("attention_bias", default=False),
        mlp_bias=fields.flag("mlp_bias", default=False),
        dtype=_dtype(fields),
        cleaned={},
    )
    return _with_cleaned(read, fields, findings)


def _with_cleaned(read: ModelConfig, fields: Fields, findings: Findings) -> ModelConfig:
    """Return `read` with the configuration that transformers is given."""
    cleaned: dict[str, Json] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": read.family,
        "num_hidden_layers": read.blocks,
        "hidden_size": read.width,
        "intermediate_size": read.hidden,
        "num_attention_heads": read.heads,
        "num_key_value_heads": read.kv_heads,
        "head_dim": read.head_width,
        "vocab_size": read.vocabulary,
        "max_position_embeddings": read.context,
        "tie_word_embeddings": read.tied,
        "attention_bias": read.attention_bias,
        "mlp_bias": read.mlp_bias,
        "hidden_act": fields.choice("hidden_act", ACTIVATIONS, default="silu"),
        "rms_norm_eps": fields.number("rms_norm_eps", 1e-12, 0.1, default=1e-6),
        "rope_parameters": _positions(fields, findings),
        "dtype": read.dtype or "float32",
    }
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        cleaned[name] = _token_ids(fields.values.get(name), name, read.vocabulary, findings)
    return replace(read, cleaned=cleaned)


def _dtype(fields: Fields) -> str | None:
    key = "dtype" if fields.values.get("dtype") is not None else "torch_dtype"
    named = fields.choice(key, DTYPES, default="auto")
    return None if named == "auto" else named


def _check_labels(fields: Fields, findings: Findings) -> None:
    """Refuse what a classifier would be made of, if it is out of all proportion."""
    fields.whole("num_labels", 0, MOST_LABELS, default=0)
    for name in ("id2label", "label2id"):
        labels = fields.values.get(name)
        if labels is not None and (not isinstance(labels, dict) or len(labels) > MOST_LABELS):
            count = len(labels) if isinstance(labels, dict) else str(labels)[:40]
            findings.refuse(
                "bad_config",
                f"{CONFIG}: {name} has {count} entries, wanted a table of at most {MOST_LABELS:,}",
                file=CONFIG,
                field=name,
                bounds=(MOST_LABELS, count),
            )


def _positions(fields: Fields, findings: Findings) -> dict[str, Json]:
    """Return how positions are rotated, in the one spelling of newer configurations."""
    if fields.values.get("partial_rotary_factor") not in (None, 1, 1.0):
        fields.refuse("partial_rotary_factor", "1, or nothing: llama rotates whole heads")
    theta = fields.number("rope_theta", 1.0, 1e12, default=DEFAULT_THETA)
    name = "rope_scaling" if fields.values.get("rope_scaling") else "rope_parameters"
    given = fields.values.get(name)
    if not given:
        return {"rope_type": "default", "rope_theta": theta}
    if not isinstance(given, dict):
        fields.refuse(name, "an object or null")
        return {}
    inner = Fields(given, CONFIG, findings, below=f"{name}.")
    key = "rope_type" if "rope_type" in given else "type"
    kind = inner.choice(key, tuple(_STRETCHINGS), default="default")
    read: dict[str, Json] = {
        "rope_type": kind,
        "rope_theta": inner.number("rope_theta", 1.0, 1e12, default=theta),
    }
    needed, allowed = _STRETCHINGS[kind]
    present = [factor for factor in allowed if given.get(factor) is not None]
    read |= {factor: inner.number(factor, *_FACTORS[factor]) for factor in (*needed, *present)}
    original = "original_max_position_embeddings"
    if kind == "llama3" or given.get(original) is not None:
        read[original] = inner.whole(original, 1, LONGEST_CONTEXT)
    if isinstance(given.get("truncate"), bool):
        read["truncate"] = given["truncate"]
    return read


def _token_ids(value: Json, name: str, vocabulary: int, findings: Findings) -> Json:
    """Return ids of the vocabulary: one, several, or None."""
    ids = list(value) if isinstance(value, list) else [value]
    known = [token for token in ids[:64] if type(token) is int and 0 <= token < vocabulary]
    if len(known) < len([token for token in ids if token is not None]):
        findings.warn(f"{CONFIG}: {name} is {str(value)[:40]}, not a token of this model; ignored")
    if isinstance(value, list) and name == "eos_token_id":
        return known or None
    return known[0] if known else None
