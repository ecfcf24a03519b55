"""A slow line between a browser and a server, which a test can cut."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK_BYTES = 16_384


class Line:
    """Forwards connections to a port of this machine, uploads at `bytes_per_second` each."""

    def __init__(self, port: int, bytes_per_second: float) -> None:
        self._port, self._speed = port, bytes_per_second
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._is_cut = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, and each new one, until it is mended."""
        self._is_cut.set()
        for end in list(self._open):
            self._drop(end)

    def mend(self) -> None:
        """Forward again."""
        self._is_cut.clear()

    def serve(self) -> None:
        """Forward until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Break everything for good."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _forward(self, client: socket.socket) -> None:
        if self._is_cut.is_set():
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._port))
        except OSError:
            client.close()
            return
        self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client, 0.0), daemon=True)
        back.start()
        self._pump(client, server, CHUNK_BYTES / self._speed)

    def _pump(self, source: socket.socket, target: socket.socket, pause: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                target.sendall(data)
                if len(data) > CHUNK_BYTES // 2:
                    time.sleep(pause)
        for end in (source, target):
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        self._open.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def slow_line(port: int, bytes_per_second: float) -> Iterator[Line]:
    """A line that is there while the block runs."""
    line = Line(port, bytes_per_second)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join(5)
