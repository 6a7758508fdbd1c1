"""Bring institutions to what a plan says, in as few transactions as that takes.

The plan rules what an institution may do. What was taken away for a reason stays taken away: a disabled account, a
suspension or a key that was rotated since is reported and left, however often a plan is applied.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from creditconnect.custody.hpke import PUBLIC_BYTES
from creditconnect.errors import InputError, SettingsError, UsageError
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.types import AccountRole, ExchangeSuite, Role, Standing
from scripts._registry import Hand, Registry, code_bytes, parse_address

HASH_BYTES = 32
NO_END = 0
NEVER = "never"
LAST_SECOND = 2**40 - 1
INSTITUTION_KEYS = {
    "code", "roles", "schemas", "until", "mandatory_review", "submit", "review", "profile", "encryption_key",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """What an institution may do. `schemas` is a bitmap, `entitled_until` the first second (UTC) without rights."""

    roles: int
    schemas: int
    entitled_until: int
    mandatory_review: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """An institution as its authority wants it. Empty profile hash or key: not said, so not touched."""

    code: str
    scope: Scope
    submit: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    profile_hash: bytes = b""
    encryption_key: bytes = b""

    @property
    def accounts(self) -> list[tuple[str, AccountRole]]:
        """The accounts with their roles.

        Raises:
            InputError: an address is named twice.
        """
        named = [(address, AccountRole.SUBMIT) for address in self.submit]
        named += [(address, AccountRole.REVIEW) for address in self.review]
        if len({address for address, _ in named}) != len(named):
            raise InputError(f"{self.code}: an account is named twice; it may submit or review, never both")
        return named


@dataclass(frozen=True, slots=True)
class Plan:
    """A side's institutions and the corridors that it agrees to, by codes."""

    jurisdiction: str
    admissions: tuple[Admission, ...]
    corridors: tuple[tuple[str, str], ...]


class Onboarding:
    """One authority's acts on one registry. The lines that some yield say what was done, as it is done."""

    def __init__(self, registry: Registry, authority: Hand) -> None:
        self._registry = registry
        self._authority = authority
        self.side = registry.side_of(authority.address, authority.name)

    def set_account(self, institution: int, address: str, role: AccountRole, enabled: bool) -> Iterator[str]:
        """Bind, enable or disable an account, unless it is so already."""
        bound = self._registry.read("accountOf", address)
        if (bound.institution, bound.role, bound.enabled) != (institution, role, enabled):
            self._act("setAccount", institution, address, int(role), enabled)
            yield f"{role.name.lower()} account {address} is {'enabled' if enabled else 'disabled'}"
        if enabled:
            yield from self.fund(address)

    def fund(self, address: str) -> Iterator[str]:
        """Give an account what the chain's fees take, where it lacks that."""
        if self._authority.fund(self._registry, address):
            yield f"account {address} is given what the chain's fees take"

    def admit(self, admission: Admission) -> Iterator[str]:
        """Admit an institution, or complete what an earlier attempt left undone.

        Raises:
            UsageError: the code is another side's.
            Reverted: the registry refuses a step; those before it stand.
        """
        accounts = admission.accounts
        institution = self._own_institution(admission.code)
        if not institution:
            self._act("admit", code_bytes(admission.code), admission.profile_hash or bytes(HASH_BYTES))
            institution = self._own_institution(admission.code)
            yield "admitted"
        current = self._registry.read("institutionOf", institution)
        if current.standing != Standing.ACTIVE:
            yield f"is {Standing(current.standing).name.lower()}: left so"
        yield from self._profile(institution, current, admission.profile_hash)
        yield from self.rescope(institution, admission.scope)
        for address, role in accounts:
            yield from self._account(institution, address, role)
        yield from self._first_key(institution, current, admission.encryption_key)

    def rescope(self, institution: int, scope: Scope) -> Iterator[str]:
        """Set what an institution may do, unless it is so already."""
        current = self._registry.read("institutionOf", institution)
        found = Scope(current.roles, current.schemas, current.entitledUntil, current.mandatoryReview)
        if found != scope:
            self._act("scope", institution, scope.roles, scope.schemas, scope.entitled_until, scope.mandatory_review)
            yield f"scoped: {', '.join(role_names(scope.roles)) or 'no role'}, until {until_text(scope.entitled_until)}"

    def _act(self, function: str, *arguments: Any) -> None:
        self._authority.act(self._registry, function, *arguments)

    def _own_institution(self, code: str) -> int:
        institution = int(self._registry.read("institutionByCode", code_bytes(code)))
        if institution and self._registry.read("institutionOf", institution).jurisdiction != self.side:
            raise UsageError(f"{code} is institution {institution} of another side")
        return institution

    def _profile(self, institution: int, current: Any, profile_hash: bytes) -> Iterator[str]:
        if profile_hash not in (b"", bytes(current.profileHash)):
            self._act("setProfile", institution, profile_hash)
            yield f"profile 0x{profile_hash.hex()}"

    def _account(self, institution: int, address: str, role: AccountRole) -> Iterator[str]:
        bound = self._registry.read("accountOf", address)
        if (bound.institution, bound.role) != (institution, role):
            self._act("setAccount", institution, address, int(role), True)
            yield f"{role.name.lower()} account {address}"
            yield from self.fund(address)
        elif not bound.enabled:
            yield f"{role.name.lower()} account {address} is disabled: left so"

    def _first_key(self, institution: int, current: Any, key: bytes) -> Iterator[str]:
        if not key or bytes(current.encryptionKeyHash) == keccak(key):
            return
        if any(current.encryptionKeyHash):
            yield "has another encryption key: left so, `institutions key` replaces it"
        else:
            self._act("setEncryptionKey", institution, int(exchange_suite(key)), key)
            yield "encryption key"


