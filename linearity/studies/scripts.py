"""From the records of a dataset to what a model reads of them, in its chat template or plain."""

from collections.abc import Sequence

from linearity.contracts.inputs import Document
from linearity.contracts.scripts import Script, conversation_of, has_answer
from linearity.errors import InputChangedError, RejectedInputError
from linearity.models.loaded import LoadedModel


class RecordScripts:
    """What a model reads of the records of a dataset; asked for in batches.

    Parameters
    ----------
    model : LoadedModel
    records : sequence of Document
    template : "auto" | "none" | "chat"
        Whether records with an answer are rendered where the model has a template.
    score : "answer" | "all"
        Whether only answers are scored.

    Attributes
    ----------
    refused : set of int
        Records that the template did not take, so that they are read as plain lines.
    withheld : bool
        Whether the model has a template that is not rendered without an administrator's word.

    Raises
    ------
    InputChangedError
        If a template is to be rendered that may not be any more.
    """

    def __init__(
        self, model: LoadedModel, records: Sequence[Document], *, template: str, score: str
    ) -> None:
        check_allowed(model, template)
        self._records, self._score = records, score
        self._template = None if template == "none" else model.template
        self.withheld = model.withheld
        self._has_taken = False
        self.refused: set[int] = set()

    def __call__(self, documents: Sequence[int]) -> list[Script]:
        """Return what the model reads of some records."""
        scripts = {document: Script.plain(self._records[document]) for document in documents}
        answered = [document for document in documents if has_answer(self._records[document])]
        if self._template is not None and answered:
            conversations = [conversation_of(self._records[document]) for document in answered]
            rendered = self._template.scripts(conversations)
            self._has_taken = self._has_taken or check_taken(rendered)
            for document, script in zip(answered, rendered, strict=True):
                if script is None:
                    self.refused.add(document)
                else:
                    scripts[document] = script
        if self._score == "all":
            return [scripts[document].scored_whole() for document in documents]
        return [scripts[document] for document in documents]

    def has_answer(self, document: int) -> bool:
        """Return whether a record, or the one that a part was cut from, holds an answer."""
        return has_answer(self._records[document if len(self._records) > 1 else 0])


def check_allowed(model: LoadedModel, template: str) -> None:
    """Refuse a question from the time when the model's template was still allowed.

    Raises
    ------
    InputChangedError
    """
    if template != "none" and model.withheld:
        raise InputChangedError(
            "the chat template of this model may not be rendered any more",
            next_step="Start the run again: its question is then another, with template=none.",
        )


def check_taken(rendered: Sequence[object]) -> bool:
    """Refuse a template that takes none of some conversations.

    Raises
    ------
    RejectedInputError
    """
    if rendered and all(value is None for value in rendered):
        raise RejectedInputError(
            f"the chat template of this model takes none of {len(rendered):,} conversations",
            reason="bad_template",
            next_step="Use template=none, or write the conversations as the template wants them.",
        )
    return True


def used_template(rendered: Sequence[bool]) -> str:
    """Return ``chat``, ``mixed`` or ``none``: whether the chat template stands around texts."""
    if all(rendered):
        return "chat"
    return "mixed" if any(rendered) else "none"
