"""What the demo shows failing, each for its own reason: the attacks and mishaps that a bank must be told about."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditconnect.chain.signing import KeystoreSigner
from creditconnect.cli.german_credit import attach_identities, packaged_dataset
from creditconnect.cli.language import translate
from creditconnect.cli.stage import HK, MAPPING, SEED, SZ, AuthorityRefused, Side, Stage
from creditconnect.custody.packages import Package, read_package, write_package
from creditconnect.errors import CreditConnectError, Reverted
from creditconnect.reasons import ChainReason
from creditconnect.records.canonical import canonicalise, read_canonical
from creditconnect.records.commitments import derive
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT
from creditconnect.types import SALT_BYTES, Suite

if TYPE_CHECKING:
    from creditconnect.answers.verification import Verification

# Long enough to be approved and verified first, over when the demo comes back to it.
EXPIRES_AFTER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that must fail: what must be said of it, and what was said."""

    name: str
    expected: str
    answered: str

    @property
    def holds(self) -> bool:
        return self.expected in self.answered

    def row(self) -> tuple[str, ...]:
        """Its name, what must be said, what was, and whether that is as it must be."""
        return (translate(self.name), self.expected, self.answered, translate("yes" if self.holds else "NO"))


def expiring_record(stage: Stage, provider: Side, verifier: Side) -> Path:
    """The package of a record that verifies now and soon no more.

    Raises:
        CreditConnectError: it does not verify now.
    """
    folder = stage.folder / "packages-expiring"
    _submit_few(stage, provider, "expiring", 1, int(time.time()) + EXPIRES_AFTER_SECONDS)
    with stage.open(provider.bureau) as bureau:
        batch = bureau.review_list()[-1]
        (row,) = bureau.review_rows(batch.id)
        bureau.review_approve(batch.id)
        bureau.package_write(folder, row.derived.record_hash)
    (package,) = folder.iterdir()
    with stage.open(verifier.bank) as bank:
        verification = bank.verify(package)
    if verification.reasons:
        raise CreditConnectError(f"a fresh record does not verify: {', '.join(verification.reasons)}")
    return package


def play(stage: Stage, deployment: Path, expiring: Path) -> list[Case]:
    """Every case, in an order in which none disturbs the next: the suspension comes last."""
    genuine, withdrawn, *_ = sorted((stage.folder / "packages-hk").iterdir())
    return [
        _verified_as("a record with its amount altered", "PACKAGE_ALTERED", stage, SZ, _altered(genuine)),
        _verified_as("the same, with the package made to fit", "NOT_REGISTERED", stage, SZ, _made_to_fit(genuine)),
        _squatted(stage, genuine),
        _withdrawn(stage, withdrawn),
        _expired(stage, expiring),
        _verified_as("a record shown to a bank of the same side", "SAME_SIDE", stage, HK, genuine.read_bytes()),
        _self_approval(stage),
        _other_authority(stage, deployment),
        _suspended(stage, deployment, genuine),
    ]


def _verified_as(name: str, expected: str, stage: Stage, side: Side, package: bytes) -> Case:
    with stage.open(side.bank) as bank:
        return Case(name, expected, _said(bank.verify(package)))


def _said(verification: Verification) -> str:
    return f"{verification.verdict.value}: {', '.join(verification.reasons)}"


def _altered(genuine: Path) -> bytes:
    package = read_package(genuine.read_bytes())
    record = read_canonical(package.canonical)
    record["credit_transactions"][0]["amount"]["amount_minor"] += 1
    return write_package(replace(package, canonical=canonicalise(record)))


def _made_to_fit(genuine: Path) -> bytes:
    """What a forger who knows the protocol would hand over."""
    package = read_package(_altered(genuine))
    return write_package(_fitted(package, package.canonical))


def _fitted(package: Package, canonical: bytes) -> Package:
    salt = os.urandom(SALT_BYTES)
    derived = derive(Suite(package.suite), package.provider, package.schema_hash, salt, canonical)
    return replace(package, canonical=canonical, salt=salt, derived=derived)


