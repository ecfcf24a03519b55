"""XLSX: the values of the first sheet. No formulas are computed, no macros and links are read."""

import datetime
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from linearity.adapters.packages import need_package
from linearity.adapters.readers.lines import Row, check_columns, column_names
from linearity.errors import RejectedInputError

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MOST_MEMBERS = 10_000
LARGEST_SHEET_BYTES = 2 << 30
LARGEST_STRINGS_BYTES = 256 << 20
"""The table of shared texts is the one part that lies in memory as a whole."""
LARGEST_RATIO = 200
RATIO_FROM_BYTES = 16 << 20
"""Small parts may shrink well; a large one that does is a bomb."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_workbook(path: Path, name: str, *, sheet: str | None, header: bool) -> Iterator[Row]:
    """Yield the rows of a sheet; rows without a value are passed over."""
    columns: list[str] | None = None
    with _sheet(path, name, sheet) as worksheet:
        for number, values in enumerate(worksheet.iter_rows(values_only=True), start=1):
            cells = _trimmed([_text(value) for value in values])
            if not cells:
                continue
            if columns is None:
                check_columns(name, len(cells))
                columns = column_names([cell or "" if header else "" for cell in cells])
                if header:
                    continue
            if len(cells) > len(columns):
                yield Row(
                    number, problem=f"{len(cells)} cells, the table has {len(columns)} columns"
                )
                continue
            cells += [None] * (len(columns) - len(cells))
            yield Row(number, dict(zip(columns, cells, strict=True)))


def sheet_names(path: Path, name: str) -> list[str]:
    """Return the names of the sheets, in their order."""
    with _workbook(path, name) as workbook:
        return [worksheet.title for worksheet in workbook.worksheets]


@contextmanager
def _sheet(path: Path, name: str, wanted: str | None) -> Iterator["ReadOnlyWorksheet"]:
    with _workbook(path, name) as workbook:
        sheets = {sheet.title: sheet for sheet in workbook.worksheets}
        if not sheets or (wanted is not None and wanted not in sheets):
            raise RejectedInputError(
                f"{name}: there is no such sheet",
                reason="no_sheet",
                next_step=f"Sheets of this file: {', '.join(list(sheets)[:20]) or 'none'}.",
                file=name,
            )
        sheet = next(iter(sheets.values())) if wanted is None else sheets[wanted]
        sheet.reset_dimensions()  # what the file declares may be a million empty columns
        yield sheet


@contextmanager
def _workbook(path: Path, name: str):  # type: ignore[no-untyped-def]  # openpyxl has no types
    check_archive(path, name)
    need_package("openpyxl")
    need_package("defusedxml")
    import openpyxl
    from defusedxml.common import DefusedXmlException
    from openpyxl.utils.exceptions import InvalidFileException

    # What a broken file makes openpyxl raise has no base class of its own.
    broken = (
        InvalidFileException, DefusedXmlException, zipfile.BadZipFile, SyntaxError, KeyError,
        ValueError, TypeError, AttributeError, IndexError, OSError, EOFError,
    )  # fmt: skip
    with path.open("rb") as stream:
        workbook = None
        try:
            workbook = openpyxl.load_workbook(
                stream, read_only=True, data_only=True, keep_links=False
            )
            yield workbook
        except broken as error:
            raise _unreadable(name, type(error).__name__) from error
        finally:
            if workbook is not None:
                workbook.close()


def check_archive(path: Path, name: str) -> None:
    """Refuse what no honest workbook is, from the list of its parts and before any is unpacked.

    Raises
    ------
    RejectedInputError
        On passwords, macros, too many or too large parts, or parts that shrink like a bomb.
    """
    with path.open("rb") as stream:
        if stream.read(len(_OLE)) == _OLE:
            raise _refused(
                name,
                "encrypted",
                "protected by a password, or an old .xls file",
                "Save it as .xlsx without a password.",
            )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _unreadable(name, type(error).__name__) from error
    if any(part.filename.lower().endswith("vbaproject.bin") for part in parts):
        raise _refused(name, "macros", "holds macros", "Save it as .xlsx without macros.")
    if len(parts) > MOST_MEMBERS:
        raise _refused(
            name, "zip_bomb", f"{len(parts):,} parts", f"At most {MOST_MEMBERS:,} are read."
        )
    for part in parts:
        _check_part(part, name)


def _check_part(part: zipfile.ZipInfo, name: str) -> None:
    strings = part.filename.lower().endswith("sharedstrings.xml")
    limit = LARGEST_STRINGS_BYTES if strings else LARGEST_SHEET_BYTES
    if part.flag_bits & 1:
        raise _refused(name, "encrypted", "an encrypted archive", "Save it without a password.")
    if part.file_size > limit:
        raise _refused(
            name,
            "too_large_unpacked",
            f"a part unpacks to {part.file_size:,} bytes, at most {limit:,} are read",
            "Save the sheet as .csv.",
        )
    ratio = part.file_size / max(part.compress_size, 1)
    if part.file_size > RATIO_FROM_BYTES and ratio > LARGEST_RATIO:
        raise _refused(
            name,
            "zip_bomb",
            f"a part shrinks {ratio:,.0f} times, more than {LARGEST_RATIO}",
            "Save the sheet as .csv.",
        )


def _text(value: object) -> str | None:
    """Return a cell as text: whole numbers without a point, times as ISO 8601."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _trimmed(cells: list[str | None]) -> list[str | None]:
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _refused(name: str, reason: str, what: str, next_step: str) -> RejectedInputError:
    return RejectedInputError(f"{name}: {what}", reason=reason, next_step=next_step, file=name)


def _unreadable(name: str, what: str) -> RejectedInputError:
    return _refused(
        name, "bad_xlsx", f"not a readable .xlsx file ({what})", "Save it again as .xlsx or .csv."
    )
