"""Promise: a sealed package opens for the one it is sealed for, whole and under the names that it was sealed under."""

from __future__ import annotations

from dataclasses import replace

import pytest

from creditconnect.custody import hpke
from creditconnect.custody.exchange_keys import key_hash
from creditconnect.custody.packages import Package, write_package
from creditconnect.custody.sealed_packages import (
    GREATEST_BYTES,
    Envelope,
    is_sealed,
    open_package,
    read_envelope,
    seal_package,
)
from creditconnect.errors import PackageInvalid, SealedAltered
from creditconnect.types import ChainIdentity, Derived, ExchangeSuite, Suite

CHAIN = ChainIdentity(31_337, b"\xef" * 32, "0x" + "ab" * 20, b"\x05" * 32)
PACKAGE = write_package(
    Package(
        provider="CRA-HK-01",
        schema="personal-credit-report/1",
        schema_hash=b"\xab" * 32,
        suite=Suite.SHA256_AES256GCM,
        salt=b"\xcd" * 32,
        canonical='{"name":"陳大文"}'.encode(),
        derived=Derived(b"\x01" * 8, b"\x02" * 24),
        chain=CHAIN,
    )
)
SECRET = bytes(range(32))
KINDS = list(ExchangeSuite)
SUITES = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def envelope(kind: ExchangeSuite) -> Envelope:
    return Envelope(kind, "CRA-HK-01", "BANK-SZ-01", key_hash(hpke.public_key(kind, SECRET)), CHAIN)


def sealed(kind: ExchangeSuite, package: bytes = PACKAGE, under: Envelope | None = None) -> bytes:
    return seal_package(package, under or envelope(kind), hpke.public_key(kind, SECRET))


def key_for(found: Envelope) -> hpke.PrivateKey:
    return hpke.private_key(found.suite, SECRET)


def refused(data: bytes) -> str:
    with pytest.raises(PackageInvalid) as error:
        open_package(data, key_for)
    return error.value.message


@SUITES
def test_open__what_was_sealed__the_same_bytes(kind: ExchangeSuite) -> None:
    data = sealed(kind)
    assert is_sealed(data)
    assert not is_sealed(PACKAGE)
    assert read_envelope(data) == envelope(kind)
    assert open_package(data, key_for) == PACKAGE
    assert sealed(kind) != data, "the same encapsulated key twice"


@SUITES
def test_seal__what_is_carried__says_nothing_of_the_record(kind: ExchangeSuite) -> None:
    data = sealed(kind)
    for secret in ("陳大文".encode(), b"cdcdcd", b"0101010101010101", b"personal"):
        assert secret in PACKAGE
        assert secret not in data


@SUITES
def test_open__any_byte_flipped__refused(kind: ExchangeSuite) -> None:
    data = sealed(kind)
    for at in range(len(data)):
        for flip in (0x01, 0x80):
            refused(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])


@SUITES
def test_open__cut_anywhere_or_longer__refused(kind: ExchangeSuite) -> None:
    data = sealed(kind)
    for length in range(len(data)):
        refused(data[:length])
    refused(data + b"\0")
    refused(b"\n" + data)


@SUITES
def test_open__body_altered__says_no_more_than_that(kind: ExchangeSuite) -> None:
    data = sealed(kind)
    with pytest.raises(SealedAltered, match="the sealed package does not open: it was altered"):
        open_package(data[:-1] + bytes([data[-1] ^ 1]), key_for)
    with pytest.raises(SealedAltered):
        open_package(data, lambda _: hpke.private_key(kind, bytes(32)))


@pytest.mark.parametrize(
    "other",
    [
        replace(envelope(KINDS[0]), sender="CRA-HK-02"),
        replace(envelope(KINDS[0]), recipient="BANK-SZ-02"),
        replace(envelope(KINDS[0]), key_hash=b"\0" * 32),
        replace(envelope(KINDS[0]), chain=replace(CHAIN, chain_id=1)),
    ],
)
def test_open__lines_of_another_envelope__refused(other: Envelope) -> None:
    body = sealed(KINDS[0]).split(b"\n", 2)[2]
    first, second, _ = sealed(KINDS[0], under=other).split(b"\n", 2)
    assert "does not open" in refused(b"\n".join((first, second, body)))


@pytest.mark.parametrize(
    "other",
    [replace(envelope(KINDS[0]), sender="CRA-HK-02"), replace(envelope(KINDS[0]), chain=replace(CHAIN, chain_id=1))],
)
def test_open__sealed_under_another_name_than_the_packages__refused(other: Envelope) -> None:
    assert refused(sealed(KINDS[0], under=other)).startswith("sealed under the name of another provider or registry")


def test_open__something_else_inside__is_no_package() -> None:
    assert refused(sealed(KINDS[0], package=b"{}")).startswith("the package lacks")
    assert refused(sealed(KINDS[0], package=sealed(KINDS[0]))).startswith("not a package")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"suite":1', b'"suite":3'),
        (b'"suite":1', b'"suite":true'),
        (b'"suite":1', b'"suite":1.0'),
        (b'"suite":1', b'"suite":1,"suite":1'),
        (b'"recipient":"BANK-SZ-01"', b'"recipient":""'),
        (b'"recipient":"BANK-SZ-01"', b'"recipient":"a b"'),
        (b'"recipient":"BANK-SZ-01"', b'"recipient":7'),
        (b'"sender":"CRA-HK-01",', b""),
        (b'"sender":"CRA-HK-01"', b'"sender":"CRA-HK-01","more":1'),
        (b'"key_hash":"', b'"key_hash":"00'),
        (b'"chain":{', b'"chain":{"more":1,'),
        (b"creditconnect-sealed/1", b"creditconnect-sealed/2"),
    ],
)
def test_read_envelope__not_as_it_is_written__refused(old: bytes, new: bytes) -> None:
    data = sealed(KINDS[0])
    assert data.count(old) == 1
    with pytest.raises(PackageInvalid):
        read_envelope(data.replace(old, new))


def test_read_envelope__too_large__refused_before_anything_is_opened() -> None:
    data = sealed(KINDS[0])
    with pytest.raises(PackageInvalid, match="larger than"):
        read_envelope(data + b"\0" * (GREATEST_BYTES + 1 - len(data)))
    with pytest.raises(PackageInvalid, match="not a creditconnect-sealed/1"):
        read_envelope(b"creditconnect-sealed/1\n" + b" " * 100_000)
