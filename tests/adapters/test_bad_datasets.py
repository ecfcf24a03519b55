"""Bad datasets, one case a line: each is refused with its reason or read as documented.

Every file goes the way of a real one: through the limited child into the store. After each case a
good file is read by the same code, and nothing is left in the staging folder.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from linearity.adapters.dataset_intake import take_in
from linearity.adapters.inputs import load_records
from linearity.adapters.limited import Limits, call_limited
from linearity.adapters.naming import name_path
from linearity.adapters.readers.layouts import InputFile
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.reading import ReadingOptions
from linearity.errors import RejectedInputError
from tests.conftest import quiet


class Bad(NamedTuple):
    """A file that is refused."""

    name: str
    data: bytes
    reason: str
    message: str
    options: dict[str, Any] = {}  # noqa: RUF012  # never changed


class Read(NamedTuple):
    """A file that is read, and the texts of its documents."""

    name: str
    data: bytes
    texts: list[str]
    options: dict[str, Any] = {}  # noqa: RUF012  # never changed


def line(**values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", data)
    return buffer.getvalue()


GOOD = line(text="good")
REFUSED = {
    "73 empty": Bad("a.txt", b"", "no_text", "0 rows"),
    "73 only newlines": Bad("a.jsonl", b"\n\r\n\n", "no_text", "0 rows"),
    "73 only a mark": Bad("a.csv", b"\xef\xbb\xbf", "no_text", "0 rows"),
    "73 only a header": Bad("a.csv", b"text\n", "no_text", "0 rows"),
    "74 a broken byte": Bad("a.jsonl", GOOD + b'{"text": "\xe5\xaf\x8c\xff"}', "not_utf8", "30"),
    "74 in a text": Bad("a.txt", "富士山の高さ".encode() + b"\xff", "not_utf8", "byte 18"),
    "75 half a character": Bad("a.txt", "ab".encode("utf-16")[:-1], "not_in_encoding", "byte 4"),
    "76 latin, unasked": Bad("a.txt", "déjà vu, naïve".encode("latin-1"), "not_utf8", "byte 1"),
    "78 no object": Bad("a.jsonl", GOOD + b'"text"\n', "bad_line", "line 2: wanted an object"),
    "78 no text": Bad("a.jsonl", GOOD + line(x=1), "bad_line", "line 2: wanted an object with a"),
    "78 a number": Bad("a.jsonl", GOOD + line(text=1), "bad_line", 'line 2: "text" is not a text'),
    "78 nested": Bad("a.jsonl", line(text={"a": "b"}), "bad_line", '"text" is not a text'),
    "79 NaN": Bad("a.jsonl", b'{"text": "a", "n": NaN}', "bad_line", "NaN is not a JSON number"),
    "79 huge": Bad("a.jsonl", b'{"text": 1' + b"0" * 5000 + b"}", "bad_line", "5001 digits"),
    "79 twice": Bad("a.jsonl", b'{"text": "a", "text": "b"}', "bad_line", "occurs twice"),
    "79 half": Bad("a.jsonl", b'{"text": "\\ud800"}', "bad_line", "half a character"),
    "79 NUL": Bad("a.jsonl", b'{"text": "\\u0000"}', "bad_line", "NUL"),
    "79 deep": Bad("a.jsonl", b'{"text":' + b"[" * 200_000, "bad_line", "nested deeper than 64"),
    "80 trailing comma": Bad("a.jsonl", b'{"text": "a",}', "bad_line", "not JSON at column"),
    "80 comment": Bad("a.jsonl", b"// a\n" + GOOD, "bad_line", "line 1: not JSON"),
    "80 only \\r": Bad("a.jsonl", GOOD.strip() + b"\r" + GOOD, "bad_line", "not JSON"),
    "81 open quote": Bad("a.csv", b'text\n"a\nb\n', "bad_csv", "line 2: a quote that never closes"),
    "81 long field": Bad("a.csv", b"text\n" + b"x" * 1_000_001, "bad_csv", "longer than 1,000,000"),
    "81 columns": Bad("a.csv", b"," * 1_000_000, "too_many_columns", "1,000,001 columns"),
    "81 ragged": Bad("a.csv", b"text,n\na,1\nb\n", "bad_line", "line 3: 1 cells"),
    "81 NUL": Bad("a.csv", b"text,n\na\x00,1\nbb,2\n", "bad_line", "line 2: holds the NUL"),
    "81 no column": Bad("a.csv", b"x,y\n1,2\n", "no_column", "which column"),
    "81 wrong column": Bad("a.csv", b"x,y\n1,2\n", "no_column", 'no column "z"', {"text": "z"}),
    "87 gz": Bad("a.gz", gzip.compress(GOOD), "unsupported_file", "unpack it first"),
    "87 zip": Bad("a.zip", packed(GOOD), "unsupported_file", "unpack it first"),
    "87 gz as csv": Bad("a.csv", gzip.compress(GOOD), "unsupported_file", "looks like a gzip"),
    "87 zip as txt": Bad("a.txt", packed(GOOD), "unsupported_file", "looks like a zip"),
    "87 zip as xlsx": Bad("a.xlsx", packed(GOOD), "bad_xlsx", "not a readable .xlsx"),
    "87 macros": Bad("a.xlsm", packed(GOOD), "unsupported_file", "with macros are not read"),
    "87 no parquet": Bad("a.parquet", b"PAR1" + b"x" * 99, "bad_parquet", "not a readable"),
    "pickle": Bad("a.pkl", b"\x80\x04.", "unsupported_file", "not read"),
    "binary text": Bad("a.txt", bytes(range(1, 256)) * 2 + b"\x00", "not_utf8", "byte 127"),
    "many categories": Bad(
        "a.csv",
        b"text,category\n" + b"".join(b"t,%d\n" % n for n in range(1_001)),
        "too_many_categories",
        "more than 1,000 different values",
    ),
}
ODD = "<script>alert(1)</script> \x1b[31m \u202eabc \U0001f468\u200d\U0001f469\u200d\U0001f467"
ACCEPTED = {
    "75 UTF-16 with a mark": Read("a.txt", "山\n".encode("utf-16"), ["山\n"]),
    "75 UTF-16 without": Read("a.csv", "text\n富士山\n海\n".encode("utf-16-le"), ["富士山", "海"]),
    "76 latin, confirmed": Read("a.txt", b"d\xe9j\xe0", ["déjà"], {"encoding": "latin-1"}),
    "CP932": Read("a.csv", "質問\n富士山は①番?\n".encode("cp932"), ["富士山は①番?"]),
    "79 U+2028": Read("a.jsonl", line(text="a\u2028b") + GOOD, ["a\u2028b", "good"]),
    "80 mixed line ends": Read("a.csv", b"text\r\na\nb\rc", ["a", "b", "c"]),
    "80 mixed in JSON lines": Read("a.jsonl", GOOD.strip() + b"\r\n" + GOOD, ["good", "good"]),
    "81 semicolon": Read("a.csv", b"text;n\na,b;1\n", ["a,b"]),
    "81 tab": Read("a.csv", b"text\tn\na,b\t1\n", ["a,b"]),
    "81 quotes": Read("a.csv", b'text,n\n"a ""b"", c\nd",1\n', ['a "b", c\nd']),
    "81 a mark": Read("a.csv", b"\xef\xbb\xbftext,n\na,1\n", ["a"]),
    "81 two of a name": Read("a.csv", b"text,text\na,b\n", ["b"], {"text": "text (2)"}),
    "81 no header": Read("a.csv", b"a b,1\nc d,2\n", ["a b", "c d"], {"text": "column 1"}),
    "81 a field of 131,073": Read("a.csv", b"text\n" + b"x" * 131_073, ["x" * 131_073]),
    "82 formulas": Read("a.csv", b"text\n=1+1\n+2\n-3\n@x\n", ["=1+1", "+2", "-3", "@x"]),
    "84 a prompt of 10 MB": Read("a.jsonl", line(prompt="x" * 10_000_000), ["x" * 10_000_000]),
    "85 odd signs": Read("a.jsonl", line(text=ODD), [ODD]),
    "bad rows left out": Read(
        "a.jsonl", GOOD + b"x\n" + line(text=1) + GOOD, ["good", "good"], {"bad_rows": "drop"}
    ),
    "a phone and an address": Read(
        "a.jsonl",
        line(text="mail a.b@example.com"),
        ["mail [email]"],
        {"mask": ["email"]},
    ),
}  # fmt: skip


@pytest.fixture
def read(tmp_path: Path, small_store: ArtifactStore) -> Callable[..., DatasetRecord]:
    def read(name: str, data: bytes, options: dict[str, Any] | None = None) -> DatasetRecord:
        path = tmp_path / name
        path.write_bytes(data)
        chosen = ReadingOptions.from_json(options or {})
        files = [InputFile(name, path)]
        return take_in(files, chosen, name_path(str(path)), store=small_store, log=quiet)

    return read


def texts(record: DatasetRecord, store: ArtifactStore) -> list[str]:
    return [document.text for document in load_records(record, store)]


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_dataset_is_refused_with_its_reason(
    case: str, read: Callable[..., DatasetRecord], small_store: ArtifactStore
) -> None:
    bad = REFUSED[case]

    with pytest.raises(RejectedInputError) as caught:
        read(bad.name, bad.data, bad.options)

    assert caught.value.data["reason"] == bad.reason
    assert bad.message in caught.value.message
    assert caught.value.next_step
    assert texts(read("good.jsonl", GOOD), small_store) == ["good"]
    assert list((small_store.root / "staging").iterdir()) == []


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_unusual_dataset_is_read_as_documented(
    case: str, read: Callable[..., DatasetRecord], small_store: ArtifactStore
) -> None:
    good = ACCEPTED[case]

    assert texts(read(good.name, good.data, good.options), small_store) == good.texts


def test_the_first_twenty_bad_rows_are_listed(read: Callable[..., DatasetRecord]) -> None:
    with pytest.raises(RejectedInputError) as caught:
        read("a.jsonl", GOOD + b"x\n" * 30)

    reasons = caught.value.data["reasons"]
    assert isinstance(reasons, list)
    assert [reason["line"] for reason in reasons] == list(range(2, 22))


def test_a_line_of_two_gigabytes_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"text": "')
        stream.truncate(2 << 30)  # a hole: it reads as zeros and takes no disk

    with pytest.raises(RejectedInputError, match="line 1: longer than 16,777,216 characters"):
        call_limited(
            "linearity.adapters.readers.intake:read_dataset",
            {
                "files": [{"name": path.name, "path": str(path)}],
                "options": {},
                "output": str(tmp_path / "out"),
            },
            limits=Limits(memory_bytes=256 << 20),
        )


def test_more_rows_than_are_kept_are_sampled_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = (f"text {n},{'rare' if n % 1000 == 0 else 'usual'}" for n in range(20_000))
    path.write_text("text,category\n" + "\n".join(rows))

    facts: Any = call_limited(
        "linearity.adapters.readers.intake:read_dataset",
        {
            "files": [{"name": path.name, "path": str(path)}],
            "options": {},
            "output": str(tmp_path / "out"),
            "most_documents": 1_000,
        },
        limits=Limits(file_bytes=512 << 20),
    )

    assert facts["category_counts"] == {"usual": 999, "rare": 1}
    assert facts["sampled_from"] == 20_000
    assert [warning["code"] for warning in facts["warnings"]] == ["sampled"]


def test_the_same_dataset_twice_has_one_fingerprint(read: Callable[..., DatasetRecord]) -> None:
    csv = read("a.csv", "質問\n富士山は?\n".encode("cp932"), {"text": "質問"})
    utf8 = read("b.csv", "質問\n富士山は?\n".encode(), {"text": "質問"})

    assert csv.fingerprint == utf8.fingerprint


def test_no_text_of_a_dataset_is_in_an_error_or_a_record(
    read: Callable[..., DatasetRecord],
) -> None:
    secret = "the launch code is 0000"
    record = read("a.jsonl", line(prompt=secret, response=secret))
    assert secret not in json.dumps(record.as_json())

    for data in (line(text=[secret]), b'{"text": "' + secret.encode(), b'{"t": "' + b"\xff"):
        with pytest.raises(RejectedInputError) as caught:
            read("b.jsonl", data + secret.encode())
        assert secret not in json.dumps(caught.value.as_json())


def test_a_row_of_texts_taken_for_names_is_told_by_its_beginnings_only(
    read: Callable[..., DatasetRecord],
) -> None:
    secret = "the launch code is 0000"
    row = f"{'once upon a time there was a long text ' * 3}{secret},{'x' * 500_000}\n".encode()

    with pytest.raises(RejectedInputError) as caught:
        read("a.csv", row + b"c,d\n", {"header": True})

    told = json.dumps(caught.value.as_json())
    assert caught.value.data["reason"] == "no_column"
    assert secret not in told
    assert len(told) < 1_000
