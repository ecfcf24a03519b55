"""A small in-process cache, bounded by weight, safe for many threads."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Lru(Generic[Key, Value]):
    """Keeps what was used last until the weights sum up to `capacity`."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._weight = 0
        self._items: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return the value, or None."""
        with self._lock:
            found = self._items.get(key)
            if found is None:
                return None
            self._items.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, *, weight: int = 1) -> None:
        """Keep `value`, letting go of the ones unused for longest; too heavy ones are not kept."""
        with self._lock:
            self._drop(key)
            if weight > self.capacity:
                return
            self._items[key] = (value, weight)
            self._weight += weight
            while self._weight > self.capacity:
                self._drop(next(iter(self._items)))

    def drop(self, key: Key) -> None:
        """Forget `key`; absent is fine."""
        with self._lock:
            self._drop(key)

    def drop_where(self, condition: Callable[[Key], bool]) -> None:
        """Forget every key that meets a condition."""
        with self._lock:
            for key in [key for key in self._items if condition(key)]:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        _, weight = self._items.pop(key, (None, 0))
        self._weight -= weight
