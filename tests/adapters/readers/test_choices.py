"""Multiple-choice rows as people write them, and what is said about rows that are none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from linearity.adapters.documents import decode_document, encode_document
from linearity.adapters.inputs import load_records, prepare_dataset
from linearity.adapters.readers.choices import ChoiceError, read_choices, read_gold
from linearity.adapters.store import ArtifactStore
from linearity.contracts.canonical import Json, canonical_json
from linearity.contracts.inputs import DatasetRecord, Document
from linearity.errors import RejectedInputError
from tests.conftest import quiet

HUB: Json = {"text": ["red", "blue"], "label": ["1", "2"]}
ROWS: dict[str, tuple[dict[str, Json], int]] = {
    "place": ({"question": "q", "choices": ["a", "b", "c"], "answer": 2}, 2),
    "letter": ({"question": "q", "choices": ["red", "blue"], "answer": "B"}, 1),
    "text": ({"question": "q", "choices": ["red", "blue"], "answer": "blue"}, 1),
    "text before place": ({"question": "q", "choices": ["7", "0"], "answer": "0"}, 1),
    "place as a text": ({"ctx": 1, "prompt": "q", "endings": ["x", "y"], "label": "1"}, 1),
    "another name": ({"query": "q", "choices": ["a", "b"], "gold": 0}, 0),
    "as the hub has it": ({"question": "q", "choices": HUB, "answerKey": "2"}, 1),
    "letters and texts": (
        {"question": "q", "options": {"A": "x", "B": "y"}, "answer": "A", "id": 7},
        0,
    ),
    "Japanese": ({"質問": "q", "選択肢": ["赤", "青"], "正解": "青"}, 1),
}


@pytest.fixture
def read(tmp_path: Path, small_store: ArtifactStore) -> Callable[..., DatasetRecord]:
    def take(*rows: dict[str, Json]) -> DatasetRecord:
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\n".join(map(canonical_json, rows)) + b"\n")
        return prepare_dataset(str(path), store=small_store, roots=None, log=quiet)

    return take


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_a_question(
    name: str, read: Callable[..., DatasetRecord], small_store: ArtifactStore
) -> None:
    row, gold = ROWS[name]
    record = read(row)
    [document] = load_records(record, small_store)

    assert record.questions == 1
    assert document.gold == gold
    assert document.choices is not None
    assert document.response == document.choices[gold]
    assert document.text == f"q\n{document.response}"


def test_a_label_is_the_right_choice_and_another_column_the_category(
    read: Callable[..., DatasetRecord], small_store: ArtifactStore
) -> None:
    record = read({"question": "q", "choices": ["a", "b"], "label": 1, "topic": "sums"})
    [document] = load_records(record, small_store)

    assert (document.gold, document.category) == (1, "sums")


def test_rows_without_a_right_one_stay_prompts(read: Callable[..., DatasetRecord]) -> None:
    assert read({"question": "q", "choices": ["a", "b"]}).questions == 0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"question": "q", "choices": ["a"], "answer": 0}, "is no list of 2 to 100 texts"),
        ({"question": "q", "choices": "a, b", "answer": 0}, "is no list of 2 to 100 texts"),
        ({"question": "q", "choices": ["a", ""], "answer": 0}, "an empty one"),
        ({"question": "q", "choices": ["a", "b"], "answer": 2}, "place from 0 to 1"),
        ({"question": "q", "choices": ["a", "b"], "answer": True}, "place from 0 to 1"),
        ({"question": "q", "choices": ["a", "b"], "answer": "none of these"}, "its letter or"),
        ({"question": " ", "choices": ["a", "b"], "answer": 1}, '"question" is empty'),
    ],
)
def test_a_bad_row_is_named_and_not_quoted(
    row: dict[str, Json], words: str, read: Callable[..., DatasetRecord]
) -> None:
    with pytest.raises(RejectedInputError) as caught:
        read({"question": "fine", "choices": ["a", "b"], "answer": 0}, row)

    assert words in caught.value.message
    assert "line 2" in caught.value.message
    assert "none of these" not in caught.value.message


def test_labels_must_be_as_many_as_texts() -> None:
    with pytest.raises(ChoiceError, match="as many labels"):
        read_choices({"text": ["a", "b"], "label": ["A"]})


def test_a_label_goes_before_a_text() -> None:
    assert read_gold("A", read_choices({"text": ["B", "A"], "label": ["A", "B"]})) == 0


def test_what_is_stored_comes_back() -> None:
    document = Document.question("q", ["x", "y"], 1, category="c")

    assert decode_document(encode_document(document)) == document