def read_plan(path: Path, registry: Registry) -> Plan:
    """Read a side's plan; scripts/institutions.py shows one.

    Raises:
        SettingsError: the file is missing or is not TOML.
        InputError: a key is missing, unknown or has not its form; names the file and the institution.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: can't be read as a plan ({error})") from None
    try:
        return _plan(document, registry, path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is not a plan ({type(error).__name__}: {error})") from None


def _plan(document: dict[str, Any], registry: Registry, folder: Path) -> Plan:
    _only(document, {"jurisdiction", "institution", "corridor"}, "the plan")
    admissions = tuple(_admission(table, registry, folder) for table in document.get("institution", []))
    corridors = tuple((str(table["from"]), str(table["to"])) for table in document.get("corridor", []))
    return Plan(str(document["jurisdiction"]), admissions, corridors)


def _admission(table: dict[str, Any], registry: Registry, folder: Path) -> Admission:
    code = str(table["code"])
    code_bytes(code)
    _only(table, INSTITUTION_KEYS, code)
    mandatory_review = table.get("mandatory_review", True)
    if not isinstance(mandatory_review, bool):
        raise InputError(f"{code}: mandatory_review is neither true nor false")
    return Admission(
        code=code,
        scope=Scope(
            roles=role_bits(table["roles"]),
            schemas=schema_bits(registry, table.get("schemas", [])),
            entitled_until=until_seconds(table["until"]),
            mandatory_review=mandatory_review,
        ),
        submit=tuple(map(parse_address, _list(table, "submit"))),
        review=tuple(map(parse_address, _list(table, "review"))),
        profile_hash=profile_hash(table.get("profile", ""), folder),
        encryption_key=key_bytes(table.get("encryption_key", "")),
    )


def _list(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{key} is not a list")
    return value


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(table) - known):
        raise InputError(f"{where}: unknown key {unknown[0]!r}")


def role_bits(names: Iterable[str]) -> int:
    """The contract's bits for `provider` and `verifier`.

    Raises:
        InputError: another name.
    """
    try:
        return sum({Role[str(name).upper()] for name in names})
    except KeyError as error:
        raise InputError(f"{error.args[0].lower()!r} is no role: provider or verifier") from None


def role_names(bits: int) -> list[str]:
    return [role.name.lower() for role in Role if bits & role]


def schema_bits(registry: Registry, schemas: Sequence[str | int]) -> int:
    """The contract's bitmap for schemas given by id (`personal-credit-report/1`) or by number on this registry.

    Raises:
        InputError, SchemaUnknown: one is not known or not pinned on this registry.
    """
    bits = 0
    for schema in schemas:
        bits |= 1 << _schema_number(registry, str(schema))
    return bits


def _schema_number(registry: Registry, schema: str) -> int:
    by_number = schema.isascii() and schema.isdigit()
    if by_number:
        number = int(schema) if 0 < int(schema) < 256 and any(registry.read("schemaOf", int(schema))) else 0
    else:
        number = int(registry.read("schemaByHash", SchemaCatalogue().load(schema).hash))
    if not number:
        raise InputError(f"schema {schema} is not pinned on this registry")
    return number


def schema_names(registry: Registry, bits: int, block: int) -> list[str]:
    """The ids of a bitmap's schemas; a number where this software does not know the schema."""
    catalogue = SchemaCatalogue()
    known = {int(registry.read("schemaByHash", catalogue.load(one).hash, block=block)): one for one in catalogue.ids}
    return [known.get(number, str(number)) for number in range(1, 256) if bits >> number & 1]


