"""Recognise how the characters of a text file are written, and say where that stops being true.

A byte order mark decides. Without one, text that is valid UTF-8 is UTF-8. What is left is judged
by decoding strictly and looking at the characters that come out: CP932 (Shift_JIS) and EUC-JP
turn each other's bytes into half-width katakana and rare kanji; Latin letters read as Japanese
give single kanji between letters. A guess is only a guess: people confirm it on a preview.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linearity.errors import InvalidParameterError, LinearScopeError, RejectedInputError

ENCODINGS = {
    "utf-8": "UTF-8",
    "cp932": "CP932 (Shift_JIS)",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP (JIS)",
    "cp1252": "Windows-1252 (Latin-1)",
    "latin-1": "ISO-8859-1 (Latin-1)",
    "gb18030": "GB18030 (GBK)",
    "big5": "Big5",
    "cp949": "CP949 (EUC-KR)",
    "cp1251": "Windows-1251 (Cyrillic)",
}
"""Every encoding that files are read in, by the name of Python's codec."""

EXAMINED_BYTES = 32 << 20
SAMPLE_BYTES = 256 << 10
CHUNK_BYTES = 1 << 16
PLAUSIBLE = 0.8
"""Least share of characters that must look like the language an encoding is used for."""
_ONE_SIDED = 0.9

_MARKS = (
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ISO2022_JP = re.compile(rb"\x1b\$[@B]")
_NOT_ASCII = re.compile(rb"[^\x00-\x7f]")
_JAPANESE = re.compile(
    "[\u3000-\u30ff\u2460-\u24ff\u3200-\u33ff\u4e00-\u9fff\uff00-\uff60\uffe0-\uffe5\u2010-\u2312\u25a0-\u266f]+"
)
_KANA = re.compile("[\u3040-\u30ff]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_ALSO = {"cp949": "cp949", "euc_kr": "cp949", "gb18030": "gb18030", "gb2312": "gb18030",
         "gbk": "gb18030", "big5": "big5", "big5hkscs": "big5", "cp1251": "cp1251"}  # fmt: skip


@dataclass(frozen=True)
class EncodingGuess:
    """How a file seems to be written.

    Parameters
    ----------
    encoding : str
        A key of `ENCODINGS`.
    confidence : "certain" | "likely" | "unsure"
        "certain": a byte order mark, or valid UTF-8. "likely": strictly decodable, and the
        characters make sense. "unsure": nothing better was found.
    marked : bool
        Whether a byte order mark says so.
    alternatives : tuple of str
        Others that the beginning of the file can be decoded in, likeliest first.
    bad_byte : int or None
        Offset of the first byte that cannot be decoded in `encoding`.
    """

    encoding: str
    confidence: str
    marked: bool = False
    alternatives: tuple[str, ...] = ()
    bad_byte: int | None = None


def detect_encoding(path: Path) -> EncodingGuess:
    """Return how a text file seems to be written, from at most its first 32 MiB.

    Raises
    ------
    RejectedInputError
        If its byte order mark names an encoding that is not read.
    """
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
    marked = _marked(head, path.name)
    if marked is not None:
        return EncodingGuess(marked, "certain", True, (), first_bad_byte(path, marked))
    if _ISO2022_JP.search(head) and first_bad_byte(path, "iso2022_jp") is None:
        return EncodingGuess("iso2022_jp", "likely", alternatives=("utf-8",))
    wide = _wide(head)
    if wide is not None:
        other = "utf-16-be" if wide == "utf-16-le" else "utf-16-le"
        return EncodingGuess(wide, "likely", False, (other,), first_bad_byte(path, wide))
    if first_bad_byte(path, "utf-8") is None:
        return EncodingGuess("utf-8", "certain", alternatives=_alternatives(head, "utf-8"))
    sample = _telling_sample(path)
    encoding, confidence = _judge(sample)
    return EncodingGuess(
        encoding,
        confidence,
        alternatives=_alternatives(sample, encoding),
        bad_byte=first_bad_byte(path, encoding),
    )


def first_bad_byte(path: Path, encoding: str, *, within: int | None = EXAMINED_BYTES) -> int | None:
    """Return the offset of the first byte that is not `encoding`, None if there is none.

    Parameters
    ----------
    within : int or None
        Only this many bytes are looked at; None for all of them.
    """
    decoder = codecs.getincrementaldecoder(known_encoding(encoding))("strict")
    offset = 0
    for chunk, is_last in _chunks(path, within):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, is_last)
        except UnicodeDecodeError as error:
            return offset - pending + error.start
        offset += len(chunk)
    return None


def known_encoding(name: str) -> str:
    """Return the spelling that `ENCODINGS` has for an encoding.

    Raises
    ------
    InvalidParameterError
        If files are not read in it.
    """
    try:
        wanted = codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise _unknown(name) from error
    for known in ENCODINGS:
        if codecs.lookup(known).name == wanted:
            return known
    if wanted in ("shift_jis", "utf-8-sig"):
        return {"shift_jis": "cp932", "utf-8-sig": "utf-8"}[wanted]
    raise _unknown(name)


