"""Parquet: columns of text, numbers and messages, a few rows at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from linearity.adapters.packages import need_package
from linearity.adapters.readers.lines import Row, check_columns
from linearity.contracts.canonical import Json
from linearity.errors import RejectedInputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 256
LARGEST_CHUNK_BYTES = 2 << 30
"""Of one column in one row group, unpacked, as the file declares it."""
_THRIFT_BYTES = 64 << 20
_THRIFT_ITEMS = 1_000_000


def read_parquet(
    path: Path, name: str, *, at: Callable[[int], None] = lambda _: None
) -> Iterator[Row]:
    """Yield the rows of a Parquet file; columns of bytes and other nested values are left out."""
    with _opened(path, name) as file:
        columns = readable_columns(file.schema_arrow)
        size, total, number = path.stat().st_size, max(file.metadata.num_rows, 1), 0
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, {key: _plain(value) for key, value in values.items()})
                at(size * number // total)
        except (OSError, ValueError, OverflowError) as error:  # what pyarrow raises is one of these
            raise _unreadable(name, str(error)) from error


def parquet_rows(path: Path, name: str) -> int:
    """Return how many rows the file declares."""
    with _opened(path, name) as file:
        return int(file.metadata.num_rows)


def readable_columns(schema: "pa.Schema") -> list[str]:
    """Return the columns that are read: text, numbers, times, and lists of messages."""
    return [field.name for field in schema if _is_readable(field.type)]


def _is_readable(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        item = kind.value_type
        return types.is_struct(item) and all(_is_readable(field.type) for field in item)
    return not types.is_nested(kind) and not (
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )


def _opened(path: Path, name: str) -> "pq.ParquetFile":
    need_package("pyarrow")
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(
            path,
            memory_map=False,
            pre_buffer=False,
            thrift_string_size_limit=_THRIFT_BYTES,
            thrift_container_size_limit=_THRIFT_ITEMS,
        )
    except (OSError, ValueError) as error:
        raise _unreadable(name, str(error)) from error
    check_columns(name, len(file.schema_arrow))
    _check_sizes(file, name)
    return file


def _check_sizes(file: "pq.ParquetFile", name: str) -> None:
    meta = file.metadata
    for group in range(meta.num_row_groups):
        for column in range(meta.num_columns):
            size = meta.row_group(group).column(column).total_uncompressed_size
            if size > LARGEST_CHUNK_BYTES:
                raise RejectedInputError(
                    f"{name}: a column unpacks to {size:,} bytes in one row group",
                    reason="too_large_unpacked",
                    next_step="Write it with smaller row groups.",
                    file=name,
                    limit=LARGEST_CHUNK_BYTES,
                    actual=size,
                )


def _plain(value: object) -> Json:
    """Return a value of Arrow as JSON has it: times and decimals become text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return str(value)


def _unreadable(name: str, reason: str) -> RejectedInputError:
    # pyarrow's own words may hold values of the file: the first line never does, and is enough.
    return RejectedInputError(
        f"{name}: not a readable Parquet file ({reason.splitlines()[0][:120] if reason else ''})",
        reason="bad_parquet",
        next_step="Write the file again, or give .csv or .jsonl.",
        file=name,
    )
