"""What strategies rank blocks by: linearity on split A of maps from split F, influence, angles."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.contracts.canonical import Json
from linearity.measure.tokens import angular, cosines
from linearity.prune.replacements import RidgeMap, held_out_scores
from linearity.studies.fit_split import FitSplit
from linearity.studies.material import Material

CHUNK = 1024


@dataclass(frozen=True)
class BlockScores:
    """One number a block, and angles between all states.

    Parameters
    ----------
    stream, update : list of L, or None
        Held-out scores of the one-shot maps, at most 1; an update is None for a block that adds
        nothing. None as a whole where no strategy asks for them.
    influence : list of L
        ``1 - mean cosine`` of a block's two states (ShortGPT, arXiv:2403.03853, eq. 1).
    angles : (S, S) float64
        Mean angular distance, in [0, 1] (Gromov et al., arXiv:2403.17887).
    """

    stream: list[float] | None
    update: list[float | None] | None
    influence: list[float]
    angles: list[list[float]]

    def as_json(self) -> dict[str, Json]:
        """Return plain values."""
        return {
            "stream": self.stream,
            "update": self.update,
            "influence": self.influence,
            "angles": self.angles,
        }


def score_blocks(
    material: Material, after_block: Callable[[int], None], *, fits: bool
) -> BlockScores:
    """Score every block of the dense model.

    Parameters
    ----------
    material : Material
    after_block : callable
        Called with every block that is done; may raise to stop.
    fits : bool
        Whether maps are fitted and scored; otherwise only cosines are taken.
    """
    cosine, angle = _mean_cosines(material.fit(maps=fits))
    influence = [1.0 - float(cosine[b, b + 1]) for b in range(material.blocks)]
    if not fits:
        return BlockScores(None, None, influence, angle.tolist())
    text = material.bench("select").passages
    ordinary = ~text.first() & ~text.sinks() & text.counted()
    stream: list[float] = []
    update: list[float | None] = []
    for block in range(material.blocks):
        ridge_map = _one_shot(material, block)
        scores = held_out_scores(ridge_map, text.state(block), text.state(block + 1), ordinary)
        stream.append(scores[0])
        update.append(scores[1])
        after_block(block)
    return BlockScores(stream, update, influence, angle.tolist())


def _one_shot(material: Material, block: int) -> RidgeMap:
    fit = material.fit()
    ridge = material.sampling.ridge
    fixed = None if isinstance(ridge, str) else ridge
    return fit.linear(fit.chain(()), block, block, fixed)[0]


def _mean_cosines(fit: FitSplit) -> tuple[Tensor, Tensor]:
    """Return mean cosine and mean angular distance of all pairs of states, (S, S) each."""
    passages = fit.passages
    wanted = fit.tokens.ordinary & passages.counted()
    S = len(passages.dense.changes) + 1
    cosine = torch.zeros((S, S), dtype=torch.float64, device=wanted.device)
    angle = torch.zeros_like(cosine)
    sizes = [int(batch.mask.sum()) for batch in passages.batches]
    for batch, states, chosen in zip(
        passages.batches, passages.dense.states, torch.split(wanted, sizes), strict=True
    ):
        rows = torch.stack([state[batch.mask][chosen] for state in states], dim=1)
        for some in torch.split(rows, CHUNK):
            part = cosines(some.float()).double()
            cosine += part.sum(0)
            angle += angular(part).sum(0)
    n = int(wanted.sum())
    return cosine / n, angle / n
