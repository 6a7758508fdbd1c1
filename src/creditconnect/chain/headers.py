"""A block's header, believed only for what it proves: its hash recomputed, the addresses that sealed it recovered.

Hides RLP and what each engine keeps in `extraData`. Never says whom to trust: a header's own list of validators is its
own claim, so finality compares the sealers with addresses that came from outside.

    Clique (EIP-225)  32 vanity | at checkpoints and genesis: 20 a validator | 65 seal
                      the seal signs the header without it; the block's hash covers it
    QBFT (EEA)        RLP [vanity, [validators], vote, round, [seals]]
                      each seal signs the header without seals, with its round; the block's hash leaves out both
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rlp
from eth_hash.auto import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature

from creditconnect.errors import HeaderInvalid
from creditconnect.types import Consensus

_WHOLE, _BYTES = True, False
# JSON-RPC's names in the header's order (Yellow Paper, section 4.4), and whether each is a whole number.
_FIELDS = (
    ("parentHash", _BYTES),
    ("sha3Uncles", _BYTES),
    ("miner", _BYTES),
    ("stateRoot", _BYTES),
    ("transactionsRoot", _BYTES),
    ("receiptsRoot", _BYTES),
    ("logsBloom", _BYTES),
    ("difficulty", _WHOLE),
    ("number", _WHOLE),
    ("gasLimit", _WHOLE),
    ("gasUsed", _WHOLE),
    ("timestamp", _WHOLE),
    ("extraData", _BYTES),
    ("mixHash", _BYTES),
    ("nonce", _BYTES),
)
_EXTRA_DATA = 12
# What later forks appended: London; Shanghai; Cancun, thrice; Prague. Each only where those before it are there.
_LATER_FIELDS = (
    ("baseFeePerGas", _WHOLE),
    ("withdrawalsRoot", _BYTES),
    ("blobGasUsed", _WHOLE),
    ("excessBlobGas", _WHOLE),
    ("parentBeaconBlockRoot", _BYTES),
    ("requestsHash", _BYTES),
)
VANITY_BYTES = 32
SEAL_BYTES = 65
_ADDRESS_BYTES = 20
# "ctical byzantine fault tolerance", which marks the headers of IBFT's family, QBFT among them.
_QBFT_MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
_ZERO_SEAL = bytes(SEAL_BYTES)


@dataclass(frozen=True, slots=True)
class Header:
    """A header whose hash is its own. Addresses are 0x and lower-case hex; `timestamp` in seconds since 1970, UTC.

    `sealers` is empty where nobody seals, and at block 0. `validators` is the header's own list, in its order: empty
    on Clique save at block 0 and at checkpoints.
    """

    consensus: Consensus
    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee: int | None
    sealers: frozenset[str]
    validators: tuple[str, ...]


def read_header(answer: Mapping[str, Any], consensus: Consensus) -> Header:
    """A block as `eth_getBlockByNumber` gives it, on a chain of that consensus.

    Raises:
        HeaderInvalid: a member is missing or has not its form, a seal is none, or the hash is not the header's.
    """
    try:
        given = _hex(answer["hash"])
        fields = _fields(answer)
        read = {Consensus.NONE: _unsealed, Consensus.CLIQUE: _clique, Consensus.QBFT: _qbft}[consensus]
        block_hash, sealers, validators = read(fields)
    except KeyError as error:
        raise _invalid(answer, f"has no {error.args[0]}") from None
    except (TypeError, ValueError, rlp.exceptions.RLPException) as error:
        raise _invalid(answer, f"is no header of {consensus} ({error})") from None
    except BadSignature:
        raise _invalid(answer, "has a seal that is no signature") from None
    if given != block_hash:
        raise _invalid(answer, f"has hash {given.hex()}, its header makes {block_hash.hex()}")
    base_fee = answer.get("baseFeePerGas")
    return Header(
        consensus=consensus,
        number=int(answer["number"], 16),
        hash=block_hash,
        parent_hash=_hex(answer["parentHash"]),
        timestamp=int(answer["timestamp"], 16),
        base_fee=None if base_fee is None else int(base_fee, 16),
        sealers=frozenset(sealers),
        validators=tuple(validators),
    )


def recognise(answer: Mapping[str, Any]) -> Consensus:
    """Which consensus a header looks as if made by: for choosing fees, never for trusting it.

    Raises:
        HeaderInvalid: a member is missing or has not its form.
    """
    try:
        mix_hash, extra_data = _hex(answer["mixHash"]), _hex(answer["extraData"])
    except (KeyError, TypeError, ValueError):
        raise _invalid(answer, "has no mixHash or extraData") from None
    if mix_hash == _QBFT_MIX_HASH:
        return Consensus.QBFT
    # Block 0's extraData lists the validators on every Clique chain; Anvil's is empty.
    if not any(mix_hash) and len(extra_data) >= VANITY_BYTES + SEAL_BYTES:
        return Consensus.CLIQUE
    return Consensus.NONE


_Read = tuple[bytes, list[str], list[str]]
"""The block's hash, who sealed it, and whom it lists."""


