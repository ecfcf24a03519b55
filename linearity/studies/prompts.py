"""Which prompts both models answer: the user's own, or beginnings cut from plain text.

Prompts come from split A, so no map was fitted on them. A plan that only drops blocks fits
nothing, and may take prompts from split F as well once split A has no more. Split B stays closed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from linearity.contracts.answers import AnswersParams
from linearity.contracts.inputs import Document
from linearity.errors import InvalidParameterError, TooFewTokensError
from linearity.models.generation import longest_input
from linearity.models.loaded import LoadedModel
from linearity.studies.material import Material

STRIDE = 256
"""Beginnings of one text stand this many tokens apart, closer only where there are too few."""
FEWEST_TOKENS = 2


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
    """

    prompts: list[Prompt]
    too_long: int


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
    source = _Source(material, params, records, template)
    prompts: list[Prompt] = []
    too_long = 0
    for prompt in source.prompts(splits):
        if template.fits(prompt.ids):
            prompts.append(prompt)
        else:
            too_long += 1
        if len(prompts) == params.prompts:
            break
    if not prompts:
        raise TooFewTokensError(
            f"no prompt can be taken from the dataset ({too_long:,} are too long for the model)",
            next_step="Use a dataset with more or shorter documents, or another seed.",
            documents=len(records),
            too_long=too_long,
        )
    return Taken(prompts, too_long)


class Template:
    """Turns what a user says, or plain text, into what the model reads.

    Raises
    ------
    InvalidParameterError
        If ``template=chat`` and the model has no template.
    """

    def __init__(self, model: LoadedModel, params: AnswersParams) -> None:
        self._model, self._new_tokens, self._wanted = model, params.new_tokens, params.template
        self._before = () if model.bos is None else (model.bos,)
        self._longest = longest_input(model)
        if params.template == "chat" and model.chat is None:
            raise InvalidParameterError(
                "template", wanted="auto or none: this model has no chat template", got="chat"
            )

    def asked(self, text: str) -> tuple[tuple[int, ...], bool]:
        """Return the ids of what a user asks, and whether the chat template was used."""
        if self._model.chat is None or self._wanted == "none":
            return (*self._before, *self._model.tokenize(text)), False
        return tuple(self._model.chat(text)), True

    def continued(self, ids: Sequence[int]) -> tuple[tuple[int, ...], bool]:
        """Return the ids of a plain text that is to be continued, and the same."""
        if self._wanted == "chat":
            return self.asked(self._model.detokenize(ids))
        return (*self._before, *ids), False

    def fits(self, ids: Sequence[int]) -> bool:
        """Return whether the model can read a prompt and write a whole answer."""
        return self._longest is None or len(ids) + self._new_tokens <= self._longest

    def canary(self, text: str) -> tuple[int, ...]:
        """Return the ids of a prompt of the user's own checks; one that is too long is an error."""
        ids, _ = self.asked(text)
        if not self.fits(ids):
            assert self._longest is not None
            raise InvalidParameterError(
                "canaries.prompt",
                wanted=f"at most {self._longest - self._new_tokens:,} tokens",
                got=f"{len(ids):,} tokens",
            )
        return ids


class _Source:
    """Prompts of a dataset in the order they are taken; texts are tokenised on first use."""

    def __init__(
        self,
        material: Material,
        params: AnswersParams,
        records: Sequence[Document],
        template: Template,
    ) -> None:
        self._material, self._window, self._template = material, params.prompt_tokens, template
        self._records = records
        self._known: dict[int, list[int]] = {}

    def prompts(self, splits: Sequence[str]) -> Iterator[Prompt]:
        """Yield the users' own prompts of all splits, then beginnings of plain texts."""
        for split in splits:
            yield from self._asked(split)
        for split in splits:
            yield from self._cut(split)

    def _asked(self, split: str) -> Iterator[Prompt]:
        # A dataset of one document is measured in parts, and all of them are that document.
        for document in dict.fromkeys(map(self._document, self._material.documents_of(split))):
            record = self._records[document]
            if record.prompt is not None:
                ids, rendered = self._template.asked(record.prompt)
                if not ids:
                    continue
                yield Prompt(
                    split,
                    document,
                    record.prompt,
                    ids,
                    rendered,
                    reference=record.response,
                    category=record.category,
                )

    def _cut(self, split: str) -> Iterator[Prompt]:
        parts = [
            part
            for part in self._material.documents_of(split)
            if self._records[self._document(part)].prompt is None
        ]
        for part, start in self._places(parts):
            ids = self._tokens(part)[start : start + self._window]
            read, rendered = self._template.continued(ids)
            document = self._document(part)
            text = self._material.model.show(ids)
            category = self._records[document].category
            yield Prompt(split, document, text, read, rendered, category=category)

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
