"""JSON-RPC to one node: transport, retries, batches, and error answers as data.

Hides HTTP. Sends the same bytes again when a connection breaks, which is safe for every method used here: reads, and
signed transactions whose hash is already stored. Never decides an outcome from an error's wording.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import urllib3

from creditconnect.errors import NodeRefused, NodeUnreachable

# Besu answers at most 1,024 calls a batch; Anvil refuses bodies above 2 MB.
BATCH_CALLS = 500
BATCH_BYTES = 1_000_000

_RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})


class Node:
    """One node of the chain, by its URL. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 20.0,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._attempts = attempts
        self._sleep = sleep
        self._pool = urllib3.PoolManager(
            maxsize=4, retries=False, timeout=urllib3.Timeout(connect=min(5.0, timeout_seconds), read=timeout_seconds)
        )

    def call(self, method: str, *params: Any) -> Any:
        """One call's result, which may be None.

        Raises:
            NodeUnreachable: no answer after the last attempt; NodeRefused: an error answer.
        """
        answer = self._post(_request(0, method, params))
        if not _is_answer(answer):
            raise self._no_answer(method)
        result = _result(answer)
        if isinstance(result, NodeRefused):
            raise result
        return result

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of many calls, in their order; an error answer stands in its place as a `NodeRefused`.

        Raises:
            NodeUnreachable: as `call`, or an answer is missing.
        """
        results: list[Any] = []
        for part in _parts(calls):
            results.extend(self._batch(part))
        return results

    def close(self) -> None:
        self._pool.clear()

    def _batch(self, requests: list[bytes]) -> list[Any]:
        answers = self._post(b"[" + b",".join(requests) + b"]")
        if _is_answer(answers):  # a whole batch refused, e.g. for its size
            return [_result(answers)] * len(requests)
        if not isinstance(answers, list):
            raise self._no_answer("a batch")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        if set(by_id) != {_request_id(request) for request in requests}:
            raise NodeUnreachable(f"{self.url}: answered {len(by_id)} of {len(requests)} calls of a batch")
        return [_result(by_id[_request_id(request)]) for request in requests]

    def _no_answer(self, what: str) -> NodeUnreachable:
        return NodeUnreachable(f"{self.url}: {what} was answered by what is no JSON-RPC", hint="is the URL a node's?")

    def _post(self, body: bytes) -> Any:
        failure = ""
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(0.1 * 2**attempt)
            try:
                response = self._pool.request("POST", self.url, body=body, headers={"Content-Type": "application/json"})
            except urllib3.exceptions.HTTPError as error:
                failure = type(error).__name__
                continue
            failure = f"HTTP {response.status}"
            if response.status not in _RETRIED_STATUS:
                try:
                    return orjson.loads(response.data)
                except orjson.JSONDecodeError:
                    failure += " without a JSON answer"
        raise NodeUnreachable(
            f"{self.url}: no answer after {self._attempts} attempts ({failure})",
            hint="is the node up, and the URL right?",
        )


def quantity(value: int) -> str:
    """A JSON-RPC quantity: 0x and hex without leading zeros."""
    return hex(value)


def raw_bytes(value: str) -> bytes:
    """Bytes of 0x-prefixed hex."""
    return bytes.fromhex(value[2:])


def _request(number: int, method: str, params: Sequence[Any]) -> bytes:
    return orjson.dumps({"id": number, "jsonrpc": "2.0", "method": method, "params": list(params)})


def _request_id(request: bytes) -> int:
    """The id is the first member, as `_request` writes it."""
    return int(request[6 : request.index(b",")])


def _parts(calls: Sequence[tuple[str, Sequence[Any]]]) -> list[list[bytes]]:
    """Requests grouped so that no group exceeds what nodes take in one body."""
    parts: list[list[bytes]] = []
    size = 0
    for number, (method, params) in enumerate(calls):
        request = _request(number, method, params)
        if not parts or len(parts[-1]) == BATCH_CALLS or size + len(request) > BATCH_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(request)
        size += len(request)
    return parts


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, dict) and ("result" in answer or "error" in answer)


def _result(answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    if not isinstance(error, dict):
        return NodeRefused(0, str(error))
    return NodeRefused(int(error.get("code", 0)), str(error.get("message", "")), error.get("data"))