def _unsealed(fields: list[Any]) -> _Read:
    return keccak(rlp.encode(fields)), [], []


def _clique(fields: list[Any]) -> _Read:
    extra_data = fields[_EXTRA_DATA]
    listed, seal = extra_data[VANITY_BYTES:-SEAL_BYTES], extra_data[-SEAL_BYTES:]
    if len(extra_data) < VANITY_BYTES + SEAL_BYTES or len(listed) % _ADDRESS_BYTES:
        raise ValueError(f"extraData of {len(extra_data)} bytes")
    is_first = fields[8] == 0
    if is_first and seal != _ZERO_SEAL:
        raise ValueError("block 0 is sealed")
    sealers = [] if is_first else [_signer(seal, _encoded(fields, extra_data[:-SEAL_BYTES]))]
    validators = [listed[i : i + _ADDRESS_BYTES] for i in range(0, len(listed), _ADDRESS_BYTES)]
    return keccak(rlp.encode(fields)), sealers, [_address(one) for one in validators]


def _qbft(fields: list[Any]) -> _Read:
    parts = rlp.decode(fields[_EXTRA_DATA])
    if not isinstance(parts, list) or len(parts) != 5 or not isinstance(parts[1], list):
        raise ValueError("extraData is not five parts")
    vanity, listed, vote, signed_round, seals = parts
    if not isinstance(seals, list):
        raise ValueError("its seals are no list")
    signed = _encoded(fields, rlp.encode([vanity, listed, vote, signed_round, []]))
    hashed = _encoded(fields, rlp.encode([vanity, listed, vote, 0, []]))
    return keccak(hashed), [_signer(seal, signed) for seal in seals], [_address(one) for one in listed]


def _fields(answer: Mapping[str, Any]) -> list[Any]:
    """The header's fields in their order, whole numbers as such."""
    later = [(name, whole) for name, whole in _LATER_FIELDS if answer.get(name) is not None]
    # Each fork's fields come after those of the forks before it: a gap would shift them.
    if later != list(_LATER_FIELDS[: len(later)]):
        raise ValueError(f"{later[-1][0]} without a field that comes before it")
    return [int(answer[name], 16) if whole else _hex(answer[name]) for name, whole in (*_FIELDS, *later)]


def _encoded(fields: list[Any], extra_data: bytes) -> bytes:
    return bytes(rlp.encode([*fields[:_EXTRA_DATA], extra_data, *fields[_EXTRA_DATA + 1 :]]))


def _signer(seal: object, signed: bytes) -> str:
    if not isinstance(seal, bytes) or len(seal) != SEAL_BYTES:
        raise ValueError("a seal is not 65 bytes")
    return str(Signature(seal).recover_public_key_from_msg_hash(keccak(signed)).to_address())


def _address(raw: object) -> str:
    if not isinstance(raw, bytes) or len(raw) != _ADDRESS_BYTES:
        raise ValueError("a validator is not 20 bytes")
    return "0x" + raw.hex()


def _hex(value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("a member is no 0x-prefixed hex")
    return bytes.fromhex(value[2:])


def _invalid(answer: Mapping[str, Any], what: str) -> HeaderInvalid:
    return HeaderInvalid(
        f"block {answer.get('number', '?')} {what}",
        hint="the node answers wrongly; ask another one, and tell its operator",
    )
