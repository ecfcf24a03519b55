"""From documents to windows: consecutive tokens, as the model sees them.

Of a record with an answer only the answer is scored. Its windows end where an answer ends, so
that as much as possible of what was asked stands before it, and what is farther from any answer
is in no window (docs/decisions/0020).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from linearity.contracts.scripts import Script
from linearity.measure.strata import Categories

Role = Literal["train", "validation", "heldout"]
Scripts = Callable[[Sequence[int]], Sequence[Script]]
"""From the numbers of some documents to what a model reads of them."""

PARTS_OF_A_SINGLE_DOCUMENT = 20
SHORTEST_TAIL = 8
"""A rest of a document shorter than this is left out, unless it is the whole document."""
AHEAD, MOST_AHEAD = 256, 4096
"""So many documents that come next are asked for together, twice as many each time: a template is
rendered in batches."""


@dataclass(frozen=True)
class Window:
    """Consecutive tokens of one document, as the model sees them.

    Parameters
    ----------
    document : int
        Index into the documents that were sampled from.
    start : int
        Position of the first token in the document, in tokens; of a window of the paper's
        procedure in the whole text, in characters.
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
        counted once a document. Of a window of the paper's procedure, what was cut off.
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


class WindowReader:
    """Cuts documents into windows.

    Parameters
    ----------
    parts : list of str
    tokenize : callable
        Text to ids, without special tokens.
    scripts : callable or None
        What the model reads of documents instead of their texts.
    context : int
        Longest window, in tokens.
    bos : int or None
        Token put before every window.
    """

    def __init__(
        self,
        parts: list[str],
        tokenize: Callable[[str], list[int]],
        scripts: Scripts | None,
        *,
        context: int,
        bos: int | None,
    ) -> None:
        self._parts, self._tokenize, self._scripts = parts, tokenize, scripts
        self._prefix = () if bos is None else (bos,)
        self._length = context - len(self._prefix)

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


class Pieces:
    """Windows of the documents of one split in their order, read on first use."""

    def __init__(self, order: list[int], reader: WindowReader) -> None:
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
