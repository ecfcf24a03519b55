"""``config.json``: what it says about a model of a supported family, within bounds.

transformers obeys some keys (code of a repository, kernels) and computes with others whatever
they say (a hundred million labels took 27 s and 5.7 GB). So only known fields with bounded values
are taken over, and a configuration written from these alone is what transformers ever reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linearity.adapters.config_fields import Fields
from linearity.adapters.families.family import Shape
from linearity.adapters.families.linearized import read_linearized
from linearity.adapters.families.registry import READERS
from linearity.adapters.findings import Findings
from linearity.contracts.canonical import Json
from linearity.contracts.families import FAMILIES, family_named, is_linearized
from linearity.contracts.model_files import CONFIG
from linearity.contracts.named_layout import NamedLayout

MOST_LABELS = 10_000

CODE = "auto_map"
FORBIDDEN_KEYS = (
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
ENCODER = (
    "an encoder: only its linearity is measured; its states are behind the LayerNorm of each "
    "block, so an update holds what that norm takes away, too"
)
DTYPES = ("float32", "float16", "bfloat16", "float64", "auto")


@dataclass(frozen=True)
class ModelConfig:
    """What a model is, checked.

    Parameters
    ----------
    family : str
        transformers' ``model_type``.
    blocks, width, vocabulary, context : int
        L; d; V; the longest input in tokens.
    is_tied : bool
        Whether the head is the input embedding.
    dtype : str or None
        What the file says that the weights are.
    weights : mapping of str to shape
        Everything that the weights must hold, the head included.
    aliases : mapping of str to str
        Other names of weights, which the library reads as those.
    parts : mapping of str to mapping of str to shape
        What files may hold in the place of a weight that the library puts together.
    cleaned : mapping
        Known fields only, in the spelling that transformers reads.
    layout : NamedLayout or None
        Where its parts are, for a family without a reader.
    """

    family: str
    blocks: int
    width: int
    vocabulary: int
    context: int
    is_tied: bool
    dtype: str | None
    weights: Mapping[str, Shape]
    aliases: Mapping[str, str]
    parts: Mapping[str, Mapping[str, Shape]]
    cleaned: Mapping[str, Json]
    layout: NamedLayout | None = None

    def is_beside(self, name: str) -> bool:
        """Return whether a weight stands on top of what is measured, and is not read."""
        return self.layout is None and name.startswith(family_named(self.family).beside)

    @property
    def base(self) -> str:
        """The outermost part of the decoder's path, which old checkpoints leave out of names."""
        decoder = family_named(self.family).decoder if self.layout is None else self.layout.decoder
        return decoder.partition(".")[0]


def read_config(config: Mapping[str, Json], findings: Findings) -> ModelConfig | None:
    """Return what ``config.json`` says, or None with findings."""
    before = len(findings.reasons)
    refuse_forbidden(config, findings)
    named = config.get("model_type")
    if not isinstance(named, str) or not (named in FAMILIES or is_linearized(named)):
        findings.refuse(
            "unsupported_architecture",
            f"{CONFIG}: the architecture {str(named)[:60]!r} is not supported; this version reads "
            + ", ".join(FAMILIES),
            file=CONFIG,
            field="model_type",
            bounds=(", ".join(FAMILIES), str(named)[:60]),
        )
        return None
    check_code(config, family_named(named).architecture, findings)
    read = _read(named, Fields(config, CONFIG, findings), findings)
    if family_named(named).is_encoder:
        findings.warn(ENCODER)
    return read if len(findings.reasons) == before else None


def refuse_forbidden(config: Mapping[str, Json], findings: Findings) -> None:
    """Refuse keys that would load something, or choose what computes."""
    for key in FORBIDDEN_KEYS:
        if config.get(key) is not None:
            findings.refuse(
                "forbidden_config_key",
                f"{CONFIG}: the key {key!r} is not accepted",
                file=CONFIG,
                field=key,
            )


def check_code(config: Mapping[str, Json], native: str, findings: Findings) -> None:
    """Refuse code of a repository, unless it stands beside an architecture that transformers has.

    No such code is ever run. Where ``architectures`` names the library's own class, the library's
    own computes, and every weight must be its; where it names another, that other is meant.
    """
    if config.get(CODE) is None:
        return
    if config.get("architectures") == [native]:
        findings.warn(
            f"{CONFIG} names code of its own ({CODE}), which is not run: this is measured as the "
            f"{native} of transformers"
        )
        return
    findings.refuse(
        "forbidden_config_key",
        f"{CONFIG}: the key {CODE!r} names code for {str(config.get('architectures'))[:60]}; it is "
        f"left aside only beside {native}, which transformers has itself",
        file=CONFIG,
        field=CODE,
    )


def _read(family: str, fields: Fields, findings: Findings) -> ModelConfig:
    known = family_named(family)
    described = (
        read_linearized(family, fields) if is_linearized(family) else READERS[family](fields)
    )
    sizes = described.sizes
    _check_labels(fields, findings)
    is_tied = fields.flag("tie_word_embeddings", default=known.is_tied)
    dtype = read_dtype(fields)
    common: dict[str, Json] = {
        "architectures": [known.architecture],
        "model_type": family,
        "tie_word_embeddings": is_tied,
        "dtype": dtype or "float32",
    }
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        common[name] = _token_ids(fields.values.get(name), name, sizes.vocabulary, findings)
    if common["pad_token_id"] is None and "pad_token_id" in described.cleaned:
        del common["pad_token_id"]  # of an encoder, positions may begin behind it
    return ModelConfig(
        family=family,
        blocks=sizes.blocks,
        width=sizes.width,
        vocabulary=sizes.vocabulary,
        context=sizes.context,
        is_tied=is_tied,
        dtype=dtype,
        weights=described.weights,
        aliases=described.aliases,
        parts=described.parts,
        cleaned={**described.cleaned, **common},
    )


def read_dtype(fields: Fields) -> str | None:
    """Return what the file says that the weights are; None where it does not."""
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


def _token_ids(value: Json, name: str, vocabulary: int, findings: Findings) -> Json:
    """Return ids of the vocabulary: one, several, or None."""
    ids = list(value) if isinstance(value, list) else [value]
    known = [token for token in ids[:64] if type(token) is int and 0 <= token < vocabulary]
    if len(known) < len([token for token in ids if token is not None]):
        findings.warn(f"{CONFIG}: {name} is {str(value)[:40]}, not a token of this model; ignored")
    if isinstance(value, list) and name == "eos_token_id":
        return known or None
    return known[0] if known else None
