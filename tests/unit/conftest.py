"""What holds for every unit test: it opens no socket; and the vectors, which several have in common."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

# The same examples in every run, so that what fails did not pass by luck before, nor fails by it now;
# `pytest --hypothesis-profile searching tests/unit` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("searching", max_examples=3_000)
settings.load_profile("repeatable")

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


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


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Any]:
    return lambda name: json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
