"""What to know about how records were read: with which template, and how much of them is scored."""

from collections.abc import Sequence

from linearity.contracts.runs import RunWarning
from linearity.measure.windows import Window
from linearity.studies.scripts import RecordScripts

SMALL_SHARE = 0.1
"""Below this share of scored tokens most of the work is context."""


def record_warnings(scripts: RecordScripts, windows: Sequence[Window]) -> list[RunWarning]:
    """Return what to know about the records in some windows."""
    found = [
        _template_withheld(scripts, windows),
        _unrendered(scripts, windows),
        _small_share(windows),
    ]
    return [warning for warning in found if warning is not None]


def template_withheld() -> RunWarning:
    """Return the warning that a model's own template was not used."""
    return RunWarning(
        "template_withheld",
        "Conversations were read as plain lines (role: content): the chat template of an uploaded "
        "model or a local folder is not rendered until an administrator allows it.",
        {},
    )


def unrendered_records(records: int) -> RunWarning:
    """Return the warning that a template did not take some records."""
    return RunWarning(
        "unrendered_records",
        f"The chat template did not take {records:,} records; they were read as plain lines "
        "(role: content).",
        {"records": records},
    )


def _template_withheld(scripts: RecordScripts, windows: Sequence[Window]) -> RunWarning | None:
    if not scripts.withheld or not any(scripts.has_answer(w.document) for w in windows):
        return None
    return template_withheld()


def _unrendered(scripts: RecordScripts, windows: Sequence[Window]) -> RunWarning | None:
    refused = scripts.refused & {window.document for window in windows}
    return unrendered_records(len(refused)) if refused else None


def _small_share(windows: Sequence[Window]) -> RunWarning | None:
    tokens = sum(len(window.ids) for window in windows)
    scored = tokens - sum(window.context for window in windows)
    if scored >= SMALL_SHARE * tokens:
        return None
    return RunWarning(
        "small_scored_share",
        f"Only {scored:,} of {tokens:,} tokens belong to answers and are scored; the others are "
        "context. Ask for more tokens.",
        {"scored": scored, "tokens": tokens},
    )
