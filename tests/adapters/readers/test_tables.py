import datetime
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from linearity.adapters.readers.lines import LONGEST_LINE
from linearity.adapters.readers.separated import LONGEST_FIELD
from linearity.adapters.readers.tables import Layout, read_rows, rows
from linearity.errors import RejectedInputError


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def values(path: Path, layout: Layout) -> list[dict[str, object]]:
    return [dict(row) for row in rows(path, layout)]


def workbook(path: Path, table: Sequence[Sequence[object]]) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in table:
        sheet.append(list(row))
    book.create_sheet("second").append(["other"])
    book.save(path)
    return path


def test_csv_keeps_quotes_line_ends_and_formulas_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'\xef\xbb\xbftext,n\r\n"a ""b""\nc",=1+1\r\n-2,@x\r\n\r\n')

    assert values(path, Layout("csv")) == [
        {"text": 'a "b"\nc', "n": "=1+1"},
        {"text": "-2", "n": "@x"},
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_read(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path, "a.csv", f"a{delimiter}b\n1{delimiter}2,3\n".encode())

    assert values(path, Layout("csv", delimiter=delimiter)) == [{"a": "1", "b": "2,3"}]


def test_a_japanese_table_in_cp932_and_utf16_reads_the_same(tmp_path: Path) -> None:
    text = "質問,回答\n表示能力は?,ソフト㈱①\n"
    for encoding in ("cp932", "utf-16-le", "utf-16-be", "utf-8"):
        mark = "\ufeff" if encoding.startswith("utf") else ""
        path = write(tmp_path, "a.csv", (mark + text).encode(encoding))

        assert values(path, Layout("csv", encoding)) == [
            {"質問": "表示能力は?", "回答": "ソフト㈱①"}
        ]


def test_columns_without_names_and_with_the_same_name_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"a,a,\n1,2,3\n")

    assert values(path, Layout("csv")) == [{"a": "1", "a (2)": "2", "column 3": "3"}]
    assert values(path, Layout("csv", header=False))[0] == {
        "column 1": "a", "column 2": "a", "column 3": "",
    }  # fmt: skip


def test_rows_that_cannot_be_read_name_their_line_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'a,b\n1,2\n1\n1,2,3\n"x"y,2\nn\x00,2\n"l1\nl2",2\n7,8\n')

    found = list(read_rows(path, Layout("csv")))

    assert [(row.number, row.problem is None) for row in found] == [
        (2, True), (3, False), (4, False), (5, False), (6, False), (7, True), (9, True),
    ]  # fmt: skip
    assert found[1].problem == "1 cells, the table has 2 columns"
    with pytest.raises(RejectedInputError, match=r"a\.csv, line 3: 1 cells"):
        list(rows(path, Layout("csv")))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'a,b\n1,"never closed\n2,3\n', "line 2: a quote that never closes"),
        (b"a\n" + b"x" * (LONGEST_FIELD + 1) + b"\n", "line 2: a value longer than 1,000,000"),
        (b",".join([b"c"] * 1_001) + b"\n", "1,001 columns, at most 1,000"),
        (b'a\n"' + b"x\n" * LONGEST_LINE, "line 2: a value longer than"),
    ],
)
def test_csv_that_no_row_can_be_trusted_of_is_refused(
    tmp_path: Path, data: bytes, what: str
) -> None:
    path = write(tmp_path, "a.csv", data)

    with pytest.raises(RejectedInputError, match=what):
        list(read_rows(path, Layout("csv")))


def test_a_value_longer_than_the_libraries_own_limit_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"a\n" + b"x" * 131_073 + b"\n")

    assert len(str(values(path, Layout("csv"))[0]["a"])) == 131_073


