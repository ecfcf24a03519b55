"""Which tokens are measured, and on which side of the split they stand.

A document belongs to one split by a hash of the seed and its text, so copies of one text never
stand on both sides, and every category has its share of each side (`strata`). Windows are taken
round-robin over documents in an order that the seed decides, until the budget of tokens is spent.
Two people with the same documents, tokenizer and seed get the same windows (docs/science.md,
section 0).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from linearity.errors import TooFewTokensError
from linearity.measure.strata import (
    Categories,
    fraction,
    hashed_order,
    heldout_texts,
    spread,
    three_splits,
)
from linearity.measure.windows import Pieces, Scripts, Window, WindowReader, cut_alone

VALIDATION_SHARE = 5
"""One of this many fit documents chooses the ridge when ``ridge=auto``."""


@dataclass(frozen=True)
class SamplingPlan:
    """How to cut documents into windows.

    Parameters
    ----------
    tokens : int
        Budget of model input positions, BOS included.
    context : int
        Longest window.
    heldout : float
        Share of the budget that is only scored on.
    seed : int
    bos : int or None
        Token put before every window, if the tokenizer adds one by itself.
    """

    tokens: int
    context: int
    heldout: float
    seed: int
    bos: int | None = None


def sample_windows(
    documents: Sequence[str],
    tokenize: Callable[[str], list[int]],
    plan: SamplingPlan,
    categories: Categories | None = None,
    scripts: Scripts | None = None,
) -> list[Window]:
    """Return the windows of a run, the two splits evenly interleaved.

    Parameters
    ----------
    documents : sequence of str
        One document alone is first cut into 20 contiguous parts.
    tokenize : callable
        Text to ids, without special tokens. Called only for documents that are needed.
    plan : SamplingPlan
    categories : sequence of str or None, optional
        One a document; each is represented on both sides by its share.
    scripts : callable, optional
        What the model reads of a document instead of its text, and which of it is scored. The text
        still decides its place. Called only for documents that are needed and those next in order.

    Raises
    ------
    TooFewTokensError
        If either side of the split has no window.
    """
    parts, categories, scripts = cut_alone(documents, categories, scripts)
    reader = WindowReader(parts, tokenize, scripts, context=plan.context, bos=plan.bos)
    heldout_budget = round(plan.heldout * plan.tokens)
    apart = heldout_texts(plan.seed, parts, plan.heldout, categories)
    order = hashed_order(plan.seed, parts)
    fitted = spread([k for k in order if parts[k] not in apart], categories)
    scored = spread([k for k in order if parts[k] in apart], categories)
    fit = _round_robin(Pieces(fitted, reader), plan.tokens - heldout_budget)
    heldout = _equal_shares(Pieces(scored, reader), heldout_budget)
    if not fit or not heldout:
        side = "held-out" if fit else "fit"
        raise TooFewTokensError(
            f"the {side} split is empty: the dataset has {len(documents):,} documents",
            next_step="Use a dataset with more text, another seed, or another held-out share.",
            documents=len(documents),
        )
    return _interleave(_with_roles(fit, plan.seed, parts), heldout)


@dataclass(frozen=True)
class ThreeSplits:
    """Windows of the splits F (fits maps), A (selects plans) and B (reports frozen plans).

    Parameters
    ----------
    fit, select : list of Window
    report : list of Window
        Empty unless it was opened.
    documents : dict of "fit" | "select" | "report" to list of int
        Which documents belong to each split, used or not, in sampling order.
    parts : list of str
        The documents, or the parts that a dataset of one document was cut into.
    categories : list of str or None
        Of the parts.
    """

    fit: list[Window]
    select: list[Window]
    report: list[Window]
    documents: dict[str, list[int]]
    parts: list[str]
    categories: list[str | None]


@dataclass(frozen=True)
class ThreeBudgets:
    """How many tokens each split gets at most; 0 leaves it closed."""

    fit: int
    select: int
    report: int


def sample_splits(
    documents: Sequence[str],
    tokenize: Callable[[str], list[int]],
    plan: SamplingPlan,
    budgets: ThreeBudgets,
    categories: Categories | None = None,
    scripts: Scripts | None = None,
) -> ThreeSplits:
    """Return the windows of the three splits, disjoint by document.

    Parameters
    ----------
    documents : sequence of str
        One document alone is first cut into 20 contiguous parts.
    tokenize : callable
    plan : SamplingPlan
        Its ``tokens`` and ``heldout`` are not used.
    budgets : ThreeBudgets
    categories : sequence of str or None, optional
        One a document; each is represented in every split by its share.
    scripts : callable, optional
        As for `sample_windows`.

    Raises
    ------
    TooFewTokensError
        If a split that is asked for has no window.
    """
    parts, categories, scripts = cut_alone(documents, categories, scripts)
    reader = WindowReader(parts, tokenize, scripts, context=plan.context, bos=plan.bos)
    order = hashed_order(plan.seed, parts)
    names = three_splits(plan.seed, parts, categories)
    members = {
        name: spread([k for k in order if names[parts[k]] == name], categories)
        for name in ("fit", "select", "report")
    }
    fit = _round_robin(Pieces(members["fit"], reader), budgets.fit)
    # Round-robin: budgets are small here, and equal shares would spend them on few documents.
    select = _round_robin(Pieces(members["select"], reader), budgets.select)
    report = _round_robin(Pieces(members["report"], reader), budgets.report)
    taken = {"fit": (fit, budgets.fit), "select": (select, budgets.select)}
    for name, (windows, budget) in (taken | {"report": (report, budgets.report)}).items():
        if budget and not windows:
            raise TooFewTokensError(
                f"the {name} split is empty: the dataset has {len(documents):,} documents",
                next_step="Use a dataset with more documents, or another seed.",
                documents=len(documents),
            )
    return ThreeSplits(
        fit=_with_roles(fit, plan.seed, parts),
        select=select,
        report=report,
        documents=members,
        parts=parts,
        categories=categories,
    )


def _round_robin(pieces: Pieces, budget: int) -> list[Window]:
    """Take the first window of every document, then the second, until `budget` tokens."""
    return _within(_rounds(pieces), budget, pieces.reader.prefix)


def _rounds(pieces: Pieces) -> Iterator[Window]:
    for turn in count():
        some = False
        for document in pieces.order:
            cuts = pieces.of(document)
            if turn < len(cuts):
                some = True
                yield cuts[turn]
        if not some:
            return


def _equal_shares(pieces: Pieces, budget: int) -> list[Window]:
    """Take equally many windows from every document used, as many tokens as `budget` allows."""
    best: list[Window] = []
    for share in count(1):
        rich = (k for k in pieces.order if len(pieces.of(k)) >= share)
        cuts = (cut for k in rich for cut in pieces.of(k)[:share])
        taken = _within(cuts, budget, pieces.reader.prefix)
        if not taken:
            return best
        if _total(taken) > _total(best):
            best = taken
        if _total(best) >= budget:
            return best
    return best


def _within(windows: Iterator[Window], budget: int, prefix: int) -> list[Window]:
    taken: list[Window] = []
    left = budget
    # Asked for only while there is room: the text of a closed split is never read.
    while left >= 2 and (window := next(windows, None)) is not None:
        taken.append(window.shortened(left, prefix=prefix))
        left -= len(taken[-1].ids)
    return taken


def _total(windows: list[Window]) -> int:
    return sum(len(window.ids) for window in windows)


def _with_roles(fit: list[Window], seed: int, parts: list[str]) -> list[Window]:
    """Give every fifth fit document, in hashed order, the role that chooses the ridge."""
    used = sorted({w.document for w in fit}, key=lambda k: (fraction(seed, "ridge", parts[k]), k))
    validation = set(used[: len(used) // VALIDATION_SHARE])
    return [replace(w, role="validation" if w.document in validation else "train") for w in fit]


def _interleave(fit: list[Window], heldout: list[Window]) -> list[Window]:
    """Merge the two lists so that every stretch of the stream has the same share of both."""
    ranked = [((k + 0.5) / len(side), w) for side in (fit, heldout) for k, w in enumerate(side)]
    ranked.sort(key=lambda pair: pair[0])
    return [window for _, window in ranked]
