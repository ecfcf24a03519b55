"""Which place of the cache each block of a changed model uses."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CachePlaces:
    """Where each block that runs keeps its keys and values.

    Parameters
    ----------
    numbers : dict of block to place
    kinds : list of str or None
        The kind of attention of each place, and of each layer that runs; None where the family
        has only one.
    """

    numbers: dict[int, int]
    kinds: list[str] | None


def cache_places(order: Sequence[int | None], kinds: Sequence[str] | None) -> CachePlaces:
    """Return the places for the blocks of `order`, in which None is a linear block.

    The library reads one list both as the kind of attention of each layer, in the order in which
    they run, and as the kind of each place in the cache. It counts tokens in the first place, and
    sizes each kind's mask by the first place of that kind, so those must be filled. Linear blocks
    therefore count as the kind of the first block that runs, and the blocks of each kind take the
    first places of that kind.
    """
    running = [block for block in order if block is not None]
    if kinds is None:
        return CachePlaces({block: place for place, block in enumerate(running)}, None)
    first = kinds[running[0]]
    laid = [first if block is None else kinds[block] for block in order]
    free = {kind: iter([p for p, k in enumerate(laid) if k == kind]) for kind in set(laid)}
    return CachePlaces({block: next(free[kinds[block]]) for block in running}, laid)
