"""A changed model against the dense one, token by token, and over whole documents.

With p the dense model's next-token distribution and z the changed model's logits,
``KL(p || q) = sum p log p - sum p z + logsumexp(z)``: one product with the dense probabilities,
which are kept, and nothing else of the dense model is needed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor

from linearity.contracts.common import Quality
from linearity.errors import NonFiniteStatesError
from linearity.measure.intervals import FEWEST_DOCUMENTS

CPU_CHUNK_ROWS, GPU_CHUNK_ROWS = 256, 4096
"""Rows of logits at once: what stays in a processor's cache, and what fills a GPU."""
TOP = 5

Head = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Reference:
    """What the dense model says of every scored token.

    Parameters
    ----------
    targets : (n,) int64
        The token that really comes next.
    documents : (n,) int64
        Whose text it is; any numbers.
    nll : (n,) float64
    negentropy : (n,) float64
        ``sum p log p``.
    top : (n, 5) int64
        Likeliest tokens, best first.
    probabilities : (n, V) float32, or None
        None where they would take too much room; then `rows` gives them again.
    rows : (n, d) Tensor
        The dense model's last states.
    """

    targets: Tensor
    documents: Tensor
    nll: Tensor
    negentropy: Tensor
    top: Tensor
    probabilities: Tensor | None
    rows: Tensor


@dataclass(frozen=True)
class TokenQuality:
    """A changed model on every scored token.

    Parameters
    ----------
    nll, kl : (n,) float64, nats
    top1 : (n,) float64
        1 where the likeliest token is the dense model's, else 0.
    top5 : (n,) float64
        Share of the dense model's five likeliest tokens among the changed model's five.
    likeliest : (n,) int64
    """

    nll: Tensor
    kl: Tensor
    top1: Tensor
    top5: Tensor
    likeliest: Tensor


def dense_reference(
    head: Head, rows: Tensor, targets: Tensor, documents: Tensor, *, room_bytes: float
) -> Reference:
    """Return what the dense model says.

    Parameters
    ----------
    head : callable
        (m, d) last states to (m, V) logits, final norm included.
    rows : (n, d) Tensor
    targets, documents : (n,) int64
    room_bytes : float
        Up to this size the probabilities are kept.
    """
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    kept: Tensor | None = None
    for chunk, logits in _logits(head, rows):
        logsumexp = torch.logsumexp(logits, 1)
        p = torch.exp(logits - logsumexp[:, None])
        if kept is None and 4.0 * len(rows) * logits.shape[1] <= room_bytes:
            kept = torch.empty((len(rows), logits.shape[1]), device=logits.device)
        if kept is not None:
            kept[chunk] = p
        target = logits.gather(1, targets[chunk, None]).squeeze(1)
        nll = logsumexp.double() - target.double()
        negentropy = torch.einsum("nv,nv->n", p, logits).double() - logsumexp.double()
        parts.append((nll, negentropy, logits.topk(TOP, 1).indices))
    nll, negentropy, top = (torch.cat(part) for part in zip(*parts, strict=True))
    _check_finite(nll)
    return Reference(targets, documents, nll, negentropy, top, kept, rows)


def token_quality(head: Head, rows: Tensor, reference: Reference) -> TokenQuality:
    """Return how a changed model does on every scored token.

    Parameters
    ----------
    head : callable
    rows : (n, d) Tensor
        The changed model's last states, in the order of the reference.
    reference : Reference

    Raises
    ------
    NonFiniteStatesError
        If a likelihood is not finite.
    """
    nll, cross, hits, overlap, likeliest = [], [], [], [], []
    for chunk, logits in _logits(head, rows):
        logsumexp = torch.logsumexp(logits, 1).double()
        target = logits.gather(1, reference.targets[chunk, None]).squeeze(1)
        nll.append(logsumexp - target.double())
        p = _probabilities(head, reference, chunk)
        cross.append(logsumexp - torch.einsum("nv,nv->n", p, logits).double())
        top = logits.topk(TOP, 1).indices
        dense = reference.top[chunk]
        hits.append(top[:, 0] == dense[:, 0])
        overlap.append((top[:, :, None] == dense[:, None, :]).any(1).double().mean(1))
        likeliest.append(top[:, 0])
    loss = torch.cat(nll)
    _check_finite(loss)
    return TokenQuality(
        nll=loss,
        # Rounding may carry a divergence of zero a little below it.
        kl=(torch.cat(cross) + reference.negentropy).clamp_min(0.0),
        top1=torch.cat(hits).double(),
        top5=torch.cat(overlap),
        likeliest=torch.cat(likeliest),
    )