def until_seconds(until: object) -> int:
    """The first second without rights: midnight (UTC) after the last day, a date or `YYYY-MM-DD`; zero for `never`.

    Raises:
        InputError: neither a date nor `never`.
    """
    if until == NEVER:
        return NO_END
    try:
        last_day = until if type(until) is date else date.fromisoformat(str(until))
        seconds = int(datetime.combine(last_day + timedelta(days=1), time(), UTC).timestamp())
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 < seconds <= LAST_SECOND:
        raise InputError(f"{str(until)!r} is neither a date (YYYY-MM-DD, UTC, the last day with rights) nor {NEVER!r}")
    return seconds


def until_text(seconds: int) -> str:
    """The last day with rights where they end at midnight, else the second at which they end; `never` for zero."""
    if seconds == NO_END:
        return NEVER
    end = datetime.fromtimestamp(seconds, UTC)
    return (end - timedelta(days=1)).date().isoformat() if end.time() == time() else end.isoformat()


def profile_hash(profile: str, folder: Path) -> bytes:
    """A profile's 32-byte hash, given as 0x and hex, or as a file whose SHA-256 it is; empty for an empty string.

    Raises:
        InputError: neither.
    """
    if not profile:
        return b""
    if profile.startswith("0x"):
        return _hex(profile, "a profile hash", HASH_BYTES)
    try:
        return hashlib.sha256((folder / profile).read_bytes()).digest()
    except OSError as error:
        raise InputError(f"profile {profile}: can't be read ({error.strerror})") from None


def key_bytes(text: str) -> bytes:
    """A public encryption key from hex; empty for an empty string.

    Raises:
        InputError: it is not hex, or of no suite's length.
    """
    raw = _hex(text, "an encryption key")
    if raw:
        exchange_suite(raw)
    return raw


def exchange_suite(key: bytes) -> ExchangeSuite:
    """The suite of a public encryption key, which its length tells.

    Raises:
        InputError: no suite's keys are that long: nobody could seal to it.
    """
    for suite, length in PUBLIC_BYTES.items():
        if len(key) == length:
            return suite
    lengths = " or ".join(f"{length:,}" for length in PUBLIC_BYTES.values())
    raise InputError(f"an encryption key of {len(key)} bytes is no suite's: they have {lengths}")


def _hex(text: str, what: str, length: int | None = None) -> bytes:
    try:
        raw = bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError:
        raw = None
    if raw is None or length not in (None, len(raw)):
        raise InputError(f"{str(text)[:80]!r} is not {what} in hex")
    return raw
