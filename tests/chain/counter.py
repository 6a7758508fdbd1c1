"""Counts what a registry holds, from its logs alone: raw JSON-RPC, the standard library, nothing of the client's.

Kept apart so that one mistake can't be made twice: it shares neither codec nor transport with what it counts after.
"""

from __future__ import annotations

import json
import urllib.request
from collections import Counter

WORD = 32
# The place of `records` among the members of BatchRegistered that are not indexed.
RECORDS_AT = 5


def registered(url: str, registry: str, topic: str) -> Counter[tuple[bytes, bytes]]:
    """How often each (record hash, commitment) was registered; `topic` is BatchRegistered's, as 0x-hex."""
    counted: Counter[tuple[bytes, bytes]] = Counter()
    for log in _logs(url, registry, topic):
        counted.update(_records(bytes.fromhex(log["data"].removeprefix("0x"))))
    return counted


def _records(data: bytes) -> list[tuple[bytes, bytes]]:
    start = _number(data, RECORDS_AT * WORD)
    count = _number(data, start)
    words = [data[at : at + WORD] for at in range(start + WORD, start + WORD * (count + 1), WORD)]
    assert len(data) == start + WORD * (count + 1), "a log that is not as long as it says"
    return [(word[:8], word[8:]) for word in words]


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + WORD], "big")


def _logs(url: str, registry: str, topic: str) -> list[dict[str, str]]:
    query = {"address": registry, "topics": [topic], "fromBlock": "0x0", "toBlock": "latest"}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [query]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  a URL of the test's own
        logs: list[dict[str, str]] = json.load(response)["result"]
    assert not any(log.get("removed") for log in logs)
    return logs
