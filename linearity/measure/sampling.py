"""Which tokens are measured, and on which side of the split they stand.

A document belongs to one split by a hash of the seed and its text, so copies of one text never
stand on both sides, and every category has its share of each side (`strata`). Windows are taken
round-robin over documents in an order that the seed decides, until the budget of tokens is spent.
Two people with the same documents, tokenizer and seed get the same windows (docs/science.md,
section 0).

Of a record with an answer only the answer is scored. Its windows end where an answer ends, so
that as much as possible of what was asked stands before it, and what is farther from any answer
is in no window (docs/decisions/0020).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from linearity.contracts.scripts import Script
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
Scripts = Callable[[Sequence[int]], Sequence[Script]]
"""From the numbers of some documents to what a model reads of them."""

PARTS_OF_A_SINGLE_DOCUMENT = 20
SHORTEST_TAIL = 8
"""A rest of a document shorter than this is left out, unless it is the whole document."""
AHEAD, MOST_AHEAD = 256, 4096
"""So many documents that come next are asked for together, twice as many each time: a template is
rendered in batches."""
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
    scored : tuple of bool, or None
        Which of the ids are scored, the last of them always; None for all of them.
    rendered : bool
        Whether the chat template of the model stands around the text.
    passed_over : int
        Tokens of the document that lie in no window, because they are too far from any answer;
        counted once a document.
    """

    document: int
    start: int
    ids: tuple[int, ...]
    role: Role
    scored: tuple[bool, ...] | None = None
    rendered: bool = False
    passed_over: int = 0

    @property
    def context(self) -> int:
        """Number of ids that are only context."""
        return 0 if self.scored is None else self.scored.count(False)

    def shortened(self, length: int, *, prefix: int) -> "Window":
        """Return at most `length` ids of it: a text's beginning, or what an answer ends with.

        `prefix` ids that stand before every window (BOS) are kept.
        """
        left_out = len(self.ids) - length
        if left_out <= 0:
            return self
        if self.scored is None:
            return replace(self, ids=self.ids[:length])
        kept = slice(prefix + left_out, None)
        return replace(
            self,
            start=self.start + left_out,
            ids=self.ids[:prefix] + self.ids[kept],
            scored=self.scored[:prefix] + self.scored[kept],
        )


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
    reader = _Reader(parts, tokenize, plan, scripts)
    heldout_budget = round(plan.heldout * plan.tokens)
    apart = heldout_texts(plan.seed, parts, plan.heldout, categories)
    order = hashed_order(plan.seed, parts)
    fitted = spread([k for k in order if parts[k] not in apart], categories)
    scored = spread([k for k in order if parts[k] in apart], categories)
    fit = _round_robin(_Pieces(fitted, reader), plan.tokens - heldout_budget)
    heldout = _equal_shares(_Pieces(scored, reader), heldout_budget)
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
    reader = _Reader(parts, tokenize, plan, scripts)
    order = hashed_order(plan.seed, parts)
    names = three_splits(plan.seed, parts, categories)
    members = {
        name: spread([k for k in order if names[parts[k]] == name], categories)
        for name in ("fit", "select", "report")
    }
    fit = _round_robin(_Pieces(members["fit"], reader), budgets.fit)
    # Round-robin: budgets are small here, and equal shares would spend them on few documents.
    select = _round_robin(_Pieces(members["select"], reader), budgets.select)
    report = _round_robin(_Pieces(members["report"], reader), budgets.report)
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


def cut_alone(
    documents: Sequence[str], categories: Categories | None = None, scripts: Scripts | None = None
) -> tuple[list[str], list[str | None], Scripts | None]:
    """Return documents with what belongs to them; one alone is cut into 20 parts of its own."""
    if len(documents) > 1:
        return list(documents), list(categories or [None] * len(documents)), scripts
    whole = scripts([0]) if scripts and documents else [Script.whole(text) for text in documents]
    parts = [part for script in whole for part in script.cut(PARTS_OF_A_SINGLE_DOCUMENT)]
    repeated = [categories[0] if categories else None] * len(parts)
    return [part.text for part in parts], repeated, lambda numbers: [parts[k] for k in numbers]


