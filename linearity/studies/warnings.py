"""What a reader of the numbers must know, each with the numbers that make it true."""

import torch

from linearity.contracts.granularity import SUBLAYER, state_name, transition_name
from linearity.contracts.linearity import (
    RIDGE_WITHOUT_VALIDATION,
    LinearityParams,
    TokenCounts,
)
from linearity.contracts.runs import RunWarning
from linearity.measure.intervals import FEWEST_DOCUMENTS
from linearity.measure.moments import accumulation_dtype
from linearity.measure.sampling import VALIDATION_SHARE
from linearity.studies.scores import Scores

FEW_TOKENS_A_COORDINATE = 10
HARMLESS_CONDITION = 1e5
"""Up to here the rounding of float32 moves a score by less than 2e-4, also without a cutoff."""
IN_SAMPLE = ("few_tokens_in_sample", "adjusted")
"""The warning of few tokens where nothing is held out, and what to read then."""


def warnings_of(
    params: LinearityParams,
    counts: TokenCounts,
    scores: Scores,
    kept: Scores,
    *,
    width: int,
    adjacent_only: bool,
) -> list[RunWarning]:
    """Return the warnings of a finished measurement, the most important first."""
    found = [
        _few_tokens(counts, width),
        _budget(params, counts),
        _few_documents(params, counts),
        _no_validation(params, counts),
        _zero_update(params, scores),
        _ill_conditioned(params, counts, (scores, kept), width),
        _no_adjustment(counts, scores),
        _adjacent_only() if adjacent_only else None,
    ]
    return [warning for warning in found if warning is not None]


def _few_tokens(counts: TokenCounts, width: int) -> RunWarning | None:
    if counts.width_ratio >= FEW_TOKENS_A_COORDINATE:
        return None
    chance = width / (counts.fit - 1)
    code, better = ("few_tokens", "held-out") if counts.heldout else IN_SAMPLE
    return RunWarning(
        code,
        f"{counts.fit:,} fit tokens for {width:,} coordinates ({counts.width_ratio:.1f} each): "
        f"in-sample scores of unrelated states would already be {chance:.2f}. "
        f"Read the {better} scores.",
        {"fit": counts.fit, "width": width, "ratio": counts.width_ratio, "null_score": chance},
    )


def _budget(params: LinearityParams, counts: TokenCounts) -> RunWarning | None:
    if params.in_sample:
        return None  # 128 windows were asked for, not tokens
    seen = counts.fit + counts.heldout + counts.excluded_first + counts.excluded_sinks
    seen += counts.context
    if seen >= 0.99 * params.tokens:
        return None
    return RunWarning(
        "fewer_tokens",
        f"The dataset gave {seen:,} of the {params.tokens:,} tokens asked for.",
        {"seen": seen, "asked": params.tokens},
    )


def _few_documents(params: LinearityParams, counts: TokenCounts) -> RunWarning | None:
    if params.in_sample or counts.heldout_documents >= FEWEST_DOCUMENTS:
        return None
    return RunWarning(
        "few_documents",
        f"Only {counts.heldout_documents} held-out documents: no confidence interval below "
        f"{FEWEST_DOCUMENTS}.",
        {"documents": counts.heldout_documents, "needed": FEWEST_DOCUMENTS},
    )


def _no_validation(params: LinearityParams, counts: TokenCounts) -> RunWarning | None:
    if params.ridge != "auto" or counts.fit_documents >= VALIDATION_SHARE:
        return None
    return RunWarning(
        "no_validation",
        f"Only {counts.fit_documents} fit documents: too few to choose the ridge on, so "
        f"{RIDGE_WITHOUT_VALIDATION:g} was used.",
        {"ridge": RIDGE_WITHOUT_VALIDATION, "documents": counts.fit_documents},
    )


def _zero_update(params: LinearityParams, scores: Scores) -> RunWarning | None:
    unknown = torch.isnan(scores.update_r2_fit.diagonal(offset=1))
    if not params.in_sample:
        unknown |= torch.isnan(scores.update_r2_heldout.diagonal(offset=1))
    empty = unknown.nonzero().squeeze(1).tolist()
    if not empty:
        return None
    is_fine = params.granularity == SUBLAYER
    named = [transition_name(one, SUBLAYER) if is_fine else one for one in empty]
    return RunWarning(
        "zero_update",
        f"Blocks that add nothing have no update score: {', '.join(map(str, named))}.",
        {"blocks": named},
    )


def _ill_conditioned(
    params: LinearityParams, counts: TokenCounts, both: tuple[Scores, Scores], width: int
) -> RunWarning | None:
    # Fewer tokens than coordinates are told by the warning of few tokens.
    full = min(width, counts.fit - 1)
    # Float32 sums cannot tell the last directions of a wide state from their own rounding.
    least = full if accumulation_dtype(width) == torch.float64 else full - width // 100
    named: dict[int, tuple[float, float]] = {}
    for scores in both:
        for state, (rank, condition) in enumerate(zip(scores.rank, scores.condition, strict=True)):
            if rank is None or condition is None:
                continue
            if rank < least or condition > HARMLESS_CONDITION:
                low, high = named.get(state, (rank, condition))
                named[state] = (min(low, rank), max(high, condition))
    if not named:
        return None
    is_fine = params.granularity == SUBLAYER
    states = [state_name(state, SUBLAYER) if is_fine else state for state in named]
    rank, condition = min(r for r, _ in named.values()), max(c for _, c in named.values())
    return RunWarning(
        "ill_conditioned",
        f"States {', '.join(map(str, states))} hardly vary in some directions (rank down to "
        f"{int(rank):,} of {width:,}, condition number up to {condition:.1e}). The scores here "
        "leave such directions out and hold; a float32 formula without a cutoff, as in the "
        "paper's code, can be far off on these states: do not compare with its numbers.",
        {"states": states, "rank": int(rank), "width": width, "condition": condition},
    )


def _no_adjustment(counts: TokenCounts, scores: Scores) -> RunWarning | None:
    if not torch.isnan(scores.r2_adjusted.diagonal(offset=1)).any():
        return None
    return RunWarning(
        "not_adjustable",
        f"{counts.fit:,} fit tokens are too few to adjust the in-sample score: left out.",
        {"fit": counts.fit},
    )


def _adjacent_only() -> RunWarning:
    return RunWarning(
        "adjacent_only",
        "Only adjacent pairs were measured; pairs=all adds the rest.",
        {},
    )
