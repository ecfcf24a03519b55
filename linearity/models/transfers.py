"""Copies between a file and a device, made by a thread while the device computes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import torch
from torch import Tensor

MOST_WRITES = 2
"""Pieces that may wait to be written; behind them whoever has the next one waits as well."""

Item = TypeVar("Item")
Made = TypeVar("Made")


class Transfers:
    """One thread that does what it is asked to, in that order.

    So a read that is asked for after a write sees what was written. At the end of the ``with`` all
    is written, and what went wrong there is raised.

    Parameters
    ----------
    device : torch.device
        Where the numbers are computed with.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pinned = device.type == "cuda"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="transfers")
        self._writes: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until everything is done, or after an error leave out what has not begun."""
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._written(0)

    def ahead(
        self, items: Iterable[Item], fetch: Callable[[Item], Made]
    ) -> Iterator[tuple[Item, Made]]:
        """Yield every item with what `fetch` brings for it, the next one's being fetched by then.

        What it brings must lie in memory of the host: the device holds one piece at a time.
        """
        rest = iter(items)
        item = next(rest, None)
        coming = None if item is None else self._thread.submit(fetch, item)
        while item is not None and coming is not None:
            fetched = coming.result()
            following = next(rest, None)
            coming = None if following is None else self._thread.submit(fetch, following)
            yield item, fetched
            item = following

    def host(self, rows: Tensor) -> Tensor:
        """Return a copy of mapped rows in memory that a device can take it from unattended."""
        copy = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=self._pinned)
        return copy.copy_(rows)

    def device(self, rows: Tensor) -> Tensor:
        """Return what `host` gave, on the device."""
        return rows.to(self._device, non_blocking=self._pinned)

    def write(self, rows: Tensor, into: Tensor) -> None:
        """Begin to write rows of the device into a mapped tensor."""
        self._written(MOST_WRITES - 1)
        if not self._pinned:
            self._writes.append(self._thread.submit(_copy, rows, into))
            return
        held = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
        held.copy_(rows, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record(torch.cuda.current_stream(self._device))
        self._writes.append(self._thread.submit(_copy, held, into, arrived))

    def _written(self, most: int) -> None:
        """Wait until at most so many writes are open, and raise what went wrong with the others."""
        while len(self._writes) > most:
            self._writes.popleft().result()


def _copy(rows: Tensor, into: Tensor, arrived: torch.cuda.Event | None = None) -> None:
    if arrived is not None:
        arrived.synchronize()
    with torch.inference_mode():
        into.copy_(rows)
