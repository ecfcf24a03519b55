"""Which prompts both models answer: the user's own, or beginnings cut from plain text.

Prompts come from split A, so no map was fitted on them. A plan that only drops blocks fits
nothing, and may take prompts from split F as well once split A has no more. Split B stays closed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

from linearity.contracts.answers import AnswersParams
from linearity.contracts.inputs import Document, Message
from linearity.contracts.scripts import question_of
from linearity.errors import InvalidParameterError, TooFewTokensError
from linearity.models.generation import longest_input
from linearity.models.loaded import LoadedModel
from linearity.studies.material import Material
from linearity.studies.scripts import check_allowed, check_taken

STRIDE = 256
"""Beginnings of one text stand this many tokens apart, closer only where there are too few."""
FEWEST_TOKENS = 2
MOST_AT_ONCE = 512
"""Prompts that a template is rendered around in one step."""


@dataclass(frozen=True)
class Prompt:
    """One prompt as the models read it.

    Parameters
    ----------
    split : "select" | "fit"
    document : int
        Index into the dataset.
    text : str
        As people read it, without the template.
    ids : tuple of int
    rendered : bool
        Whether the model's chat template stands around it.
    reference, category : str or None
    """

    split: str
    document: int
    text: str
    ids: tuple[int, ...]
    rendered: bool
    reference: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Taken:
    """The prompts of a run.

    Parameters
    ----------
    prompts : list of Prompt
        Records with a prompt of their own first, then beginnings of plain texts.
    too_long : int
        Prompts of the dataset that were passed over, because they and an answer are longer than
        the model's input.
    refused : int
        Prompts that the chat template did not take; they are asked as plain text.
    """

    prompts: list[Prompt]
    too_long: int
    refused: int = 0


def take_prompts(
    material: Material, params: AnswersParams, records: Sequence[Document], splits: Sequence[str]
) -> Taken:
    """Return up to ``params.prompts`` prompts.

    Parameters
    ----------
    material : Material
    params : AnswersParams
    records : sequence of Document
        The dataset that `material` was made from.
    splits : sequence of "select" | "fit"
        Where prompts may come from, the first one first.

    Raises
    ------
    InvalidParameterError
        If a template is asked for that the model does not have.
    TooFewTokensError
        If there is no prompt at all.
    """
    template = Template(material.model, params)
    drafts = _Source(material, params, records).drafts(splits)
    prompts: list[Prompt] = []
    too_long = 0
    while len(prompts) < params.prompts and (
        some := list(islice(drafts, min(params.prompts - len(prompts), MOST_AT_ONCE)))
    ):
        for draft, (ids, rendered) in zip(some, template.read(some), strict=True):
            if not template.fits(ids):
                too_long += 1
            elif ids:
                prompts.append(_prompt(draft, ids, rendered))
    if not prompts:
        raise TooFewTokensError(
            f"no prompt can be taken from the dataset ({too_long:,} are too long for the model)",
            next_step="Use a dataset with more or shorter documents, or another seed.",
            documents=len(records),
            too_long=too_long,
        )
    return Taken(prompts, too_long, template.refused)


@dataclass(frozen=True)
class Draft:
    """A prompt before a template stands around it.

    Parameters
    ----------
    text : str
        As people read it.
    ids : tuple of int or None
        Of a plain text that is to be continued; None for what somebody asks.
    said : tuple of Message
        What was said, where `text` is the end of a conversation.
    split, document, reference, category : as in `Prompt`
    """

    text: str
    ids: tuple[int, ...] | None = None
    said: tuple[Message, ...] = ()
    split: str = ""
    document: int = 0
    reference: str | None = None
    category: str | None = None


def _prompt(draft: Draft, ids: tuple[int, ...], rendered: bool) -> Prompt:
    return Prompt(
        draft.split,
        draft.document,
        draft.text,
        ids,
        rendered,
        reference=draft.reference,
        category=draft.category,
    )


class Template:
    """Turns what a user says, or plain text, into what the model reads.

    Raises
    ------
    InvalidParameterError
        If ``template=chat`` and the model has no template.

    Attributes
    ----------
    refused : int
        Prompts that the chat template did not take.
    """

    def __init__(self, model: LoadedModel, params: AnswersParams) -> None:
        self._model, self._new_tokens, self._wanted = model, params.new_tokens, params.template
        self._before = () if model.bos is None else (model.bos,)
        self._longest = longest_input(model)
        self.refused = 0
        self._has_taken = False
        check_allowed(model, params.template)
        if params.template == "chat" and model.template is None:
            raise InvalidParameterError(
                "template", wanted="auto or none: this model has no chat template", got="chat"
            )

    def read(self, drafts: Sequence[Draft]) -> list[tuple[tuple[int, ...], bool]]:
        """Return the ids of some prompts, and whether the chat template stands around each."""
        texts: dict[int, str | None] = {}
        template = None if self._wanted == "none" else self._model.template
        chats = [k for k, draft in enumerate(drafts) if self._is_chat(draft)]
        if template is not None and chats:
            asked = template.asked([self._said(drafts[k]) for k in chats])
            texts = dict(zip(chats, asked, strict=True))
            self._has_taken = self._has_taken or check_taken(asked)
        self.refused += sum(text is None for text in texts.values())
        return [self._ids(draft, texts.get(k)) for k, draft in enumerate(drafts)]

    def _is_chat(self, draft: Draft) -> bool:
        return draft.ids is None or self._wanted == "chat"

    def _said(self, draft: Draft) -> tuple[Message, ...]:
        if draft.ids is not None:
            return (Message("user", self._model.detokenize(draft.ids)),)
        return draft.said or (Message("user", draft.text),)

    def _ids(self, draft: Draft, rendered: str | None) -> tuple[tuple[int, ...], bool]:
        if rendered is not None:  # a template writes its own BOS
            return tuple(self._model.tokenize(rendered)), True
        ids = self._model.tokenize(draft.text) if draft.ids is None else draft.ids
        return (*self._before, *ids) if ids else (), False

    def fits(self, ids: Sequence[int]) -> bool:
        """Return whether the model can read a prompt and write a whole answer."""
        return self._longest is None or len(ids) + self._new_tokens <= self._longest

    def canaries(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the ids of the user's own checks; one that is too long is an error."""
        found = [ids for ids, _ in self.read([Draft(text) for text in texts])]
        for ids in found:
            if not self.fits(ids):
                assert self._longest is not None
                raise InvalidParameterError(
                    "canaries.prompt",
                    wanted=f"at most {self._longest - self._new_tokens:,} tokens",
                    got=f"{len(ids):,} tokens",
                )
        return found


