"""The storage root of an account on Anvil, which answers a wrong one.

Anvil up to 1.7.1 puts into the trie behind `storageHash` a leaf of value zero for every slot that a transaction merely
read, against the Yellow Paper (section 4.1: a zero is as if absent). Only its dump of all state tells which slots hold
something. To be thrown away once Anvil's own answer is right; asked only where that differs, so nothing breaks then.
"""

from __future__ import annotations

import gzip
from typing import Any

import orjson

from creditconnect.chain.rpc import Node, raw_bytes
from creditconnect.chain.trie import storage_root
from creditconnect.errors import NodeBehind


def is_anvil(node: Node) -> bool:
    """Whether the node calls itself Anvil."""
    return str(node.call("web3_clientVersion")).lower().startswith("anvil/")


def dumped_root(node: Node, address: str, at: object) -> bytes:
    """The root (32 bytes) of what Anvil holds for an account as of a block, which is a JSON-RPC block parameter.

    Raises:
        NodeBehind: the account's storage has changed since that block; Anvil dumps the present state only.
    """
    dump = orjson.loads(gzip.decompress(raw_bytes(node.call("anvil_dumpState"))))
    # Wrong as its answers are, they are equal if the storage is.
    if _storage_hash(node, address, at) != _storage_hash(node, address, "latest"):
        raise NodeBehind(f"{node.url}: the registry was written to meanwhile", hint="try again")
    held: dict[str, str] = dump["accounts"].get(address, {}).get("storage", {})
    return storage_root({int(slot, 16): int(value, 16) for slot, value in held.items()})


def _storage_hash(node: Node, address: str, at: object) -> Any:
    return node.call("eth_getProof", address, [], at)["storageHash"]
