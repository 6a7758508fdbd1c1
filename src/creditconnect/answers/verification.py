"""Verification: is the record that one is shown genuine, current, and its issuer entitled (docs/PROTOCOL.md, 7).

Named checks, each with a stable reason. The verdict needs every one of them; a check that could not be made gives
COULD_NOT_TELL, never a guess. Nothing is ever verified on the 64 bits alone, and "not found" is said only of a block
that the node has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from creditconnect.answers.standpoint import Asked, Standpoint, View
from creditconnect.chain.blocks import Block
from creditconnect.chain.registry import Claim, Institution
from creditconnect.custody.packages import Package, read_package
from creditconnect.errors import (
    CreditConnectError,
    FieldInvalid,
    NotCanonical,
    PackageInvalid,
    SchemaUnknown,
    SealedAltered,
    SealedForAnother,
    SealedKeyGone,
)
from creditconnect.reasons import CheckReason, chain_reason_name
from creditconnect.records.canonical import read_canonical
from creditconnect.records.commitments import Derivation
from creditconnect.records.documents import Measured, label
from creditconnect.records.schemas import DOCUMENT, Schema, SchemaCatalogue
from creditconnect.types import ChainIdentity, Check, CheckStatus, RecordState, Role, Standing, Suite, Verdict

CHECKS = (
    "package",
    "document",
    "registration",
    "entitlement",
    "standing",
    "lifecycle",
    "expiry",
    "corridor",
    "freshness",
    "agreement",
)
"""Their names, in the order in which they are answered."""

FindDocument = Callable[[str], Measured | None]
"""Measures the document of that name that is shown; None where none is."""

# What leaves the verdict alone: there is nothing to check, or the settings let one node answer for both.
_MAY_BE_SKIPPED = (CheckReason.SINGLE_NODE, CheckReason.NODE_UNREACHABLE, CheckReason.NO_DOCUMENT)
_UNOPENED = {
    SealedForAnother: CheckReason.SEALED_FOR_ANOTHER,
    SealedKeyGone: CheckReason.SEALED_KEY_GONE,
    SealedAltered: CheckReason.PACKAGE_ALTERED,
}
_NOTED = "noted at {at} by {by}, reason {reason}"
_WHAT_ENDED = {
    RecordState.REJECTED: "rejected at {at} by {by}, reason {reason}",
    RecordState.REVOKED: "revoked at {at} by {by}, reason {reason}",
    RecordState.SUPERSEDED: "superseded at {at} by {by}, reason {reason}",
    RecordState.DISPUTED: "disputed at {at} by {by}, reason {reason}",
}
_NOT_ACTIVE = {
    RecordState.PENDING: CheckReason.PENDING,
    RecordState.REJECTED: CheckReason.REJECTED,
    RecordState.REVOKED: CheckReason.REVOKED,
    RecordState.SUPERSEDED: CheckReason.SUPERSEDED,
    RecordState.DISPUTED: CheckReason.DISPUTED,
}


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict and what it rests on.

    `record` is the parse of the very bytes that were verified, and is None unless the package is sound. `claims` are
    all institutions' claims to the record hash, `claim` the one that the record is bound to.
    """

    verdict: Verdict
    checks: tuple[Check, ...]
    block: Block | None = None
    provider: str = ""
    record_hash: bytes = b""
    record: dict[str, Any] | None = None
    claim: Claim | None = None
    claims: tuple[Claim, ...] = ()
    institutions: dict[int, str] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)

    @property
    def reasons(self) -> list[str]:
        """Why not VERIFIED: the reasons of the checks that failed or could not be made, in their order, each once."""
        failed = (CheckStatus.INVALID, CheckStatus.ERROR)
        return list(dict.fromkeys(check.reason for check in self.checks if check.status in failed))


