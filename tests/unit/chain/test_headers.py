"""Promise: a header's hash and sealers are recomputed, as real nodes of both engines have them, and never believed.

`vectors/besu` holds headers of two real QBFT validators in several rounds, `vectors/clique.json` those of a real geth.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from creditconnect.chain.headers import read_header, recognise
from creditconnect.errors import HeaderInvalid
from creditconnect.types import Consensus

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
QBFT = json.loads((VECTORS / "besu" / "qbft.json").read_text())
CLIQUE = json.loads((VECTORS / "clique.json").read_text())


@pytest.mark.parametrize("name", [name for name in QBFT["blocks"] if name != "genesis"])
def test_qbft__in_every_round__hash_and_both_seals(name: str) -> None:
    answer = QBFT["blocks"][name]
    header = read_header(answer, Consensus.QBFT)
    assert "0x" + header.hash.hex() == answer["hash"]
    assert (header.number, header.timestamp) == (int(answer["number"], 16), int(answer["timestamp"], 16))
    assert sorted(header.sealers) == sorted(QBFT["validators"])
    assert sorted(header.validators) == sorted(QBFT["validators"])


def test_genesis__of_either__nobody_sealed_it_and_it_names_the_validators() -> None:
    for answer, consensus, validators in (
        (QBFT["blocks"]["genesis"], Consensus.QBFT, QBFT["validators"]),
        (CLIQUE["blocks"]["genesis"], Consensus.CLIQUE, [CLIQUE["signer"]]),
    ):
        header = read_header(answer, consensus)
        assert (header.sealers, sorted(header.validators)) == ((), sorted(validators))


def test_clique__a_block_of_geth__hash_and_its_one_seal() -> None:
    header = read_header(CLIQUE["blocks"]["block"], Consensus.CLIQUE)
    assert (header.sealers, header.validators) == ((CLIQUE["signer"],), ())
    assert header.parent_hash.hex() == CLIQUE["blocks"]["block"]["parentHash"].removeprefix("0x")


def test_none__the_same_header__has_a_hash_and_no_sealers() -> None:
    header = read_header(CLIQUE["blocks"]["block"], Consensus.NONE)
    assert (header.sealers, header.validators) == ((), ())


@pytest.mark.parametrize("member", ["parentHash", "stateRoot", "timestamp", "number", "extraData", "gasUsed", "nonce"])
@pytest.mark.parametrize(
    ("answer", "consensus"),
    [(QBFT["blocks"]["round1"], Consensus.QBFT), (CLIQUE["blocks"]["block"], Consensus.CLIQUE)],
    ids=["qbft", "clique"],
)
def test_altered__in_any_member__refused(answer: dict[str, Any], consensus: Consensus, member: str) -> None:
    altered = answer | {member: _with_other_last_digit(answer[member])}
    if (consensus, member) == (Consensus.QBFT, "extraData"):
        # The last digit is of a seal, which QBFT's hash leaves out: then one of the seals is none, or a stranger's.
        altered["hash"] = _with_other_last_digit(answer["hash"])
    with pytest.raises(HeaderInvalid, match=r"^block "):
        read_header(altered, consensus)


def test_qbft__one_seal_altered__counts_for_none_of_the_validators() -> None:
    answer = QBFT["blocks"]["round1"]
    vanity, validators, vote, committed_round, seals = rlp.decode(bytes.fromhex(answer["extraData"][2:]))
    first = bytes([seals[0][0], seals[0][1] ^ 1, *seals[0][2:]])
    extra = rlp.encode([vanity, validators, vote, committed_round, [first, *seals[1:]]])
    header = read_header(answer | {"extraData": "0x" + extra.hex()}, Consensus.QBFT)
    assert len(set(header.sealers) & set(QBFT["validators"])) == 1


def test_clique__sealed_by_another_key_and_hashed_again__says_who() -> None:
    """The hash is right: it is the sealer who tells."""
    stranger = PrivateKey(b"\7" * 32)
    answer = dict(CLIQUE["blocks"]["block"])
    unsealed = bytes.fromhex(answer["extraData"][2:])[:-65]
    order = (
        *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"),
        *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce"),
    )

    def encoded(extra: bytes) -> bytes:
        fields = []
        for name in order:
            raw = bytes.fromhex(answer[name][2:].rjust(len(answer[name][2:]) + len(answer[name]) % 2, "0"))
            numeric = name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
            fields.append(extra if name == "extraData" else raw.lstrip(b"\0") if numeric else raw)
        return bytes(rlp.encode(fields))

    seal = stranger.sign_msg_hash(keccak(encoded(unsealed))).to_bytes()
    answer["extraData"] = "0x" + (unsealed + seal).hex()
    answer["hash"] = "0x" + keccak(encoded(unsealed + seal)).hex()
    assert read_header(answer, Consensus.CLIQUE).sealers == (stranger.public_key.to_address(),)


@pytest.mark.parametrize("extra", ["0x", "0x" + "00" * 96, "0x" + "00" * 98, "0xc0", "0x" + "ff" * 200])
@pytest.mark.parametrize("consensus", [Consensus.CLIQUE, Consensus.QBFT])
def test_extra_data_of_another_form__refused_in_one_line(extra: str, consensus: Consensus) -> None:
    with pytest.raises(HeaderInvalid, match=f"is no {consensus} header|hash is"):
        read_header(CLIQUE["blocks"]["block"] | {"extraData": extra}, consensus)


def test_a_later_forks_field_without_the_earlier__refused() -> None:
    with pytest.raises(HeaderInvalid):
        read_header(CLIQUE["blocks"]["block"] | {"blobGasUsed": "0x0"}, Consensus.CLIQUE)


def _with_other_last_digit(text: str) -> str:
    return text[:-1] + ("1" if text[-1] != "1" else "2")


@pytest.mark.parametrize(
    ("answer", "consensus"),
    [
        (QBFT["blocks"]["genesis"], Consensus.QBFT),
        (CLIQUE["blocks"]["genesis"], Consensus.CLIQUE),
        (CLIQUE["blocks"]["genesis"] | {"extraData": "0x"}, Consensus.NONE),
    ],
)
def test_recognise__block_0__is_of_the_consensus_that_made_it(answer: dict[str, Any], consensus: Consensus) -> None:
    assert recognise(answer) is consensus


@pytest.mark.parametrize("altered", [{"mixHash": None}, {"extraData": "0x0g"}, {"extraData": 7}])
def test_recognise__block_0_without_its_form__refused(altered: dict[str, Any]) -> None:
    with pytest.raises(HeaderInvalid):
        recognise(CLIQUE["blocks"]["genesis"] | altered)