def _squatted(stage: Stage, genuine: Path) -> Case:
    """A victim's hash, claimed with other commitments: by its own provider, and by one of the other side."""
    package = read_package(_made_to_fit(genuine))
    for side in (HK, SZ):
        _register_raw(stage, side, package.derived.record_hash + os.urandom(24))
    with stage.open(SZ.bank) as bank:
        verification = bank.verify(write_package(package))
    for side in (HK, SZ):
        _reject_unknown(stage, side)
    claims = ", ".join(sorted(verification.institutions[claim.institution] for claim in verification.claims))
    return Case(
        "a victim's 64-bit hash with another commitment",
        "COMMITMENT_MISMATCH",
        f"{_said(verification)}; every claim: {claims}",
    )


def _reject_unknown(stage: Stage, side: Side) -> None:
    """What a reviewer does with records that the institution's own vault has never seen."""
    with stage.open(side.bureau) as bureau:
        for batch in bureau.review_list():
            bureau.review_reject(batch.id, ChainReason.OTHER)


def _withdrawn(stage: Stage, package: Path) -> Case:
    record_hash = read_package(package.read_bytes()).derived.record_hash
    with stage.open(HK.bureau) as bureau:
        bureau.revoke(record_hash, ChainReason.SUBJECT_REQUEST)
    return _verified_as("a record that was withdrawn", "REVOKED", stage, SZ, package.read_bytes())


def _expired(stage: Stage, package: Path) -> Case:
    with stage.open(SZ.bank) as bank:
        until = time.monotonic() + EXPIRES_AFTER_SECONDS + 10
        while not (verification := bank.verify(package)).reasons and time.monotonic() < until:
            time.sleep(0.5)
    return Case("a record that expired", "EXPIRED", _said(verification))


def _self_approval(stage: Stage) -> Case:
    _submit_few(stage, SZ, "self-approved", 2)
    with stage.open(SZ.bureau) as bureau:
        batch = bureau.review_list()[-1]
        # Past the client, which would not even send it.
        approve = bureau.registry.abi.encode_call("approve", batch.id, [])
        answered = _refusal(lambda: bureau.registry.simulate(batch.submitter, approve))
        bureau.review_approve(batch.id)
    return Case("a submitter approves its own batch", "SelfApproval", answered)


def _other_authority(stage: Stage, deployment: Path) -> Case:
    """The Shenzhen authority's account tries to suspend a Hong Kong bureau."""
    answered = _refusal(lambda: stage.institutions("suspend", SZ, deployment, HK.bureau, "--reason", "other"))
    return Case("an account of the other side's authority", "NotAuthorityOf", answered)


def _suspended(stage: Stage, deployment: Path, package: Path) -> Case:
    stage.institutions("suspend", HK, deployment, HK.bureau, "--reason", "other")
    stage.wait_until_final(SZ.bank)
    with stage.open(SZ.bank) as bank:
        verification = bank.verify(package)
    checks = [verification.check(name) for name in ("entitlement", "standing")]
    return Case(
        "an old record of a provider now suspended",
        "entitlement VALID, standing INVALID SUSPENDED",
        ", ".join(f"{check.name} {check.status.value}" for check in checks) + f" {checks[1].reason}",
    )


def _refusal(act: Callable[[], Any]) -> str:
    try:
        act()
    except (Reverted, AuthorityRefused) as error:
        return error.message
    return "it went through"


def _submit_few(stage: Stage, side: Side, name: str, rows: int, expires_at: int = 0) -> None:
    source = stage.folder / f"{name}.csv"
    attach_identities(packaged_dataset(), source, side.code, rows, SEED + len(name))
    with stage.open(side.bureau) as bureau:
        bureau.submit(source, mapping=MAPPING, expires_at=expires_at)


def _register_raw(stage: Stage, side: Side, record: bytes) -> None:
    """Register 32 chosen bytes past the client, as an insider with the submitter's key could."""
    with stage.open(side.bureau) as bureau:
        registry = bureau.registry
        signer = KeystoreSigner.open(bureau.settings.key_file("submit"), stage.passphrase("submit"))
        data = registry.register_call(bureau.schema_number(PERSONAL_CREDIT_REPORT), 0, 0, [record])
        transaction: dict[str, Any] = {
            "chainId": bureau.deployment.identity.chain_id,
            "nonce": registry.nonce(signer.address),
        }
        transaction |= {"gasPrice": 0, "gas": 500_000, "value": 0, "to": registry.checksum_address, "data": data}
        signed = signer.sign(transaction)
        registry.send([signed.raw])
        while registry.receipts([signed.hash])[0] is None:
            time.sleep(0.1)
