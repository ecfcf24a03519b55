"""The weights that a model of a given configuration must have, by name and shape."""

from collections.abc import Collection, Mapping, Sequence

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

    A tied output embedding may be absent. Old checkpoints hold masks and rotation tables, which
    are recomputed.
    """
    held = {
        config.aliases.get(tensor.name, tensor.name): (file, tensor)
        for file, tensors in files.items()
        for tensor in tensors
        if not tensor.is_recomputed and not config.is_beside(tensor.name)
    }
    expected = _as_saved(_in_parts(config, held), held, config.base)
    missing = sorted(set(expected) - set(held) - ({HEAD} if config.is_tied else set()))
    for name in missing[:MOST_FINDINGS]:
        where = " (config.json does not tie it to the input embedding)" if name == HEAD else ""
        findings.refuse("missing_weights", f"{name} is missing from the weights{where}", field=name)
    for name in sorted(set(held) - set(expected))[:MOST_FINDINGS]:
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


def _in_parts(config: ModelConfig, held: Collection[str]) -> Mapping[str, Shape]:
    """Return the expected weights, those that the files have in parts by the names of these."""
    expected = dict(config.weights)
    for whole, parts in config.parts.items():
        if whole not in held and not parts.keys().isdisjoint(held):
            del expected[whole]
            expected |= parts
    return expected


def _as_saved(
    expected: Mapping[str, Shape], held: Collection[str], base: str
) -> Mapping[str, Shape]:
    """Return the expected names without the base model's, where the file spells none with it."""
    before = f"{base}."
    bare = {name.removeprefix(before): shape for name, shape in expected.items()}
    if any(name.startswith(before) for name in held) or not (set(bare) - set(expected)) & set(held):
        return expected
    return bare


def _spell(shape: Shape) -> str:
    return " x ".join(map(str, shape))
