"""From rows to documents: which columns make a record, and what is wrong with a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from linearity.adapters.readers.choices import ChoiceError, read_choices, read_gold
from linearity.contracts.canonical import Json
from linearity.contracts.inputs import Document, Message
from linearity.contracts.reading import ReadingOptions

LONGEST_CATEGORY = 200
MOST_MESSAGES = 1_000
ROLES = ("system", "user", "assistant", "tool")
KNOWN_NAMES = {
    "text": ("text", "content", "body", "document", "本文", "テキスト", "文章", "内容"),
    "messages": ("messages", "conversation", "conversations"),
    "prompt": ("prompt", "question", "instruction", "input", "query", "request",
               "質問", "問い合わせ", "問合せ", "プロンプト", "質問文", "指示"),
    "response": ("response", "answer", "output", "completion", "reply",
                 "回答", "応答", "答え", "返信", "回答文"),
    "choices": ("choices", "options", "endings", "選択肢"),
    "gold": ("gold", "answer", "answerkey", "answer_key", "answer_index", "label", "target",
             "correct", "正解", "正答", "答え", "回答"),
    "category": ("category", "label", "topic", "route", "task", "class",
                 "分類", "カテゴリ", "カテゴリー", "区分", "種別"),
}  # fmt: skip
"""How people call these columns, likeliest first."""


class RowError(Exception):
    """What is wrong with one row; never holds what the row says."""

    def __init__(self, what: str, column: str | None = None) -> None:
        super().__init__(what)
        self.column = column


@dataclass(frozen=True)
class Columns:
    """Which columns of a table make a record; all None: a text, messages or a prompt by name."""

    text: str | None = None
    messages: str | None = None
    prompt: str | None = None
    response: str | None = None
    category: str | None = None
    choices: str | None = None
    gold: str | None = None

    @property
    def are_known(self) -> bool:
        """Whether a column for the text is chosen."""
        return self.text is not None or self.messages is not None or self.prompt is not None


def choose_columns(options: ReadingOptions, columns: Sequence[str]) -> Columns:
    """Return the columns that the options name, or those whose names say what they are.

    A table of one column is a table of texts.
    """
    if options.prompt is not None and options.response is None:
        return _asked(columns, Columns(prompt=options.prompt, category=options.category))
    if options.has_columns:
        return Columns(
            options.text, options.messages, options.prompt, options.response, options.category
        )
    found = {role: _named(columns, names) for role, names in KNOWN_NAMES.items()}
    category = options.category or found["category"]
    if found["messages"] is not None:
        return Columns(messages=found["messages"], category=category)
    if found["prompt"] is not None and found["text"] != "text":
        asked = Columns(prompt=found["prompt"], response=found["response"], category=category)
        return _asked(columns, asked, finds_category=options.category is None)
    rest = [column for column in columns if column != category]
    alone = rest[0] if len(rest) == 1 else None
    return Columns(text=found["text"] or alone, category=category)


def make_document(values: Mapping[str, Json], columns: Columns) -> Document | None:
    """Return the document of a row, None if there is nothing in it.

    Raises
    ------
    RowError
    """
    category = _category(values, columns.category)
    if columns.messages is not None:
        messages = _messages(_value(values, columns.messages), columns.messages)
        return Document.conversation(messages, category=category) if messages else None
    if columns.text is not None:
        text = _text(values, columns.text)
        return Document(text, category) if text is not None else None
    assert columns.prompt is not None
    prompt = _text(values, columns.prompt)
    if columns.choices is not None and values.get(columns.choices) is not None:
        return _make_question(values, columns, prompt, category)
    answer = columns.response
    response = _text(values, answer) if answer is not None and answer in values else None
    if prompt is not None:
        return Document.asked(prompt, response, category=category)
    if response is None:
        return None
    raise RowError(f'"{columns.prompt}" is empty', columns.prompt)


def make_document_by_name(values: Mapping[str, Json]) -> Document | None:
    """Return the document of an object that holds a "text", "messages", or a "prompt".

    Raises
    ------
    RowError
    """
    if values.get("text") is not None:
        return make_document(values, Columns(text="text", category=_here(values, "category")))
    if values.get("messages") is not None:
        return make_document(
            values, Columns(messages="messages", category=_here(values, "category"))
        )
    if values.get("prompt") is None:
        raise RowError('wanted an object with a "text", a "prompt" or "messages"')
    if _text(values, "prompt") is None:
        raise RowError('"prompt" is empty', "prompt")
    asked = Columns(
        prompt="prompt",
        response=_here(values, "response"),
        category=_here(values, "category"),
    )
    return make_document(values, _asked(list(values), asked))


def _asked(columns: Sequence[str], asked: Columns, *, finds_category: bool = False) -> Columns:
    """Return the columns of prompts; those of multiple-choice questions, where there are choices.

    A column called ``label`` names the right choice there, and is no category.
    """
    kept = None if finds_category else asked.category
    choices = _named(columns, KNOWN_NAMES["choices"])
    gold = _named([c for c in columns if c not in (asked.prompt, kept)], KNOWN_NAMES["gold"])
    if choices is None or gold is None:
        return asked
    rest = [column for column in columns if column not in (asked.prompt, choices, gold)]
    if finds_category:
        kept = _named(rest, KNOWN_NAMES["category"])
    return Columns(prompt=asked.prompt, category=kept, choices=choices, gold=gold)


def _make_question(
    values: Mapping[str, Json], columns: Columns, prompt: str | None, category: str | None
) -> Document:
    assert columns.prompt is not None
    assert columns.choices is not None
    assert columns.gold is not None
    if prompt is None:
        raise RowError(f'"{columns.prompt}" is empty', columns.prompt)
    try:
        choices = read_choices(values[columns.choices])
    except ChoiceError as error:
        raise RowError(f'"{columns.choices}" {error}', columns.choices) from error
    try:
        gold = read_gold(_value(values, columns.gold), choices)
    except ChoiceError as error:
        raise RowError(f'"{columns.gold}" {error}', columns.gold) from error
    return Document.question(prompt, choices.texts, gold, category=category)


def _here(values: Mapping[str, Json], column: str) -> str | None:
    return column if column in values else None


def _named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _value(values: Mapping[str, Json], column: str) -> Json:
    if column not in values:
        raise RowError(f'there is no "{column}"', column)
    return values[column]


def _text(values: Mapping[str, Json], column: str) -> str | None:
    """Return a text, None if it is absent: tables write that as null or as an empty text."""
    value = _value(values, column)
    if value is None:
        return None
    if not isinstance(value, str):
        raise RowError(f'"{column}" is not a text', column)
    return value if value.strip() else None


def _category(values: Mapping[str, Json], column: str | None) -> str | None:
    if column is None or values.get(column) is None:
        return None
    value = values[column]
    # Exported labels are often numbers; they are names all the same.
    text = str(value) if isinstance(value, int) else _text(values, column)
    if text is not None and len(text) > LONGEST_CATEGORY:
        raise RowError(
            f'"{column}" has {len(text):,} characters, at most {LONGEST_CATEGORY} are read', column
        )
    return text


def _messages(value: Json, column: str) -> list[Message]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise RowError(f'"{column}" is not a list of messages', column)
    if len(value) > MOST_MESSAGES:
        raise RowError(f'"{column}" has {len(value):,} messages, at most {MOST_MESSAGES:,}', column)
    messages = [_message(item, column) for item in value]
    return messages if any(message.content.strip() for message in messages) else []


def _message(value: Json, column: str) -> Message:
    if not isinstance(value, Mapping):
        raise RowError(f'a message in "{column}" is no object with role and content', column)
    role = value.get("role", value.get("from"))
    role = {"human": "user", "gpt": "assistant"}.get(role, role) if isinstance(role, str) else None
    if role not in ROLES:
        raise RowError(f'a role in "{column}" is none of {", ".join(ROLES)}', column)
    content = value.get("content", value.get("value"))
    return Message(str(role), "" if content is None else _content(content, column))


def _content(value: Json, column: str) -> str:
    """Return a message's text; a list of parts is joined, and may only hold texts."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, Sequence) else [None]
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise RowError(f'a content in "{column}" is not a text', column)
    return "\n".join(str(text) for text in texts)
