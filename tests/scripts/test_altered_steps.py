"""A step that one side or machine exported and somebody altered before the next has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import Admin, Rpc
from tests.scripts.steps import OFF, ON, Members, Run, member, refused, sign, signed_by


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"call_data": OFF}, "was altered: it says 'setPaused', but its call data is another call, to setPaused"),
        ({"arguments": {"paused_": False}}, "was altered"),
        ({"arguments": {"paused_": 1}}, "was altered"),
        ({"function": "addSchema"}, "it says 'addSchema', but its call data is another call, to setPaused"),
        ({"call_data": ON + "00"}, "is not the one encoding of its call to setPaused"),
        ({"call_data": ON[:-2]}, "its arguments don't decode"),
        ({"call_data": "0x12345678"}, "is no call to a function of this contract"),
        ({"call_data": ON[2:]}, "is no step (ValueError: hex without 0x)"),
        ({"chain_id": 1}, "the step is for another registry: its chain id is 1, not 31337"),
        ({"genesis_hash": "0x" + "00" * 32}, "the step is for another registry: its genesis hash is"),
        ({"registry": "0x" + "99" * 20}, "the step is for another registry: its registry is"),
        ({"code_hash": "0x" + "00" * 32}, "the step is for another registry: its code hash is"),
        ({"sender": "0x12"}, "is no step"),
        ({"nonce": -1}, "'-1' is no count"),
        ({"nonce": True}, "'True' is no count"),
        ({"gas": "1000000"}, "'1000000' is no count"),
        ({"gas_price": 2**64}, "is no count"),
        ({"created_at": 1.5}, "'1.5' is no count"),
        ({"arguments": None}, "is no step (KeyError: 'arguments')"),
        ({"format": "creditconnect-step/2"}, "is no step (ValueError: format 'creditconnect-step/2')"),
        ({"format": "creditconnect-signed-step/1"}, "is no step (KeyError: 'raw_transaction')"),
    ],
)  # fmt: skip
def test_unsigned__altered__neither_shown_nor_signed(
    step: Run, admin: Admin, deployment: Path, unsigned_with: Members, tmp_path: Path,
    members: dict[str, object], words: str,
) -> None:  # fmt: skip
    file, out = unsigned_with(**members), tmp_path / "out.json"
    refused(step("show", file), words)
    refused(sign(admin, deployment, file, out), words)
    assert not out.exists()


def test_unsigned__altered_in_step_with_its_words__shows_what_would_be_signed(
    step: Run, unsigned_with: Members
) -> None:
    """Whoever alters all of it makes another step, and the eyes of who signs are what stops it."""
    arguments = dict.fromkeys(member(unsigned_with(), "arguments"), False)
    shown = step("show", unsigned_with(call_data=OFF, arguments=arguments, gas_price=10**18))
    assert (shown.code, OFF in shown.output, f"{10**18:,} wei" in shown.output) == (0, True, True)
    assert shown.output.splitlines()[0] != step("show", unsigned_with()).output.splitlines()[0]


@pytest.mark.parametrize(
    "members",
    [
        {"nonce": 99},
        {"gas": 21_000},
        {"gas_price": 1},
        {"call_data": OFF, "arguments": False},
        {"sender": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
    ],
    ids="-".join,
)
def test_signed__step_altered_after_it_was_signed__not_sent(
    step: Run, chain: Rpc, signed_with: Members, members: dict[str, Any]
) -> None:
    height = chain.height()
    if "arguments" in members:
        members = members | {"arguments": dict.fromkeys(member(signed_with(), "arguments"), False)}
    file = signed_with(**members)
    words = "is signed by" if "sender" in members else "its signed transaction is not the step that it shows"
    for outcome in (step("show", file), step("send", file)):
        refused(outcome, str(file), words)
    assert chain.height() == height


@pytest.mark.parametrize(
    ("signer", "other", "words"),
    [
        (2, {}, "is signed by 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC, not by "),
        (0, {"data": OFF}, "its signed transaction is not the step that it shows"),
        (0, {"to": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"}, "is not the step that it shows"),
        (0, {"value": 1}, "is not the step that it shows"),
        (0, {"nonce": 7_000}, "is not the step that it shows"),
        (0, {"chainId": 1}, "is not the step that it shows"),
        (0, {"gasPrice": 1}, "is not the step that it shows"),
    ],
    ids=["another-key", "data", "receiver", "value", "nonce", "chain-id", "gas-price"],
)
def test_signed__transaction_exchanged__not_sent(
    step: Run, chain: Rpc, signed: Path, signed_with: Members, signer: int, other: dict[str, Any], words: str
) -> None:
    height = chain.height()
    file = signed_with(raw_transaction=signed_by(signer, signed, **other))
    for outcome in (step("show", file), step("send", file)):
        refused(outcome, words)
    assert chain.height() == height


def test_signed__transaction_that_is_none__refused_without_a_traceback(
    step: Run, signed: Path, signed_with: Members
) -> None:
    raw = member(signed, "raw_transaction")
    for broken in ("0x", "0x02" + raw[2:], raw[:-2], raw + "00", "0x" + "c0", "0x" + "ff" * 200, raw[:-64] + "00" * 32):
        refused(step("show", signed_with(raw_transaction=broken)), "its signed transaction can't be read")
    for no_hex in (raw[2:], 7, "0xzz"):
        refused(step("show", signed_with(raw_transaction=no_hex)), "is no step")


def test_signed__hash_beside_it_altered__the_transaction_s_own_is_shown(
    step: Run, signed: Path, signed_with: Members
) -> None:
    true = member(signed, "transaction_hash")
    shown = step("show", signed_with(transaction_hash="0x" + "00" * 32))
    assert (shown.code, shown.output.splitlines()[-1]) == (0, f"transaction {true}")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"step"', "null", "{}"])
def test_file__is_no_step__refused_in_one_line(step: Run, tmp_path: Path, text: str) -> None:
    file = tmp_path / "no-step.json"
    file.write_text(text, encoding="utf-8")
    refused(step("show", file), str(file), "is no step")


def test_file__missing_or_a_folder_or_not_text__refused_in_one_line(step: Run, tmp_path: Path) -> None:
    refused(step("show", tmp_path / "no.json"), "can't be read (No such file or directory)")
    refused(step("show", tmp_path), "can't be read (Is a directory)")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    refused(step("show", tmp_path / "bytes"), "is no step (UnicodeDecodeError")
