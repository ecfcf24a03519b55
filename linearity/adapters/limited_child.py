"""The child of `limited.call_limited`; run as a script, so that it knows nothing at first.

It reads one JSON request from standard input, gives up what it must not have, imports the target
and writes lines of JSON to a pipe of its own. Standard output and error belong to libraries.
"""

import errno
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

# What Python, C++ and torch say when they get no more memory.
_SIGNS_OF_MEMORY = ("MemoryError", "bad_alloc", "allocate memory", "Cannot allocate memory")


def main() -> None:
    """Answer one request on the pipe named by the only argument, and end without ado."""
    request = json.loads(sys.stdin.buffer.read())
    # Exactly what the parent can import, in its order, and not the folder of this file.
    sys.path[:] = request["path"]
    from linearity.adapters.lifetime import die_with_parent

    die_with_parent(request["parent"])
    _confine(request["limits"])
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as pipe:

        def send(line: str) -> None:
            pipe.write(line + "\n")
            pipe.flush()

        send(_answer(request, lambda text: send(json.dumps({"log": str(text)}))))
    # Nothing that a library left behind may hold this process back.
    os._exit(0)


def _confine(limits: dict[str, int]) -> None:
    from linearity.adapters.confinement import leave_network, limit_resources

    if not leave_network():
        sys.addaudithook(refuse_network)
    limit_resources(**limits)


def refuse_network(event: str, _: object) -> None:
    """Refuse, as an audit hook, what would reach the network."""
    if event in ("socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo"):
        raise OSError(errno.EACCES, "this process has no network")


def _answer(request: dict[str, Any], log: Callable[[str], None]) -> str:
    from linearity.errors import LinearScopeError

    try:
        module, _, name = request["target"].partition(":")
        target = getattr(importlib.import_module(module), name)
        return json.dumps({"done": target(request["argument"], log)}, allow_nan=False)
    except LinearScopeError as error:
        return json.dumps({"error": error.as_json()})
    except BaseException as error:  # noqa: BLE001  # tokenizers' panic is not an Exception
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return json.dumps({"limit": "file_bytes"})
        if any(sign in f"{error!r}" for sign in _SIGNS_OF_MEMORY):
            return json.dumps({"limit": "memory_bytes"})
        return json.dumps({"broken": type(error).__name__, "trace": _places(error)})


def _places(error: BaseException) -> list[str]:
    """Return where it happened, without the message: that may hold a user's text."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]


if __name__ == "__main__":
    main()
