"""The root of an account's storage: one hash over every slot that is not zero.

Hides the Merkle-Patricia trie (Ethereum Yellow Paper, appendices B to D). Goes once through the slots in the order of
their hashed keys, and keeps no node but the branches on the way to the present one, at most 64.
"""

from __future__ import annotations

from collections.abc import Mapping

# pycryptodome, which web3 brings along, spends six times as long on the wrapping as on the hash.
try:
    from eth_hash.backends.pysha3 import keccak256
except ImportError:
    from eth_hash.backends.pycryptodome import keccak256

__all__ = ["EMPTY_ROOT", "keccak256", "storage_root", "trie_root"]

EMPTY_ROOT = keccak256(b"\x80")

_NOTHING = b"\x80"
_KEY_BITS = 256
_HASH_BYTES = 32


def storage_root(slots: Mapping[int, int]) -> bytes:
    """The `storageRoot` (32 bytes) of an account with these slots, each 256 bits; zeros are as if absent."""
    return trie_root(
        {keccak256(slot.to_bytes(32, "big")): _string(_without_zeros(value)) for slot, value in slots.items() if value}
    )


def trie_root(leaves: Mapping[bytes, bytes]) -> bytes:
    """The root (32 bytes) of a trie with these keys, 32 bytes each, and values that are not empty."""
    if not leaves:
        return EMPTY_ROOT
    ordered = sorted(leaves.items())
    partings = [*map(_shared, ordered, ordered[1:]), -1]
    branches: list[tuple[int, list[bytes]]] = []
    node, before = b"", -1
    for (key, value), after in zip(ordered, partings, strict=True):
        # A leaf hangs on the deeper of the two branches at which its key parts from its neighbours'. A branch is done
        # once the next key parts above it; then it hangs, in turn, on the next branch above.
        above = max(before, after)
        node = _list(_string(_path(key, above + 1, 64, leaf=True)) + _string(value))
        while above >= 0:
            _hang(branches, key, above, node)
            if above == after:
                break
            depth, children = branches.pop()
            above = max(after, branches[-1][0] if branches else -1)
            node = _list(b"".join(children) + _NOTHING)
            if depth - above > 1:
                node = _list(_string(_path(key, above + 1, depth, leaf=False)) + _reference(node))
        before = after
    return keccak256(node)


def _hang(branches: list[tuple[int, list[bytes]]], key: bytes, depth: int, node: bytes) -> None:
    """Put a node on the branch at `depth` nibbles, the last of the open ones or a new one below it."""
    if not branches or branches[-1][0] < depth:
        branches.append((depth, [_NOTHING] * 16))
    byte = key[depth >> 1]
    branches[-1][1][byte & 15 if depth & 1 else byte >> 4] = _reference(node)


def _shared(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> int:
    """How many nibbles two keys begin with in common."""
    return (_KEY_BITS - (int.from_bytes(one[0], "big") ^ int.from_bytes(other[0], "big")).bit_length()) // 4


def _path(key: bytes, first: int, end: int, *, leaf: bool) -> bytes:
    """The key's nibbles from `first` to before `end`, hex-prefix encoded (Yellow Paper, appendix C)."""
    digits = key.hex()[first:end]
    flag = 2 if leaf else 0
    return bytes.fromhex(f"{flag + 1}{digits}" if len(digits) & 1 else f"{flag}0{digits}")


def _reference(node: bytes) -> bytes:
    """What a parent holds of a node: the node itself where it is shorter than its hash (Yellow Paper, appendix D)."""
    return node if len(node) < _HASH_BYTES else b"\xa0" + keccak256(node)


# RLP (Yellow Paper, appendix B). The `rlp` package can't be handed a branch's children, which are encoded already, and
# takes 13 microseconds for a branch, these two 1.
def _string(value: bytes) -> bytes:
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _length(0x80, len(value)) + value


def _list(payload: bytes) -> bytes:
    return _length(0xC0, len(payload)) + payload


def _length(offset: int, length: int) -> bytes:
    if length < 56:
        return bytes((offset + length,))
    size = _without_zeros(length)
    return bytes((offset + 55 + len(size),)) + size


def _without_zeros(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
