"""An institution's home, opened: the one face for programs, for the commands and for whatever is built on top.

    client = Client.open(home)
    client.submit(path, mapping=...)  ->  client.approve(batch)  ->  client.package(record_hash)      at the provider
    client.verify(package)                                                                            across the border

Opens only what a question needs: verifying asks for no passphrase, and packaging for no chain key.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from creditconnect import settings as homes
from creditconnect.answers.standpoint import Standpoint
from creditconnect.answers.verification import Verification, Verifier
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.registry import (
    Batch,
    Block,
    Claim,
    Found,
    Question,
    Registry,
    ascii_of,
    bytes32_of,
    claims_from,
)
from creditconnect.chain.rpc import Node
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.packages import GREATEST_BYTES, Package, store_package
from creditconnect.custody.vault import StoredRecord, Vault
from creditconnect.errors import ExchangeError, NodeBehind, NodeUnreachable, NotEntitled, SettingsError, UsageError
from creditconnect.exchange import mirror as mirrors
from creditconnect.exchange.mirror import Followed, Mirror
from creditconnect.exchange.outbox import Outbox, Outcome
from creditconnect.exchange.preparer import Form
from creditconnect.exchange.review import BatchRow, Review
from creditconnect.exchange.submission import Progress, Submission, Submitter, format_of, no_progress
from creditconnect.exchange.submitter import submitter_lock
from creditconnect.records.mapping import find_mapping, load_mapping
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.settings import Ask, Settings
from creditconnect.types import RecordState, Suite

if TYPE_CHECKING:
    from creditconnect.answers.audit import AuditReport

SUITE = Suite.SHA256_AES256GCM
# Between two steps of `run`, and after repeated failures.
RUN_PAUSE_SECONDS = 0.5
GREATEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a home stands: its records by what became of them, and the chain's head as its node gives it."""

    institution: str
    waiting: int
    under_way: int
    registered: int
    failed_transactions: int
    head: Block
    mirrored_block: int


@dataclass(frozen=True, slots=True)
class FoundClaims:
    """Every institution's claims to a record hash, as of a block; `codes` names the institutions."""

    block: Block
    claims: tuple[Claim, ...]
    codes: dict[int, str]


@dataclass(frozen=True, slots=True)
class PackagesWritten:
    """How many packages are in `folder` now by this call, and how many records were left out, by their state."""

    folder: Path
    packages: int
    left_out: dict[str, int]


