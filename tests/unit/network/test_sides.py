"""Promise: a side's public file is its validator's own word, and whatever is changed in it is told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from eth_keys.datatypes import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import SideInvalid
from creditconnect.network.sides import Side, is_side, read_side, write_side
from creditconnect.types import Consensus

KEY = b"\7" * 32
SIDE = Side(
    "hk",
    Consensus.CLIQUE,
    852_755,
    1,
    60_000_000,
    PrivateKey(KEY).public_key.to_address(),
    f"enode://{'ab' * 64}@10.0.0.1:30303",
    ("0x" + "12" * 20,),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hk.json"
    write_side(path, SIDE, KEY)
    return path


def test_read__what_was_written__is_the_same(file: Path) -> None:
    assert read_side(file) == SIDE
    assert is_side(file)
    with pytest.raises(FileExistsError):
        write_side(file, SIDE, KEY)


CHANGES = [
    *(("side", "mo"), ("consensus", "qbft"), ("chain_id", 1), ("period_seconds", 2), ("gas_limit", 30_000_000)),
    *(("address", "0x" + "34" * 20), ("enode", f"enode://{'cd' * 64}@10.0.0.1:30303"), ("funded", [])),
]


@pytest.mark.parametrize(("member", "value"), CHANGES, ids=[name for name, _ in CHANGES])
def test_read__any_member_changed__altered(file: Path, member: str, value: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {member: value}))
    with pytest.raises(SideInvalid, match="the signature is not the validator's: it was altered"):
        read_side(file)


FORMS = [
    *(
        ("side", "../hk"),
        ("side", "genesis"),
        ("consensus", "proof of work"),
        ("chain_id", True),
        ("gas_limit", 0),
        ("address", "0x1"),
    ),
    *(("enode", "http://10.0.0.1"), ("funded", ["x"]), ("funded", ["0x" + "12" * 20] * 65), ("signature", "0x00")),
    *(("consensus", "none"), ("consensus", []), ("funded", [7]), ("funded", 7), ("signature", "0x" + "ff" * 65)),
    *(("signature", 7), ("format", "creditconnect-side/2"), ("more", 1)),
]


@pytest.mark.parametrize(("member", "value"), FORMS, ids=[f"{name} {str(value)[:20]}" for name, value in FORMS])
def test_read__a_member_without_its_form__refused_with_the_file(file: Path, member: str, value: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {member: value}))
    with pytest.raises(SideInvalid) as told:
        read_side(file)
    assert re.fullmatch(
        rf".*hk\.json: is no side's public file \(({member} (has not its form|is no count|holds no address.*)"
        r"|not a creditconnect-side/1|no signature \(BadSignature\))\)"
        r": have its side send the one again that creditconnect network key wrote",
        str(told.value),
    )


@pytest.mark.parametrize(("text", "said"), [("", "not JSON"), ("abc", "not JSON"), ("[]", "not a "), ("7", "not a ")])
def test_read__what_is_no_document__says_so_in_our_words(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(SideInvalid, match=rf"hk\.json: is no side's public file \({said}"):
        read_side(file)


@given(data=st.binary(max_size=200))
def test_read__any_bytes__refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    with pytest.raises(SideInvalid):
        read_side(path)
    assert not is_side(path)


def test_write__signed_by_another_key__is_refused_by_whoever_reads_it(tmp_path: Path) -> None:
    write_side(tmp_path / "hk.json", replace(SIDE, address="0x" + "56" * 20), KEY)
    with pytest.raises(SideInvalid, match="altered"):
        read_side(tmp_path / "hk.json")
