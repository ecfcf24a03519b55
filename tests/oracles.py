"""Computations that the code under test is compared with: plain transformers, one text at a time.

Nothing of `linearity.models.surgery`, `linearity.models.replay` or `linearity.evaluate` is used
here. Maps come in as numbers; what a plan does with them is written out again.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, rel_entr
from torch import Tensor, nn

from linearity.contracts.actions import Plan
from linearity.contracts.common import Sampling
from linearity.models.loaded import LoadedModel
from linearity.studies.material import Material

Array = NDArray[np.float64]
Head = Callable[[Tensor], Tensor]

SMALL = Sampling(
    fit_tokens=4096,
    select_tokens=1024,
    report_tokens=1024,
    context=64,
    seed=3,
    ridge="auto",
    dtype="float32",
    attention="eager",
)


class Affine(nn.Module):
    """``x + xW + b``, and ``x + first`` for the first token of a text that starts at index 0."""

    def __init__(self, W: Tensor, b: Tensor, first: Tensor) -> None:
        super().__init__()
        self.W, self.b, self.first = W.float(), b.float(), first.float()

    def forward(self, x: Tensor, **_: object) -> Tensor:
        update = torch.einsum("btd,de->bte", x, self.W) + self.b
        update[:, 0] = self.first
        return x + update


class Turned(nn.Module):
    """An MLP whose output M becomes ``M (I + W)``."""

    def __init__(self, mlp: nn.Module, W: Tensor) -> None:
        super().__init__()
        self.mlp, self.W = mlp, W.float()

    def forward(self, x: Tensor) -> Tensor:
        written: Tensor = self.mlp(x)
        return written + written @ self.W


def with_layers(model: LoadedModel, layers: Sequence[nn.Module]) -> nn.Module:
    """Return a copy of the network that runs `layers`; never give it a cache."""
    network = copy.deepcopy(model.network)
    network.model.layers = nn.ModuleList(layers)  # type: ignore[union-attr]
    network.model.config.num_hidden_layers = len(layers)  # type: ignore[union-attr]
    return network.eval()


def changed_network(model: LoadedModel, material: Material, plan: Plan) -> nn.Module:
    """Return a copy of the network with a plan of one-shot maps carried out step by step."""
    blocks: list[nn.Module | None] = [copy.deepcopy(b) for b in model.network.model.layers]  # type: ignore[union-attr]
    for step in plan.steps:
        for block in step.blocks:
            blocks[block] = None
        if step.action == "linear":
            affine = material.fitted(step, (), "one_shot").affine
            blocks[step.first] = Affine(affine.W, affine.b, affine.first)
        if step.action == "merged":
            fit = material.fit()
            W = fit.merged(fit.chain(()), step.first - 1, step.last, _ridge(material)).W
            before = blocks[step.first - 1]
            assert before is not None
            before.mlp = Turned(before.mlp, W)  # type: ignore[arg-type]
    return with_layers(model, [block for block in blocks if block is not None])


def logits_of(network: nn.Module, ids: Sequence[int]) -> Tensor:
    """Return the logits of one text, (T, V), by one uncached forward pass."""
    with torch.inference_mode():
        logits: Tensor = network(torch.tensor([ids]), use_cache=False).logits[0]
    return logits


def last_states(network: nn.Module, ids: Sequence[int]) -> list[Tensor]:
    """Return what enters every layer and leaves the last one, (T, d) each, before the norm."""
    states: list[Tensor] = []
    decoder = network.model
    handles = [
        layer.register_forward_pre_hook(
            lambda _, args, kwargs: states.append(args[0] if args else kwargs["hidden_states"]),
            with_kwargs=True,
        )
        for layer in decoder.layers  # type: ignore[union-attr]
    ]
    handles.append(
        decoder.norm.register_forward_pre_hook(lambda _, args: states.append(args[0]))  # type: ignore[union-attr]
    )
    try:
        logits_of(network, ids)
    finally:
        for handle in handles:
            handle.remove()
    return [state[0] for state in states]


def greedy_loop(network: nn.Module, prompt: Sequence[int], length: int) -> tuple[list[int], Tensor]:
    """Return the tokens that greedy decoding adds, and the logits of each, without any cache."""
    ids, logits = list(prompt), []
    for _ in range(length):
        logits.append(logits_of(network, ids)[-1])
        ids.append(int(logits[-1].argmax()))
    return ids[len(prompt) :], torch.stack(logits)


def mean_loss(network: nn.Module, windows: Sequence[Sequence[int]]) -> float:
    """Return the mean cross-entropy over all predictions of some windows, nats."""
    losses = [
        nn.functional.cross_entropy(
            logits_of(network, ids)[:-1].double(), torch.tensor(ids[1:]), reduction="none"
        )
        for ids in windows
    ]
    return float(torch.cat(losses).mean())


def divergences(dense: Array, changed: Array) -> Array:
    """Return KL(dense || changed) of every row of logits, nats."""
    p, q = (np.exp(log_softmax(logits.astype(np.float64), axis=1)) for logits in (dense, changed))
    value: Array = rel_entr(p, q).sum(1)
    return value


def _ridge(material: Material) -> float | None:
    ridge = material.sampling.ridge
    return None if isinstance(ridge, str) else ridge
