"""Models of transformers in which some blocks are one linear map: what a plan with them exports.

This file alone is such a model's code. The package `linearity` registers it, and an export carries
it along, so it imports torch and transformers only.

A configuration with ``linear_blocks`` says which entries of the list of blocks are maps. Everything
else is the class of transformers that the model was made from: attention, cache, ``generate``.
"""

from typing import Any

import torch
from torch import Tensor, nn


class LinearBlock(nn.Module):
    """Stands where blocks stood: ``x -> x + (x W + b)``, and ``x -> x + first`` at position 0.

    Position 0 is where ``position_ids == 0``, so padding on the left and cached decoding are safe.

    Parameters
    ----------
    width : int
        d. The weight is stored (d, d) as that of `nn.Linear`: transposed.
    seen : Seen
        Positions, for blocks that are not told any.
    answers_tuple : bool
        Whether blocks of this model answer with a tuple whose first entry is the state.
    """

    def __init__(self, width: int, seen: "Seen", *, answers_tuple: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.first = nn.Parameter(torch.zeros(width))
        self._seen, self._answers_tuple = seen, answers_tuple

    def forward(
        self, hidden_states: Tensor, *_: object, position_ids: Tensor | None = None, **__: object
    ) -> Tensor | tuple[Tensor, None]:
        """Apply the map to (B, T, d) states; blocks of every family are called like this."""
        positions = self._seen.positions if position_ids is None else position_ids
        if positions is None:
            raise ValueError("a linear block needs position_ids to find the first token")
        update = nn.functional.linear(hidden_states, self.weight, self.bias)
        is_first = (positions == 0)[..., None]
        output = hidden_states + torch.where(is_first, self.first, update)
        return (output, None) if self._answers_tuple else output


class Seen:
    """The positions of the tokens that are passing through the decoder."""

    positions: Tensor | None = None

    def note(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note the positions, as a hook before the decoder."""
        given = kwargs.get("position_ids")
        if given is not None:
            self.positions = given
            return
        inputs = args[0] if args else kwargs.get("input_ids")
        inputs = kwargs["inputs_embeds"] if inputs is None else inputs
        mask, cache = kwargs.get("attention_mask"), kwargs.get("past_key_values")
        if isinstance(mask, Tensor) and mask.dim() == 2:
            self.positions = (mask.long().cumsum(1) - 1)[:, -inputs.shape[1] :]
            return
        before = 0 if cache is None else cache.get_seq_length()
        self.positions = before + torch.arange(inputs.shape[1], device=inputs.device)[None]


class LinearBlocks:
    """Mixed in before a causal language model of transformers.

    Attributes
    ----------
    blocks_path : str
        Where its list of blocks is.
    answers_tuple : bool
        As of `LinearBlock`.
    """

    blocks_path = "model.layers"
    answers_tuple = False

    def __init__(self, config: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(config, *arguments, **more)  # type: ignore[call-arg]  # a class beside it
        path, _, name = self.blocks_path.rpartition(".")
        decoder: Any = self.get_submodule(path)  # type: ignore[attr-defined]
        blocks, linear, seen = getattr(decoder, name), set(config.linear_blocks), Seen()
        decoder.register_forward_pre_hook(seen.note, with_kwargs=True)
        for place in linear:
            blocks[place] = LinearBlock(config.hidden_size, seen, answers_tuple=self.answers_tuple)
        for place, number in cache_numbers(config, linear).items():
            for module in blocks[place].modules():
                if hasattr(module, "layer_idx"):
                    module.layer_idx = number


def cache_numbers(config: Any, linear: set[int]) -> dict[int, int]:
    """Return which place of the cache each block that runs uses, by its place in the list.

    The library counts tokens in the first place, and sizes each kind's mask by the first place of
    that kind, so those must be filled: the blocks of each kind take the first places of that kind,
    and the places of linear blocks stay empty.
    """
    count = config.num_hidden_layers
    kinds = getattr(config, "layer_types", None) or [""] * count
    free = {kind: iter([k for k in range(count) if kinds[k] == kind]) for kind in set(kinds)}
    return {place: next(free[kinds[place]]) for place in range(count) if place not in linear}
