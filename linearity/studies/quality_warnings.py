"""What to know about numbers of changed models: how much text stood behind them."""

from collections.abc import Sequence

from linearity.contracts.common import Protocol, Sampling, SplitFacts
from linearity.contracts.linearity import RIDGE_WITHOUT_VALIDATION
from linearity.contracts.runs import RunWarning
from linearity.evaluate.categories import Categories
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


def category_warnings(categories: Categories) -> list[RunWarning]:
    """Return what to know about numbers by category."""
    few = [name for name, count in categories.documents.items() if count < FEWEST_DOCUMENTS]
    shown = len(categories.rows)
    return [*few_documents(few), *more_categories(shown, shown + len(categories.left_out))]


def few_documents(categories: Sequence[str]) -> list[RunWarning]:
    """Return the warning that some categories have too few documents for an interval."""
    if not categories:
        return []
    return [
        RunWarning(
            "few_documents_in_category",
            f"no interval for {len(categories)} categories with fewer than {FEWEST_DOCUMENTS} "
            "documents",
            {"categories": list(categories), "needed": FEWEST_DOCUMENTS},
        )
    ]


def more_categories(shown: int, total: int) -> list[RunWarning]:
    """Return the warning that a dataset has more categories than get numbers."""
    if shown >= total:
        return []
    return [
        RunWarning(
            "more_categories",
            f"{shown} of {total} categories have numbers of their own: the largest ones",
            {"shown": shown, "categories": total},
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
