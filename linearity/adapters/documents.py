"""Documents as they are stored: canonical JSON, one object a line."""

import json
from collections.abc import Sequence

from linearity.contracts.canonical import Json, canonical_json
from linearity.contracts.inputs import Document, Message
from linearity.errors import RejectedInputError


def encode_documents(documents: Sequence[Document]) -> bytes:
    """Return documents as they are stored; those without a visible character are left out.

    Raises
    ------
    RejectedInputError
        If nothing is left.
    """
    lines = [encode_document(document) for document in documents if document.text.strip()]
    if not lines:
        raise no_text(len(documents))
    return b"\n".join(lines) + b"\n"


def encode_document(document: Document) -> bytes:
    """Return one document as it is stored, without the line end."""
    return canonical_json(_stored(document))


def decode_documents(data: bytes) -> list[Document]:
    """Return the documents written by `encode_documents`."""
    return [decode_document(line) for line in data.split(b"\n") if line]


def decode_document(line: bytes) -> Document:
    """Return the document written by `encode_document`."""
    row = json.loads(line)
    category = row.get("category")
    if "messages" in row:
        messages = [Message(item["role"], item["content"]) for item in row["messages"]]
        return Document.conversation(messages, category=category)
    if "text" in row:
        return Document(row["text"], category)
    if "choices" in row:
        return Document.question(row["prompt"], row["choices"], row["gold"], category=category)
    return Document.asked(row["prompt"], row.get("response"), category=category)


def no_text(empty: int) -> RejectedInputError:
    """Return the error for a dataset without a single document."""
    return RejectedInputError(
        f"the dataset holds no text (0 rows, {empty:,} empty ones)",
        reason="no_text",
        next_step="Give files with a text or a prompt in every row.",
        documents=empty,
    )


def _stored(document: Document) -> dict[str, Json]:
    """Leave out what is absent: a plain text has the same bytes in every version."""
    row: dict[str, Json]
    if document.messages is not None:
        turns = [{"role": turn.role, "content": turn.content} for turn in document.messages]
        row = {"messages": turns, "category": document.category}
    elif document.choices is not None:
        row = {
            "prompt": document.prompt,
            "choices": list(document.choices),
            "gold": document.gold,
            "category": document.category,
        }
    else:
        row = {
            "text": document.text if document.prompt is None else None,
            "prompt": document.prompt,
            "response": document.response,
            "category": document.category,
        }
    return {key: value for key, value in row.items() if value is not None}
