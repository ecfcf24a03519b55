"""What the tests of `limited` run in the child: everything that a reader may do wrong."""

import ctypes
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from linearity.contracts.canonical import Json
from linearity.errors import InvalidParameterError

Log = Callable[[str], None]


def echo(argument: Json, log: Log) -> Json:
    log("first line")
    log("second line\nwith a break")
    return {"argument": argument}


def refuse(argument: Json, _: Log) -> Json:
    raise InvalidParameterError("depth", wanted="1 to 9", got=argument)


def break_down(_: Json, __: Log) -> Json:
    class PanicException(BaseException):
        pass

    raise PanicException("the text of a user")


def allocate(_: Json, __: Log) -> Json:
    return len(bytearray(1 << 30))


def allocate_in_torch(_: Json, __: Log) -> Json:
    import torch

    return torch.ones(1 << 30).numel()


def map_large_file(argument: Json, _: Log) -> Json:
    import mmap

    with Path(str(argument)).open("rb") as stream:
        return len(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def spin(_: Json, __: Log) -> Json:
    while True:
        pass


def sleep(_: Json, log: Log) -> Json:
    log(str(os.getpid()))
    time.sleep(600)
    return None


def write_file(_: Json, __: Log) -> Json:
    with Path("large").open("wb") as stream:
        for _piece in range(100):
            stream.write(bytes(1 << 20))
    return None


def dump_core(_: Json, __: Log) -> Json:
    os.abort()


def vanish(_: Json, __: Log) -> Json:
    os._exit(0)


def be_killed(_: Json, __: Log) -> Json:
    os.kill(os.getpid(), 9)
    return None


def print_garbage(_: Json, __: Log) -> Json:
    os.write(1, b'{"done": "forged"}\n' * 100_000)
    sys.stderr.write("noise")
    return "the real answer"


def answer_garbage(said: Json, _: Log) -> Json:
    os.write(int(sys.argv[1]), str(said).encode("latin-1") + b"\n")
    return None


def give_nan(_: Json, __: Log) -> Json:
    return float("nan")


def give_too_much(_: Json, __: Log) -> Json:
    return "x" * (65 << 20)


def leave_a_child(_: Json, log: Log) -> Json:
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    log(str(child))
    return "done"


def open_files(_: Json, __: Log) -> Json:
    streams = [Path("/dev/null").open() for _ in range(1000)]  # noqa: SIM115  # kept open on purpose
    return len(streams)


def connect(argument: Json, _: Log) -> Json:
    with socket.create_connection(("127.0.0.1", int(str(argument))), timeout=5):
        return "connected"


def make_socket_natively(_: Json, __: Log) -> Json:
    library = ctypes.CDLL(None, use_errno=True)
    made = library.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    return [made, ctypes.get_errno()]


def connect_without_kernel(_: Json, __: Log) -> Json:
    """Try what the hook alone refuses, before the kernel is asked."""
    from linearity.adapters.limited_child import refuse_network

    for event in ("socket.__new__", "socket.connect", "socket.getaddrinfo"):
        try:
            refuse_network(event, ())
        except PermissionError:
            continue
        return event
    return "refused"


def tell_surroundings(_: Json, __: Log) -> Json:
    return {"environment": dict(os.environ), "folder": os.listdir()}  # noqa: PTH208


def inspect_under_watch(argument: Json, log: Log) -> Json:
    """Inspect a model and return what was imported, connected to or started meanwhile."""
    from linearity.adapters.model_inspection import inspect_here
    from linearity.errors import RejectedInputError

    events: list[str] = []
    watched = ("import", "socket.", "subprocess.", "os.exec", "os.system", "urllib.")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(watched):
            events.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    try:
        inspect_here(argument, log)
    except RejectedInputError as error:
        return {"events": events, "reason": str(error.data["reason"])}
    return {"events": events, "reason": None}
