"""What to know about a run of the paper's procedure: nothing in it was held out."""

from collections.abc import Sequence

from linearity.contracts.paper_protocol import CHARACTERS, WINDOWS
from linearity.contracts.runs import RunWarning
from linearity.measure.windows import Window


def paper_warnings(windows: Sequence[Window], characters: int) -> list[RunWarning]:
    """Return what to know about windows drawn from so many characters."""
    found = [_in_sample(), _overlapping(characters), _cut(windows)]
    return [warning for warning in found if warning is not None]


def _in_sample() -> RunWarning:
    return RunWarning(
        "in_sample_only",
        "protocol=paper fits and scores the same tokens, position 0 and sinks included: there are "
        "no held-out scores, intervals, CKA or errors of tokens. Run the standard protocol "
        "for them.",
        {},
    )


def _overlapping(characters: int) -> RunWarning | None:
    drawn = WINDOWS * CHARACTERS
    if characters >= drawn:
        return None
    return RunWarning(
        "overlapping_windows",
        f"The dataset holds {characters:,} characters and {drawn:,} are drawn from it: windows "
        "overlap, so some tokens count more than once. Use a dataset with more text.",
        {"characters": characters, "drawn": drawn},
    )


def _cut(windows: Sequence[Window]) -> RunWarning | None:
    cut = [window for window in windows if window.passed_over]
    if not cut:
        return None
    return RunWarning(
        "windows_cut",
        f"{len(cut)} of {len(windows)} windows of {CHARACTERS} characters are longer than the "
        f"model's context of {len(cut[0].ids):,} tokens and were cut.",
        {"windows": len(cut), "of": len(windows), "context": len(cut[0].ids)},
    )
