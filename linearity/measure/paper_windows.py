"""The windows of the paper's procedure: stretches of 512 characters from anywhere in the text."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from linearity.contracts.paper_protocol import CHARACTERS, WINDOWS
from linearity.errors import TooFewTokensError
from linearity.measure.strata import fraction
from linearity.measure.windows import Window

BETWEEN_DOCUMENTS = "\n\n"


def paper_windows(
    documents: Sequence[str],
    tokenize: Callable[[str], list[int]],
    *,
    seed: int,
    context: int,
    bos: int | None,
) -> list[Window]:
    """Return 128 windows of 512 characters, all of them for the fit.

    Parameters
    ----------
    documents : sequence of str
        Read one behind the other, a blank line between them, as the single file of the paper's
        code: a window may begin anywhere, go over the end of a document, and overlap another.
    tokenize : callable
        Text to ids, without special tokens.
    seed : int
        Decides where windows begin, each place being as likely as any other.
    context : int
        Most ids of a window; what is longer is cut, and counted in `Window.passed_over`.
    bos : int or None
        Put before every window.

    Raises
    ------
    TooFewTokensError
        If there are fewer than 1,024 characters: windows would be copies of each other.
    """
    text = BETWEEN_DOCUMENTS.join(documents)
    if len(text) < 2 * CHARACTERS:
        raise TooFewTokensError(
            f"the dataset holds {len(text):,} characters; protocol=paper draws {WINDOWS} windows "
            f"of {CHARACTERS} from at least {2 * CHARACTERS:,}",
            next_step="Use a dataset with more text, or leave protocol out.",
            characters=len(text),
        )
    ends = [*accumulate(len(document) + len(BETWEEN_DOCUMENTS) for document in documents)]
    prefix = () if bos is None else (bos,)
    windows = []
    for number in range(WINDOWS):
        start = int(fraction(seed, "paper", str(number)) * (len(text) - CHARACTERS + 1))
        ids = (*prefix, *tokenize(text[start : start + CHARACTERS]))
        document = min(bisect_right(ends, start), len(documents) - 1)
        windows.append(
            Window(document, start, ids[:context], "train", passed_over=max(len(ids) - context, 0))
        )
    return windows


def characters_of(documents: Sequence[str]) -> int:
    """Return how long the text is that windows are drawn from."""
    return sum(map(len, documents)) + len(BETWEEN_DOCUMENTS) * (len(documents) - 1)
