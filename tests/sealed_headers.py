"""Sealed headers, put together byte by byte: by an RLP encoder of the tests' own and with keys of the tests' own."""

from __future__ import annotations

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

HK = PrivateKey(b"\x11" * 32)
SZ = PrivateKey(b"\x22" * 32)
STRANGER = PrivateKey(b"\x33" * 32)
ORDER = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
NUMBERS = {
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"),
}
BERLIN: dict[str, str] = {
    "parentHash": "0x" + "ab" * 32,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0x" + "cd" * 32,
    "transactionsRoot": "0x" + "01" * 32,
    "receiptsRoot": "0x" + "02" * 32,
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x2",
    "number": "0x7",
    "gasLimit": "0x3938700",
    "gasUsed": "0x0",
    "timestamp": "0x6b03eff1",
    "mixHash": "0x" + "00" * 32,
    "nonce": "0x" + "00" * 8,
}


def rlp_list(answer: dict[str, str]) -> bytes:
    """Every field that is there, encoded by the rules of the Yellow Paper's appendix B, written out here."""
    payload = b""
    for name in ORDER:
        if name in answer:
            raw = bytes.fromhex(answer[name][2:].zfill(len(answer[name][2:]) + len(answer[name]) % 2))
            payload += rlp_string(raw.lstrip(b"\0") if name in NUMBERS else raw)
    return prefix(0xC0, len(payload)) + payload


def rlp_string(raw: bytes) -> bytes:
    return raw if len(raw) == 1 and raw[0] < 128 else prefix(0x80, len(raw)) + raw


def prefix(offset: int, length: int) -> bytes:
    if length <= 55:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def clique(key: PrivateKey, *, listed: tuple[PrivateKey, ...] = (), **changed: str) -> dict[str, str]:
    """A header sealed by a key, with its hash."""
    fields = BERLIN | changed
    unsealed = b"\x01" * 32 + b"".join(one.public_key.to_canonical_address() for one in listed)
    signed = rlp_list(fields | {"extraData": "0x" + unsealed.hex()})
    seal = key.sign_msg_hash(keccak(signed)).to_bytes()
    return hashed(fields | {"extraData": "0x" + (unsealed + seal).hex()})


def hashed(fields: dict[str, str]) -> dict[str, str]:
    return fields | {"hash": "0x" + keccak(rlp_list(fields)).hex()}


def address_of(key: PrivateKey) -> str:
    return str(key.public_key.to_address())


def clique_chain(sealers: str, *, period_seconds: int = 1, first_time: int = 1_795_000_000) -> list[dict[str, str]]:
    """A genesis that lists HK and SZ, and a block for each letter: h or s for these two, x for a stranger's seal."""
    listed = HK.public_key.to_canonical_address() + SZ.public_key.to_canonical_address()
    genesis = {"number": "0x0", "timestamp": hex(first_time), "parentHash": "0x" + "00" * 32}
    chain = [hashed(BERLIN | genesis | {"extraData": "0x" + (bytes(32) + listed + bytes(65)).hex()})]
    keys = {"h": HK, "s": SZ, "x": STRANGER}
    for number, letter in enumerate(sealers, start=1):
        time = hex(first_time + number * period_seconds)
        chain.append(clique(keys[letter], number=hex(number), timestamp=time, parentHash=chain[-1]["hash"]))
    return chain
