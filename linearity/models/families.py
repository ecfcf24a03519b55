"""Where a loaded model keeps its parts, found by the paths that its family names."""

from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from linearity.contracts.families import LLAMA, Family, is_parallel
from linearity.errors import RejectedInputError

Part = TypeVar("Part", bound=nn.Module)


@dataclass(frozen=True)
class Layout:
    """The parts of a causal language model that a measurement needs.

    Parameters
    ----------
    decoder : nn.Module
        Everything but the output head; called with ``input_ids``.
    blocks : list of nn.Module
        The L blocks, in order.
    norm : nn.Module
        The norm between the last block and the head.
    head : nn.Module
        The output embedding: normed states to logits.
    cap : float or None
        Where the family's logits are bent to: ``cap * tanh(logits / cap)``.
    family : Family
        What the family says of its blocks.
    between : list of nn.Module
        In each block what reads the state between attention and MLP; empty where there is none.
    """

    decoder: nn.Module
    blocks: list[nn.Module]
    norm: nn.Module
    head: nn.Module
    cap: float | None = None
    family: Family = field(default=LLAMA)
    between: list[nn.Module] = field(default_factory=list)

    def logits(self, states: Tensor) -> Tensor:
        """Return the (..., V) logits of states that left the last block, (..., d)."""
        logits: Tensor = self.head(self.norm(states))
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def find_layout(model: nn.Module, family: Family = LLAMA) -> Layout:
    """Return where the blocks, the final norm and the head of a loaded model are.

    Raises
    ------
    RejectedInputError
        If one of them is not where it was looked for.
    """
    decoder = _part(model, family.decoder, "decoder", nn.Module)
    blocks = _part(model, f"{family.decoder}.{family.blocks}", "list of blocks", nn.ModuleList)
    config = getattr(model, "config", None)
    parallel = is_parallel(family, {f: getattr(config, f, None) for f in family.parallel_flags})
    reader = "reader of the state between attention and MLP"
    return Layout(
        decoder=decoder,
        blocks=list(blocks),
        norm=nn.Identity()
        if family.is_encoder
        else _part(model, f"{family.decoder}.{family.norm}", "final norm", nn.Module),
        head=nn.Identity()
        if family.is_encoder
        else _part(model, family.head, "output embedding", nn.Module),
        cap=getattr(config, "final_logit_softcapping", None),
        family=family,
        between=[]
        if parallel
        else [_part(block, family.between, reader, nn.Module) for block in blocks],
    )


def _part(model: nn.Module, path: str, what: str, kind: type[Part]) -> Part:
    found: object = model
    for name in filter(None, path.split(".")):
        found = getattr(found, name, None)
    if not isinstance(found, kind):
        raise RejectedInputError(
            f"no {what} found in {type(model).__name__}: looked for {path}",
            reason="unsupported_architecture",
            next_step="Use a model of a supported family.",
        )
    return found
