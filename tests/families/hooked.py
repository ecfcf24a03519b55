"""A plan carried out by hooks on the dense network, for every family alike, without a cache.

Nothing of `linearity.models` runs here, maps come in as numbers: the blocks still run, and what
leaves them is replaced.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from linearity.contracts.actions import Plan
from linearity.contracts.families import Family
from linearity.models.changes import AffineMap
from linearity.studies.material import Material

Change = Callable[[Tensor], Tensor]


def part(module: nn.Module, path: str) -> Any:
    """Return what lies at a dotted path."""
    for name in path.split("."):
        module = getattr(module, name)
    return module


def blocks_of(network: nn.Module, family: Family) -> list[nn.Module]:
    return list(part(network, f"{family.decoder}.{family.blocks}"))


ATTENTIONS = ("self_attn", "attn", "attention", "self_attention")
NORM_UPDATES = ("olmo2", "gemma2", "gemma3_text")


def attention_updates(network: nn.Module, family: Family, ids: list[int]) -> list[Tensor]:
    """Return what the attention of every block adds to the stream, (n, d) each."""
    blocks, added = blocks_of(network, family), []
    model_type = network.config.model_type  # type: ignore[union-attr]
    with ExitStack() as undo:
        for block in blocks:
            entered = _entering(block, undo)
            name = next(name for name in ATTENTIONS if hasattr(block, name))
            writer = "post_attention_layernorm" if model_type in NORM_UPDATES else name

            def keep(_m: nn.Module, _a: Any, output: Any, x: list[Tensor] = entered) -> None:
                update = output[0] if isinstance(output, tuple) else output
                # BLOOM's attention adds the stream by itself.
                added.append((update - x[0] if model_type == "bloom" else update)[0])

            undo.callback(part(block, writer).register_forward_hook(keep).remove)
        network(torch.tensor([ids]))
    return added


@contextmanager
def hooked(network: nn.Module, family: Family, material: Material, plan: Plan) -> Iterator[None]:
    """Make the network answer, uncached and unpadded, as the plan says."""
    blocks = blocks_of(network, family)
    with ExitStack() as undo:
        for step in plan.steps:
            for block in step.blocks:
                if step.action != "linear":
                    _replace(blocks[block], lambda x: x, undo)
            if step.action == "linear":
                affine = material.fitted(step, (), "one_shot").affine
                stands = _affine(affine, _entering(blocks[step.first], undo))
                _replace(blocks[step.last], stands, undo)
            if step.action == "merged":
                fit = material.fit()
                found = fit.merged(fit.chain(()), step.first - 1, step.last, _ridge(material))
                down = part(blocks[step.first - 1], family.down)
                turn = torch.eye(len(found.W)) + found.W.float()
                handle = down.register_forward_hook(lambda _m, _a, out, T=turn: out @ T)
                undo.callback(handle.remove)
        yield


def _affine(affine: AffineMap, entered: list[Tensor]) -> Change:
    W, b, first = affine.W.float(), affine.b.float(), affine.first.float()

    def change(_: Tensor) -> Tensor:
        x = entered[0]
        update = torch.einsum("btd,de->bte", x, W) + b
        update[:, 0] = first
        return x + update

    return change


def _state(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    state: Tensor = args[0] if args else kwargs["hidden_states"]
    return state


def _entering(block: nn.Module, undo: ExitStack) -> list[Tensor]:
    """Return a list whose first entry is always what last entered a block."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kept[:] = [_state(args, kwargs)]

    undo.callback(block.register_forward_pre_hook(keep, with_kwargs=True).remove)
    return kept


def _replace(block: nn.Module, change: Change, undo: ExitStack) -> None:
    def answer(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        changed = change(_state(args, kwargs))
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    undo.callback(block.register_forward_hook(answer, with_kwargs=True).remove)


def _ridge(material: Material) -> float | None:
    ridge = material.sampling.ridge
    return None if isinstance(ridge, str) else ridge
