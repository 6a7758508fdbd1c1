"""The genesis, from the sides' public files alone: byte for byte the same wherever it is built.

Clique (geth): Berlin's rules, as Clique ends before Shanghai and London's base fee prices a bulk load out;
`extraData` = vanity 32 | signers by address | seal 65 (EIP-225). QBFT (besu): London's rules without a base fee;
`extraData` = RLP [vanity, validators, [], 0, []].

Its hash is computed here, with no engine: what is read over the phone needs no node that could lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import rlp

from creditconnect.chain.headers import ADDRESS_BYTES, SEAL_BYTES, VANITY_BYTES, header_hash
from creditconnect.chain.trie import EMPTY_ROOT, keccak256, storage_root, trie_root
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
        ValueError: it is not one of ours.
    """
    document = _read(genesis)
    consensus = Consensus.CLIQUE if "clique" in document["config"] else Consensus.QBFT
    return header_hash(_header(document, consensus), consensus)


def founders(genesis: bytes, sides: Sequence[Side]) -> list[Side]:
    """Those of the sides that are validators from the beginning; others were voted in later, or may be.

    Raises:
        ValueError: the genesis is not one of ours.
    """
    first = _validators(_read(genesis))
    return [side for side in sides if bytes.fromhex(side.address[2:]) in first]


def founders_without_file(genesis: bytes, sides: Sequence[Side]) -> list[str]:
    """The addresses of those validators from the beginning that are none of the sides'.

    Raises:
        ValueError: the genesis is not one of ours.
    """
    known = {side.address for side in sides}
    return sorted({"0x" + address.hex() for address in _validators(_read(genesis))} - known)


def is_built_from(genesis: bytes, sides: Sequence[Side]) -> bool:
    """Whether these sides' files make this genesis, but for validators that were put in place later.

    Of one that goes on another chain only this chain's own part is compared: its state is known by its hash.

    Raises:
        ValueError: the genesis is not one of ours.
    """
    document = _read(genesis)
    document["config"].pop("transitions", None)
    try:
        expected = orjson.loads(build_genesis(sides))
    except SideInvalid:
        return False
    if (following := _goes_on(document)) is not None:
        vanity = following.hex()
        expected["extraData"] = "0x" + vanity + expected["extraData"][2 + len(vanity) :]
        expected |= {name: document[name] for name in ("alloc", "timestamp")}
    return bool(document == expected)


def state_root(accounts: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The root (32 bytes) of the accounts of a genesis (Yellow Paper, 4.1)."""
    return trie_root({keccak256(bytes.fromhex(address)): _leaf(account) for address, account in accounts.items()})


def _read(genesis: bytes) -> dict[str, Any]:
    """The document, if it has all that is read of it here: a file that was damaged may hold anything.

    Raises:
        ValueError: it has not.
    """
    document = orjson.loads(genesis)
    try:
        _validators(document)
        document["config"].keys(), document["timestamp"]
        accounts = document["alloc"].values()
    except (KeyError, TypeError, AttributeError, IndexError, rlp.exceptions.RLPException):
        raise ValueError from None
    if not all(isinstance(account, dict) for account in accounts):
        raise ValueError
    return dict(document)


def _validators(document: Mapping[str, Any]) -> set[bytes]:
    """The addresses in its `extraData`."""
    extra = bytes.fromhex(document["extraData"][2:])
    if "clique" not in document["config"]:
        return set(rlp.decode(extra)[1])
    listed = extra[VANITY_BYTES:-SEAL_BYTES]
    return {listed[at : at + ADDRESS_BYTES] for at in range(0, len(listed), ADDRESS_BYTES)}


def _require_agreement(sides: Sequence[Side]) -> None:
    if len(sides) < FEWEST_SIDES:
        raise SideInvalid("a network has at least two sides", hint="name each side's public file")
    first = sides[0]
    for side in sides[1:]:
        for member in ("consensus", "chain_id", "period_seconds", "gas_limit"):
            ours, theirs = getattr(first, member), getattr(side, member)
            if ours != theirs:
                raise SideInvalid(
                    f"{first.side} says {member} = {ours}, {side.side} says {theirs}",
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


def _goes_on(document: dict[str, Any]) -> bytes | None:
    """The hash of the block that a genesis on Clique goes on from, if any (network/refounding.py)."""
    vanity = bytes.fromhex(document["extraData"][2:])[:VANITY_BYTES]
    return vanity if "clique" in document["config"] and any(vanity) else None


def _header(document: dict[str, Any], consensus: Consensus) -> dict[str, str]:
    """Block 0 by JSON-RPC's names."""
    header = {
        "parentHash": "0x" + "00" * 32,
        "sha3Uncles": "0x" + _EMPTY_LIST_HASH.hex(),
        "miner": document["coinbase"],
        "stateRoot": "0x" + state_root(document["alloc"]).hex(),
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


def _leaf(account: Mapping[str, Any]) -> bytes:
    slots = {int(slot, 16): int(value, 16) for slot, value in account.get("storage", {}).items()}
    code = bytes.fromhex(account.get("code", "0x")[2:])
    nonce, balance = int(account.get("nonce", "0x0"), 16), int(account["balance"], 16)
    return bytes(rlp.encode([nonce, balance, storage_root(slots) if slots else EMPTY_ROOT, keccak256(code)]))
