"""What to know about numbers of changed models: how much text stood behind them."""

from linearity.contracts.common import Protocol, Sampling, SplitFacts
from linearity.contracts.linearity import RIDGE_WITHOUT_VALIDATION
from linearity.contracts.runs import RunWarning
from linearity.measure.intervals import FEWEST_DOCUMENTS
from linearity.measure.sampling import VALIDATION_SHARE

NEARLY_ALL = 0.95
ENOUGH_TOKENS_PER_WIDTH = 10


def quality_warnings(protocol: Protocol) -> list[RunWarning]:
    """Return what to know about every quality number of a split."""
    if protocol.documents >= FEWEST_DOCUMENTS:
        return []
    return [
        RunWarning(
            "few_documents",
            f"no intervals: {protocol.documents} documents were measured, "
            f"{FEWEST_DOCUMENTS} are needed",
            {"documents": protocol.documents, "needed": FEWEST_DOCUMENTS},
        )
    ]


def fit_warnings(sampling: Sampling, fit: SplitFacts, *, width: int) -> list[RunWarning]:
    """Return what to know about the maps: few tokens, fewer than asked for, no choice of ridge."""
    warnings = fewer_tokens("fit", fit.tokens, sampling.fit_tokens)
    if fit.tokens < ENOUGH_TOKENS_PER_WIDTH * width:
        warnings.append(
            RunWarning(
                "few_fit_tokens",
                f"maps were fitted on {fit.tokens:,} tokens, {fit.tokens / width:.1f} a "
                f"coordinate; {ENOUGH_TOKENS_PER_WIDTH * width:,} or more are better",
                {"fit_tokens": fit.tokens, "width": width},
            )
        )
    if sampling.ridge == "auto" and fit.used_documents < VALIDATION_SHARE:
        warnings.append(
            RunWarning(
                "no_validation",
                f"Only {fit.used_documents} fit documents: too few to choose the ridge on, so "
                f"{RIDGE_WITHOUT_VALIDATION:g} was used.",
                {"ridge": RIDGE_WITHOUT_VALIDATION, "documents": fit.used_documents},
            )
        )
    return warnings


def fewer_tokens(split: str, seen: int, asked: int) -> list[RunWarning]:
    """Return the warning that a split gave less text than was asked for."""
    if seen >= NEARLY_ALL * asked:
        return []
    return [
        RunWarning(
            "fewer_tokens",
            f"The {split} split gave {seen:,} of the {asked:,} tokens asked for.",
            {"split": split, "seen": seen, "asked": asked},
        )
    ]
