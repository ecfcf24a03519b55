"""Records of a dataset: plain texts, and prompts with the answers that are known for them."""

import json
from pathlib import Path

import pytest

from linearity.adapters.documents import decode_documents, encode_documents
from linearity.adapters.inputs import load_documents, load_records, prepare_dataset
from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.readers.reading import Reading
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import sha256_hex
from linearity.contracts.inputs import DatasetRecord, Document, Message
from linearity.contracts.reading import ReadingOptions
from linearity.errors import RejectedInputError
from tests.conftest import quiet

OF_THE_FIRST_VERSION = (
    "id", "name", "source", "reference", "fingerprint", "documents", "characters",
)  # fmt: skip


def read_documents(path: Path) -> list[Document]:
    return list(Reading([InputFile(path.name, path)], ReadingOptions()))


def write(folder: Path, *rows: object) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_a_line_is_a_text_or_a_prompt_with_its_answer(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"text": "A plain text."},
        {"prompt": "2 + 2?", "response": "4", "category": "sums"},
        {"prompt": "Say hello."},
    )

    assert read_documents(path) == [
        Document("A plain text."),
        Document("2 + 2?\n4", "sums", "2 + 2?", "4"),
        Document("Say hello.", None, "Say hello.", None),
    ]


def test_a_text_keeps_its_category_and_ignores_what_is_not_known(tmp_path: Path) -> None:
    path = write(tmp_path, {"text": "t", "category": "news", "url": 3, "prompt": "p"})

    assert read_documents(path) == [Document("t", "news")]


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_null_and_blank_mean_absent(tmp_path: Path, absent: str | None) -> None:
    path = write(tmp_path, {"text": None, "prompt": "p", "response": absent, "category": absent})

    assert read_documents(path) == [Document.asked("p")]


def test_plain_texts_are_stored_in_the_same_bytes_as_ever() -> None:
    texts = ["a\nb", "日本語", 'quote " and \\ slash']
    stored = encode_documents([Document(text) for text in [*texts, " \n"]])

    assert (
        stored
        == '{"text":"a\\nb"}\n{"text":"日本語"}\n{"text":"quote \\" and \\\\ slash"}\n'.encode()
    )


def test_the_fingerprint_of_plain_texts_is_the_digest_of_those_bytes(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    path = write(tmp_path, {"text": "one"}, {"text": "two"})
    record = prepare_dataset(str(path), store=small_store, roots=None, log=quiet)

    assert record.fingerprint == sha256_hex(b'{"text":"one"}\n{"text":"two"}\n')


def test_records_survive_storage() -> None:
    documents = [
        Document("plain"),
        Document("sorted", "a category"),
        Document.asked("why?"),
        Document.asked("why?", "because\nof this", category="causes"),
        Document.conversation([Message("system", "be brief"), Message("user", "why?")]),
    ]

    assert decode_documents(encode_documents(documents)) == documents


def test_a_dataset_counts_its_prompts_and_categories(
    tmp_path: Path, small_store: ArtifactStore
) -> None:
    path = write(
        tmp_path,
        {"prompt": "1 + 1?", "response": "2", "category": "sums"},
        {"prompt": "2 + 1?", "response": "3", "category": "sums"},
        {"text": "A plain text.", "category": "prose"},
    )
    record = prepare_dataset(str(path), store=small_store, roots=None, log=quiet)

    assert (record.documents, record.prompts, record.categories) == (3, 2, 2)
    assert load_documents(record, small_store) == ["1 + 1?\n2", "2 + 1?\n3", "A plain text."]
    assert [d.category for d in load_records(record, small_store)] == ["sums", "sums", "prose"]


def test_a_stored_record_without_the_new_counts_still_opens(docs_record: DatasetRecord) -> None:
    record = docs_record.as_json()
    old = {name: record[name] for name in (*OF_THE_FIRST_VERSION, "size")}

    assert DatasetRecord.from_json(old).fingerprint == docs_record.fingerprint
    assert DatasetRecord.from_json(old).languages == {}


@pytest.mark.parametrize(
    ("row", "key", "what"),
    [
        ({"prompt": " \n"}, "prompt", '"prompt" is empty'),
        ({"prompt": 3}, "prompt", '"prompt" is not a text'),
        ({"prompt": "p", "response": ["r"]}, "response", '"response" is not a text'),
        ({"text": 3, "prompt": "p"}, "text", '"text" is not a text'),
        ({"text": "t", "category": 3.5}, "category", '"category" is not a text'),
        ({"text": "t", "category": "c" * 201}, "category", "has 201 characters, at most 200"),
        ({"messages": "hi"}, "messages", '"messages" is not a list of messages'),
        ({"messages": ["hi"]}, "messages", 'a message in "messages" is no object'),
        ({"messages": [{"role": "x", "content": "c"}]}, "messages", "a role in"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages", "a content in"),
        ({"response": "r"}, None, 'wanted an object with a "text", a "prompt"'),
        (["text"], None, "wanted an object, for example"),
    ],
)
def test_a_bad_line_names_file_line_and_key(
    tmp_path: Path, row: object, key: str | None, what: str
) -> None:
    path = write(tmp_path, {"text": "good"}, row)

    with pytest.raises(RejectedInputError) as caught:
        read_documents(path)

    assert caught.value.message.startswith("rows.jsonl, line 2: ")
    assert what in caught.value.message
    facts = {"file": "rows.jsonl", "line": 2, "key": key}
    reasons = [{"code": "bad_line", "message": caught.value.message} | facts]
    assert caught.value.data == {"reason": "bad_line", "reasons": reasons} | facts
