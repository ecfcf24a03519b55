"""How a process makes sure that it does not outlive the one that started it."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 1.0


def parent_guard() -> Callable[[], None]:
    """Return what a child calls, between fork and exec, to die when its parent dies.

    It is prepared in the parent, because a child of a process with threads must not load
    libraries before exec. On Linux the kernel then sends SIGKILL; elsewhere it does nothing, and
    `watch_parent` stands in for it. The kernel watches the *thread* that forked, so children are
    started from the main thread.
    """
    parent = os.getpid()
    library = _system_library()
    return lambda: _die_with(parent, library)


def die_with_parent(parent: int) -> None:
    """Wish, in a child that has begun to run, to die with its parent, the process `parent`."""
    _die_with(parent, _system_library())


def watch_parent() -> None:
    """End this process about a second after its parent is gone.

    The only means where the kernel has none, and harmless where it has.
    """
    parent = os.getppid()
    threading.Thread(target=_poll, args=(parent,), daemon=True).start()


def _system_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int, library: ctypes.CDLL | None) -> None:
    if library is None:
        return
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the kernel knew about the wish


def _poll(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
