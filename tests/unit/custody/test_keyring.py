"""Promise: keys at rest open under their passphrase and under nothing else; a failure says no more than that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from creditconnect.custody.keyring import KEY_BYTES, Keyring
from creditconnect.custody.passphrase_sealing import SCRYPT_WORK
from creditconnect.errors import CreditConnectError, SettingsError, Tampered, WrongPassphrase
from tests.unit.custody.conftest import PASSPHRASE
from tests.unit.custody.conftest import SCRYPT_WORK as CHEAP


def test_open__with_its_passphrase__unwraps_what_was_wrapped_before(tmp_path: Path, keyring: Keyring) -> None:
    key, wrapped = keyring.new_key()
    opened = Keyring.open(tmp_path / "keyring.json", PASSPHRASE)
    assert opened.unwrap(wrapped) == key
    assert len(key) == KEY_BYTES
    assert key not in wrapped


def test_create__file__for_its_owner_alone_and_without_a_key_in_the_clear(tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "keyring.json"
    assert path.stat().st_mode & 0o777 == 0o600
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["format"] == "creditconnect-keyring/1"
    assert document["kdf"]["name"] == "scrypt"
    # 32 bytes of key and 16 of tag, in hex.
    assert len(document["sealed"]) == 2 * (KEY_BYTES + 16)
    key, wrapped = keyring.new_key()
    assert key.hex() not in path.read_text(encoding="utf-8")
    assert wrapped.hex() not in path.read_text(encoding="utf-8")


def test_create__without_asking_for_less__works_as_hard_as_is_said(tmp_path: Path) -> None:
    assert SCRYPT_WORK == 2**17
    Keyring.create(tmp_path / "keyring.json", PASSPHRASE)
    document = json.loads((tmp_path / "keyring.json").read_text(encoding="utf-8"))
    assert (document["kdf"]["n"], document["kdf"]["r"], document["kdf"]["p"]) == (SCRYPT_WORK, 8, 1)
    Keyring.open(tmp_path / "keyring.json", PASSPHRASE)


@pytest.mark.usefixtures("keyring")
def test_create__there_is_one__never_overwritten(tmp_path: Path) -> None:
    before = (tmp_path / "keyring.json").read_bytes()
    with pytest.raises(FileExistsError):
        Keyring.create(tmp_path / "keyring.json", PASSPHRASE, scrypt_work=CHEAP)
    assert (tmp_path / "keyring.json").read_bytes() == before


def test_create__twice__different_keys_salts_and_nonces(tmp_path: Path) -> None:
    documents = []
    for name in ("one", "two"):
        Keyring.create(tmp_path / name, PASSPHRASE, scrypt_work=CHEAP)
        documents.append(json.loads((tmp_path / name).read_text(encoding="utf-8")))
    one, two = documents
    assert one["sealed"] != two["sealed"]
    assert one["kdf"]["salt"] != two["kdf"]["salt"]
    assert one["cipher"]["nonce"] != two["cipher"]["nonce"]


@pytest.mark.parametrize("wrong", ["", PASSPHRASE + " ", PASSPHRASE.upper(), "ﬀ"])
@pytest.mark.usefixtures("keyring")
def test_open__wrong_passphrase__says_only_that(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(WrongPassphrase) as refused:
        Keyring.open(tmp_path / "keyring.json", wrong)
    assert str(tmp_path / "keyring.json") in str(refused.value)
    assert PASSPHRASE not in str(refused.value)
    assert not wrong or wrong not in str(refused.value)


def test_open__missing__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such keyring") as refused:
        Keyring.open(tmp_path / "keyring.json", PASSPHRASE)
    assert refused.value.hint


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "another format": lambda d: d.update(format="creditconnect-keyring/2"),
    "no format": lambda d: d.pop("format"),
    "no kdf": lambda d: d.pop("kdf"),
    "kdf no table": lambda d: d.update(kdf=7),
    "no sealed": lambda d: d.pop("sealed"),
    "sealed no hex": lambda d: d.update(sealed="zz"),
    "sealed a number": lambda d: d.update(sealed=7),
    "salt no hex": lambda d: d["kdf"].update(salt="0"),
    "work no number": lambda d: d["kdf"].update(n="many"),
    "work no power of two": lambda d: d["kdf"].update(n=3),
    "work beyond bounds": lambda d: d["kdf"].update(n=2**40),
    "work nothing": lambda d: d["kdf"].update(n=0),
    "nonce empty": lambda d: d["cipher"].update(nonce=""),
    "nonce of one byte": lambda d: d["cipher"].update(nonce="00"),
    "nonce of 200 bytes": lambda d: d["cipher"].update(nonce="00" * 200),
    "sealed empty": lambda d: d.update(sealed=""),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("keyring")
def test_open__altered_document__refused_in_our_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / "keyring.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    CHANGES[name](document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises((SettingsError, WrongPassphrase)) as refused:
        Keyring.open(path, PASSPHRASE)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b"null", b"{", b"\xff\xfe", b'"creditconnect-keyring/1"'])
def test_open__no_keyring_at_all__refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match="is not a creditconnect-keyring/1 file"):
        Keyring.open(path, PASSPHRASE)


def test_open__every_hex_digit_altered__never_opens(tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "keyring.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for group, member in ((document, "sealed"), (document["cipher"], "nonce"), (document["kdf"], "salt")):
        whole = group[member]
        for at, digit in enumerate(whole):
            group[member] = whole[:at] + ("0" if digit != "0" else "1") + whole[at + 1 :]
            path.write_text(json.dumps(document), encoding="utf-8")
            with pytest.raises(WrongPassphrase):
                Keyring.open(path, PASSPHRASE)
        group[member] = whole
    path.write_text(json.dumps(document), encoding="utf-8")
    key, wrapped = keyring.new_key()
    assert Keyring.open(path, PASSPHRASE).unwrap(wrapped) == key


def test_unwrap__every_byte_altered__tampered(keyring: Keyring) -> None:
    _, wrapped = keyring.new_key()
    for at in range(len(wrapped)):
        altered = wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :]
        with pytest.raises(Tampered):
            keyring.unwrap(altered)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 16, 39, 41, 48])
def test_unwrap__of_any_length__tampered(keyring: Keyring, length: int) -> None:
    with pytest.raises(Tampered) as refused:
        keyring.unwrap(b"\7" * length)
    assert isinstance(refused.value, CreditConnectError)


def test_unwrap__wrapped_by_another_keyring__tampered(tmp_path: Path, keyring: Keyring) -> None:
    other = Keyring.create(tmp_path / "other.json", PASSPHRASE, scrypt_work=CHEAP)
    with pytest.raises(Tampered):
        keyring.unwrap(other.new_key()[1])
