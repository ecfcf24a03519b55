"""What is known about a registered model or dataset: plain values that cross processes.

A model or dataset is named by an *input reference* (a built-in name, a hub id, or a path) and
identified by its *fingerprint*, the digest of its content. The web process reads these records
and needs neither torch nor the bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from linearity.contracts.canonical import Json
from linearity.contracts.named_layout import NamedLayout

BUILTIN_MODELS = {
    "smollm2": "SmolLM2-135M-Instruct",
    "glass-en": "GlassLM English (4 blocks)",
    "glass-pt": "GlassLM Portuguese (4 blocks)",
}
BUILTIN_DATASETS = {
    "python-docs": "Python language reference topics",
    "python-source": "Python standard library source",
}
DEMO_MODEL = "smollm2"
DEMO_DATASET = "python-docs"


@dataclass(frozen=True)
class StoredFile:
    """One file of a model: its name in the model's folder and where its bytes are."""

    name: str
    sha256: str
    size: int
    path: str | None = None  # absolute, for files that stay where the user keeps them
    modified_ns: int | None = None


@dataclass(frozen=True)
class ModelRecord:
    """A model that passed inspection.

    Parameters
    ----------
    id : str
        Address-safe name: letters, digits, ``.``, ``_``, ``-``.
    name : str
        What people call it.
    source : str
        "builtin", "hub", "path" or "upload".
    reference : str
        What was asked for: a built-in name, ``owner/name@commit``, a folder, or what was uploaded.
    fingerprint : str
        sha256 over the sorted (file name, file sha256) of weights, config and tokenizer.
    family : str
        transformers' ``model_type``, for example ``llama``.
    blocks, width, vocabulary, context, parameters : int
        L, d, V, the longest input in tokens, and the number of weights.
    dtype : str
        The type its numbers are computed in unless a run says otherwise.
    files : tuple of StoredFile
    size : int
        Bytes of all files.
    warnings : tuple of str
        What people should know about it, though it is accepted.
    has_template : bool
        Whether its files hold a chat template.
    template_allowed : bool
        Whether an administrator let the chat template of an upload or a folder be rendered.
    in_parallel : bool
        Whether attention and MLP of a block read the same state, so that none lies between them.
    layout : NamedLayout or None
        Where its blocks are, as its user named them, for a family without a reader.
    side : tuple of StoredFile
        The small files as they were given, and what lies beside a model: tokenizer, generation
        settings, chat template, terms. Bytes to be copied into an export, never read.
    licence : str or None
        What its own card or config names as its licence.
    """

    id: str
    name: str
    source: str
    reference: str
    fingerprint: str
    family: str
    blocks: int
    width: int
    vocabulary: int
    context: int
    parameters: int
    dtype: str
    size: int
    files: tuple[StoredFile, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    has_template: bool = False
    template_allowed: bool = False
    in_parallel: bool = False
    layout: NamedLayout | None = None
    side: tuple[StoredFile, ...] = field(default=(), repr=False)
    licence: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the record as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Json]) -> Self:
        """Rebuild a record from `as_json`."""
        fields = dict(value)
        files, warnings = fields.pop("files"), fields.pop("warnings", ())
        side = fields.pop("side", ())
        assert isinstance(files, list | tuple)
        assert isinstance(side, list | tuple)
        assert isinstance(warnings, list | tuple)
        kept = tuple(StoredFile(**item) for item in files)
        beside = tuple(StoredFile(**item) for item in side)
        layout = fields.pop("layout", None)
        named = NamedLayout.from_json(layout) if isinstance(layout, Mapping) else None
        told = tuple(map(str, warnings))
        return cls(**fields, files=kept, warnings=told, layout=named, side=beside)  # type: ignore[arg-type]  # plain values written by as_json


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; `role` is "system", "user", "assistant" or "tool"."""

    role: str
    content: str


@dataclass(frozen=True)
class Document:
    """One record of a dataset.

    Parameters
    ----------
    text : str
        What is measured on. Of a record with a prompt: the prompt, a line break, the response. Of
        a conversation: one line "role: content" a message.
    category : str or None
        A word of the user's own, for example a route of their service.
    prompt, response : str or None
        What was asked and the answer that is known for it. Of a conversation: the last message
        of the user, and the assistant's that follows.
    messages : tuple of Message or None
        The conversation, if the record is one.
    choices : tuple of str or None
        Of a multiple-choice question: what is chosen from; the right one is the response.
    gold : int or None
        Which of the choices is right, from 0.
    """

    text: str
    category: str | None = None
    prompt: str | None = None
    response: str | None = None
    messages: tuple[Message, ...] | None = None
    choices: tuple[str, ...] | None = None
    gold: int | None = None

    @classmethod
    def asked(
        cls, prompt: str, response: str | None = None, *, category: str | None = None
    ) -> Self:
        """Return the record of a prompt and, where there is one, its known answer."""
        text = prompt if response is None else f"{prompt}\n{response}"
        return cls(text, category, prompt, response)

    @classmethod
    def question(
        cls, prompt: str, choices: Sequence[str], gold: int, *, category: str | None = None
    ) -> Self:
        """Return the record of a multiple-choice question."""
        asked = cls.asked(prompt, choices[gold], category=category)
        return replace(asked, choices=tuple(choices), gold=gold)

    @classmethod
    def conversation(cls, messages: Sequence[Message], *, category: str | None = None) -> Self:
        """Return the record of a conversation."""
        text = "\n".join(f"{message.role}: {message.content}" for message in messages)
        asked = [at for at, message in enumerate(messages) if message.role == "user"]
        after = messages[asked[-1] + 1 :] if asked else ()
        return cls(
            text,
            category,
            messages[asked[-1]].content if asked else None,
            next((message.content for message in after if message.role == "assistant"), None),
            tuple(messages),
        )


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset that passed inspection: an ordered list of documents in the artifact store.

    Parameters
    ----------
    id, name, source, reference : str
        As for models.
    fingerprint : str
        sha256 over the documents in order. It is also the digest of the stored object: one JSON
        object ``{"text": ...}``, ``{"prompt": ..., "response": ...}``, ``{"messages": [...]}`` or
        ``{"prompt": ..., "choices": [...], "gold": ...}`` a line, with its ``category`` where it
        has one; canonical JSON, UTF-8.
    documents, characters : int
    size : int
        Bytes of the stored object.
    prompts : int
        Documents that are a prompt, with or without a response.
    answers : int
        Documents with an answer, of which only this is scored.
    questions : int
        Documents that are multiple-choice questions.
    categories : int
        Different categories among the documents.
    category_counts : dict
        Documents of each of the 50 largest categories.
    languages : dict
        Documents of a sample of at most 500 by language (ISO 639-1); "und" where it cannot be
        told: code, numbers, a few words.
    lengths : dict
        Characters of a document: "p10", "p50", "p90", "max".
    dropped : dict
        Rows that were left out: "empty", "bad", "duplicates".
    sampled_from : int or None
        Documents that the sample was drawn from; None if nothing was left out for its size.
    encodings : dict
        What each file was read as, by the name of the file, 20 at most; text files only.
    options : dict
        How the files were read, see `ReadingOptions`.
    warnings : list of {code, message}
    """

    id: str
    name: str
    source: str
    reference: str
    fingerprint: str
    documents: int
    characters: int
    size: int
    prompts: int = 0
    answers: int = 0
    questions: int = 0
    categories: int = 0
    category_counts: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    sampled_from: int | None = None
    encodings: dict[str, str] = field(default_factory=dict)
    options: dict[str, Json] = field(default_factory=dict)
    warnings: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """Return the record as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Json]) -> Self:
        """Rebuild a record from `as_json`."""
        return cls(**value)  # type: ignore[arg-type]  # plain values written by as_json
