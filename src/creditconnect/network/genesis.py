"""The genesis, from the sides' public files alone: byte for byte the same wherever it is built.

Clique (geth): Berlin's rules, as Clique ends before Shanghai and London's base fee prices a bulk load out;
`extraData` = vanity 32 | signers by address | seal 65 (EIP-225). QBFT (besu): London's rules without a base fee;
`extraData` = RLP [vanity, validators, [], 0, []].

Its hash is computed here, with no engine: what is read over the phone needs no node that could lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import rlp

from creditconnect.chain.headers import SEAL_BYTES, VANITY_BYTES, header_hash
from creditconnect.chain.trie import EMPTY_ROOT, keccak256, trie_root
from creditconnect.errors import SideInvalid
from creditconnect.network.sides import Side
from creditconnect.types import Consensus

# Of each funded account. At 1 wei for gas this is more than anybody can use; it is worth nothing elsewhere.
FUNDS_WEI = 10**21
# Blocks from checkpoint to checkpoint: pending votes are dropped there.
EPOCH_BLOCKS = 30_000
# Two validators on a small machine take seconds for a full block; a round that ends before costs another.
QBFT_REQUEST_TIMEOUT_SECONDS = 10
FEWEST_SIDES = 2
_FIRST_BASE_FEE_WEI = 10**9

_EMPTY_LIST_HASH = keccak256(b"\xc0")
_EMPTY_CODE_HASH = keccak256(b"")
# Besu's mark of a BFT block ("ctical byzantine fault tolerance").
_BFT_MIX_HASH = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
_BERLIN = (
    *("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin"),
)


def build_genesis(sides: Sequence[Side]) -> bytes:
    """The genesis file, the same bytes for the same sides in whatever order.

    Raises:
        SideInvalid: they don't agree, or one is there twice, or there are fewer than two: names the member.
    """
    _require_agreement(sides)
    first = sides[0]
    document = {
        "config": {"chainId": first.chain_id, **_rules(first)},
        "nonce": "0x0",
        "timestamp": "0x0",
        "gasLimit": hex(first.gas_limit),
        "difficulty": "0x1",
        "mixHash": _mix_hash(first.consensus),
        "coinbase": "0x" + "00" * 20,
        "extraData": "0x" + _extra_data(first.consensus, sorted(side.address for side in sides)).hex(),
        "alloc": {address.removeprefix("0x"): {"balance": hex(FUNDS_WEI)} for address in _funded(sides)},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def genesis_hash(genesis: bytes) -> bytes:
    """The hash (32 bytes) of the block 0 that an engine makes of a genesis file of ours.

    Raises:
        KeyError, ValueError: it is not one of ours.
    """
    document = orjson.loads(genesis)
    consensus = Consensus.CLIQUE if "clique" in document["config"] else Consensus.QBFT
    return header_hash(_header(document, consensus), consensus)


def _require_agreement(sides: Sequence[Side]) -> None:
    if len(sides) < FEWEST_SIDES:
        raise SideInvalid("a network has at least two sides", hint="name each side's public file")
    first = sides[0]
    for side in sides[1:]:
        for member in ("consensus", "chain_id", "period_seconds", "gas_limit"):
            ours, theirs = getattr(first, member), getattr(side, member)
            if ours != theirs:
                raise SideInvalid(
                    f"{first.side} says {member} {ours}, {side.side} says {theirs}",
                    hint="agree on one network.toml, and make the key of the side that was wrong anew",
                )
    for member in ("side", "address", "enode"):
        values = [getattr(side, member) for side in sides]
        if len(set(values)) != len(values):
            raise SideInvalid(f"two of the files have the same {member}", hint="each side makes a key of its own")


def _rules(side: Side) -> dict[str, object]:
    forks: dict[str, object] = {f"{name}Block": 0 for name in _BERLIN}
    if side.consensus == Consensus.CLIQUE:
        return forks | {"clique": {"period": side.period_seconds, "epoch": EPOCH_BLOCKS}}
    qbft = {
        "blockperiodseconds": side.period_seconds,
        "epochlength": EPOCH_BLOCKS,
        "requesttimeoutseconds": QBFT_REQUEST_TIMEOUT_SECONDS,
    }
    return forks | {"londonBlock": 0, "zeroBaseFee": True, "qbft": qbft}


def _mix_hash(consensus: Consensus) -> str:
    return _BFT_MIX_HASH if consensus == Consensus.QBFT else "0x" + "00" * 32


def _extra_data(consensus: Consensus, validators: Sequence[str]) -> bytes:
    addresses = [bytes.fromhex(address[2:]) for address in validators]
    if consensus == Consensus.CLIQUE:
        return bytes(VANITY_BYTES) + b"".join(addresses) + bytes(SEAL_BYTES)
    return bytes(rlp.encode([bytes(VANITY_BYTES), addresses, [], b"", []]))


def _funded(sides: Sequence[Side]) -> list[str]:
    return sorted({address for side in sides for address in side.funded})


def _header(document: dict[str, Any], consensus: Consensus) -> dict[str, str]:
    """Block 0 by JSON-RPC's names."""
    header = {
        "parentHash": "0x" + "00" * 32,
        "sha3Uncles": "0x" + _EMPTY_LIST_HASH.hex(),
        "miner": document["coinbase"],
        "stateRoot": "0x" + _state_root(document["alloc"]).hex(),
        "transactionsRoot": "0x" + EMPTY_ROOT.hex(),
        "receiptsRoot": "0x" + EMPTY_ROOT.hex(),
        "logsBloom": "0x" + "00" * 256,
        "difficulty": document["difficulty"],
        "number": "0x0",
        "gasLimit": document["gasLimit"],
        "gasUsed": "0x0",
        "timestamp": document["timestamp"],
        "extraData": document["extraData"],
        "mixHash": document["mixHash"],
        "nonce": "0x" + "00" * 8,
    }
    # Besu gives block 0 the fee that Ethereum began with (EIP-1559), and only then none.
    return header | ({"baseFeePerGas": hex(_FIRST_BASE_FEE_WEI)} if consensus == Consensus.QBFT else {})


def _state_root(alloc: dict[str, dict[str, str]]) -> bytes:
    """Accounts that have a balance and nothing else (Yellow Paper, 4.1)."""
    return trie_root(
        {
            keccak256(bytes.fromhex(address)): rlp.encode(
                [0, int(account["balance"], 16), EMPTY_ROOT, _EMPTY_CODE_HASH]
            )
            for address, account in alloc.items()
        }
    )