class _Source:
    """Prompts of a dataset in the order they are taken; texts are tokenised on first use."""

    def __init__(
        self,
        material: Material,
        params: AnswersParams,
        records: Sequence[Document],
    ) -> None:
        self._material, self._window, self._records = material, params.prompt_tokens, records
        self._known: dict[int, list[int]] = {}

    def drafts(self, splits: Sequence[str]) -> Iterator[Draft]:
        """Yield the users' own prompts of all splits, then beginnings of plain texts."""
        for split in splits:
            yield from self._asked(split)
        for split in splits:
            yield from self._cut(split)

    def _asked(self, split: str) -> Iterator[Draft]:
        # A dataset of one document is measured in parts, and all of them are that document.
        for document in dict.fromkeys(map(self._document, self._material.documents_of(split))):
            record = self._records[document]
            if record.prompt is not None:
                yield Draft(
                    record.prompt,
                    said=question_of(record),
                    split=split,
                    document=document,
                    reference=record.response,
                    category=record.category,
                )

    def _cut(self, split: str) -> Iterator[Draft]:
        parts = [
            part
            for part in self._material.documents_of(split)
            if self._records[self._document(part)].prompt is None
        ]
        for part, start in self._places(parts):
            ids = tuple(self._tokens(part)[start : start + self._window])
            document = self._document(part)
            text = self._material.model.show(ids)
            category = self._records[document].category
            yield Draft(text, ids, split=split, document=document, category=category)

    def _places(self, parts: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield (part, start), round-robin, first 256 tokens apart, then in the gaps between."""
        stride = max(STRIDE, self._window)
        seen: set[tuple[int, int]] = set()
        while stride >= self._window:
            for place in self._round_robin(parts, stride):
                if place not in seen:
                    seen.add(place)
                    yield place
            stride //= 2

    def _round_robin(self, parts: Sequence[int], stride: int) -> Iterator[tuple[int, int]]:
        left = list(parts)
        for start in count(0, stride):
            left = [part for part in left if start == 0 or self._has(part, start)]
            if not left:
                return
            for part in left:
                if self._has(part, start):
                    yield part, start

    def _has(self, part: int, start: int) -> bool:
        """Whether a whole prompt begins here; of a text that is shorter, the text itself."""
        length = len(self._tokens(part))
        return start + self._window <= length or (start == 0 and length >= FEWEST_TOKENS)

    def _tokens(self, part: int) -> list[int]:
        if part not in self._known:
            self._known[part] = self._material.model.tokenize(self._material.parts[part])
        return self._known[part]

    def _document(self, part: int) -> int:
        return part if len(self._records) > 1 else 0
