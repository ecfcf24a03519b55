"""Which tokens are measured, and on which side of the split they stand.

A document belongs to one split by a hash of the seed and its text, so copies of one text never
stand on both sides, and every category has its share of each side (`strata`). Windows are taken
round-robin over documents in an order that the seed decides, until the budget of tokens is spent.
Two people with the same documents, tokenizer and seed get the same windows (docs/science.md,
section 0).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from linearity.errors import TooFewTokensError
from linearity.measure.strata import (
    Categories,
    fraction,
    hashed_order,
    heldout_texts,
    spread,
    three_splits,
)

Role = Literal["train", "validation", "heldout"]

PARTS_OF_A_SINGLE_DOCUMENT = 20
SHORTEST_TAIL = 8
"""A rest of a document shorter than this is left out, unless it is the whole document."""
VALIDATION_SHARE = 5
"""One of this many fit documents chooses the ridge when ``ridge=auto``."""


@dataclass(frozen=True)
class Window:
    """Consecutive tokens of one document, as the model sees them.

    Parameters
    ----------
    document : int
        Index into the documents that were sampled from.
    start : int
        Position of the first token in the document, in tokens.
    ids : tuple of int
        Token ids, a leading BOS included where the tokenizer adds one.
    role : "train" | "validation" | "heldout"
        ``train`` and ``validation`` together are the fit split.
    """

    document: int
    start: int
    ids: tuple[int, ...]
    role: Role


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

    Raises
    ------
    TooFewTokensError
        If either side of the split has no window.
    """
    parts, categories = cut_alone(documents, categories)
    pieces = _Pieces(parts, tokenize, plan)
    heldout_budget = round(plan.heldout * plan.tokens)
    apart = heldout_texts(plan.seed, parts, plan.heldout, categories)
    order = hashed_order(plan.seed, parts)
    fitted = spread([k for k in order if parts[k] not in apart], categories)
    scored = spread([k for k in order if parts[k] in apart], categories)
    fit = _round_robin(fitted, pieces, plan.tokens - heldout_budget)
    heldout = _equal_shares(scored, pieces, heldout_budget)
    if not fit or not heldout:
        side = "held-out" if fit else "fit"
        raise TooFewTokensError(
            f"the {side} split is empty: the dataset has {len(documents):,} documents",
            next_step="Use a dataset with more text, another seed, or another held-out share.",
            documents=len(documents),
        )
    return _interleave(_with_roles(fit, plan.seed, parts), [(*w, "heldout") for w in heldout])


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

    Raises
    ------
    TooFewTokensError
        If a split that is asked for has no window.
    """
    parts, categories = cut_alone(documents, categories)
    pieces = _Pieces(parts, tokenize, plan)
    order = hashed_order(plan.seed, parts)
    names = three_splits(plan.seed, parts, categories)
    members = {
        name: spread([k for k in order if names[parts[k]] == name], categories)
        for name in ("fit", "select", "report")
    }
    fit = _round_robin(members["fit"], pieces, budgets.fit)
    # Round-robin: budgets are small here, and equal shares would spend them on few documents.
    select = _round_robin(members["select"], pieces, budgets.select)
    report = _round_robin(members["report"], pieces, budgets.report)
    taken = {"fit": (fit, budgets.fit), "select": (select, budgets.select)}
    for name, (windows, budget) in (taken | {"report": (report, budgets.report)}).items():
        if budget and not windows:
            raise TooFewTokensError(
                f"the {name} split is empty: the dataset has {len(documents):,} documents",
                next_step="Use a dataset with more documents, or another seed.",
                documents=len(documents),
            )
    return ThreeSplits(
        fit=[Window(*window) for window in _with_roles(fit, plan.seed, parts)],
        select=[Window(*window, "heldout") for window in select],
        report=[Window(*window, "heldout") for window in report],
        documents=members,
        parts=parts,
        categories=categories,
    )


def cut_alone(
    documents: Sequence[str], categories: Categories | None = None
) -> tuple[list[str], list[str | None]]:
    """Return documents and their categories; one document alone is cut into 20 parts of its own."""
    if len(documents) > 1:
        return list(documents), list(categories or [None] * len(documents))
    parts = _cut(documents[0] if documents else "")
    return parts, [categories[0] if categories else None] * len(parts)


_Piece = tuple[int, int, tuple[int, ...]]


class _Pieces:
    """Windows of a document, cut on first use."""

    def __init__(
        self, parts: list[str], tokenize: Callable[[str], list[int]], plan: SamplingPlan
    ) -> None:
        self._parts, self._tokenize = parts, tokenize
        self._prefix = () if plan.bos is None else (plan.bos,)
        self._length = plan.context - len(self._prefix)
        self._known: dict[int, list[_Piece]] = {}

    def of(self, document: int) -> list[_Piece]:
        """Return the (document, start, ids) of every window of `document`."""
        if document not in self._known:
            ids = self._tokenize(self._parts[document])
            cuts = [
                (document, start, self._prefix + tuple(ids[start : start + self._length]))
                for start in range(0, len(ids), self._length)
                if start == 0 or len(ids) - start >= SHORTEST_TAIL
            ]
            self._known[document] = [cut for cut in cuts if len(cut[2]) >= 2]
        return self._known[document]


def _cut(text: str) -> list[str]:
    size = -(-len(text) // PARTS_OF_A_SINGLE_DOCUMENT) or 1
    return [text[start : start + size] for start in range(0, len(text), size)]


def _round_robin(order: list[int], pieces: _Pieces, budget: int) -> list[_Piece]:
    """Take the first window of every document, then the second, until `budget` tokens."""
    return _within(_rounds(order, pieces), budget)


def _rounds(order: list[int], pieces: _Pieces) -> Iterator[_Piece]:
    for turn in count():
        some = False
        for document in order:
            cuts = pieces.of(document)
            if turn < len(cuts):
                some = True
                yield cuts[turn]
        if not some:
            return


def _equal_shares(order: list[int], pieces: _Pieces, budget: int) -> list[_Piece]:
    """Take equally many windows from every document used, as many tokens as `budget` allows."""
    best: list[_Piece] = []
    for share in count(1):
        rich = (k for k in order if len(pieces.of(k)) >= share)
        taken = _within((cut for k in rich for cut in pieces.of(k)[:share]), budget)
        if not taken:
            return best
        if _total(taken) > _total(best):
            best = taken
        if _total(best) >= budget:
            return best
    return best


def _within(pieces: Iterator[_Piece], budget: int) -> list[_Piece]:
    taken: list[_Piece] = []
    left = budget
    # Asked for only while there is room: the text of a closed split is never read.
    while left >= 2 and (piece := next(pieces, None)) is not None:
        document, start, ids = piece
        taken.append((document, start, ids[:left]))
        left -= len(taken[-1][2])
    return taken


def _total(pieces: list[_Piece]) -> int:
    return sum(len(ids) for _, _, ids in pieces)


def _with_roles(
    fit: list[_Piece], seed: int, parts: list[str]
) -> list[tuple[int, int, tuple[int, ...], Role]]:
    """Give every fifth fit document, in hashed order, the role that chooses the ridge."""
    used = sorted({k for k, _, _ in fit}, key=lambda k: (fraction(seed, "ridge", parts[k]), k))
    validation = set(used[: len(used) // VALIDATION_SHARE])
    return [(*piece, "validation" if piece[0] in validation else "train") for piece in fit]


def _interleave(
    fit: list[tuple[int, int, tuple[int, ...], Role]],
    heldout: list[tuple[int, int, tuple[int, ...], Role]],
) -> list[Window]:
    """Merge the two lists so that every stretch of the stream has the same share of both."""
    ranked = [((k + 0.5) / len(side), w) for side in (fit, heldout) for k, w in enumerate(side)]
    ranked.sort(key=lambda pair: pair[0])
    return [Window(*window) for _, window in ranked]
