"""Founding anew, on Clique, when a validator's key is lost: the same accounts and records under new validators.

While there are two, no block is sealed without the lost key and no vote is counted, so there is no other way. The new
genesis holds the state after the last block that is under both sides' seals, and that block's hash as its vanity and
its time: block 0 itself says which chain it goes on. Each side builds it from its own node's state, which is held
against the root that both sealed, so the two files are the same or somebody's node lies.

What is not taken along are the old chain's blocks and events: both sides keep a follower's copy for auditors.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import orjson

from creditconnect.chain.headers import VANITY_BYTES, Header, read_header
from creditconnect.chain.rpc import Node, quantity
from creditconnect.errors import NetworkError, NodeBehind
from creditconnect.network.genesis import build_genesis, state_root
from creditconnect.network.sides import Side
from creditconnect.types import Consensus

# geth's own limit.
ACCOUNTS_A_PAGE = 256
# A registry with a million records is one account, and comes in one answer.
PAGE_SECONDS = 600.0

_HASH_BYTES = 32


class Door(Protocol):
    """A node's private door."""

    def call(self, method: str, *parameters: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class LastState:
    """What goes on: the last block that both sides sealed, and every account after it, as a genesis names them."""

    block: int
    hash: bytes
    timestamp: int
    accounts: Mapping[str, Mapping[str, Any]]


def read_last_state(node: Node, door: Door, founders: Sequence[Side], block: int | None) -> LastState:
    """The state after a block, from a running node's two doors; after the newest that both sealed, if none is named.

    Raises:
        NetworkError: there is no such block yet, or it is not under a seal of each side, or the state is not the one
            that they sealed.
    """
    head = int(node.call("eth_blockNumber"), 16)
    number = head - (len(founders) - 1) if block is None else block
    if number < 1:
        raise NetworkError(f"no block of {node.url} is under a seal of each side", hint="found the network as new")
    if number > head:
        raise NetworkError(
            f"{node.url}: has no block {number}; its newest is {head}", hint="name an earlier one with --block"
        )
    answers = [_block(node, at) for at in range(number, min(head, number + len(founders) - 1) + 1)]
    headers = [read_header(answer, Consensus.CLIQUE) for answer in answers]
    _require_seals(headers, founders)
    accounts = dict(_accounts(door, number))
    if state_root(accounts).hex() != str(answers[0]["stateRoot"])[2:]:
        raise NetworkError(f"{node.url}: the state that it tells is not the one sealed in block {number}")
    return LastState(number, headers[0].hash, headers[0].timestamp, accounts)


def build_next_genesis(sides: Sequence[Side], last: LastState) -> bytes:
    """The genesis of the network that goes on; the same bytes for the same sides and the same block.

    Nobody is given funds: who had some has them.

    Raises:
        SideInvalid: the sides don't agree. NetworkError: they are not on Clique.
    """
    document = orjson.loads(build_genesis(sides))
    if "clique" not in document["config"]:
        raise NetworkError("only a network on Clique is founded anew", hint="on besu: creditconnect network transition")
    document["alloc"] = last.accounts
    document["timestamp"] = hex(last.timestamp)
    document["extraData"] = "0x" + last.hash.hex() + document["extraData"][2 + 2 * VANITY_BYTES :]
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _require_seals(headers: Sequence[Header], founders: Sequence[Side]) -> None:
    """The block and those that follow it carry a seal of each side."""
    sealed = {sealer for header in headers for sealer in header.sealers}
    for before, after in pairwise(headers):
        if after.parent_hash != before.hash:
            raise NetworkError(f"block {after.number} does not follow block {before.number}")
    if lacking := [side.side for side in founders if side.address not in sealed]:
        raise NetworkError(
            f"block {headers[0].number} is not under a seal of {', '.join(lacking)}",
            hint="name an earlier one with --block",
        )


def _block(node: Node, number: int) -> dict[str, Any]:
    answer = node.call("eth_getBlockByNumber", quantity(number), False)
    if not isinstance(answer, dict):
        raise NodeBehind(f"{node.url}: has no block {number}")
    return answer


def _accounts(door: Door, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every account, page by page."""
    start = "0x" + "00" * _HASH_BYTES
    while True:
        # Code and storage are wanted; accounts whose address the node forgot are not: the root tells.
        page = door.call("debug_accountRange", quantity(number), start, ACCOUNTS_A_PAGE, False, False, False)
        for address, account in (page.get("accounts") or {}).items():
            yield address.lower().removeprefix("0x"), _as_genesis(account)
        if not page.get("next"):
            return
        start = "0x" + base64.b64decode(page["next"]).hex()


def _as_genesis(account: Mapping[str, Any]) -> dict[str, Any]:
    """An account in the form of a genesis; what is nought is left out."""
    found: dict[str, Any] = {"balance": hex(int(account["balance"]))}
    if account.get("nonce"):
        found["nonce"] = hex(int(account["nonce"]))
    if code := str(account.get("code") or "").removeprefix("0x"):
        found["code"] = "0x" + code
    if storage := account.get("storage"):
        found["storage"] = {slot: _word(value) for slot, value in sorted(storage.items())}
    return found


def _word(value: str) -> str:
    return "0x" + value.removeprefix("0x").rjust(2 * _HASH_BYTES, "0")
