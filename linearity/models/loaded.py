"""A model in memory, ready to be measured, changed and asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from linearity.models.families import Layout


def _as_number(token: int) -> str:
    return str(token)


def _as_numbers(tokens: Sequence[int]) -> str:
    return " ".join(map(str, tokens))


@dataclass(frozen=True)
class LoadedModel:
    """A network on a device, with the little of its tokenizer that a measurement needs.

    Parameters
    ----------
    layout : Layout
        The decoder and its blocks, in evaluation mode.
    width : int
        d.
    device : torch.device
    tokenize : callable
        Text to ids, without special tokens.
    bos : int or None
        Put before every window, where the tokenizer adds it by itself.
    network : nn.Module
        The whole causal language model, with ``generate``. Empty where only states are recorded.
    detokenize : callable
        Ids to text, special tokens included. Without a tokenizer, ids are written as numbers.
    show : callable
        Ids to text for people to read: parts of characters as their bytes, ⟨E3 81⟩.
    token_text : callable
        One id to its text for people, a leading space included.
    chat : callable or None
        The text of one user to the ids of a prompt in the model's chat template, up to where the
        answer begins. None where the model has no template, or one that is not rendered here.
    stops : tuple of int
        Tokens that end an answer, as the model's files name them.
    """

    layout: Layout
    width: int
    device: torch.device
    tokenize: Callable[[str], list[int]]
    bos: int | None
    network: nn.Module = field(default_factory=nn.Module)
    detokenize: Callable[[Sequence[int]], str] = _as_numbers
    show: Callable[[Sequence[int]], str] = _as_numbers
    token_text: Callable[[int], str] = _as_number
    chat: Callable[[str], list[int]] | None = None
    stops: tuple[int, ...] = ()

    @property
    def states(self) -> int:
        """Number of states, L + 1."""
        return len(self.layout.blocks) + 1
