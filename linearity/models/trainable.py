"""The parts of a changed model that can be trained, each giving the weights that really run.

What is trained is kept in float32; the weights that run are made from it at every step, in the
model's own type and with its rounding, so that what is learnt is what is measured and exported.
"""

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from linearity.models.changes import LinearBlock
from linearity.models.down import Down, down_projection
from linearity.models.families import Layout

ADAPTER_SCALE = 2.0
"""What the product of an adapter's two matrices is multiplied with."""


class Trainable(Protocol):
    """What is trained of one segment."""

    parameters: dict[str, nn.Parameter]
    """By a short name; float32."""

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that run, by name, differentiable in the parameters."""


class TrainableMap:
    """The map and the bias of a linear block; what it adds at position 0 stays as it is."""

    def __init__(self, linear: LinearBlock) -> None:
        self._dtype = linear.transposed.dtype
        self.parameters = {"map": _learnt(linear.transposed), "bias": _learnt(linear.bias)}

    def weights(self) -> dict[str, Tensor]:
        """Return ``transposed`` and ``bias`` of the block."""
        named = {"transposed": self.parameters["map"], "bias": self.parameters["bias"]}
        return {name: parameter.to(self._dtype) for name, parameter in named.items()}


class TrainableMerge:
    """The map that is merged into a down projection: ``T' down``, and ``T' bias``."""

    def __init__(self, name: str, down: Down, *, is_turned: bool) -> None:
        self._name, self._down, self._is_turned = name, down, is_turned
        d = len(down.weight)
        self.parameters = {"turn": nn.Parameter(torch.zeros((d, d), device=down.weight.device))}

    def weights(self) -> dict[str, Tensor]:
        """Return weight and bias of the projection, as its family stores them."""
        weight = self._turned(self._down.weight)
        found = {f"{self._name}.weight": weight.T if self._is_turned else weight}
        if self._down.bias is not None:
            found[f"{self._name}.bias"] = self._turned(self._down.bias)
        return found

    def _turned(self, weight: Tensor) -> Tensor:
        wide = weight.float()
        return (wide + self.parameters["turn"].T @ wide).to(weight.dtype)


class TrainableAdapters:
    """Low-rank additions to all linear layers of a block: ``weight + 2 B A``.

    References
    ----------
    LoRA, arXiv:2106.09685, with its scale alpha / r = 2; A is drawn, B begins at zero.
    """

    def __init__(
        self, block: nn.Module, base: Mapping[str, Tensor], rank: int, generator: torch.Generator
    ) -> None:
        self._base = {name: base[name] for name in adapted(block)}
        self.parameters = {}
        for name, weight in self._base.items():
            rows, columns = weight.shape
            drawn = torch.rand((rank, columns), generator=generator) * 2.0 - 1.0
            A = (drawn / math.sqrt(columns)).to(weight.device)
            self.parameters[f"{name}.A"] = nn.Parameter(A)
            self.parameters[f"{name}.B"] = nn.Parameter(
                torch.zeros((rows, rank), device=weight.device)
            )

    def weights(self) -> dict[str, Tensor]:
        """Return the sums, by the names of the block's weights."""
        found = {}
        for name, weight in self._base.items():
            A, B = self.parameters[f"{name}.A"], self.parameters[f"{name}.B"]
            found[name] = (weight.float() + ADAPTER_SCALE * (B @ A)).to(weight.dtype)
        return found


class TrainableBlock:
    """Every weight of a block."""

    def __init__(self, base: Mapping[str, Tensor]) -> None:
        self._dtypes = {name: weight.dtype for name, weight in base.items()}
        self.parameters = {name: _learnt(weight) for name, weight in base.items()}

    def weights(self) -> dict[str, Tensor]:
        """Return them in the model's type."""
        return {name: p.to(self._dtypes[name]) for name, p in self.parameters.items()}


def adapted(block: nn.Module) -> list[str]:
    """Return the names of the weights of a block's linear layers."""
    return [
        f"{name}.weight"
        for name, module in block.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    ]


def merge_of(block: nn.Module, down: Down, layout: Layout) -> TrainableMerge:
    """Return what is trained of a map that is merged into a block's down projection."""
    projection = down_projection(block, layout.family)
    return TrainableMerge(layout.family.down, down, is_turned=not isinstance(projection, nn.Linear))


def _learnt(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().float().clone())
