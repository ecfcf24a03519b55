"""The parts of a model whose cost is told apart: embedding, norms, attention, MLP, head.

What a part is, its modules say: of a block the direct children, of the decoder all that is neither
a block nor the last norm. A family needs no row for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from linearity.models.changes import LinearBlock
from linearity.models.loaded import LoadedModel

WHOLE_BLOCK = "block"


@dataclass(frozen=True)
class Part:
    """Some modules that count together.

    Parameters
    ----------
    block : int or None
    name : str
        One of `linearity.contracts.speed.PARTS`, or `WHOLE_BLOCK`.
    modules : tuple of nn.Module
    """

    block: int | None
    name: str
    modules: tuple[nn.Module, ...]


def parts_of(model: LoadedModel) -> list[Part]:
    """Return the parts of the dense model: embedding, every block with its parts, norm, head."""
    layout = model.layout
    blocks = getattr(layout.decoder, layout.family.blocks)
    own = (blocks, layout.norm)
    outside = [child for child in layout.decoder.children() if all(child is not o for o in own)]
    parts = [Part(None, "embedding", tuple(outside))]
    for number, block in enumerate(layout.blocks):
        parts.append(Part(number, WHOLE_BLOCK, (block,)))
        parts += [
            Part(number, name, found)
            for name in ("norms", "attention", "mlp")
            if (found := _children(block, name))
        ]
    parts.append(Part(None, "final_norm", (layout.norm,)))
    parts.append(Part(None, "head", (layout.head,)))
    return parts


def weights_of(modules: Iterable[nn.Module]) -> list[Tensor]:
    """Return the weights of some modules, and of maps that stand in for blocks; each once."""
    found: dict[int, Tensor] = {}
    for module in modules:
        found |= {id(weight): weight for weight in module.parameters()}
        for inner in module.modules():
            if isinstance(inner, LinearBlock):
                found |= {id(weight): weight for weight in inner.buffers(recurse=False)}
    return list(found.values())


def count(weights: Sequence[Tensor]) -> int:
    """Return how many numbers some weights hold."""
    return sum(weight.numel() for weight in weights)


def size(weights: Sequence[Tensor]) -> int:
    """Return their bytes."""
    return sum(weight.nbytes for weight in weights)


def _children(block: nn.Module, part: str) -> tuple[nn.Module, ...]:
    return tuple(child for name, child in block.named_children() if _kind(name, child) == part)


def _kind(name: str, child: nn.Module) -> str | None:
    """Return which part a child of a block belongs to; dropout belongs to none."""
    called = type(child).__name__.lower()
    if isinstance(child, nn.Dropout):
        return None
    if "norm" in called:
        return "norms"
    return "attention" if "attn" in name or "attention" in name else "mlp"
