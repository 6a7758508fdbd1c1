"""Promise: VERIFIED is said of a record that is genuine, current and issued by someone entitled, and of nothing else.

Every check and every reason, on a real chain: what the registry, the authorities and institutions can do to a record.
What nodes can do to an answer is in test_standpoint, what can be done to a package's bytes in test_tampering.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from creditconnect import settings as homes
from creditconnect.answers.verification import CHECKS, Verification
from creditconnect.custody.packages import read_package, write_package
from creditconnect.reasons import CheckReason
from creditconnect.types import CheckStatus, Derived, RecordState, Verdict, entry_key
from tests.chain.homes import (
    BANK_HK,
    BANK_SZ,
    BUREAU_HK,
    BUREAU_SZ,
    CODES,
    EVERY_SCHEMA,
    HK,
    PROVIDER,
    SCHEMA,
    SUSPENDED,
    SZ,
    TERMINATED,
    VERIFIER,
    Stage,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)

pytestmark = pytest.mark.chain

VALID, INVALID, SKIPPED = CheckStatus.VALID, CheckStatus.INVALID, CheckStatus.SKIPPED
LIFETIME_SECONDS = 10_000


@dataclass
class World:
    """Each bureau has registered two records; `package` and `twin` are of the one in Hong Kong."""

    stage: Stage
    folder: Path
    package: bytes
    twin: bytes
    from_shenzhen: bytes
    banks: int = 0

    @property
    def submit(self) -> str:
        return self.stage.keys[BUREAU_HK]["submit"]

    def key(self, package: bytes, n: int = 0, institution: int = BUREAU_HK) -> int:
        return entry_key(read_package(package).derived.record_hash, institution, n)

    def verify(self, package: bytes | None = None, *, by: int = BANK_SZ) -> Verification:
        self.banks += 1
        with self.stage.client(by, self.folder / f"asker-{self.banks}") as bank:
            return bank.verify(self.package if package is None else package)

    def register(self, derived: Derived, *, institution: int = BUREAU_HK, schema: int = SCHEMA) -> None:
        word = derived.record_hash + derived.commitment
        self.stage.send_as(self.stage.keys[institution]["submit"], "register", schema, 0, 0, [word])


@pytest.fixture(scope="module")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with running_anvil() as anvil, stage_on(anvil, folder) as stage:
        packages = []
        for institution in (BUREAU_HK, BUREAU_SZ):
            home = folder / f"bureau-{institution}"
            with stage.client(institution, home) as bureau:
                expires_at = anvil.now() + LIFETIME_SECONDS
                bureau.submit(write_rows(home / "rows.jsonl", 2), expires_at=expires_at)
                bureau.package_write(home / "packages")
            packages += [path.read_bytes() for path in sorted((home / "packages").iterdir())]
        package, twin, from_shenzhen, _ = packages
        yield World(stage, folder, package, twin, from_shenzhen)


@pytest.fixture
def world(whole_world: World, tmp_path: Path) -> Iterator[World]:
    with taken_back(whole_world.stage):
        yield replace(whole_world, folder=tmp_path)


def unregistered(world: World) -> tuple[bytes, Derived]:
    """A sound package of a record that nobody has registered."""
    package = read_package(world.package)
    return _derived_anew(package.canonical.replace(b"R-0000000", b"S-0000000"), world.package)


def _derived_anew(canonical: bytes, like: bytes, **changed: object) -> tuple[bytes, Derived]:
    from creditconnect.records.commitments import Derivation
    from creditconnect.types import Suite

    package = replace(read_package(like), canonical=canonical, **changed)  # type: ignore[arg-type]
    derivation = Derivation(Suite(package.suite), package.provider, package.schema_hash)
    derived = derivation.derive(package.salt, package.canonical)
    return write_package(replace(package, derived=derived)), derived


def assert_check(found: Verification, name: str, status: CheckStatus, reason: CheckReason) -> None:
    check = found.check(name)
    assert (check.status, check.reason) == (status, reason), found.checks


# ------------------------------------------------------------------------------------------------------- verified


def test_verify__genuine_record_from_hong_kong__verified_in_shenzhen(world: World) -> None:
    found = world.verify()
    assert found.verdict == Verdict.VERIFIED
    assert [check.name for check in found.checks] == list(CHECKS)
    assert [check.status for check in found.checks] == [VALID, SKIPPED] + [VALID] * 7 + [SKIPPED]
    assert_check(found, "document", SKIPPED, CheckReason.NO_DOCUMENT)
    assert_check(found, "agreement", SKIPPED, CheckReason.SINGLE_NODE)
    assert found.reasons == []
    assert found.provider == CODES[BUREAU_HK]
    assert found.record is not None
    assert found.record["identity"]["name"].startswith("Synthetic Person")
    assert found.claim is not None
    assert found.claim.state == RecordState.ACTIVE
    assert found.claims == (found.claim,)
    assert found.institutions == {BUREAU_HK: CODES[BUREAU_HK]}
    assert found.block is not None
    assert found.block.number == world.stage.anvil.height()


def test_verify__genuine_record_from_shenzhen__verified_in_hong_kong(world: World) -> None:
    assert world.verify(world.from_shenzhen, by=BANK_HK).verdict == Verdict.VERIFIED


# -------------------------------------------------------------------------- what authorities and institutions may do


def _entitlement_runs_out(world: World) -> None:
    world.stage.scope(BUREAU_HK, roles=PROVIDER, until=world.stage.anvil.now() + 50)
    _pass(world, 100)


def _pass(world: World, seconds: int) -> None:
    world.stage.anvil.rpc("evm_increaseTime", seconds)
    world.stage.anvil.mine()


def _by_submitter(name: str, *arguments: Callable[[World], object]) -> Callable[[World], object]:
    return lambda world: world.stage.send_as(world.submit, name, *(argument(world) for argument in arguments))


Act = Callable[[World], object]
# What is done on the chain; the one check that it turns; whether to INVALID with which reason.
ACTS: dict[str, tuple[Act, str, CheckReason]] = {
    "revoked": (
        _by_submitter("revoke", lambda w: [w.key(w.package)], lambda _: 1),
        "lifecycle",
        CheckReason.REVOKED,
    ),
    "whole batch revoked": (
        _by_submitter("revokeBatch", lambda _: 1, lambda _: 1),
        "lifecycle",
        CheckReason.REVOKED,
    ),
    "superseded": (
        _by_submitter("supersede", lambda w: w.key(w.package), lambda w: w.key(w.twin), lambda _: 1),
        "lifecycle",
        CheckReason.SUPERSEDED,
    ),
    "disputed by the provider": (
        _by_submitter("dispute", lambda w: w.key(w.package), lambda _: 1),
        "lifecycle",
        CheckReason.DISPUTED,
    ),
    "disputed by the other side": (
        lambda w: w.stage.admin(SZ, "dispute", w.key(w.package), 1),
        "lifecycle",
        CheckReason.DISPUTED,
    ),
    "expired": (lambda w: _pass(w, LIFETIME_SECONDS + 1), "expiry", CheckReason.EXPIRED),
    "suspended": (lambda w: w.stage.standing(BUREAU_HK, SUSPENDED), "standing", CheckReason.SUSPENDED),
    "terminated": (lambda w: w.stage.standing(BUREAU_HK, TERMINATED), "standing", CheckReason.TERMINATED),
    "role taken away": (
        lambda w: w.stage.scope(BUREAU_HK, roles=VERIFIER),
        "standing",
        CheckReason.ENTITLEMENT_ENDED,
    ),
    "schema taken away": (
        lambda w: w.stage.scope(BUREAU_HK, roles=PROVIDER, schemas=0),
        "standing",
        CheckReason.ENTITLEMENT_ENDED,
    ),
    "time over": (_entitlement_runs_out, "standing", CheckReason.ENTITLEMENT_ENDED),
    "corridor closed by this side": (
        lambda w: w.stage.admin(SZ, "closeCorridor", HK, SZ),
        "corridor",
        CheckReason.CORRIDOR_CLOSED,
    ),
    "corridor closed by the other": (
        lambda w: w.stage.admin(HK, "closeCorridor", HK, SZ),
        "corridor",
        CheckReason.CORRIDOR_CLOSED,
    ),
    "asker suspended": (lambda w: w.stage.standing(BANK_SZ, SUSPENDED), "corridor", CheckReason.ASKER_NOT_ENTITLED),
    "asker no verifier": (
        lambda w: w.stage.scope(BANK_SZ, roles=PROVIDER, schemas=EVERY_SCHEMA),
        "corridor",
        CheckReason.ASKER_NOT_ENTITLED,
    ),
}


@pytest.mark.parametrize("name", ACTS)
def test_verify__record_is_no_longer_good__one_check_says_why_and_the_others_stay_valid(
    world: World, name: str
) -> None:
    act, check, reason = ACTS[name]
    assert world.verify().verdict == Verdict.VERIFIED
    act(world)
    found = world.verify()
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [reason]
    assert_check(found, check, INVALID, reason)
    assert [one.status for one in found.checks if one.name not in (check, "document", "agreement")] == [VALID] * 7
    assert found.claim is not None, "an old record still answers"


def test_verify__corridor_open_one_way_only__the_other_way_is_not_verified(world: World) -> None:
    world.stage.admin(HK, "closeCorridor", SZ, HK)
    assert world.verify().verdict == Verdict.VERIFIED
    assert world.verify(world.from_shenzhen, by=BANK_HK).reasons == [CheckReason.CORRIDOR_CLOSED]


def test_verify__asker_of_the_same_side__not_verified(world: World) -> None:
    assert world.verify(by=BANK_HK).reasons == [CheckReason.SAME_SIDE]


def test_verify__asker_not_in_the_registry__not_verified(world: World) -> None:
    made = world.stage.home(BANK_SZ, world.folder / "asker")
    (made.home / "settings.toml").unlink()
    stranger = replace(made, institution="BANK-XX-01")
    homes.write(stranger)
    with world.stage.open(stranger) as bank:
        found = bank.verify(world.package)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.ASKER_UNKNOWN]


def test_verify__dispute_ended_for_the_provider__verified_again(world: World) -> None:
    key = world.key(world.package)
    world.stage.admin(SZ, "dispute", key, 1)
    world.stage.admin(SZ, "resolve", key, False, 1)
    assert world.verify().verdict == Verdict.VERIFIED


def test_verify__reviewed_batch__pending_until_approved_and_rejected_for_good(world: World) -> None:
    world.stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
    package, derived = unregistered(world)
    world.register(derived)
    found = world.verify(package)
    assert_check(found, "lifecycle", INVALID, CheckReason.PENDING)
    assert found.verdict == Verdict.NOT_VERIFIED

    reviewer, key = world.stage.keys[BUREAU_HK]["review"], world.key(package)
    batch = world.stage.ask("registry")["batchCount"]
    undecided = world.stage.anvil.rpc("evm_snapshot")
    world.stage.send_as(reviewer, "approve", batch, [])
    assert world.verify(package).verdict == Verdict.VERIFIED
    for name, arguments in (("reject", (batch, 1)), ("approve", (batch, [(key, 1)]))):
        assert world.stage.anvil.rpc("evm_revert", undecided)
        undecided = world.stage.anvil.rpc("evm_snapshot")
        world.stage.send_as(reviewer, name, *arguments)
        assert world.verify(package).reasons == [CheckReason.REJECTED]


def test_verify__expiry__last_second_is_good_and_the_next_is_not(world: World) -> None:
    found = world.verify()
    assert found.claim is not None
    world.stage.anvil.rpc("evm_setNextBlockTimestamp", found.claim.expires_at - 1)
    world.stage.anvil.mine()
    assert world.verify().verdict == Verdict.VERIFIED
    world.stage.anvil.rpc("evm_setNextBlockTimestamp", found.claim.expires_at)
    world.stage.anvil.mine()
    assert world.verify().reasons == [CheckReason.EXPIRED]


# ------------------------------------------------------------------------------------- claims to one and the same hash


def test_verify__nobody_registered_it__not_registered(world: World) -> None:
    package, _ = unregistered(world)
    found = world.verify(package)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.NOT_REGISTERED]
    assert [found.check(name).status for name in ("entitlement", "lifecycle", "expiry")] == [SKIPPED] * 3
    assert found.claims == ()


def test_verify__provider_not_in_the_registry__provider_unknown(world: World) -> None:
    package, _ = _derived_anew(read_package(world.package).canonical, world.package, provider="CRA-XX-01")
    found = world.verify(package)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert_check(found, "registration", INVALID, CheckReason.NOT_REGISTERED)
    assert_check(found, "entitlement", INVALID, CheckReason.PROVIDER_UNKNOWN)
    assert_check(found, "standing", INVALID, CheckReason.PROVIDER_UNKNOWN)


def test_verify__provider_registered_the_hash_for_another_record__commitment_mismatch(world: World) -> None:
    package, derived = unregistered(world)
    world.register(Derived(derived.record_hash, b"\x5a" * 24))
    found = world.verify(package)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.COMMITMENT_MISMATCH]
    assert found.claim is None
    assert len(found.claims) == 1


def test_verify__provider_has_a_second_record_of_that_hash__both_are_told_apart(world: World) -> None:
    derived = read_package(world.package).derived
    world.register(Derived(derived.record_hash, b"\x5a" * 24))
    found = world.verify()
    assert found.verdict == Verdict.VERIFIED
    assert found.claim is not None
    assert found.claim.commitment == derived.commitment
    assert len(found.claims) == 2


def test_verify__second_record_of_that_hash_came_first__verified_by_its_own_place(world: World) -> None:
    package, derived = unregistered(world)
    world.register(Derived(derived.record_hash, b"\x5a" * 24))
    world.register(derived)
    found = world.verify(package)
    assert found.verdict == Verdict.VERIFIED
    assert found.claim is not None
    assert found.claim.entry_key == world.key(package, 1)


def test_verify__revoked_and_registered_again__the_last_place_counts(world: World) -> None:
    derived = read_package(world.package).derived
    world.stage.send_as(world.submit, "revoke", [world.key(world.package)], 1)
    world.register(derived)
    found = world.verify()
    assert found.verdict == Verdict.VERIFIED
    assert [claim.state for claim in found.claims] == [RecordState.REVOKED, RecordState.ACTIVE]


@pytest.mark.parametrize("same_commitment", [True, False])
def test_verify__another_institution_squats_the_hash__still_verified_with_both_claims_shown(
    world: World, same_commitment: bool
) -> None:
    package, derived = unregistered(world)
    squatted = derived if same_commitment else Derived(derived.record_hash, b"\x5a" * 24)
    world.register(squatted, institution=BUREAU_SZ)
    found = world.verify(package)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.NOT_REGISTERED]
    assert [claim.institution for claim in found.claims] == [BUREAU_SZ]

    world.register(derived)
    found = world.verify(package)
    assert found.verdict == Verdict.VERIFIED
    assert {claim.institution for claim in found.claims} == {BUREAU_HK, BUREAU_SZ}
    assert found.institutions == {one: CODES[one] for one in (BUREAU_HK, BUREAU_SZ)}
    world.stage.send_as(world.stage.keys[BUREAU_SZ]["submit"], "revoke", [world.key(package, 0, BUREAU_SZ)], 1)
    assert world.verify(package).verdict == Verdict.VERIFIED


def test_verify__registered_under_another_schema__schema_mismatch(world: World) -> None:
    package, derived = unregistered(world)
    world.stage.admin(HK, "addSchema", b"\x07" * 32, "another/1")
    world.stage.scope(BUREAU_HK, roles=PROVIDER, schemas=0b110)
    world.register(derived, schema=2)
    found = world.verify(package)
    assert found.verdict == Verdict.NOT_VERIFIED
    assert found.reasons == [CheckReason.SCHEMA_MISMATCH]


def test_verify__institution_admitted_after_the_first_question__its_claim_is_seen(world: World) -> None:
    package, derived = unregistered(world)
    with world.stage.client(BANK_SZ, world.folder / "bank") as bank:
        assert bank.verify(package).claims == ()
        world.stage.admin(SZ, "admit", b"CRA-SZ-02".ljust(32, b"\0"), b"\0" * 32)
        world.stage.admin(SZ, "scope", 5, PROVIDER, EVERY_SCHEMA, 0, False)
        world.stage.admin(SZ, "setAccount", 5, world.stage.accounts[8], 1, True)
        word = derived.record_hash + derived.commitment
        world.stage.send(world.stage.accounts[8], world.stage.abi.encode_call("register", SCHEMA, 0, 0, [word]))
        found = bank.verify(package)
        assert [claim.institution for claim in found.claims] == [5]
        assert found.institutions == {5: "CRA-SZ-02"}
        assert found.reasons == [CheckReason.NOT_REGISTERED]
        world.register(derived)
        assert bank.verify(package).verdict == Verdict.VERIFIED
