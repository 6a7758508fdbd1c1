"""Promise: a package says one thing in one spelling; anything else is refused by the member that is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from creditconnect.custody.packages import GREATEST_BYTES, Package, read_package, write_package
from creditconnect.errors import PackageInvalid
from creditconnect.types import ChainIdentity, Derived, Suite

PACKAGE = Package(
    provider="CRA-HK-01",
    schema="personal-credit-report/1",
    schema_hash=b"\xab" * 32,
    suite=Suite.SHA256_AES256GCM,
    salt=b"\xcd" * 32,
    canonical='{"name":"陳大文"}'.encode(),
    derived=Derived(b"\x01" * 8, b"\x02" * 24),
    chain=ChainIdentity(31_337, b"\xef" * 32, "0x" + "ab" * 20, b"\x05" * 32),
)
BYTES = write_package(PACKAGE)
DOCUMENT: dict[str, Any] = json.loads(BYTES)
CHAIN: dict[str, Any] = DOCUMENT["chain"]
HEX = {"schema_hash": 64, "salt": 64, "record_hash": 16, "commitment": 48}
CHAIN_HEX = {"genesis_hash": 64, "registry": 40, "code_hash": 64}
SECRET = "陳大文"


def written(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def refused(document: object) -> str:
    with pytest.raises(PackageInvalid) as error:
        read_package(document if isinstance(document, bytes) else written(document))
    return str(error.value)


def test_read__what_was_written__the_same_package() -> None:
    assert read_package(BYTES) == PACKAGE
    assert write_package(read_package(BYTES)) == BYTES
    assert written(DOCUMENT) == BYTES, "the tests' own writer differs"


def test_write__file_name__is_the_record_hash() -> None:
    assert PACKAGE.file_name == "01" * 8 + ".ccpackage"


@pytest.mark.parametrize("canonical", ['{"a":"\\"\\\\"}', "{}", "not json", '{"a":"' + "x" * 100_000 + '"}'])
def test_write__any_record__read_back_byte_for_byte(canonical: str) -> None:
    package = replace(PACKAGE, canonical=canonical.encode())
    assert read_package(write_package(package)) == package


@pytest.mark.parametrize("member", sorted(DOCUMENT))
def test_read__member_missing__named(member: str) -> None:
    message = refused({name: value for name, value in DOCUMENT.items() if name != member})
    assert message == f"the package lacks or should not have: {member}"


@pytest.mark.parametrize("member", sorted(CHAIN))
def test_read__member_of_chain_missing__named(member: str) -> None:
    chain = {name: value for name, value in CHAIN.items() if name != member}
    assert refused(DOCUMENT | {"chain": chain}) == f"chain lacks or should not have: {member}"


def test_read__member_too_many__named() -> None:
    assert refused(DOCUMENT | {"extra": 1}) == "the package lacks or should not have: extra"
    assert refused(DOCUMENT | {"chain": CHAIN | {"extra": 1}}) == "chain lacks or should not have: extra"


@pytest.mark.parametrize("member", sorted(DOCUMENT))
@pytest.mark.parametrize("wrong", [7, True, [], {}, ""])
def test_read__member_of_another_type__named_and_its_value_not_shown(member: str, wrong: object) -> None:
    if member in ("provider", "schema", "record") and wrong == "":
        return  # text of no length is text; what it says is the verifier's affair
    message = refused(DOCUMENT | {member: wrong})
    assert member in message or (member, message) == ("format", "not a creditconnect-package/1")


@pytest.mark.parametrize("member", sorted(CHAIN))
@pytest.mark.parametrize("wrong", [True, [], {}, "", "0x"])
def test_read__member_of_chain_of_another_type__named(member: str, wrong: object) -> None:
    assert member in refused(DOCUMENT | {"chain": CHAIN | {member: wrong}})


@pytest.mark.parametrize("member", sorted(HEX | CHAIN_HEX))
def test_read__hex_not_as_written__refused(member: str) -> None:
    length = (HEX | CHAIN_HEX)[member]
    spoilt = ["ab" * (length // 2 - 1), "ab" * (length // 2 + 1), "AB" * (length // 2), "zz" * (length // 2)]
    spoilt += ["0x" + "ab" * (length // 2 - 1), " " + "a" * (length - 1), "٣" * length, "a" * (length - 1) + "\n"]
    for value in spoilt:
        wrong = {member: value} if member in HEX else {"chain": CHAIN | {member: value}}
        message = refused(DOCUMENT | wrong)
        assert message == f"{member} is not {length // 2} bytes of lower-case hex" or "canonical" in message
        assert value not in message


@pytest.mark.parametrize("suite", [0, 3, 255, -1, 2**53 - 1])
def test_read__suite_that_is_not_known__named(suite: int) -> None:
    assert refused(DOCUMENT | {"suite": suite}) == f"suite {suite} is not known here"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{" * 1_000,
        b" " + BYTES,
        BYTES + b"\n",
        BYTES.replace(b'"suite":1', b'"suite":1.0'),
        BYTES.replace(b'"suite":1', b'"suite":1,"suite":1'),
        BYTES.replace(b'"suite":1', b'"suite": 1'),
        BYTES.replace("陳".encode(), b"\\u9673"),
        json.dumps(DOCUMENT, ensure_ascii=False).encode(),
    ],
)
def test_read__not_the_one_spelling__refused_without_showing_the_record(data: bytes) -> None:
    assert data != BYTES
    message = refused(data)
    assert message.startswith("not a package")
    assert SECRET not in message


def test_read__too_large__refused_before_it_is_parsed() -> None:
    assert refused(b"0" * (GREATEST_BYTES + 1)) == f"larger than {GREATEST_BYTES} bytes, so not a package"


def test_read__every_wrong_member__never_shows_salt_record_or_commitment() -> None:
    shown = [PACKAGE.salt.hex(), SECRET, PACKAGE.derived.commitment.hex()]
    for member, right in DOCUMENT.items():
        for wrong in (None, 7, "x", [right]):
            message = refused(DOCUMENT | {member: wrong}) if not _is_fine(member, wrong) else ""
            assert not any(value in message for value in shown)


def _is_fine(member: str, value: object) -> bool:
    return member in ("provider", "schema", "record") and isinstance(value, str)
