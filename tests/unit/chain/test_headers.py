"""Promise: a header is believed for its recomputed hash and its recovered seals, and for nothing else it says.

QBFT against headers of two real Besu validators (tests/vectors/besu). Clique against headers that are put together
here, byte by byte and by another RLP encoder, and sealed by a key of this test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_keys.datatypes import PrivateKey

from creditconnect.chain.headers import read_header, recognise
from creditconnect.errors import HeaderInvalid
from creditconnect.types import Consensus
from tests.sealed_headers import BERLIN, HK, ORDER, SZ, address_of, clique, hashed

BESU = json.loads((Path(__file__).parents[2] / "vectors" / "besu" / "qbft.json").read_text())
BLOCKS: dict[str, dict[str, Any]] = BESU["blocks"]
SEALED = [name for name in BLOCKS if name != "genesis"]

# ---------------------------------------------------------------------------------------------------------------- QBFT


@pytest.mark.parametrize("name", SEALED)
def test_read_header__besu_block_of_any_round__has_its_hash_and_both_seals(name: str) -> None:
    header = read_header(BLOCKS[name], Consensus.QBFT)

    assert "0x" + header.hash.hex() == BLOCKS[name]["hash"]
    assert header.sealers == set(BESU["validators"])
    assert header.validators == tuple(BESU["validators"])
    assert header.number == int(BLOCKS[name]["number"], 16)
    assert header.base_fee == 0


def test_read_header__besu_genesis__lists_validators_and_has_no_seal() -> None:
    header = read_header(BLOCKS["genesis"], Consensus.QBFT)

    assert header.sealers == frozenset()
    assert set(header.validators) == set(BESU["validators"])


def test_read_header__besu_parent__is_named_by_its_child() -> None:
    parent, child = (read_header(BLOCKS[name], Consensus.QBFT) for name in ("round0_parent", "round0_with_tx"))

    assert child.parent_hash == parent.hash


@pytest.mark.parametrize("name", SEALED)
def test_read_header__besu_round_changed__no_validator_sealed_it(name: str) -> None:
    """The hash leaves the round out, so that only the seals tell."""
    extra_data = BLOCKS[name]["extraData"]
    vote_and_round = extra_data.index("c0", extra_data.index("94b183790c"))
    changed = extra_data[: vote_and_round + 2] + "07" + extra_data[vote_and_round + 4 :]

    header = read_header(BLOCKS[name] | {"extraData": changed}, Consensus.QBFT)

    assert "0x" + header.hash.hex() == BLOCKS[name]["hash"]
    assert not header.sealers & set(BESU["validators"])


def test_read_header__besu_seal_left_out__one_side_sealed_it() -> None:
    """A node may leave seals out of an answer without changing the hash; the block is then not final for who asks."""
    raw = bytes.fromhex(BLOCKS["round1"]["extraData"][2:])
    second = raw.index(bytes.fromhex("b841"), raw.index(bytes.fromhex("b841")) + 2)
    # One seal less: the outer and the inner list are 67 bytes shorter.
    inner = raw.index(bytes.fromhex("f886"))
    payload = raw[2:inner] + b"\xf8\x43" + raw[inner + 2 : second]
    shorter = b"\xf8" + bytes([len(payload)]) + payload

    header = read_header(BLOCKS["round1"] | {"extraData": "0x" + shorter.hex()}, Consensus.QBFT)

    assert len(header.sealers) == 1
    assert header.sealers < set(BESU["validators"])


# -------------------------------------------------------------------------------------------------------------- Clique


@pytest.mark.parametrize("key", [HK, SZ])
@pytest.mark.parametrize("base_fee", [None, 7])
def test_read_header__clique_block__was_sealed_by_who_signed_it(key: PrivateKey, base_fee: int | None) -> None:
    answer = clique(key) if base_fee is None else clique(key, baseFeePerGas=hex(base_fee))

    header = read_header(answer, Consensus.CLIQUE)

    assert header.sealers == {address_of(key)}
    assert "0x" + header.hash.hex() == answer["hash"]
    assert header.validators == ()
    assert header.base_fee == base_fee


def test_read_header__clique_checkpoint__lists_validators() -> None:
    header = read_header(clique(HK, listed=(SZ, HK)), Consensus.CLIQUE)

    assert header.validators == (address_of(SZ), address_of(HK))
    assert header.sealers == {address_of(HK)}


def test_read_header__clique_genesis__lists_validators_and_has_no_seal() -> None:
    listed = HK.public_key.to_canonical_address() + SZ.public_key.to_canonical_address()
    answer = hashed(BERLIN | {"number": "0x0", "extraData": "0x" + (bytes(32) + listed + bytes(65)).hex()})

    header = read_header(answer, Consensus.CLIQUE)

    assert header.validators == (address_of(HK), address_of(SZ))
    assert header.sealers == frozenset()


def test_read_header__clique_genesis_with_a_seal__is_refused() -> None:
    with pytest.raises(HeaderInvalid, match="block 0 is sealed"):
        read_header(clique(HK, number="0x0"), Consensus.CLIQUE)


@pytest.mark.parametrize("length", [96, 32 + 19 + 65])
def test_read_header__clique_extra_data_of_another_length__is_refused(length: int) -> None:
    answer = hashed(BERLIN | {"extraData": "0x" + "01" * length})

    with pytest.raises(HeaderInvalid, match=f"extraData of {length} bytes"):
        read_header(answer, Consensus.CLIQUE)


def test_read_header__clique_seal_that_is_no_signature__is_refused() -> None:
    answer = hashed(BERLIN | {"extraData": "0x" + "ff" * 97})

    with pytest.raises(HeaderInvalid, match="seal"):
        read_header(answer, Consensus.CLIQUE)


# --------------------------------------------------------------------------------------------------------------- nobody


def test_read_header__every_fork_s_fields__hash_is_recomputed() -> None:
    later = {
        "baseFeePerGas": "0x0",
        "withdrawalsRoot": "0x" + "03" * 32,
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x20000",
        "parentBeaconBlockRoot": "0x" + "04" * 32,
        "requestsHash": "0x" + "05" * 32,
    }
    answer = hashed(BERLIN | later | {"extraData": "0x"})

    header = read_header(answer, Consensus.NONE)

    assert "0x" + header.hash.hex() == answer["hash"]
    assert header.sealers == frozenset()


def test_read_header__a_fork_s_field_without_those_before_it__is_refused() -> None:
    answer = hashed(BERLIN | {"withdrawalsRoot": "0x" + "03" * 32, "extraData": "0x"})

    with pytest.raises(HeaderInvalid, match="withdrawalsRoot without"):
        read_header(answer, Consensus.NONE)


# ----------------------------------------------------------------------------------------------------------------- lies

ANSWERS = {
    Consensus.QBFT: BLOCKS["round1"],
    Consensus.CLIQUE: clique(HK),
    Consensus.NONE: hashed(BERLIN | {"extraData": "0x"}),
}


@pytest.mark.parametrize("consensus", list(Consensus))
@pytest.mark.parametrize("name", [name for name in ORDER[:15] if name != "extraData"])
def test_read_header__one_field_changed__is_refused(consensus: Consensus, name: str) -> None:
    answer = ANSWERS[consensus]
    last = answer[name][-1]

    with pytest.raises(HeaderInvalid):
        read_header(answer | {name: answer[name][:-1] + ("1" if last == "0" else "0")}, consensus)


@pytest.mark.parametrize("consensus", list(Consensus))
@pytest.mark.parametrize("name", ["hash", "extraData", "number", "miner"])
@pytest.mark.parametrize("value", [None, 7, "", "0x0g"])
def test_read_header__a_member_without_its_form__is_refused(consensus: Consensus, name: str, value: object) -> None:
    with pytest.raises(HeaderInvalid):
        read_header(ANSWERS[consensus] | {name: value}, consensus)


@pytest.mark.parametrize("consensus", list(Consensus))
def test_read_header__a_member_missing__is_named(consensus: Consensus) -> None:
    answer = {name: value for name, value in ANSWERS[consensus].items() if name != "stateRoot"}

    with pytest.raises(HeaderInvalid, match="has no stateRoot"):
        read_header(answer, consensus)


# ---------------------------------------------------------------------------------------------------------- recognising


@pytest.mark.parametrize("consensus", list(Consensus))
def test_recognise__header__is_of_the_consensus_that_made_it(consensus: Consensus) -> None:
    assert recognise(ANSWERS[consensus]) is consensus