class _Reader:
    """Cuts documents into windows."""

    def __init__(
        self,
        parts: list[str],
        tokenize: Callable[[str], list[int]],
        plan: SamplingPlan,
        scripts: Scripts | None,
    ) -> None:
        self._parts, self._tokenize, self._scripts = parts, tokenize, scripts
        self._prefix = () if plan.bos is None else (plan.bos,)
        self._length = plan.context - len(self._prefix)

    @property
    def prefix(self) -> int:
        """How many ids stand before every window."""
        return len(self._prefix)

    def scripts(self, documents: Sequence[int]) -> Sequence[Script]:
        """Return what the model reads of some documents."""
        if self._scripts is None:
            return [Script.whole(self._parts[document]) for document in documents]
        return self._scripts(documents)

    def windows(self, document: int, script: Script) -> list[Window]:
        """Return every window of a document; the one with its last answer first."""
        if script.has_context:
            return self._before_answers(document, script)
        ids, _ = self._read(script)
        cuts = [
            self._window(document, start, ids[start : start + self._length], script)
            for start in range(0, len(ids), self._length)
            if start == 0 or len(ids) - start >= SHORTEST_TAIL
        ]
        return [cut for cut in cuts if len(cut.ids) >= 2]

    def _before_answers(self, document: int, script: Script) -> list[Window]:
        """Return windows that end where answers end, from the last one backwards."""
        ids, scored = self._read(script)
        windows: list[Window] = []
        end, passed_over = _end_of_answer(scored, len(ids)), 0
        while end:
            start = max(end - self._length, 0)
            # What stands at position 0 is predicted from nothing.
            if any(scored[max(start, start + 1 - self.prefix) : end]):
                cut = self._window(document, start, ids[start:end], script)
                mask = (False,) * self.prefix + tuple(scored[start:end])
                windows.append(replace(cut, scored=mask))
            end = _end_of_answer(scored, start)
            passed_over += start - end
        if windows:
            windows[0] = replace(windows[0], passed_over=passed_over)
        return windows

    def _read(self, script: Script) -> tuple[list[int], list[bool]]:
        """Return the tokens of all stretches, and which of them are scored."""
        ids: list[int] = []
        scored: list[bool] = []
        for stretch in script.stretches:
            ids += self._tokenize(stretch.text)
            scored += [stretch.scored] * (len(ids) - len(scored))
        # A template may write a BOS of its own, and one stands before every window already.
        is_double = script.rendered and tuple(ids[: self.prefix]) == self._prefix
        own = self.prefix if is_double else 0
        return ids[own:], scored[own:]

    def _window(self, document: int, start: int, ids: list[int], script: Script) -> Window:
        read = self._prefix + tuple(ids)
        return Window(document, start, read, "heldout", rendered=script.rendered)


def _end_of_answer(scored: list[bool], before: int) -> int:
    """Return where the last scored token before `before` ends; 0 if there is none."""
    return next((at for at in range(before, 0, -1) if scored[at - 1]), 0)


class _Pieces:
    """Windows of the documents of one split in their order, read on first use."""

    def __init__(self, order: list[int], reader: _Reader) -> None:
        self.order, self.reader = order, reader
        self._place = {document: place for place, document in enumerate(order)}
        self._scripts: dict[int, Script] = {}
        self._known: dict[int, list[Window]] = {}
        self._ahead = AHEAD

    def of(self, document: int) -> list[Window]:
        """Return every window of `document`."""
        if document not in self._known:
            if document not in self._scripts:
                place = self._place[document]
                coming = self.order[place : place + self._ahead]
                self._ahead = min(2 * self._ahead, MOST_AHEAD)
                self._scripts |= zip(coming, self.reader.scripts(coming), strict=True)
            script = self._scripts.pop(document)
            self._known[document] = self.reader.windows(document, script)
        return self._known[document]


def _round_robin(pieces: _Pieces, budget: int) -> list[Window]:
    """Take the first window of every document, then the second, until `budget` tokens."""
    return _within(_rounds(pieces), budget, pieces.reader.prefix)


def _rounds(pieces: _Pieces) -> Iterator[Window]:
    for turn in count():
        some = False
        for document in pieces.order:
            cuts = pieces.of(document)
            if turn < len(cuts):
                some = True
                yield cuts[turn]
        if not some:
            return


def _equal_shares(pieces: _Pieces, budget: int) -> list[Window]:
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