def token_losses(head: Head, rows: Tensor, targets: Tensor) -> Tensor:
    """Return only the negative log-likelihood of every scored token, (n,) float64, nats."""
    losses = []
    for chunk, logits in _logits(head, rows):
        target = logits.gather(1, targets[chunk, None]).squeeze(1)
        losses.append(torch.logsumexp(logits, 1).double() - target.double())
    loss = torch.cat(losses)
    _check_finite(loss)
    return loss


def summarise(tokens: TokenQuality, reference: Reference) -> Quality:
    """Return token-weighted means, with the paired interval of the damage."""
    nll = float(tokens.nll.mean())
    difference = tokens.nll - reference.nll
    interval = paired_interval(difference, reference.documents)
    return Quality(
        nll=nll,
        ppl=math.exp(nll),
        nll_diff=float(difference.mean()),
        ci95=None if interval is None else list(interval),
        kl=float(tokens.kl.mean()),
        top1=float(tokens.top1.mean()),
        top5=float(tokens.top5.mean()),
    )


def paired_interval(difference: Tensor, documents: Tensor) -> tuple[float, float] | None:
    """Return the 95 % interval of a token-weighted mean, clustered by document.

    Parameters
    ----------
    difference : (n,) float64
        Changed minus dense, per token.
    documents : (n,) int64

    Returns
    -------
    (low, high) or None
        None below five documents.

    Notes
    -----
    The delete-one jackknife over documents: with ``m_(k)`` the mean without document k,
    ``SE^2 = (K - 1) / K sum (m_(k) - mean)^2``, and the interval is
    ``m -+ t(K - 1, 0.975) SE`` (Efron and Tibshirani, 1993, chapter 11; docs/decisions/0005).
    """
    index = torch.unique(documents, return_inverse=True)[1]
    K = int(index.max()) + 1
    if K < FEWEST_DOCUMENTS:
        return None
    sums = difference.new_zeros(K).index_add_(0, index, difference)
    counts = torch.zeros_like(sums).index_add_(0, index, torch.ones_like(difference))
    without = (sums.sum() - sums) / (counts.sum() - counts)
    error = torch.sqrt((K - 1) / K * (without - without.mean()).square().sum())
    mean = float(difference.mean())
    half = float(stdtrit(K - 1, 0.975)) * float(error)
    return mean - half, mean + half


def _logits(head: Head, rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
    with torch.inference_mode():
        size = GPU_CHUNK_ROWS if rows.is_cuda else CPU_CHUNK_ROWS
        for start in range(0, len(rows), size):
            chunk = slice(start, min(start + size, len(rows)))
            yield chunk, head(rows[chunk]).float()


def _probabilities(head: Head, reference: Reference, chunk: slice) -> Tensor:
    if reference.probabilities is not None:
        return reference.probabilities[chunk]
    logits = head(reference.rows[chunk]).float()
    # As in `dense_reference`, to the bit: an unchanged model diverges by exactly nothing.
    return torch.exp(logits - torch.logsumexp(logits, 1)[:, None])


def _check_finite(loss: Tensor) -> None:
    if not torch.isfinite(loss).all():
        raise NonFiniteStatesError(
            "the likelihood of a token is not a finite number",
            next_step="Use float32 or bfloat16, or a milder plan.",
        )


def by_document(values: Sequence[Tensor], documents: Tensor) -> dict[int, list[float]]:
    """Return the mean of each of `values`, (n,) each, for every document, and its tokens last."""
    unique, index = torch.unique(documents, return_inverse=True)
    counts = torch.zeros(len(unique), dtype=torch.float64, device=documents.device)
    counts.index_add_(0, index, torch.ones_like(index, dtype=torch.float64))
    means = [torch.zeros_like(counts).index_add_(0, index, value) / counts for value in values]
    return {
        int(document): [*(float(mean[k]) for mean in means), float(counts[k])]
        for k, document in enumerate(unique)
    }
