"""The maps of a `linearity` run between neighbouring states, kept to judge other tokens by."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from linearity.contracts.inputs import Document
from linearity.contracts.linearity import LinearityParams
from linearity.contracts.runs import RunWarning
from linearity.contracts.token_errors import TokenErrors
from linearity.measure.maps import Maps, Regression
from linearity.measure.moments import Band, accumulation_dtype
from linearity.measure.solved import solved_maps
from linearity.measure.tokens import SINK_RATIO, StreamGuard
from linearity.measure.windows import Window
from linearity.models.loaded import LoadedModel
from linearity.models.memory import batch_tokens
from linearity.models.states import source_of
from linearity.ports import Progress
from linearity.studies.collect import Collected, batched, collect, missed_sinks
from linearity.studies.included import check_enough, included_tokens, token_kinds
from linearity.studies.ridges import RidgeRule
from linearity.studies.scoring import score_pairs
from linearity.studies.sides import Fit, Heldout
from linearity.studies.tables import token_errors
from linearity.studies.text import Text

STREAMING_SHARE, SCORING_SHARE = 0.8, 0.15
"""Parts of the fitting's time; only the remaining time depends on them."""
HEARING_TOKENS = 512
"""Tokens of a forward pass on a processor: after each of them a cancel is heard."""


@dataclass(frozen=True)
class NeighbourMaps:
    """One map a block, with what its errors are measured against.

    Parameters
    ----------
    updates : (L, d, d) Tensor
        ``A - I`` of every block, in the type of the sums, on the model's device.
    means : (S, d) Tensor
        Fit means: the intercepts.
    spreads : (L,) float64
        Mean of ``||y - mean||^2`` over the held-out tokens that count.
    medians : (S,) float64
        Median norm of the tokens behind the first, which sinks are told by.
    scores : list of float
        ``r2_heldout`` of every block.
    errors : TokenErrors
        Of the held-out tokens.
    fit_tokens : int
    warnings : list of RunWarning
        About the fit.
    """

    updates: Tensor
    means: Tensor
    spreads: Tensor
    medians: Tensor
    scores: list[float]
    errors: TokenErrors
    fit_tokens: int
    warnings: list[RunWarning]

    @property
    def bytes(self) -> int:
        """Memory that the maps take."""
        return self.updates.nbytes + self.means.nbytes

    def token_errors(self, states: Tensor) -> Tensor:
        """Return the error of some tokens at every block, (n, L) float64.

        Parameters
        ----------
        states : (n, S, d) Tensor
        """
        states = states.to(self.updates.dtype) - self.means
        found = []
        for block, update in enumerate(self.updates):
            X, Y = states[:, block], states[:, block + 1]
            residual = torch.addmm(Y - X, X, update, alpha=-1.0)
            found.append(residual.square().sum(-1, dtype=torch.float64))
        errors: Tensor = torch.stack(found, dim=1) / self.spreads.to(states.device)
        return errors

    def sinks(self, states: Tensor) -> Tensor:
        """Return which tokens dwarf the run's in some state, (n,) bool; also a first token may."""
        norms = torch.linalg.vector_norm(states.float(), dim=-1, dtype=torch.float64).cpu()
        found: Tensor = (norms > SINK_RATIO * self.medians).any(1)
        return found


def fit_neighbours(
    model: LoadedModel,
    documents: Sequence[Document],
    params: LinearityParams,
    progress: Progress,
) -> NeighbourMaps:
    """Fit the maps between neighbours that a `linearity` run with `params` fits.

    Raises
    ------
    LinearScopeError
        As `measure_linearity`.
    """
    text = Text(model, documents, params)
    windows = text.windows(params)
    total = sum(len(window.ids) for window in windows)
    collected = _streamed(model, windows, progress)
    table = collected.table()
    included = included_tokens(table, params.exclude)
    fit = Fit.of(collected, included)
    heldout = Heldout.of(collected, table, included, token_kinds(model, windows, table))
    check_enough(fit, heldout)
    rule = RidgeRule(None if isinstance(params.ridge, str) else params.ridge)
    blocks = range(model.states - 1)

    def scored(state: int) -> None:
        share = STREAMING_SHARE + SCORING_SHARE * (state + 1) / len(blocks)
        progress.step(total, total, "tokens", share)

    scores = score_pairs(fit, heldout, reach=1, ridge=rule, after_state=scored)
    maps = [_map(fit, float(scores.ridge[block, block + 1]), block) for block in blocks]
    return NeighbourMaps(
        updates=torch.stack([update for update, _ in maps]),
        means=torch.cat([maps[0][1][:1], *(means[1:] for _, means in maps)]),
        spreads=torch.stack([heldout.spread(block + 1) for block in blocks]),
        medians=table.norms[~table.first].median(0).values,
        scores=scores.r2_heldout.diagonal(offset=1).tolist(),
        errors=token_errors(heldout, scores),
        fit_tokens=fit.whole.n,
        warnings=text.warnings(params, windows),
    )


def _streamed(model: LoadedModel, windows: list[Window], progress: Progress) -> Collected:
    total = sum(len(window.ids) for window in windows)
    size = batch_tokens(model)
    batches = batched(windows, min(size, HEARING_TOKENS) if model.device.type == "cpu" else size)

    def done(collected: Collected) -> None:
        tokens = min(collected.tokens, total)
        progress.step(tokens, total, "tokens", STREAMING_SHARE * tokens / total)

    def ahead(done: int, of: int) -> None:
        progress.step(done, of, "token_blocks", 0.0)

    source = source_of(model)
    collected = collect(source, batches, reach=1, after_batch=done, ahead=ahead)
    if missed_sinks(collected):
        guard = StreamGuard.of(collected.table())
        collected = collect(source, batches, reach=1, after_batch=done, ahead=ahead, known=guard)
    return collected


def _map(fit: Fit, ridge: float, block: int) -> tuple[Tensor, Tensor]:
    """Return ``A - I`` and the means of both states, in the type of the sums."""
    band = Band.of(fit.whole, block, reach=1)
    fitted = solved_maps(band, ridge)
    if fitted is None:
        chosen = torch.tensor([ridge], dtype=torch.float64, device=band.C.device)
        fitted = Maps.fitted(Regression.of(band), chosen)
    update = fitted.matrix(0)
    update.diagonal().sub_(1.0)
    dtype = accumulation_dtype(len(update))
    return update.to(dtype), fitted.means.to(dtype)
