"""Promise: no altered package is ever verified, and what is wrong with one is said without asking the chain."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from creditconnect.answers.verification import CHECKS
from creditconnect.client import Client
from creditconnect.custody.packages import Package, read_package, write_package
from creditconnect.reasons import CheckReason
from creditconnect.records.commitments import Derivation
from creditconnect.types import CheckStatus, Suite, Verdict
from tests.chain.homes import BANK_SZ, BUREAU_HK, Stage, free_port, running_anvil, stage_on, write_rows

pytestmark = pytest.mark.chain

SEED = 20_261_123


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture(scope="module")
def package(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("bureau")
    with stage.client(BUREAU_HK, folder / "home") as bureau:
        bureau.submit(write_rows(folder / "rows.jsonl", 1))
        bureau.package_write(folder / "packages")
    (path,) = (folder / "packages").iterdir()
    return path.read_bytes()


@pytest.fixture(scope="module")
def bank(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return stage.client(BANK_SZ, tmp_path_factory.mktemp("bank") / "home")


def test_verify__every_byte_altered_left_out_or_doubled__never_verified(bank: Client, package: bytes) -> None:
    assert bank.verify(package).verdict == Verdict.VERIFIED
    chance = random.Random(SEED)  # noqa: S311  reproducible on purpose, protects nothing
    for at in range(len(package)):
        changed = bytes([package[at] ^ chance.randint(1, 255)])
        digit = b"0" if package[at : at + 1] != b"0" else b"1"
        for middle in (changed, digit, b"", 2 * package[at : at + 1]):
            altered = package[:at] + middle + package[at + 1 :]
            # One of two equal neighbours left out or doubled is the same whichever it is, but never the package.
            assert altered != package
            assert bank.verify(altered).verdict == Verdict.NOT_VERIFIED, (at, middle)


def test_verify__bytes_swapped_cut_or_added__never_verified(bank: Client, package: bytes) -> None:
    chance = random.Random(SEED)  # noqa: S311
    for _ in range(300):
        one, other = sorted(chance.sample(range(len(package)), 2))
        for altered in (
            package[:one] + package[one:other][::-1] + package[other:],
            package[:one] + package[other:],
            package[:one],
            package[other:],
            package + package[one:other],
        ):
            if altered != package:
                assert bank.verify(altered).verdict == Verdict.NOT_VERIFIED


@pytest.mark.parametrize("altered", [b"\xef\xbb\xbf%s", b" %s", b"%s\n", b"%s\0", b"[%s]"])
def test_verify__something_around_the_package__malformed(bank: Client, package: bytes, altered: bytes) -> None:
    found = bank.verify(altered % package)
    assert found.check("package").reason == CheckReason.PACKAGE_MALFORMED


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 100_000, b"0" * 5_000_000])
def test_verify__no_package_at_all__malformed(bank: Client, data: bytes) -> None:
    found = bank.verify(data)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.PACKAGE_MALFORMED]


# ---------------------------------------------------------------------- packages that are well-formed and yet unsound

Change = Callable[[Package], Package]


def _rederived(package: Package) -> Package:
    """As a forger makes it who knows how values are derived."""
    derivation = Derivation(Suite(package.suite), package.provider, package.schema_hash)
    return replace(package, derived=derivation.derive(package.salt, package.canonical))


def _other_chain(**changed: object) -> Change:
    return lambda package: replace(package, chain=replace(package.chain, **changed))  # type: ignore[arg-type]


def _with_canonical(old: bytes, new: bytes) -> Change:
    def change(package: Package) -> Package:
        assert old in package.canonical
        return _rederived(replace(package, canonical=package.canonical.replace(old, new)))

    return change


CHANGES: dict[str, tuple[Change, CheckReason]] = {
    "another record": (
        lambda p: replace(p, canonical=p.canonical.replace(b'existing_credits":1', b'existing_credits":0')),
        CheckReason.PACKAGE_ALTERED,
    ),
    "another salt": (lambda p: replace(p, salt=b"\x11" * 32), CheckReason.PACKAGE_ALTERED),
    "another provider": (lambda p: replace(p, provider="CRA-SZ-01"), CheckReason.PACKAGE_ALTERED),
    "another commitment": (
        lambda p: replace(p, derived=p.derived._replace(commitment=b"\x22" * 24)),
        CheckReason.PACKAGE_ALTERED,
    ),
    "another hash": (
        lambda p: replace(p, derived=p.derived._replace(record_hash=b"\x22" * 8)),
        CheckReason.PACKAGE_ALTERED,
    ),
    "schema that is not known": (lambda p: replace(p, schema="personal/9"), CheckReason.SCHEMA_UNKNOWN),
    "another document of that name": (lambda p: replace(p, schema_hash=b"\x33" * 32), CheckReason.SCHEMA_UNKNOWN),
    "not canonical": (_with_canonical(b'{"', b'{ "'), CheckReason.NOT_CANONICAL),
    "schema violated": (_with_canonical(b"1990-02-28", b"1990-02-30"), CheckReason.SCHEMA_VIOLATED),
    "identifier violated": (_with_canonical(b"A1234563", b"A1234564"), CheckReason.SCHEMA_VIOLATED),
    "key unknown": (_with_canonical(b'"credit_transactions"', b'"credit_transactionz"'), CheckReason.SCHEMA_VIOLATED),
    "provider code impossible": (lambda p: replace(p, provider="CRA HK"), CheckReason.PACKAGE_MALFORMED),
    "provider code too long": (lambda p: replace(p, provider="C" * 33), CheckReason.PACKAGE_MALFORMED),
    "suite unknown": (lambda p: replace(p, suite=9), CheckReason.PACKAGE_MALFORMED),
    "other chain id": (_other_chain(chain_id=1), CheckReason.OTHER_REGISTRY),
    "other genesis": (_other_chain(genesis_hash=b"\x44" * 32), CheckReason.OTHER_REGISTRY),
    "other registry": (_other_chain(registry="0x" + "44" * 20), CheckReason.OTHER_REGISTRY),
    "other code": (_other_chain(code_hash=b"\x44" * 32), CheckReason.OTHER_REGISTRY),
}


@pytest.mark.parametrize("name", CHANGES)
def test_verify__package_unsound_by_itself__says_why_without_a_node(
    stage: Stage, package: bytes, tmp_path: Path, name: str
) -> None:
    change, reason = CHANGES[name]
    with stage.client(BANK_SZ, tmp_path / "bank", f"http://127.0.0.1:{free_port()}") as bank:
        found = bank.verify(write_package(change(read_package(package))))
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [reason]
    assert {found.check(check).status for check in CHECKS[1:]} == {CheckStatus.SKIPPED}
    assert {found.check(check).reason for check in CHECKS[1:]} == {CheckReason.NOT_REACHED}
    assert found.record is None
    assert found.block is None


def test_verify__forged_record_derived_correctly__not_registered(bank: Client, package: bytes) -> None:
    forged = _with_canonical(b'existing_credits":1', b'existing_credits":0')(read_package(package))
    found = bank.verify(write_package(forged))
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.NOT_REGISTERED]
