"""A node's private door: JSON-RPC over a Unix socket, through which alone it is told to seal or to vote."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import orjson

from creditconnect.errors import NodeRefused, NodeUnreachable

TIMEOUT_SECONDS = 10.0
# The longest path of a Unix socket is 107 bytes: a folder may be deeper, so it is reached by its descriptor.
_BY_DESCRIPTOR = "/proc/self/fd/{}/{}"


class Ipc:
    """One socket, connected anew for each question."""

    def __init__(self, path: Path, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds

    def call(self, method: str, *parameters: Any) -> Any:
        """The answer's result.

        Raises:
            NodeUnreachable: nobody answers there. NodeRefused: an error answer.
        """
        request = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        try:
            answer = orjson.loads(self._exchange(request))
        except (OSError, ValueError) as error:
            raise NodeUnreachable(f"{self._path}: the node does not answer ({type(error).__name__})") from None
        if (refusal := answer.get("error")) is not None:
            raise NodeRefused(int(refusal.get("code", 0)), str(refusal.get("message", "")), refusal.get("data"))
        return answer.get("result")

    def _exchange(self, request: bytes) -> bytes:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._timeout_seconds)
                connection.connect(_BY_DESCRIPTOR.format(folder, self._path.name))
                connection.sendall(request)
                return _read_document(connection)
        finally:
            os.close(folder)


def _read_document(connection: socket.socket) -> bytes:
    """What came until it is a whole JSON document: the node keeps the connection open."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
        if received.rstrip().endswith(b"}") and _is_whole(received):
            break
    return received


def _is_whole(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True