class Client:
    """An opened home. Use as a context manager, or call `close`."""

    def __init__(
        self,
        settings: Settings,
        *,
        ask: Ask | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`ask` is called with vault, submit or review where no file names that passphrase."""
        self.settings = settings
        self._ask = ask
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._open = ExitStack()
        self._schema_numbers: dict[str, int] = {}
        self.schemas = SchemaCatalogue()

    @classmethod
    def open(cls, home: Path | str, *, ask: Ask | None = None) -> Client:
        """Open a home.

        Raises:
            SettingsError: it is no home, or a setting is wrong.
        """
        return cls(homes.load(Path(home)), ask=ask)

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------------- a provider

    def submit(
        self,
        source: Path | str,
        *,
        mapping: Path | str | None = None,
        schema: str | None = None,
        expires_at: int = 0,
        row_format: str | None = None,
        detach: bool = False,
        progress: Callable[[Progress], None] = no_progress,
    ) -> Submission:
        """Register a file's records; returns when all are final or, with `detach`, when all are in the vault.

        `mapping` is a TOML file, or the name of one that comes with the package; without one the rows have the
        schema's own form. `expires_at` is in seconds, UTC; 0 is never.

        Raises:
            InputError: the file or mapping as a whole; nothing was put. NotEntitled: the registry takes nothing now.
        """
        mapping_file = None if mapping is None else find_mapping(mapping)
        columns = None if mapping_file is None else load_mapping(mapping_file, self.schemas)
        chosen = self.schemas.load(schema or (columns.schema_id if columns else self._only_schema()))
        form = Form(row_format or format_of(Path(source)), chosen, columns, mapping_file)
        if expires_at and expires_at <= self._clock():
            raise UsageError("the expiry is not in the future")
        with nullcontext(None) if detach else self._outbox("submit") as outbox:
            submitter = Submitter(
                self._vault,
                outbox,
                self.settings.rejected_folder,
                clock=self._clock,
                sleep=self._sleep,
                progress=progress,
            )
            return submitter.submit(Path(source), form, expires_at)

    def run(
        self,
        stop: Callable[[], bool],
        *,
        progress: Callable[[Progress], None] = no_progress,
        notice: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Send what waits and follow the chain until `stop` says so; what is under way then goes on at the next run.

        A node that can't be reached, or a registry that takes nothing now, is told to `notice` and tried again, ever
        more slowly, up to `GREATEST_PAUSE_SECONDS`.

        Raises:
            OtherChain: another chain answers after a reconnection. ReorgTooDeep, MirrorInconsistent.
        """
        registered, pause = 0, RUN_PAUSE_SECONDS
        with self._outbox("submit") as outbox:
            while not stop():
                try:
                    if pause > RUN_PAUSE_SECONDS:
                        self.registry.require_identity(self.deployment.identity)
                    self.follow(outbox)
                    pumped = outbox.pump(flush=True)
                    registered += pumped.registered
                    progress(Progress(0, registered, pumped.refusal))
                    pause = RUN_PAUSE_SECONDS
                except (NodeUnreachable, NodeBehind, NotEntitled) as error:
                    pause = min(2 * pause, GREATEST_PAUSE_SECONDS)
                    notice(f"{error}; again in {pause:g} s")
                self._pause(pause, stop)

    def package(self, record_hash: bytes) -> Package:
        """The package of this institution's active record of that hash.

        Raises:
            UsageError: the vault has no such record, or it is not active: says in which state it is.
        """
        stored = self._stored(record_hash)
        (state,) = self._states([stored])
        if state != RecordState.ACTIVE.name:
            raise UsageError(f"record {record_hash.hex()} is not active: {state}")
        return self._packaged(stored)

    def write_packages(self, folder: Path, record_hash: bytes | None = None) -> PackagesWritten:
        """Write the packages of this institution's active records, or of those with one hash, into a folder.

        What is not active and unexpired is left out and counted: its holder could not use it.

        Raises:
            UsageError: the vault has no record of that hash.
        """
        records = self._vault.registered() if record_hash is None else [self._stored(record_hash)]
        states = self._states(records)
        folder.mkdir(parents=True, exist_ok=True)
        left_out: Counter[str] = Counter()
        for record, state in zip(records, states, strict=True):
            if state == RecordState.ACTIVE.name:
                package = self._packaged(record)
                store_package(folder, package)
            else:
                left_out[state] += 1
        return PackagesWritten(folder, len(records) - left_out.total(), dict(left_out))

    def revoke(self, record_hash: bytes, reason: int) -> Outcome:
        """Revoke this institution's records of that hash, wherever they are active or disputed.

        Raises:
            UsageError: there is none.
        """
        claims = self._own_claims(record_hash)
        keys = [claim.entry_key for claim in claims if claim.state in (RecordState.ACTIVE, RecordState.DISPUTED)]
        if not keys:
            states = ", ".join(claim.state.name for claim in claims) or "not registered"
            raise UsageError(f"record {record_hash.hex()} can't be revoked: {states}")
        return self._call("submit", "revoke", self.registry.abi.encode_call("revoke", keys, reason))

    # -------------------------------------------------------------------------------------------------- a reviewer

    def pending(self) -> list[Batch]:
        """This institution's batches that wait for a review."""
        followed = self.follow()
        return self._review(followed.block).pending(followed.block)

    def review_rows(self, batch: int) -> list[BatchRow]:
        """The records of one batch, decrypted, in the order of the provider's file."""
        return self._review(self.follow().block).rows(batch, self._vault)

    def approve(self, batch: int, exceptions: Mapping[bytes, int] | None = None, *, account: str = "review") -> Outcome:
        """Approve a batch, save the records whose hashes are given with a reason, which are rejected.

        Raises:
            Reverted: the registry refuses, e.g. `SelfApproval`.
        """
        block = self.follow().block
        return self._call(account, "approve", self._review(block).approve_call(batch, exceptions or {}, block))

    def reject(self, batch: int, reason: int, *, account: str = "review") -> Outcome:
        """Reject a whole pending batch; the submitter may, to withdraw it."""
        block = self.follow().block
        return self._call(account, "reject", self._review(block).reject_call(batch, reason))

    # ------------------------------------------------------------------------------------------ a bank, an auditor

    def verify(self, package: bytes | Path | str) -> Verification:
        """Verify a package, by its bytes or its file.

        Raises:
            UsageError: the file can't be read. Whatever is wrong with a package is in the answer.
        """
        return self._verifier.verify(package if isinstance(package, bytes) else _bytes_of(Path(package)))

    def find(self, record_hash: bytes) -> FoundClaims:
        """Every claim to a record hash. A claim to a hash proves nothing by itself; see `verify`."""
        block = self.registry.head()
        (counts,) = self.registry.ask([Question("registry")], block)
        ids = list(range(1, counts["institutionCount"] + 1))
        (answers,) = self.registry.ask([Question("find", (int.from_bytes(record_hash, "big"), ids))], block)
        claims = tuple(claims_from(answers))
        return FoundClaims(block, claims, self._codes({claim.institution for claim in claims}, block))

    def audit_replay(self, *, progress: Callable[[int, int], None] = lambda done, total: None) -> AuditReport:
        """Rebuild the registry's whole state from its events, and compare every slot and the storage root."""
        from creditconnect.answers.audit import audit_replay

        followed = self._mirror.follow(progress=progress)
        return audit_replay(self._mirror.events(), self.registry.node, self.registry.address, followed.block)

    # ------------------------------------------------------------------------------------------------- for all

    def status(self) -> Standing:
        """Where this home stands. Needs no passphrase."""
        with self._database.read() as connection:
            total, waiting, under_way = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE tx IS NULL AND found = 0),"
                " count(*) FILTER (WHERE tx IN (SELECT id FROM transactions WHERE state IN ('stored', 'mined')))"
                " FROM records"
            ).fetchone()
            (failed,) = connection.execute("SELECT count(*) FROM transactions WHERE state = 'failed'").fetchone()
        return Standing(
            institution=self.settings.institution,
            waiting=waiting,
            under_way=under_way,
            registered=total - waiting - under_way,
            failed_transactions=failed,
            head=self.registry.head(),
            mirrored_block=self._mirror.height(),
        )

    def follow(self, outbox: Outbox | None = None) -> Followed:
        """Mirror what is new; after a reorg, what it took away is under way again."""
        followed = self._mirror.follow()
        if followed.rewound_to is not None and outbox is not None:
            outbox.reopen(followed.rewound_to)
        return followed

    # ------------------------------------------------------------------------------------------------------- private

    @cached_property
    def deployment(self) -> Deployment:
        """The registry that this home trusts."""
        return Deployment.read(self.settings.deployment_file)

    @cached_property
    def _registries(self) -> list[Registry]:
        """One a node, the own side's first. Nothing is asked yet."""
        abi = ContractAbi.load()
        return [Registry(Node(url), self.deployment.identity.registry, abi) for url in self.settings.nodes]

    @cached_property
    def registry(self) -> Registry:
        """The own side's, known to be the trusted one."""
        own = self._registries[0]
        own.require_identity(self.deployment.identity)
        return own

    @cached_property
    def _database(self) -> Database:
        return self._kept(Database(self.settings.vault_file, tables.MIGRATIONS))

    @cached_property
    def _vault(self) -> Vault:
        keyring = Keyring.open(self.settings.keyring_file, homes.passphrase("vault", self._ask))
        return Vault(self._database, keyring, self.settings.institution, SUITE)

    @cached_property
    def _mirror(self) -> Mirror:
        database = self._kept(Database(self.settings.mirror_file, mirrors.MIGRATIONS))
        return Mirror(database, self.registry, self.deployment.block)

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier(
            Standpoint(self._registries, self.deployment.identity),
            self.settings.institution,
            self.schemas,
            self.deployment.identity,
            greatest_head_age_seconds=self.settings.greatest_head_age_seconds,
            clock=self._clock,
        )

    def _kept(self, database: Database) -> Database:
        self._open.callback(database.close)
        return database

    @contextmanager
    def _outbox(self, account: str) -> Iterator[Outbox]:
        """The outbox of one chain key, held by this process alone."""
        from creditconnect.chain.signing import KeystoreSigner

        path = self.settings.key_file(account)
        signer = KeystoreSigner.open(path, homes.passphrase(account, self._ask))
        self.settings.locks_folder.mkdir(exist_ok=True)
        with submitter_lock(self.settings.locks_folder, signer.address):
            yield Outbox(
                self._database,
                self.registry,
                signer,
                self.settings.institution,
                schema_ids=self.schema_number,
                batch_records=self.settings.batch_records,
                confirmations=self.settings.confirmations_blocks,
                gas_price_wei=self.settings.gas_price_wei,
                clock=self._clock,
                monotonic=self._monotonic,
            )

    def _call(self, account: str, action: str, data: bytes) -> Outcome:
        """Send one call and wait until it is final."""
        with self._outbox(account) as outbox:
            tx = outbox.enqueue(action, data)
            while (outcome := outbox.outcome(tx)) is None:
                outbox.step()
                self._sleep(0.05)
        if outcome.state != "final":
            raise ExchangeError(
                f"{action} did not go through: {outcome.error}", hint="look at the state, and try again"
            )
        return outcome

    def _review(self, block: Block) -> Review:
        return Review(self.registry, self._mirror, self._own_id(block))

    def _packaged(self, stored: StoredRecord) -> Package:
        opened = self._vault.open(stored)
        schema = self.schemas.load(stored.schema)
        return Package(
            provider=self.settings.institution,
            schema=schema.id,
            schema_hash=schema.hash,
            suite=SUITE,
            salt=opened.salt,
            canonical=opened.canonical,
            derived=stored.derived,
            chain=self.deployment.identity,
        )

    def _pause(self, seconds: float, stop: Callable[[], bool]) -> None:
        until = self._monotonic() + seconds
        while not stop() and self._monotonic() < until:
            self._sleep(min(RUN_PAUSE_SECONDS, seconds))

    def _own_id(self, block: Block) -> int:
        (number,) = self.registry.ask([Question("institutionByCode", (bytes32_of(self.settings.institution),))], block)
        if not number:
            raise SettingsError(
                f"the registry knows no institution {self.settings.institution}", hint="ask your authority to admit it"
            )
        return int(number)

    def _own_claims(self, record_hash: bytes) -> list[Claim]:
        found = self.find(record_hash)
        return [claim for claim in found.claims if found.codes[claim.institution] == self.settings.institution]

    def _states(self, records: list[StoredRecord]) -> list[str]:
        """Each record's state on the chain now: a `RecordState`'s name, or EXPIRED."""
        block = self.registry.head()
        own = self._own_id(block)
        found = self.registry.find_many([(record.derived.record_hash, own) for record in records], block)
        return [self._state(record, claim, own, block) for record, claim in zip(records, found, strict=True)]

    def _state(self, record: StoredRecord, first: Found | None, own: int, block: Block) -> str:
        claim: Found | Claim | None = first
        if first is not None and first.claims > 1:
            question = Question("find", (int.from_bytes(record.derived.record_hash, "big"), [own]))
            claims = claims_from(self.registry.ask([question], block)[0])
            claim = next((one for one in reversed(claims) if one.commitment == record.derived.commitment), None)
        if claim is None or claim.commitment != record.derived.commitment:
            return RecordState.NONE.name
        return "EXPIRED" if claim.expired else claim.state.name

    def _codes(self, ids: set[int], block: Block) -> dict[int, str]:
        answers = self.registry.ask([Question("institutionOf", (number,)) for number in sorted(ids)], block)
        return {number: ascii_of(answer["code"]) for number, answer in zip(sorted(ids), answers, strict=True)}

    def schema_number(self, schema: str) -> int:
        """The registry's number of a schema, which never changes once it is there.

        Raises:
            UsageError: the registry has not pinned it.
        """
        if schema not in self._schema_numbers:
            question = Question("schemaByHash", (self.schemas.load(schema).hash,))
            (number,) = self.registry.ask([question], self.registry.head())
            if not number:
                raise UsageError(f"the registry has not pinned the schema {schema}", hint="ask an authority to add it")
            self._schema_numbers[schema] = int(number)
        return self._schema_numbers[schema]

    def _only_schema(self) -> str:
        if len(self.schemas.ids) != 1:
            raise UsageError("which schema?", hint=f"one of {', '.join(self.schemas.ids)}")
        return self.schemas.ids[0]

    def _stored(self, record_hash: bytes) -> StoredRecord:
        found = self._vault.by_hash(record_hash)
        if not found:
            raise UsageError(f"this vault has no record {record_hash.hex()}")
        return found[-1]


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(GREATEST_BYTES + 1)  # one more is wrong already, many more would take memory
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
