"""What a process that reads other people's bytes gives up before it begins.

Memory is limited through `RLIMIT_DATA`: what the process allocates counts, what it only maps from
files does not. `RLIMIT_AS` would count both: importing torch maps 0.60 GB and allocates 0.18 GB,
and a mapped checkpoint is as large as it is (docs/decisions/0013).

The network is taken away twice, because neither means works everywhere: a network namespace of
its own, which containers often forbid, and a seccomp filter that refuses to make sockets, which
needs to know the machine's system calls.
"""

import contextlib
import ctypes
import errno
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

MOST_OPEN_FILES = 256

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000
_LOAD_WORD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32_CALLS = 0x40000000
# Audit number of the machine; its calls socket and io_uring_setup (which can make sockets too).
_MACHINES = {"x86_64": (0xC000003E, (41, 425)), "aarch64": (0xC00000B7, (198, 425))}


def limit_resources(*, memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Lower what this process may use, for good.

    Parameters
    ----------
    memory_bytes : int
        What may be allocated, stacks of threads included.
    cpu_seconds : int
        The kernel sends SIGXCPU after that, and SIGKILL a little later.
    file_bytes : int
        The largest file that may be written.
    """
    for what, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_DATA, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 5),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, MOST_OPEN_FILES, MOST_OPEN_FILES),
    ):
        most = resource.getrlimit(what)[1]
        allowed = [value for value in (hard, most) if value != resource.RLIM_INFINITY]
        resource.setrlimit(what, (min(soft, *allowed), min(allowed)))
    # If the machine runs out of memory, the kernel ends this process and not the worker.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def leave_network() -> list[str]:
    """Give up the network and return by which means: "namespace", "filter", or none of them.

    Must be called before the process has a second thread.
    """
    if sys.platform != "linux":
        return []
    library = ctypes.CDLL(None, use_errno=True)
    means = {"namespace": _enter_empty_network, "filter": _refuse_sockets}
    return [name for name, leave in means.items() if leave(library)]


def _enter_empty_network(library: ctypes.CDLL) -> bool:
    # Without privileges only inside a user namespace of one's own, where those are allowed.
    return any(
        library.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET)
    )


def _refuse_sockets(library: ctypes.CDLL) -> bool:
    if platform.machine() not in _MACHINES:
        return False
    audit, calls = _MACHINES[platform.machine()]
    program = _filter(audit, calls)
    code = ctypes.create_string_buffer(b"".join(program))
    # struct sock_fprog: the number of instructions, padding, their address.
    fprog = ctypes.create_string_buffer(struct.pack("H6xP", len(program), ctypes.addressof(code)))
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(library.prctl(_PR_SET_SECCOMP, _MODE_FILTER, fprog, 0, 0) == 0)


def _filter(audit: int, calls: Sequence[int]) -> list[bytes]:
    """Return instructions that refuse `calls` and let every other call of this machine pass."""

    def instruction(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    checks = [(_IF_AT_LEAST, _X32_CALLS), *((_IF_EQUAL, call) for call in calls)]
    return [
        instruction(_LOAD_WORD, 0, 0, 4),  # the machine whose calls these are
        instruction(_IF_EQUAL, 1, 0, audit),
        instruction(_RETURN, 0, 0, _KILL),
        instruction(_LOAD_WORD, 0, 0, 0),  # the number of the call
        *(
            instruction(code, len(checks) - place, 0, value)
            for place, (code, value) in enumerate(checks)
        ),
        instruction(_RETURN, 0, 0, _ALLOW),
        instruction(_RETURN, 0, 0, _REFUSE),
    ]
