from pathlib import Path

import pytest

from linearity.adapters.readers.encodings import (
    detect_encoding,
    first_bad_byte,
    known_encoding,
)
from linearity.errors import InvalidParameterError, RejectedInputError

JAPANESE = (
    "質問,回答,分類\n富士山の高さは?,3776メートルです。,地理\n株式会社テスト,ありがとう,挨拶\n"
)
CASES = {
    "ascii": (b"a,b\n", "utf-8", "certain"),
    "nothing": (b"", "utf-8", "certain"),
    "utf-8": (JAPANESE.encode(), "utf-8", "certain"),
    "utf-8 with a mark": (JAPANESE.encode("utf-8-sig"), "utf-8", "certain"),
    "utf-16 with a mark": (JAPANESE.encode("utf-16"), "utf-16-le", "certain"),
    "utf-16-le": (JAPANESE.encode("utf-16-le"), "utf-16-le", "likely"),
    "utf-16-be": (JAPANESE.encode("utf-16-be"), "utf-16-be", "likely"),
    "cp932": (JAPANESE.encode("cp932"), "cp932", "likely"),
    "cp932 with signs of its own": ("①㈱髙橋さん\n".encode("cp932"), "cp932", "likely"),
    "cp932, half-width": ("ﾔﾏﾀﾞ ﾀﾛｳ,山田太郎さん,東京都\n".encode("cp932"), "cp932", "likely"),
    "cp932, only names": ("山田太郎\n鈴木一郎\n".encode("cp932"), "cp932", "likely"),
    "euc-jp": (JAPANESE.encode("euc_jp"), "euc_jp", "likely"),
    "jis": (JAPANESE.encode("iso2022_jp"), "iso2022_jp", "likely"),
    "latin": ("José Málaga\ndéjà vu,Straße\n".encode("latin-1"), "cp1252", "unsure"),
    "chinese": ("你好，世界。今天天气很好，我们去公园玩吧。\n".encode("gbk"), "gb18030", "unsure"),
    "a zero byte in a table": (b"a\x00b,c\nd,e\n", "utf-8", "certain"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_encoding_of_a_text_is_recognised(tmp_path: Path, case: str) -> None:
    data, encoding, confidence = CASES[case]
    path = tmp_path / "file"
    path.write_bytes(data)

    guess = detect_encoding(path)

    assert (guess.encoding, guess.confidence, guess.bad_byte) == (encoding, confidence, None)


def test_a_late_first_character_beyond_ascii_still_decides(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a,b\n" * 500_000 + "富士山です,はい\n".encode("cp932"))

    assert detect_encoding(path).encoding == "cp932"


def test_one_broken_byte_does_not_turn_utf8_into_something_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("富士山の高さ".encode() + b"\xff" + "です".encode())

    guess = detect_encoding(path)

    assert (guess.encoding, guess.confidence, guess.bad_byte) == ("utf-8", "unsure", 18)


@pytest.mark.parametrize("before", [0, 65_535, 65_536, 200_000])
def test_the_first_undecodable_byte_is_counted_from_the_beginning(
    tmp_path: Path, before: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * before + "山".encode("cp932") + b"\x81 ")

    assert first_bad_byte(path, "cp932") == before + 2
    assert first_bad_byte(path, "latin-1") is None


def test_a_character_cut_at_the_end_of_a_file_is_a_bad_byte(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("山".encode()[:2])

    assert first_bad_byte(path, "utf-8") == 0


def test_names_of_encodings_have_one_spelling() -> None:
    assert known_encoding("Shift_JIS") == "cp932"
    assert known_encoding("UTF8") == "utf-8"
    with pytest.raises(InvalidParameterError, match="encoding: wanted one of utf-8, cp932"):
        known_encoding("rot13")


def test_utf32_is_refused_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("abc".encode("utf-32"))

    with pytest.raises(RejectedInputError, match="UTF-32 is not read"):
        detect_encoding(path)
