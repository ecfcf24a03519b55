"""Split F: the text that maps are fitted on, with the dense model's states on it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linearity.measure.windows import Window
from linearity.models.changes import Changes
from linearity.models.loaded import LoadedModel
from linearity.models.replay import Chain, Check, Passages
from linearity.prune.replacements import FitTokens, RidgeMap, fit_linear, fit_merged
from linearity.studies.bench import batch_tokens
from linearity.studies.recent import Recent


class FitSplit:
    """Split F: dense states of every block, and the tokens that maps are fitted on."""

    def __init__(self, model: LoadedModel, windows: Sequence[Window], *, check: Check) -> None:
        self.passages = Passages(model, windows, batch_tokens=batch_tokens(model), check=check)
        self.tokens = self._tokens()
        blocks = len(model.layout.blocks)
        self._one_shot: Recent[tuple[int, int], tuple[RidgeMap, Tensor]] = Recent(2 * blocks)

    def chain(self, prefix: Changes) -> Chain:
        """Return the states of the model that begins with `prefix`; dense for an empty one."""
        return self.passages.run(prefix) if prefix else self.passages.dense

    def linear(
        self, chain: Chain, first: int, last: int, ridge: float | None
    ) -> tuple[RidgeMap, Tensor]:
        """Fit one map for blocks `first` to `last`, from the chain's state to the dense one.

        Returns
        -------
        (RidgeMap, (d,) float64)
            And the mean update of first positions.
        """

        def fit() -> tuple[RidgeMap, Tensor]:
            X = self.passages.rows(chain.entering(first))
            Y = self.passages.state(last + 1)
            at_first = self.tokens.first
            mean_first = (Y[at_first].double() - X[at_first].double()).mean(0)
            return fit_linear(X, Y, self.tokens, ridge), mean_first

        if chain is self.passages.dense:
            return self._one_shot.get((first, last), fit)
        return fit()

    def merged(self, chain: Chain, before: int, last: int, ridge: float | None) -> RidgeMap:
        """Fit the map on the MLP output of block `before` that replaces the blocks to `last`."""
        written, leaving = self.passages.around_mlp(before, chain.entering(before))
        M, X, Y = (
            self.passages.rows(written),
            self.passages.rows(leaving),
            self.passages.state(last + 1),
        )
        return fit_merged(M, X, Y, self.tokens, ridge)

    def _tokens(self) -> FitTokens:
        validation = [
            torch.tensor([w.role == "validation" for w in batch.windows], device=batch.mask.device)
            .unsqueeze(1)
            .expand_as(batch.mask)[batch.mask]
            for batch in self.passages.batches
        ]
        first = self.passages.first()
        return FitTokens(
            ordinary=~first & ~self.passages.sinks(),
            first=first,
            validation=torch.cat(validation),
        )
