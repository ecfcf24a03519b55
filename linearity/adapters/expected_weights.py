"""The weights that a model of a given configuration must have, by name and shape."""

from collections.abc import Mapping, Sequence

from linearity.adapters.families.family import Shape
from linearity.adapters.findings import Findings
from linearity.adapters.model_config import ModelConfig
from linearity.adapters.safetensors_header import Tensor

HEAD = "lm_head.weight"
MOST_FINDINGS = 20


def check_weights(
    files: Mapping[str, Sequence[Tensor]], config: ModelConfig, findings: Findings
) -> None:
    """Find weights that are missing, that do not belong here, or have another shape.

    A tied output embedding may be absent. Old checkpoints hold rotation tables, which are
    recomputed.
    """
    expected = config.weights
    held = {tensor.name: (file, tensor) for file, tensors in files.items() for tensor in tensors}
    missing = sorted(set(expected) - set(held) - ({HEAD} if config.is_tied else set()))
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
