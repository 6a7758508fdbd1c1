"""The wire between two validators, which a drill may cut: a TCP proxy that shares nothing with what it carries."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

ACCEPT_SECONDS = 0.2


@dataclass
class Link:
    """Listens at `port` and carries to `target`, while it is not cut."""

    port: int
    target: int
    _cut: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """Nothing comes through any more, and whatever was connected is not."""
        self._cut.set()
        while self._open:
            connection = self._open.pop()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def restore(self) -> None:
        self._cut.clear()

    def carry(self, ended: threading.Event) -> None:
        """Until `ended`."""
        with socket.create_server(("127.0.0.1", self.port)) as server:
            server.settimeout(ACCEPT_SECONDS)
            while not ended.is_set():
                try:
                    near, _ = server.accept()
                except TimeoutError:
                    continue
                self._connect(near)
        self.cut()

    def _connect(self, near: socket.socket) -> None:
        if self._cut.is_set():
            near.close()
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        self._open += [near, far]
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


@contextmanager
def carried(*links: Link) -> Iterator[None]:
    """The links, carrying."""
    ended = threading.Event()
    threads = [threading.Thread(target=link.carry, args=(ended,), daemon=True) for link in links]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
