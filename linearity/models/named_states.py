"""Whether blocks that somebody named are a chain of states: one forward pass without numbers.

On the meta device tensors have a shape and an identity, and that is what the proof needs: what
enters a block must be the very tensor that left the one before, never changed in place.
"""

from contextlib import ExitStack
from inspect import signature

import torch
from torch import Tensor, nn

from linearity.contracts.named_layout import NamedLayout
from linearity.errors import RejectedInputError

TOKENS = 8
MOST_NAMED = 6


def prove_states(network: nn.Module, layout: NamedLayout) -> tuple[int, int]:
    """Return how many blocks there are and how wide the stream is.

    Parameters
    ----------
    network : nn.Module
        The whole causal language model, on the meta device.
    layout : NamedLayout

    Raises
    ------
    RejectedInputError
        Saying what was found instead of a chain of states.
    """
    blocks = submodule(network, f"{layout.decoder}.{layout.blocks}")
    norm = submodule(network, f"{layout.decoder}.{layout.norm}")
    if not isinstance(blocks, nn.ModuleList) or not len(blocks):
        raise unproven(
            f"{layout.decoder}.{layout.blocks} is a {type(blocks).__name__}, wanted a list of "
            f"blocks; lists in this model: {_lists(network)}"
        )
    width = int(network.config.hidden_size)  # type: ignore[union-attr,arg-type]
    entered, left, normed = _run(network, layout, list(blocks), norm)
    if [number for number, _ in entered] != list(range(len(blocks))):
        raise unproven(f"the blocks run {len(entered)} times in another order than they stand")
    for number, (_, state) in enumerate(entered):
        _check_shape(state, width, f"what enters block {number}")
        if number and state is not left[number - 1]:
            raise unproven(f"what enters block {number} is not what left block {number - 1}")
    _check_shape(left[-1], width, "what leaves the last block")
    if not normed or normed[-1] is not left[-1]:
        raise unproven(f"{layout.decoder}.{layout.norm} does not read what leaves the last block")
    changed = [number for number, (_, state) in enumerate(entered) if state._version]
    if changed:
        raise unproven(f"block {changed[0]} changes in place what enters it")
    return len(blocks), width


def submodule(network: nn.Module, path: str) -> nn.Module:
    """Return the registered submodule at a dotted path; no other attribute is ever looked at.

    Raises
    ------
    RejectedInputError
        Saying where the path ends.
    """
    found = network
    for place, name in enumerate(path.split(".")):
        inner = found._modules.get(name)
        if inner is None:
            at = ".".join(path.split(".")[:place]) or type(network).__name__
            raise unproven(
                f"there is no {name[:60]} in {at[:100]}; lists in this model: {_lists(network)}"
            )
        found = inner
    return found


Entered = list[tuple[int, Tensor]]


@torch.no_grad()
def _run(
    network: nn.Module, layout: NamedLayout, blocks: list[nn.Module], norm: nn.Module
) -> tuple[Entered, list[Tensor], list[Tensor]]:
    """Return what entered which block, what left it, and what the norm read, in that order."""
    entered: Entered = []
    left: list[Tensor] = []
    normed: list[Tensor] = []

    def note(number: int, module: nn.Module, undo: ExitStack) -> None:
        def entering(_: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            entered.append((number, _tensor(args[0] if args else kwargs.get("hidden_states"))))

        def leaving(_: nn.Module, __: object, output: object) -> None:
            left.append(_tensor(output[0] if isinstance(output, tuple) and output else output))

        undo.callback(module.register_forward_pre_hook(entering, with_kwargs=True).remove)
        undo.callback(module.register_forward_hook(leaving).remove)

    with ExitStack() as undo:
        for number, block in enumerate(blocks):
            note(number, block, undo)
        undo.callback(
            norm.register_forward_pre_hook(lambda _, args: normed.append(_tensor(args[0]))).remove
        )
        ids = torch.zeros((1, TOKENS), dtype=torch.long, device="meta")
        decoder = submodule(network, layout.decoder)
        # Without a mask transformers looks at the numbers of positions, and there are none.
        takes_mask = "attention_mask" in signature(decoder.forward).parameters
        more = {"attention_mask": torch.ones_like(ids)} if takes_mask else {}
        decoder(input_ids=ids, use_cache=False, **more)
    return entered, left, normed


def _tensor(value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise unproven(f"a block is given or gives a {type(value).__name__}, wanted its state")
    return value


def _check_shape(state: Tensor, width: int, what: str) -> None:
    if tuple(state.shape) != (1, TOKENS, width):
        raise unproven(
            f"{what} has the shape {tuple(state.shape)} for {TOKENS} tokens, wanted the width of "
            f"the stream: (1, {TOKENS}, {width})"
        )


def _lists(network: nn.Module) -> str:
    named = [name for name, part in network.named_modules() if isinstance(part, nn.ModuleList)]
    outer = [name for name in named if not any(name.startswith(f"{o}.") for o in named)]
    return ", ".join(outer[:MOST_NAMED]) or "none"


def unproven(message: str) -> RejectedInputError:
    """Return the refusal of parts that are not what they were named for."""
    return RejectedInputError(
        message, reason="bad_layout", next_step="Name the list of blocks and the final norm."
    )
