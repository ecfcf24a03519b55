"""Record the residual stream with our own hooks.

``X_0`` enters the first block, ``X_l+1`` leaves block l, and ``X_L`` is taken *before* the final
norm: the library's own last hidden state is after it, which would make the last transition look
far more linear than it is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from linearity.contracts.granularity import BLOCK, state_name, writer
from linearity.errors import NonFiniteStatesError, OutOfDeviceMemoryError
from linearity.models.families import Layout
from linearity.models.loaded import LoadedModel
from linearity.models.memory import by_halves
from linearity.models.source import Batches, StateBatch, StateSource, counted_heldout


def source_of(model: LoadedModel) -> StateSource:
    """Return what gives the states of a model: its own source, or forward passes."""
    return ResidentStates(model) if model.source is None else model.source


@dataclass(frozen=True)
class ResidentStates:
    """Runs a model that is in memory; meets `StateSource`."""

    model: LoadedModel

    def stream(
        self, batches: Batches, *, ahead: Callable[[int, int], None]
    ) -> Iterator[StateBatch]:
        """Yield every batch after its forward pass; nothing happens ahead of the first."""
        del ahead
        for windows in batches:
            states = record_states(self.model, [window.ids for window in windows])
            heldout = states[counted_heldout(windows).to(states.device)]
            yield StateBatch(windows, states, heldout)


def record_states(model: LoadedModel, windows: Sequence[Sequence[int]]) -> Tensor:
    """Return every state of every token of some windows.

    Parameters
    ----------
    model : LoadedModel
    windows : sequence of token ids
        Of any lengths; padded on the right for the model, and the padding removed again.

    Returns
    -------
    (n, S, d) Tensor
        In the model's type and on its device; tokens in the order of the windows, S = L + 1.

    Raises
    ------
    NonFiniteStatesError
        Naming the first state that holds NaN or infinity.
    OutOfDeviceMemoryError
        If even a single window does not fit.
    """
    parts = by_halves(
        lambda some: _forward(model, some),
        windows,
        lambda window: OutOfDeviceMemoryError(
            f"one window of {len(window):,} tokens does not fit on {model.device}",
            next_step="Use a smaller context, a smaller model, or a device with more memory.",
            device=str(model.device),
        ),
    )
    return parts[0] if len(parts) == 1 else torch.cat(parts)


@torch.inference_mode()
def _forward(model: LoadedModel, windows: Sequence[Sequence[int]]) -> Tensor:
    ids, mask = padded([(*window, *model.after) for window in windows], model.device)
    with _recorded(model.layout, sublayers=model.sublayers) as states:
        model.layout.decoder(
            input_ids=ids, attention_mask=None if mask.all() else mask.long(), use_cache=False
        )
    # What stands behind every window is read, and is no token of it.
    own = torch.arange(ids.shape[1]) < torch.tensor([len(w) for w in windows])[:, None]
    kept = own.flatten().nonzero().squeeze(1).to(ids.device)
    # Blocks may lie on several devices; states are gathered on the first.
    rows = [state.to(ids.device).reshape(-1, state.shape[-1]) for state in states]
    if len(kept) < mask.numel():
        rows = [row[kept] for row in rows]
    stacked = torch.stack(rows, dim=1)
    check_finite(stacked, granularity=model.granularity)
    return stacked


def padded(windows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and mask, (B, T) each, of windows padded on the right to one length."""
    ids = nn.utils.rnn.pad_sequence([torch.tensor(w) for w in windows], batch_first=True)
    lengths = torch.tensor([len(w) for w in windows])
    mask = torch.arange(ids.shape[1]) < lengths[:, None]
    return ids.to(device), mask.to(device)


@contextmanager
def _recorded(layout: Layout, *, sublayers: bool) -> Iterator[list[Tensor]]:
    """Yield a list that a forward pass fills with the states in their order, (B, T, d) each.

    Those between attention and MLP may have lost the shape of the batch (OPT): (B T, d).
    """
    states: list[Tensor] = []

    def entering(_: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        states.append(args[0] if args else kwargs["hidden_states"])

    def leaving(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
        states.append(output if isinstance(output, Tensor) else output[0])

    handles = [layout.blocks[0].register_forward_pre_hook(entering, with_kwargs=True)]
    handles += [block.register_forward_hook(leaving) for block in layout.blocks]
    for reader in layout.between if sublayers else ():
        handles.append(reader.register_forward_pre_hook(entering, with_kwargs=True))
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()


def check_finite(states: Tensor, *, first: int = 0, granularity: str = BLOCK) -> None:
    """Refuse states that hold NaN or infinity.

    Parameters
    ----------
    states : (n, k, d) Tensor
    first : int
        Which state of the stream the first of the k is.
    granularity : "block" | "sublayer"
        What counts as a state.

    Raises
    ------
    NonFiniteStatesError
        Naming the first such state.
    """
    if torch.isfinite(states.sum()):  # one pass in the usual case; a sum can only lose finiteness
        return
    for k in range(states.shape[1]):
        if not torch.isfinite(states[:, k]).all():
            index = first + k
            raise NonFiniteStatesError(
                f"state {state_name(index, granularity)} holds NaN or infinity: "
                f"{writer(index, granularity)} produced it",
                next_step="Check the weights; in float16 large activations overflow: use bfloat16.",
                state=index,
            )
