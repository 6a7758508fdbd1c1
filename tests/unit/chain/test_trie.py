"""Promise: the root is Ethereum's, for any storage."""

from __future__ import annotations

import pytest
import rlp
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie  # type: ignore[import-untyped]

from creditconnect.chain.trie import EMPTY_ROOT, keccak256, storage_root, trie_root

# github.com/ethereum/tests, TrieTests/hex_encoded_securetrie_test.json: test1; and
# go-ethereum, trie/secure_trie_test.go: TestSecureDelete, what is left after its deletions.
_ROOT = "a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
_CODE = "a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
ACCOUNTS = {
    "a94f5374fce5edbc8e2a8697c15331677e6ebf0b": f"f848018405f446a7{_ROOT}{_CODE}",
    "095e7baea6a6c7c4c2dfeb977efac326af552d87": f"f8440101{_ROOT}"
    "a004bccc5d94f4d1f99aab44369a910179931772f2a5c001c3229f57831c102769",
    "d2571607e241ecf590ed94b12d87c94babe36db6": "f8440180"
    f"a0ba4b47865c55a341a4a78759bb913cd15c3ee8eaf30a62fa8d1c8863113d84e8{_CODE}",
    "62c01474f089b07dae603491675dc5b5748f7049": f"f8448080{_ROOT}{_CODE}",
    "2adc25665018aa1fe0e6bc666dac8fc2697ff9ba": f"f8478083019a59{_ROOT}{_CODE}",
}
WORDS = {b"do": b"verb", b"horse": b"stallion", b"doge": b"coin", b"dog": b"puppy"}

words = st.integers(0, 2**256 - 1)
# Keys that share much, so that extensions and branches close together occur; values of each length RLP treats apart.
near_keys = st.builds(
    lambda start, change: (start ^ change).to_bytes(32, "big"),
    st.sampled_from([0, 2**256 - 1, 0xABCDEF << 128]),
    st.builds(lambda value, shift: value << shift, st.integers(0, 0xFF), st.sampled_from([0, 4, 8, 124, 244, 248])),
)
values = st.integers(1, 80).flatmap(lambda length: st.binary(min_size=length, max_size=length))


def by_oracle(leaves: dict[bytes, bytes]) -> bytes:
    trie = HexaryTrie({})
    for key, value in leaves.items():
        trie[key] = value
    return bytes(trie.root_hash)


def test_trie_root__accounts__is_as_ethereum_tests_say() -> None:
    leaves = {keccak256(bytes.fromhex(key)): bytes.fromhex(value) for key, value in ACCOUNTS.items()}

    assert trie_root(leaves).hex() == "730a444e08ab4b8dee147c9b232fc52d34a223d600031c1e9d25bfc985cbd797"


@pytest.mark.parametrize("order", [list(WORDS), list(reversed(WORDS))])
def test_trie_root__words_in_any_order__is_as_go_ethereum_says(order: list[bytes]) -> None:
    leaves = {keccak256(word): WORDS[word] for word in order}

    assert trie_root(leaves).hex() == "29b235a58c3c25ab83010c327d5932bcf05324b7d6b1185e650798034783ca9d"


def test_storage_root__nothing__is_the_empty_root() -> None:
    assert storage_root({}) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"


def test_storage_root__zeros__are_as_if_absent() -> None:
    assert storage_root({0: 0, 7: 0}) == EMPTY_ROOT
    assert storage_root({0: 0, 7: 1}) == storage_root({7: 1})


@given(st.dictionaries(near_keys, values, max_size=24))
def test_trie_root__near_keys__is_as_py_trie_says(leaves: dict[bytes, bytes]) -> None:
    assert trie_root(leaves) == by_oracle(leaves)


@given(st.dictionaries(words | st.integers(0, 20), words | st.integers(0, 300), max_size=60))
def test_storage_root__any_slots__is_as_py_trie_says(slots: dict[int, int]) -> None:
    leaves = {keccak(slot.to_bytes(32, "big")): rlp.encode(value) for slot, value in slots.items() if value}

    assert storage_root(slots) == by_oracle(leaves)


@given(st.binary(max_size=600))
def test_keccak256__any_bytes__is_as_eth_utils_says(data: bytes) -> None:
    assert keccak256(data) == keccak(data)
