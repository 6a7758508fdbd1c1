"""Promise: a file of keys opens under its passphrase as it was written, and in no other way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creditconnect.custody.data_keys import OpenedKey
from creditconnect.custody.exchange_keys import ExchangeKeys
from creditconnect.custody.key_exports import KeyExport, export_data_keys, export_exchange_keys
from creditconnect.custody.keyring import Keyring
from creditconnect.errors import CreditConnectError, SourceUnreadable, UsageError, WrongPassphrase
from creditconnect.types import ExchangeSuite, Suite
from tests.unit.custody.conftest import PASSPHRASE, PROVIDER, SCRYPT_WORK

NOW = 1_700_000_000
KEYS = [
    OpenedKey("digest", 1, b"\1" * 32, Suite.SHA256_AES256GCM, NOW),
    OpenedKey("seal", 2, b"\2" * 32, Suite.SM3_SM4GCM, NOW + 1),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.cckeys"


@pytest.fixture
def written(path: Path) -> Path:
    export_data_keys(path, PROVIDER, KEYS, PASSPHRASE, now=NOW, scrypt_work=SCRYPT_WORK)
    return path


def test_data_keys__written_and_read__the_same_and_nowhere_in_the_clear(written: Path) -> None:
    export = KeyExport.read(written)
    assert (export.kind, export.institution, export.made_at) == ("data", PROVIDER, NOW)
    assert export.data_keys(PASSPHRASE) == KEYS
    assert written.stat().st_mode & 0o777 == 0o600
    assert not any(key.plain.hex() in written.read_text() for key in KEYS)
    assert PASSPHRASE not in written.read_text()


def test_exchange_keys__to_a_second_home__open_there_and_the_retired_one_does_not(
    path: Path, keyring: Keyring, tmp_path: Path
) -> None:
    keys = ExchangeKeys(tmp_path / "one.json", clock=lambda: NOW)
    made = [keys.make(keyring, suite) for suite in (*ExchangeSuite, ExchangeSuite.X25519_AES256GCM)]
    secrets = [keys.secret(key, keyring) for key in made]
    keys.retire(1)
    opened = [(key, None if key.wrapped is None else keys.secret(key, keyring)) for key in keys.all()]
    export_exchange_keys(path, PROVIDER, opened, PASSPHRASE, now=NOW, scrypt_work=SCRYPT_WORK)

    other = Keyring.create(tmp_path / "other.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)
    second = ExchangeKeys(tmp_path / "two.json", clock=lambda: NOW)
    exported = KeyExport.read(path).exchange_keys(PASSPHRASE)
    assert second.restore(other, exported) == [1, 2, 3]
    assert second.restore(other, exported) == []
    assert second.all()[0].wrapped is None
    assert [second.secret(key, other) for key in second.all()[1:]] == secrets[1:]

    # A lost keyring: the same numbers, under the new one.
    anew = Keyring.create(tmp_path / "anew.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)
    assert second.restore(anew, exported) == [2, 3]
    assert [second.secret(key, anew) for key in second.all()[1:]] == secrets[1:]


def test_exchange_keys__to_a_home_with_keys_of_its_own__refused_and_nothing_is_taken(
    keyring: Keyring, tmp_path: Path
) -> None:
    homes = [ExchangeKeys(tmp_path / name, clock=lambda: NOW) for name in ("one.json", "two.json")]
    for home in homes:
        home.make(keyring, ExchangeSuite.X25519_AES256GCM)
    before = (tmp_path / "two.json").read_bytes()
    (key,) = homes[0].all()
    with pytest.raises(UsageError, match="exchange key 1 is there already, and is another"):
        homes[1].restore(keyring, [(key, homes[0].secret(key, keyring))])
    assert (tmp_path / "two.json").read_bytes() == before


@pytest.mark.parametrize("passphrase", ["", "another", PASSPHRASE + " "])
def test_open__another_passphrase__refused_without_showing_it(written: Path, passphrase: str) -> None:
    with pytest.raises(WrongPassphrase, match="does not open it, or it was altered") as error:
        KeyExport.read(written).data_keys(passphrase)
    assert str(written) in str(error.value)
    assert PASSPHRASE not in str(error.value)


def test_open__every_byte_altered__refused(written: Path) -> None:
    whole = written.read_bytes()
    for at in range(len(whole)):
        written.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(CreditConnectError):
            KeyExport.read(written).data_keys(PASSPHRASE)
    written.write_bytes(whole)
    assert KeyExport.read(written).data_keys(PASSPHRASE) == KEYS


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"format": "creditconnect-key-export/2"}', b'{"version": 3}']
)
def test_read__no_such_file__says_what_makes_one(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(SourceUnreadable, match="is not a creditconnect-key-export/1 file"):
        KeyExport.read(path)


def test_read__missing__named(path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"data\.cckeys: can't be read"):
        KeyExport.read(path)


@pytest.mark.parametrize(("member", "value"), [("institution", "CRA-SZ-01"), ("made_at", 1), ("kind", "exchange")])
def test_open__a_header_of_somebody_elses__refused(written: Path, member: str, value: object) -> None:
    document = json.loads(written.read_text()) | {member: value}
    written.write_text(json.dumps(document, indent=2))
    export = KeyExport.read(written)
    with pytest.raises((WrongPassphrase, SourceUnreadable), match="altered"):
        export.data_keys(PASSPHRASE)
    with pytest.raises((WrongPassphrase, SourceUnreadable), match="altered"):
        export.exchange_keys(PASSPHRASE)


def test_export__a_file_is_there__never_overwritten(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(UsageError, match="a file of keys is never overwritten"):
        export_data_keys(written, PROVIDER, KEYS, PASSPHRASE, now=NOW, scrypt_work=SCRYPT_WORK)
    assert written.read_bytes() == before