def undecodable(name: str, path: Path, encoding: str) -> LinearScopeError:
    """Return the error for a file that is not in its encoding: where that shows first."""
    byte = first_bad_byte(path, encoding, within=None)
    return RejectedInputError(
        f"{name}: not {ENCODINGS[known_encoding(encoding)]} (byte {byte})",
        reason="not_utf8" if encoding == "utf-8" else "not_in_encoding",
        next_step="Choose the encoding that the file is written in, or save it as UTF-8.",
        file=name,
        encoding=encoding,
        byte=byte,
    )


def _unknown(name: str) -> InvalidParameterError:
    return InvalidParameterError("encoding", wanted=f"one of {', '.join(ENCODINGS)}", got=name)


def _marked(head: bytes, name: str) -> str | None:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            if not encoding:
                raise RejectedInputError(
                    f"{name}: UTF-32 is not read",
                    reason="unsupported_encoding",
                    next_step="Save the file as UTF-8.",
                    file=name,
                )
            return encoding
    return None


def _wide(head: bytes) -> str | None:
    """Return UTF-16 without a mark: zero bytes stand on one side of its ASCII characters."""
    zeros = head.count(0)
    if not zeros or len(head) < 2:
        return None
    even = head[::2].count(0)
    for encoding, on_side in (("utf-16-le", zeros - even), ("utf-16-be", even)):
        text = _decoded(head[: len(head) // 2 * 2], encoding)
        if on_side >= _ONE_SIDED * zeros and text and "\x00" not in text:
            # A stray zero byte in a table of one byte a character splits its line ends.
            return encoding if 2 * text.count("\n") >= head.count(b"\n") else None
    return None


def _telling_sample(path: Path) -> bytes:
    """Return the lines with bytes beyond ASCII from the beginning of a file."""
    found, size = [], 0
    with path.open("rb") as stream:
        while size < SAMPLE_BYTES and stream.tell() < EXAMINED_BYTES:
            line = stream.readline(CHUNK_BYTES)
            if not line:
                break
            if _NOT_ASCII.search(line):
                found.append(line)
                size += len(line)
    return b"".join(found)


def _judge(sample: bytes) -> tuple[str, str]:
    if _is_broken_utf8(sample):
        return "utf-8", "unsure"
    japanese = {name: _japanese_share(_decoded(sample, name)) for name in ("cp932", "euc_jp")}
    best = max(japanese, key=lambda name: japanese[name])
    guessed = _charset_normalizer(sample)
    if japanese[best] >= PLAUSIBLE:
        # Korean read as EUC-JP gives kanji only; real Japanese nearly always has kana.
        has_kana = bool(_KANA.search(_decoded(sample, best) or ""))
        return (best, "likely") if has_kana or guessed is None else (guessed, "unsure")
    if guessed is not None:
        return guessed, "unsure"
    return ("cp1252" if _decoded(sample, "cp1252") is not None else "latin-1"), "unsure"


def _is_broken_utf8(sample: bytes) -> bool:
    """Whether nearly every character beyond ASCII is valid UTF-8: a damaged file, not another."""
    text = sample.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    valid = sum(not character.isascii() for character in text) - broken
    return valid >= 4 * broken


def _japanese_share(text: str | None) -> float:
    """Return how much of what is not ASCII is Japanese in runs, or kana; 0 without any."""
    if not text:
        return 0.0
    beyond = sum(not character.isascii() for character in text)
    if not beyond:
        return 0.0
    runs = _JAPANESE.findall(text)
    # A single kanji between letters is what accented Latin letters turn into.
    good = sum(len(run) for run in runs if len(run) > 1 or "\u3040" <= run <= "\u30ff")
    half_width = len(_HALF_WIDTH.findall(text))
    # Half-width katakana exist in real tables, but not as most of a text.
    return (good + (half_width if half_width < good else 0)) / beyond


def _charset_normalizer(sample: bytes) -> str | None:
    """Ask the library about Chinese, Korean and Cyrillic, which it tells apart well."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return None
    best = from_bytes(sample[:CHUNK_BYTES]).best()
    return None if best is None else _ALSO.get(best.encoding)


def _alternatives(sample: bytes, chosen: str) -> tuple[str, ...]:
    if not _NOT_ASCII.search(sample):
        return ()
    order = ("utf-8", "cp932", "euc_jp", "cp1252", "gb18030", "big5", "cp949", "cp1251")
    return tuple(n for n in order if n != chosen and _decoded(sample, n) is not None)


def _decoded(sample: bytes, encoding: str) -> str | None:
    """Decode a sample whose last character may be cut."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return None


def _chunks(path: Path, within: int | None) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces of a file and whether the file, not the limit, ends there."""
    left = float("inf") if within is None else within
    with path.open("rb") as stream:
        while left > 0:
            chunk = stream.read(CHUNK_BYTES)
            left -= len(chunk)
            yield chunk, not chunk
            if not chunk:
                return
