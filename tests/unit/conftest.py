"""What holds for every unit test: it opens no socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that opens a socket or looks a host up, also where the code under test swallows the failure."""
    opened: list[str] = []

    def refuse(*arguments: Any, **_options: Any) -> NoReturn:
        opened.append(repr(arguments[1:]))
        # Not an Exception, so that `except Exception` does not swallow it.
        pytest.fail("a unit test opened a socket")

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    # A thread's failure does not reach the test.
    if opened:
        pytest.fail(f"a unit test opened sockets: {opened}")
