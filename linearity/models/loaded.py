"""A model in memory, ready to be measured, changed and asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn

from linearity.contracts.granularity import BLOCK, SUBLAYER, transitions
from linearity.contracts.inputs import Message
from linearity.contracts.scripts import Script
from linearity.models.families import Layout
from linearity.models.source import StateSource

Conversation = Sequence[Message]


def _as_number(token: int) -> str:
    return str(token)


def _as_numbers(tokens: Sequence[int]) -> str:
    return " ".join(map(str, tokens))


class ChatTemplate(Protocol):
    """A model's chat template; None stands for a conversation that it does not take."""

    def asked(self, conversations: Sequence[Conversation]) -> list[str | None]:
        """Return what the model reads before it answers each conversation."""

    def scripts(self, conversations: Sequence[Conversation]) -> list[Script | None]:
        """Return each conversation as the model reads it, with the answers scored."""


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
    template : ChatTemplate or None
        None where the model has no template, or one that is not rendered here.
    withheld : bool
        Whether the model has a template that is rendered only after an administrator allowed it.
    stops : tuple of int
        Tokens that end an answer, as the model's files name them.
    special : set of int
        Tokens that stand for no text.
    source : StateSource or None
        What gives the states where the weights are not in memory; None where they are.
    sublayers : bool
        Whether the state between attention and MLP of every block is a state, too.
    after : tuple of int
        Put behind every window, and read but no token of it: what ends a text of an encoder.
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
    template: ChatTemplate | None = None
    withheld: bool = False
    stops: tuple[int, ...] = ()
    special: frozenset[int] = frozenset()
    source: StateSource | None = None
    sublayers: bool = False
    after: tuple[int, ...] = ()

    @property
    def granularity(self) -> str:
        """What counts as a state."""
        return SUBLAYER if self.sublayers else BLOCK

    @property
    def states(self) -> int:
        """Number of states S: L + 1, or 2 L + 1 with those between attention and MLP."""
        return transitions(len(self.layout.blocks), self.granularity) + 1
