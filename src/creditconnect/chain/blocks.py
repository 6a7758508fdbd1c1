"""What a node says of blocks: headers as far as answers depend on them, receipts, logs; and a null where it has none.

A null is what a node answers for a block that it lacks (Besu does so where others refuse). It is `NodeBehind`, always:
taken for a zero it would turn "behind" into "not found".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from creditconnect.chain.rpc import raw_bytes
from creditconnect.errors import NodeBehind, NodeRefused


@dataclass(frozen=True, slots=True)
class Block:
    """A block as far as answers depend on it; `timestamp` in seconds since 1970, UTC."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee: int | None


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the node gave it."""

    block_number: int
    block_hash: bytes
    index: int
    tx_hash: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int


def there(answer: Any, url: str, block: int | str) -> Any:
    """An answer that can't be null unless the node lacks the block that was asked about.

    Raises:
        NodeBehind: it is null.
    """
    if answer is None:
        raise NodeBehind(f"{url}: has no block {block}", hint="the node is behind; try again later")
    return answer


def block_from(answer: dict[str, Any]) -> Block:
    base_fee = answer.get("baseFeePerGas")
    return Block(
        number=int(answer["number"], 16),
        hash=raw_bytes(answer["hash"]),
        parent_hash=raw_bytes(answer["parentHash"]),
        timestamp=int(answer["timestamp"], 16),
        base_fee=None if base_fee is None else int(base_fee, 16),
    )


def receipt_from(answer: Any) -> Receipt | None:
    if answer is None:
        return None
    if isinstance(answer, NodeRefused):
        raise answer
    return Receipt(
        tx_hash=raw_bytes(answer["transactionHash"]),
        block_number=int(answer["blockNumber"], 16),
        block_hash=raw_bytes(answer["blockHash"]),
        succeeded=int(answer["status"], 16) == 1,
        gas_used=int(answer["gasUsed"], 16),
    )


def log_from(answer: dict[str, Any]) -> Log:
    return Log(
        block_number=int(answer["blockNumber"], 16),
        block_hash=raw_bytes(answer["blockHash"]),
        index=int(answer["logIndex"], 16),
        tx_hash=raw_bytes(answer["transactionHash"]),
        topics=tuple(raw_bytes(topic) for topic in answer["topics"]),
        data=raw_bytes(answer["data"]),
    )
