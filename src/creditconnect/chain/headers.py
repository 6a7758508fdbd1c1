"""A block's header, recomputed: its hash, and who sealed it.

A node's word is not taken for either. The hash is keccak-256 of the header's RLP (Yellow Paper, 4.3), the seals are
signatures in `extraData`:

    Clique (EIP-225)  vanity 32 | at a checkpoint the signers, 20 each | seal 65   one, over the header without it
    QBFT              RLP [vanity, validators, vote, round, seals]                 a quorum's, over it without them

QBFT's block hash leaves out round and seals: the same block may be committed in any round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rlp
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from creditconnect.chain.trie import keccak256
from creditconnect.errors import HeaderInvalid
from creditconnect.types import Consensus

VANITY_BYTES = 32
SEAL_BYTES = 65
ADDRESS_BYTES = 20

# By JSON-RPC's names, in the order of the RLP; numbers among them are encoded without leading zeros.
_FIELDS = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"),
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce"),
)
# Each came with a later fork (London, Shanghai, Cancun, Prague); none comes without those before it.
_LATER_FIELDS = (
    *("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"),
)
_NUMBERS = {
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp"),
    *("baseFeePerGas", "blobGasUsed", "excessBlobGas"),
}
_EXTRA = _FIELDS.index("extraData")
# "ctical byzantine fault tolerance": what IBFT's family, QBFT in it, writes there.
_QBFT_MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says and its seals prove. Addresses are lower-case hex.

    `sealers` are whoever signed it, entitled or not. `validators` are the header's own claim, of which trust must come
    from elsewhere; Clique says them at checkpoints alone.
    """

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    sealers: tuple[str, ...]
    validators: tuple[str, ...]


def read_header(answer: Mapping[str, Any], consensus: Consensus) -> Header:
    """A header as `eth_getBlockByNumber` gives it, with its hash and its sealers recomputed.

    Raises:
        HeaderInvalid: the hash is another, or `extraData` is not of that consensus.
    """
    try:
        fields = _fields(answer)
        said = _raw(answer["hash"])
        number, timestamp = int(answer["number"], 16), int(answer["timestamp"], 16)
        found = _hash(fields, consensus)
        if found != said:
            raise HeaderInvalid(
                f"block {number}: the header's hash is {found.hex()}, not {said.hex()} as the node says"
            )
        sealers, validators = _seals(fields, consensus, is_genesis=number == 0)
    except (KeyError, TypeError, ValueError, RLPException) as error:
        named = str(answer.get("number", "?"))[:20]
        raise HeaderInvalid(f"block {named}: is no {consensus} header ({type(error).__name__})") from None
    return Header(number, found, fields[0], timestamp, sealers, validators)


def recognise(answer: Mapping[str, Any]) -> Consensus:
    """Which consensus block 0 looks as if made for: to refuse what the settings do not expect, never to trust it.

    Raises:
        HeaderInvalid: a member is missing or has not its form.
    """
    try:
        mix_hash, extra = _raw(answer["mixHash"]), _raw(answer["extraData"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HeaderInvalid("block 0: has no mixHash or no extraData") from None
    if mix_hash == _QBFT_MIX_HASH:
        return Consensus.QBFT
    # Clique's block 0 lists the validators; Anvil's extraData is empty.
    return Consensus.CLIQUE if not any(mix_hash) and len(extra) >= VANITY_BYTES + SEAL_BYTES else Consensus.NONE


def header_hash(answer: Mapping[str, Any], consensus: Consensus) -> bytes:
    """The hash (32 bytes) of a header by JSON-RPC's names; whether it says one itself does not matter.

    Raises:
        KeyError, ValueError: a member is missing or has not its form.
    """
    return _hash(_fields(answer), consensus)


def _fields(answer: Mapping[str, Any]) -> list[bytes]:
    later = [name for name in _LATER_FIELDS if answer.get(name) is not None]
    if later != list(_LATER_FIELDS[: len(later)]):
        raise ValueError("a later fork's field without those before it")
    return [_encoded(name, answer[name]) for name in (*_FIELDS, *later)]


def _encoded(name: str, value: str) -> bytes:
    if name in _NUMBERS:
        number = int(value, 16)
        return number.to_bytes((number.bit_length() + 7) // 8, "big")
    return _raw(value)


def _raw(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))


def _hash(fields: list[bytes], consensus: Consensus) -> bytes:
    if consensus != Consensus.QBFT:
        return _keccak(fields)
    vanity, validators, vote, _, _ = rlp.decode(fields[_EXTRA])
    return _keccak(fields, rlp.encode([vanity, validators, vote, b"", []]))


def _seals(fields: list[bytes], consensus: Consensus, *, is_genesis: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who signed, and who the header says may."""
    extra = fields[_EXTRA]
    if consensus == Consensus.QBFT:
        vanity, validators, vote, committed_round, seals = rlp.decode(extra)
        signed = _keccak(fields, rlp.encode([vanity, validators, vote, committed_round, []]))
        return tuple(recover_signer(seal, signed) for seal in seals), tuple(map(_address, validators))
    if consensus == Consensus.CLIQUE:
        listed = extra[VANITY_BYTES:-SEAL_BYTES]
        if len(extra) < VANITY_BYTES + SEAL_BYTES or len(listed) % ADDRESS_BYTES:
            raise ValueError("extraData of no Clique header")
        validators = [listed[at : at + ADDRESS_BYTES] for at in range(0, len(listed), ADDRESS_BYTES)]
        # Nobody sealed the genesis.
        sealers = () if is_genesis else (recover_signer(extra[-SEAL_BYTES:], _keccak(fields, extra[:-SEAL_BYTES])),)
        return sealers, tuple(map(_address, validators))
    return (), ()


def _keccak(fields: list[bytes], extra: bytes | None = None) -> bytes:
    """The hash of a header, with another `extraData` where one is given."""
    return keccak256(rlp.encode(fields if extra is None else [*fields[:_EXTRA], extra, *fields[_EXTRA + 1 :]]))


def recover_signer(signature: bytes, signed: bytes) -> str:
    """The address, in lower-case hex, whose key made a signature (r 32 | s 32 | v 1, of 0 or 1) of a 32-byte hash.

    Raises:
        ValueError: it is no signature.
    """
    try:
        return Signature(signature).recover_public_key_from_msg_hash(signed).to_address()
    except (BadSignature, ValidationError) as error:
        raise ValueError(f"no signature ({type(error).__name__})") from None


def _address(raw: bytes) -> str:
    if len(raw) != ADDRESS_BYTES:
        raise ValueError("no address")
    return "0x" + raw.hex()
