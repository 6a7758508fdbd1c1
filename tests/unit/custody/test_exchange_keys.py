"""Promise: exchange keys keep their numbers, open until they are retired, and lie nowhere in the clear."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from creditconnect.custody import hpke
from creditconnect.custody.exchange_keys import ExchangeKeys
from creditconnect.custody.keyring import Keyring
from creditconnect.errors import SealedAltered, SettingsError, Tampered, UsageError
from creditconnect.types import ExchangeSuite
from tests.unit.custody.conftest import PASSPHRASE, SCRYPT_WORK

NOW = 1_700_000_000
SUITES = pytest.mark.parametrize("kind", list(ExchangeSuite), ids=lambda kind: kind.name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchange-keys.json"


@pytest.fixture
def keys(path: Path) -> ExchangeKeys:
    return ExchangeKeys(path, clock=lambda: NOW + 0.9)


@SUITES
def test_make__a_key__opens_what_is_sealed_to_it_and_nothing_else_does(
    keys: ExchangeKeys, keyring: Keyring, kind: ExchangeSuite
) -> None:
    made, other = keys.make(keyring, kind), keys.make(keyring, kind)
    assert (made.number, made.suite, made.made_at, len(made.public)) == (1, kind, NOW, hpke.PUBLIC_BYTES[kind])
    sealed = hpke.seal(kind, made.public, b"bound", b"plain")
    assert hpke.unseal(kind, keys.private_key(made, keyring), b"bound", sealed) == b"plain"
    for key, info in ((keys.private_key(other, keyring), b"bound"), (keys.private_key(made, keyring), b"another")):
        with pytest.raises(SealedAltered):
            hpke.unseal(kind, key, info, sealed)


def test_file__for_its_owner_alone_and_without_a_secret_in_the_clear(
    keys: ExchangeKeys, keyring: Keyring, path: Path
) -> None:
    made = keys.make(keyring, ExchangeSuite.X25519_AES256GCM)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.secret(made, keyring).hex() not in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir() if "exchange" in file.name] == [path.name]


def test_all__opened_anew__the_same_keys(keys: ExchangeKeys, keyring: Keyring, path: Path) -> None:
    assert keys.all() == []
    made = [keys.make(keyring, kind) for kind in ExchangeSuite]
    again = ExchangeKeys(path, clock=lambda: NOW)
    assert again.all() == made
    assert again.by_hash(made[1].hash) == made[1]
    assert again.by_hash(b"\0" * 32) is None


def test_retire__a_key__its_secret_is_gone_and_its_number_is_not_given_again(
    keys: ExchangeKeys, keyring: Keyring, path: Path
) -> None:
    first = keys.make(keyring, ExchangeSuite.X25519_AES256GCM)
    assert first.wrapped is not None
    keys.retire(1)
    assert first.wrapped.hex() not in path.read_text(encoding="utf-8")
    found = keys.by_hash(first.hash)
    assert found is not None
    assert (found.number, found.wrapped) == (1, None)
    with pytest.raises(Tampered):
        keys.secret(found, keyring)
    assert keys.make(keyring, ExchangeSuite.X25519_AES256GCM).number == 2


def test_retire__no_such_key__refused(keys: ExchangeKeys) -> None:
    with pytest.raises(UsageError, match="this home has no exchange key 1: see creditconnect keys list"):
        keys.retire(1)


def test_make__a_kill_left_the_next_file__made_all_the_same(keys: ExchangeKeys, keyring: Keyring, path: Path) -> None:
    path.with_suffix(".json.next").write_text("half", encoding="utf-8")
    assert keys.make(keyring, ExchangeSuite.X25519_AES256GCM).number == 1
    assert not path.with_suffix(".json.next").exists()


def test_make__by_many_at_once__none_is_lost(keyring: Keyring, path: Path) -> None:
    made = [ExchangeKeys(path, clock=lambda: NOW) for _ in range(8)]
    threads = [threading.Thread(target=one.make, args=(keyring, ExchangeSuite.X25519_AES256GCM)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [key.number for key in made[0].all()] == list(range(1, 9))


def test_secret__under_another_keyring__refused(keys: ExchangeKeys, keyring: Keyring, tmp_path: Path) -> None:
    made = keys.make(keyring, ExchangeSuite.X25519_AES256GCM)
    other = Keyring.create(tmp_path / "other.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)
    with pytest.raises(Tampered):
        keys.secret(made, other)


def test_secret__of_a_key_put_in_anothers_place__refused(keys: ExchangeKeys, keyring: Keyring, path: Path) -> None:
    for _ in range(2):
        keys.make(keyring, ExchangeSuite.X25519_AES256GCM)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["keys"][0]["wrapped"] = document["keys"][1]["wrapped"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(Tampered, match="exchange key 1 is not the pair that it says"):
        keys.secret(keys.get(1), keyring)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "creditconnect-exchange-keys/2"},
        {"keys": [{"number": 2}]},
        {"keys": {}},
        *({"keys": [{member: None}]} for member in ("number", "suite", "public", "made_at")),
        *({"keys": [{"suite": number}]} for number in (0, 3, True, "1")),
        *({"keys": [{"public": wrong}]} for wrong in ("", "zz", "00" * 31)),
        *({"keys": [{"wrapped": wrong}]} for wrong in ("", "zz", "00" * 32, 7)),
    ],
)
def test_all__a_file_that_is_none__refused_by_its_name(
    keys: ExchangeKeys, keyring: Keyring, path: Path, change: dict[str, object]
) -> None:
    keys.make(keyring, ExchangeSuite.MLKEM768_X25519_AES256GCM)
    document = json.loads(path.read_text(encoding="utf-8"))
    match change:
        case {"keys": [dict(wrong)]}:
            document["keys"][0].update(wrong)
        case _:
            document.update(change)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        keys.all()
    assert str(error.value).startswith(f"{path}: is not a creditconnect-exchange-keys/1 file: restore it")


@SUITES
@pytest.mark.parametrize("public", [b"", b"\0", b"\0" * 32, b"\0" * 1_216, b"\xff" * 1_216, b"\x09" * 33])
def test_seal__to_what_is_no_key__refused(kind: ExchangeSuite, public: bytes) -> None:
    with pytest.raises(UsageError, match=f"the published key of {len(public)} bytes is none of suite {kind.name}"):
        hpke.seal(kind, public, b"", b"plain")


def test_private_key__retired_by_another_process__is_forgotten_here(
    path: Path, keys: ExchangeKeys, keyring: Keyring
) -> None:
    made = keys.make(keyring, ExchangeSuite.X25519_AES256GCM)
    assert keys.private_key(made, keyring) is keys.private_key(made, keyring)
    ExchangeKeys(path, clock=lambda: 0).retire(made.number)
    found = keys.by_hash(made.hash)
    assert found is not None
    assert found.wrapped is None
    with pytest.raises(Tampered):
        keys.private_key(found, keyring)


def test_by_hash__the_file_is_gone__knows_none(path: Path, keys: ExchangeKeys, keyring: Keyring) -> None:
    made = keys.make(keyring, ExchangeSuite.X25519_AES256GCM)
    assert keys.by_hash(made.hash) == made
    path.unlink()
    assert keys.by_hash(made.hash) is None