def test_json_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"a": "x\u2028y\x85z"}\r\n\n{"a": 2}\n'.encode())

    assert [(row.number, row.values) for row in read_rows(path, Layout("jsonl"))] == [
        (1, {"a": "x\u2028y\x85z"}),
        (3, {"a": 2}),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"a": ' + b"1" * 401 + b"}", "a whole number of 401 digits"),
        (b'{"a": 1,}', "not JSON at column"),
        (b'{"a": 1} // note', "not JSON at column"),
        (b"[1]", "wanted an object"),
        (b"{" * 100, "nested deeper"),
    ],
)
def test_a_line_that_is_no_strict_json_is_named(tmp_path: Path, line: bytes, problem: str) -> None:
    path = write(tmp_path, "a.jsonl", b'{"a": 0}\n' + line + b'\n{"a": 9}\n')

    first, bad, last = read_rows(path, Layout("jsonl"))

    assert problem in str(bad.problem)
    assert (first.values, bad.number, last.values) == ({"a": 0}, 2, {"a": 9})


def test_a_byte_outside_the_encoding_ends_the_file_with_its_offset(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"a": "ok"}\n{"a": "\xff"}\n')

    with pytest.raises(RejectedInputError, match=r"a\.jsonl: not UTF-8 \(byte 19\)") as caught:
        list(read_rows(path, Layout("jsonl")))

    assert caught.value.data["byte"] == 19


def test_parquet_gives_texts_numbers_and_messages(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    messages = [{"role": "user", "content": "こんにちは"}]
    day = datetime.date(2026, 1, 2)
    table = pa.table(
        {"t": ["あ", None], "n": [1, 2], "m": [messages, []], "d": [day, day], "b": [b"x", b"y"]}
    )
    pq.write_table(table, path)

    assert values(path, Layout("parquet")) == [
        {"t": "あ", "n": 1, "m": messages, "d": "2026-01-02"},
        {"t": None, "n": 2, "m": [], "d": "2026-01-02"},
    ]


def test_a_workbook_gives_the_values_of_its_first_sheet(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 1, 2, 3, 4)
    table: list[list[object]] = [["質問", "数"], ["富士山", 3776.0], [], [None, 1.5], ["=1+1", day]]
    path = workbook(tmp_path / "a.xlsx", table)

    assert values(path, Layout("xlsx")) == [
        {"質問": "富士山", "数": "3776"},
        {"質問": None, "数": "1.5"},
        {"質問": None, "数": "2026-01-02T03:04:00"},  # a formula nobody has computed
    ]
    assert values(path, Layout("xlsx", sheet="second", header=False)) == [{"column 1": "other"}]
    with pytest.raises(RejectedInputError, match="no such sheet"):
        values(path, Layout("xlsx", sheet="third"))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"xl/vbaProject.bin": b"x"}, "macros"),
        ({"xl/worksheets/sheet1.xml": b"\x00" * (32 << 20)}, "zip_bomb"),
        ({"hello.txt": b"x"}, "bad_xlsx"),
        (dict.fromkeys(map(str, range(10_001)), b""), "zip_bomb"),
    ],
)
def test_archives_that_are_no_honest_workbook_are_refused(
    tmp_path: Path, parts: dict[str, bytes], reason: str
) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)

    with pytest.raises(RejectedInputError) as caught:
        values(path, Layout("xlsx"))

    assert caught.value.data["reason"] == reason


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "encrypted"),
        ("a.xlsx", b"PK nothing", "bad_xlsx"),
        ("a.xlsx", b"", "bad_xlsx"),
        ("a.parquet", b"PAR1 nothing PAR1", "bad_parquet"),
        ("a.parquet", b"", "bad_parquet"),
    ],
)
def test_files_that_are_not_what_they_are_called_are_refused(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    path = write(tmp_path, name, data)

    with pytest.raises(RejectedInputError) as caught:
        values(path, Layout(name.removeprefix("a.")))

    assert caught.value.data["reason"] == reason


def test_xml_entities_are_not_expanded(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["a"], ["b"]])
    evil = tmp_path / "evil.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("sheet1.xml"):
                data = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + data
            target.writestr(name, data)

    with pytest.raises(RejectedInputError, match="not a readable") as caught:
        values(evil, Layout("xlsx"))

    causes = [caught.value.__cause__, getattr(caught.value.__cause__, "__cause__", None)]
    assert "EntitiesForbidden" in [type(cause).__name__ for cause in causes]