class Verifier:
    """Verifies for one asker. Safe to reuse; keeps only what can't change (who has which permanent code)."""

    def __init__(
        self,
        standpoint: Standpoint,
        asker: str,
        schemas: SchemaCatalogue,
        trusted: ChainIdentity,
        *,
        greatest_head_age_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        """`asker` is the verifying institution's code; `trusted` comes from its own settings, never from a package."""
        self._standpoint = standpoint
        self._asker = asker
        self._schemas = schemas
        self._trusted = trusted
        self._greatest_head_age_seconds = greatest_head_age_seconds
        self._clock = clock

    def verify(self, data: bytes, find_document: FindDocument = lambda name: None) -> Verification:
        """Verify a package's bytes. Whatever is wrong with them, or with the nodes, is in the answer.

        For a record of `document/1`, `find_document` is called with the document's name and measures the document that
        is shown, or gives None for none.
        """
        return self.verify_together([(data, find_document)])[0]

    def verify_together(self, shown: Sequence[tuple[bytes, FindDocument]]) -> list[Verification]:
        """As `verify`, of several packages as of one block, for which the nodes are asked together."""
        read = [self._read(data, find_document) for data, find_document in shown]
        sound = [one for one in read if isinstance(one, _Sound)]
        asked = [Asked(one.package.provider, one.package.derived.record_hash, one.package.schema_hash) for one in sound]
        views = iter(self._standpoint.take(self._asker, asked) if asked else ())
        return [self._concluded(one, next(views)) if isinstance(one, _Sound) else one for one in read]

    # ----------------------------------------------------------------------------------------------- the package

    def _read(self, data: bytes, find_document: FindDocument) -> _Sound | Verification:
        try:
            package = read_package(data)
            record = self._sound_record(package)
        except PackageInvalid as error:
            return _unsound(CheckReason.PACKAGE_MALFORMED, error.message)
        except _Unsound as error:
            return _unsound(error.reason, str(error))
        return _Sound(package, record, _document(package, record, find_document))

    def _sound_record(self, package: Package) -> dict[str, Any]:
        """The record that the package's bytes say, if they are sound by themselves."""
        schema = self._schema(package)
        try:
            record = read_canonical(package.canonical)
            schema.validate(record)
        except NotCanonical as error:
            raise _Unsound(CheckReason.NOT_CANONICAL, error.message) from None
        except FieldInvalid as error:
            raise _Unsound(CheckReason.SCHEMA_VIOLATED, f"{error.field}: {error.message}") from None
        try:
            derivation = Derivation(Suite(package.suite), package.provider, package.schema_hash)
        except CreditConnectError as error:
            raise _Unsound(CheckReason.PACKAGE_MALFORMED, error.message) from None
        if derivation.derive(package.salt, package.canonical) != package.derived:
            raise _Unsound(CheckReason.PACKAGE_ALTERED, "record, salt or provider are not what the package was made of")
        if package.chain != self._trusted:
            raise _Unsound(CheckReason.OTHER_REGISTRY, "made for another registry than the one trusted here")
        return record

    def _schema(self, package: Package) -> Schema:
        try:
            schema = self._schemas.load(package.schema)
        except SchemaUnknown as error:
            raise _Unsound(CheckReason.SCHEMA_UNKNOWN, error.message) from None
        if schema.hash != package.schema_hash:
            raise _Unsound(CheckReason.SCHEMA_UNKNOWN, f"another document than the {package.schema} known here")
        return schema

    # ------------------------------------------------------------------------------------------------- the chain

    def _concluded(self, read: _Sound, view: View) -> Verification:
        package, document = read.package, read.document
        sound = Check("package", CheckStatus.VALID, CheckReason.OK)
        shown = Verification(
            Verdict.COULD_NOT_TELL,
            (),
            provider=package.provider,
            record_hash=package.derived.record_hash,
            record=read.record,
        )
        if view.block is None:
            unasked = [Check(name, view.agreement.status, view.agreement.reason) for name in CHECKS[2:-1]]
            return replace(shown, checks=(sound, document, *unasked, view.agreement))
        own = [claim for claim in view.claims if view.provider and claim.institution == view.provider.id]
        # The last place first: a commitment is registered again only where the earlier one is over.
        claim = next((one for one in reversed(own) if one.commitment == package.derived.commitment), None)
        now = view.block.timestamp
        checks = (
            sound,
            document,
            _registration(claim, own),
            _entitlement(claim, view),
            _standing(claim, view.provider, now),
            _lifecycle(claim, view),
            _expiry(claim, now),
            _corridor(view, now),
            self._freshness(view, view.block),
            view.agreement,
        )
        return replace(
            shown,
            verdict=_verdict(checks),
            checks=checks,
            block=view.block,
            claim=claim,
            claims=view.claims,
            institutions=view.codes,
        )

    def _freshness(self, view: View, block: Block) -> Check:
        """A block of the future is fresh: clocks differ, and a validator's may be ahead of this one."""
        now = int(self._clock())
        age = now - block.timestamp
        if age <= self._greatest_head_age_seconds:
            return _valid("freshness", f"block {block.number} is {max(age, 0)} s old")
        newest = view.newest or block
        if now - newest.timestamp <= self._greatest_head_age_seconds:
            said = f"a node is at block {block.number}, {age} s old, and another at {newest.number}"
            return _check("freshness", CheckReason.NODE_BEHIND, said, CheckStatus.ERROR)
        said = f"block {block.number} is {age} s old"
        if view.period_seconds:
            said = f"no block for {age // view.period_seconds} periods: block {block.number} is {age} s old"
        return _check("freshness", CheckReason.HEAD_TOO_OLD, said, CheckStatus.ERROR)


class _Sound(NamedTuple):
    """A package that is sound by itself: what is left to ask is what the chain says of it."""

    package: Package
    record: dict[str, Any]
    document: Check


class _Unsound(Exception):
    """What is wrong with a package by itself."""

    def __init__(self, reason: CheckReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def unopened(error: PackageInvalid) -> Verification:
    """The answer to a sealed package that does not open here."""
    return _unsound(_UNOPENED.get(type(error), CheckReason.PACKAGE_MALFORMED), error.message)


def unread(message: str) -> Verification:
    """The answer to a file that can't be read: nothing is known of what it holds."""
    check = _check("package", CheckReason.PACKAGE_UNREADABLE, message, CheckStatus.ERROR)
    return Verification(Verdict.COULD_NOT_TELL, (check, *_all_skipped()))


def _unsound(reason: CheckReason, detail: str) -> Verification:
    """A package that is wrong by itself needs no chain to say so."""
    return Verification(Verdict.NOT_VERIFIED, (_check("package", reason, detail), *_all_skipped()))


def _all_skipped() -> list[Check]:
    """The checks after that of the package."""
    return [_skipped(name) for name in CHECKS[1:]]


def _document(package: Package, record: dict[str, Any], find_document: FindDocument) -> Check:
    """That the document shown beside the record is the one that the record names by its bytes."""
    if package.schema != DOCUMENT:
        return Check("document", CheckStatus.SKIPPED, CheckReason.NO_DOCUMENT)
    named = record["document"]
    try:
        shown = find_document(named["name"])
    except FieldInvalid as error:
        return _check("document", CheckReason.DOCUMENT_MISMATCH, error.message)
    if shown is None:
        wanted = label(named["name"])
        return _check(
            "document",
            CheckReason.DOCUMENT_MISSING,
            f"its bytes are what was registered: show it too, as {wanted!r} beside the package, or by --document",
        )
    if (shown.sha256, shown.size_bytes) != (named["sha256"], named["size_bytes"]):
        return _check("document", CheckReason.DOCUMENT_MISMATCH, "not the bytes that were registered")
    return _valid("document", f"SHA-256 {shown.sha256}")


def _registration(claim: Claim | None, own: list[Claim]) -> Check:
    """Hash *and* commitment: a claim to the hash alone is no registration of this record."""
    if claim is not None:
        return _valid("registration", f"entry {claim.entry_key:#x}")
    if own:
        return _check(
            "registration",
            CheckReason.COMMITMENT_MISMATCH,
            f"the provider claims this hash for {len(own)} other record(s), not for this one",
        )
    return _check("registration", CheckReason.NOT_REGISTERED, "the provider has no claim to this record's hash")


def _entitlement(claim: Claim | None, view: View) -> Check:
    """Entitled when it registered: the contract, whose code hash is trusted, writes no entry for anyone who is not."""
    if view.provider is None:
        return _check("entitlement", CheckReason.PROVIDER_UNKNOWN, "no institution of this registry has that code")
    if claim is None:
        return _skipped("entitlement")
    if claim.schema != view.schema_id:
        return _check("entitlement", CheckReason.SCHEMA_MISMATCH, f"registered under schema {claim.schema}")
    return _valid("entitlement", f"registered at {_utc(claim.registered_at)}")


def _standing(claim: Claim | None, provider: Institution | None, now: int) -> Check:
    """Entitled still: of active standing, in its time, with the role and the schema."""
    if provider is None:
        return _check("standing", CheckReason.PROVIDER_UNKNOWN)
    if provider.standing == Standing.SUSPENDED:
        return _check("standing", CheckReason.SUSPENDED)
    if provider.standing == Standing.TERMINATED:
        return _check("standing", CheckReason.TERMINATED)
    if not provider.may(Role.PROVIDER, now) or (claim is not None and not provider.may_register(claim.schema)):
        return _check("standing", CheckReason.ENTITLEMENT_ENDED, "its role, its time or the schema was taken away")
    return _valid("standing")


def _lifecycle(claim: Claim | None, view: View) -> Check:
    if claim is None:
        return _skipped("lifecycle")
    reason = _NOT_ACTIVE.get(claim.state)
    return _valid("lifecycle") if reason is None else _check("lifecycle", reason, _why(claim, view))


def _why(claim: Claim, view: View) -> str:
    """Since when, by whom, for which reason, as the registry notes it; nothing where the whole batch came to an end."""
    note = view.notes.get(claim.entry_key)
    if note is None:
        return ""
    told = _WHAT_ENDED.get(claim.state, _NOTED).format(
        at=_utc(note.at), by=view.actors[claim.entry_key], reason=chain_reason_name(note.reason)
    )
    return f"{told}; successor {note.successor[0].hex()}" if note.successor else told


def _expiry(claim: Claim | None, now: int) -> Check:
    """By the block's time, as the contract would say it in that block."""
    if claim is None:
        return _skipped("expiry")
    if claim.expires_at and now >= claim.expires_at:
        return _check("expiry", CheckReason.EXPIRED, f"expired at {_utc(claim.expires_at)}")
    return _valid("expiry", f"expires at {_utc(claim.expires_at)}" if claim.expires_at else "never expires")


def _corridor(view: View, now: int) -> Check:
    """The asker is a verifier across the border from the provider, and the corridor between them is open."""
    if view.asker is None:
        return _check("corridor", CheckReason.ASKER_UNKNOWN, "this home's institution is not in the registry")
    if not view.asker.may(Role.VERIFIER, now):
        return _check("corridor", CheckReason.ASKER_NOT_ENTITLED, "this home's institution may not verify now")
    if view.provider is None:
        return _skipped("corridor")
    if view.provider.jurisdiction == view.asker.jurisdiction:
        return _check("corridor", CheckReason.SAME_SIDE, "provider and asker are of the same side")
    if not view.corridor_open:
        return _check("corridor", CheckReason.CORRIDOR_CLOSED)
    return _valid("corridor")


def _verdict(checks: tuple[Check, ...]) -> Verdict:
    """What could not be asked outweighs what was answered: an answer from a stale or disputed head is no answer."""
    if any(check.status == CheckStatus.ERROR for check in checks):
        return Verdict.COULD_NOT_TELL
    if any(check.status == CheckStatus.INVALID for check in checks):
        return Verdict.NOT_VERIFIED
    unmade = [check for check in checks if check.status == CheckStatus.SKIPPED and check.reason not in _MAY_BE_SKIPPED]
    return Verdict.NOT_VERIFIED if unmade else Verdict.VERIFIED


def _valid(name: str, detail: str = "") -> Check:
    return Check(name, CheckStatus.VALID, CheckReason.OK, detail)


def _skipped(name: str) -> Check:
    return Check(name, CheckStatus.SKIPPED, CheckReason.NOT_REACHED)


def _check(name: str, reason: CheckReason, detail: str = "", status: CheckStatus = CheckStatus.INVALID) -> Check:
    return Check(name, status, reason, detail)


def _utc(seconds: int) -> str:
    """A time as people read it; in seconds where the calendar ends before it (the contract has 40 bits)."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (OverflowError, ValueError):
        return f"second {seconds}"
