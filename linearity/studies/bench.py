"""A split of the text on which plans are measured: dense states, and what the dense model says."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from linearity.contracts.common import PROBABILITY_BYTES, Quality
from linearity.evaluate.categories import Categories, by_category
from linearity.evaluate.quality import (
    Reference,
    TokenQuality,
    dense_reference,
    summarise,
    token_losses,
    token_quality,
)
from linearity.measure.windows import Window
from linearity.models.changes import Changes
from linearity.models.loaded import LoadedModel
from linearity.models.replay import Chain, Check, Passages

CPU_BATCH_TOKENS = 2048
GPU_BATCH_TOKENS = 16_384


class Bench:
    """Measures changed models against the dense one on the same tokens.

    Parameters
    ----------
    model : LoadedModel
    windows : sequence of Window
    check : callable
        Called often; may raise to stop.
    categories : sequence of str or None
        Of all documents; None belongs to none.

    Attributes
    ----------
    passages : Passages
    reference : Reference
    categories : Categories
        Which scored tokens belong to which.
    head_runs : int
        How often all tokens went through the output head since the dense pass.
    """

    def __init__(
        self,
        model: LoadedModel,
        windows: Sequence[Window],
        *,
        check: Check,
        categories: Sequence[str | None],
    ) -> None:
        self.model = model
        self.windows = list(windows)
        self.passages = Passages(model, windows, batch_tokens=batch_tokens(model), check=check)
        # What stands first in a window is predicted from nothing.
        self._scored = [scored[:, 1:] for scored in self.passages.scored]
        targets = torch.cat(
            [b.ids[:, 1:][s] for b, s in zip(self.passages.batches, self._scored, strict=True)]
        )
        self.reference: Reference = dense_reference(
            self.head,
            self._rows(self.passages.dense),
            targets,
            self._documents(),
            room_bytes=_room(model),
        )
        self.categories = Categories.of(self.reference.documents, categories)
        self.head_runs = 0

    def head(self, rows: Tensor) -> Tensor:
        """Return the logits of last states: final norm and output head, (m, V)."""
        return self.model.layout.logits(rows)

    def tokens(self, changes: Changes) -> TokenQuality:
        """Measure a changed model on every scored token."""
        chain = self.passages.run(changes)
        self.head_runs += 1
        return token_quality(self.head, self._rows(chain), self.reference)

    def quality(self, changes: Changes) -> Quality:
        """Measure a changed model, over all tokens and for every category."""
        return self.summary(self.tokens(changes))

    def summary(self, tokens: TokenQuality) -> Quality:
        """Return the means of a measurement, over all tokens and for every category."""
        overall = summarise(tokens, self.reference)
        return replace(overall, categories=by_category(tokens, self.reference, self.categories))

    def loss(self, chain: Chain) -> float:
        """Return the mean negative log-likelihood of a chain, nats per token."""
        self.head_runs += 1
        losses = token_losses(self.head, self._rows(chain), self.reference.targets)
        return float(losses.mean())

    @property
    def dense_loss(self) -> float:
        """Mean negative log-likelihood of the dense model, nats per token."""
        return float(self.reference.nll.mean())

    def places(self) -> tuple[Tensor, Tensor]:
        """Return window number and position in the window of every scored token, (n,) each."""
        numbers, positions, start = [], [], 0
        for batch, scored in zip(self.passages.batches, self._scored, strict=True):
            window, position = scored.nonzero(as_tuple=True)
            numbers.append(window + start)
            positions.append(position + 1)
            start += len(batch.windows)
        return torch.cat(numbers), torch.cat(positions)

    def ordered_windows(self) -> list[Window]:
        """Return the windows in the order that `places` numbers them."""
        return [window for batch in self.passages.batches for window in batch.windows]

    def _rows(self, chain: Chain) -> Tensor:
        return torch.cat(
            [
                states[-1][:, :-1][scored]
                for states, scored in zip(chain.states, self._scored, strict=True)
            ]
        )

    def _documents(self) -> Tensor:
        documents = [
            torch.tensor([w.document for w in batch.windows], device=scored.device)[
                :, None
            ].expand_as(scored)[scored]
            for batch, scored in zip(self.passages.batches, self._scored, strict=True)
        ]
        return torch.cat(documents)


def batch_tokens(model: LoadedModel) -> int:
    """Return how many tokens go through the model at once."""
    return GPU_BATCH_TOKENS if model.device.type == "cuda" else CPU_BATCH_TOKENS


def _room(model: LoadedModel) -> float:
    """Return how many bytes the dense probabilities may take."""
    if model.device.type == "cuda":
        return torch.cuda.mem_get_info(model.device)[0] / 4
    return PROBABILITY_BYTES
