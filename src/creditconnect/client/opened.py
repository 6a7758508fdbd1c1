"""An opened home: its settings, its databases, its registries, each opened when it is first asked for.

What the institution's day is made of lies beside this: providing, reviewing, correcting, verifying, auditing. Each is a
part of `Client` and uses what is opened here; none constructs a collaborator of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from creditconnect import settings as homes
from creditconnect.answers.standpoint import Standpoint
from creditconnect.answers.verification import Verifier
from creditconnect.chain.blocks import Block
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.finality import Finality
from creditconnect.chain.key_files import KeyFiles
from creditconnect.chain.reach import Reach
from creditconnect.chain.registry import Claim, Found, Question, Registry, ascii_of, bytes32_of, claims_from
from creditconnect.chain.rpc import Node
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.exchange_keys import ExchangeKeys
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.packages import Package
from creditconnect.custody.subjects import SubjectRegister
from creditconnect.custody.vault import StoredRecord, Vault
from creditconnect.errors import ExchangeError, SettingsError, UsageError
from creditconnect.exchange import mirror as mirrors
from creditconnect.exchange.mirror import Followed, Mirror
from creditconnect.exchange.outbox import Beside, Outbox, Outcome
from creditconnect.exchange.review import Review
from creditconnect.exchange.submitter import submitter_lock
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.settings import Ask, Settings
from creditconnect.types import RecordState


@dataclass(frozen=True, slots=True)
class FoundClaims:
    """Every institution's claims to a record hash, as of a block; `codes` names the institutions."""

    block: Block
    claims: tuple[Claim, ...]
    codes: dict[int, str]


class Opened:
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
        """`ask` is called with vault, submit, review, new_vault or export where no file names that passphrase."""
        self.settings = settings
        self._ask = ask
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._open = ExitStack()
        self._schema_numbers: dict[str, int] = {}
        self.schemas = SchemaCatalogue()

    @classmethod
    def open(cls, home: Path | str, *, ask: Ask | None = None) -> Self:
        """Open a home.

        Raises:
            SettingsError: it is no home, or a setting is wrong.
        """
        return cls(homes.load(Path(home)), ask=ask)

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, record_hash: bytes) -> FoundClaims:
        """Every claim to a record hash. A claim to a hash proves nothing by itself; see `verify`."""
        block = self.final_block()
        (counts,) = self.registry.ask([Question("registry")], block)
        ids = list(range(1, counts["institutionCount"] + 1))
        (answers,) = self.registry.ask([Question("find", (int.from_bytes(record_hash, "big"), ids))], block)
        claims = tuple(claims_from(answers))
        return FoundClaims(block, claims, self._codes({claim.institution for claim in claims}, block))

    def follow(self, outbox: Outbox | None = None) -> Followed:
        """Mirror what is new; after a reorg, what it took away is under way again."""
        followed = self._mirror.follow()
        if followed.rewound_to is not None and outbox is not None:
            outbox.reopen(followed.rewound_to)
        return followed

    @cached_property
    def deployment(self) -> Deployment:
        """The registry that this home trusts."""
        return Deployment.read(self.settings.deployment_file)

    @cached_property
    def _registries(self) -> list[Registry]:
        """One a node, the own side's first. Nothing is asked yet."""
        abi, nodes = ContractAbi.load(), self.settings.nodes
        address = self.deployment.identity.registry
        if len(nodes) == 1:
            return [Registry(Node(nodes[0]), address, abi)]
        # There is another one to go to: less is waited for each.
        return [Registry(Node(url, timeout_seconds=10.0, attempts=2), address, abi) for url in nodes]

    @property
    def registry(self) -> Registry:
        """The registry behind the node to ask now, the own side's while that answers; known to be the trusted one."""
        return self._reach.registry()

    def final_block(self) -> Block:
        """The newest block under a seal of each side, as of the node to ask now.

        Raises:
            NotFinal: a side sealed none of the newest.
        """
        return self._reach.act(lambda registry: self._finality.under(registry, registry.head()))

    @cached_property
    def _reach(self) -> Reach:
        return Reach(self._registries, self.deployment.identity, monotonic=self._monotonic)

    @cached_property
    def _finality(self) -> Finality:
        return Finality(self.settings.seals, confirmations=self.settings.confirmations_blocks)

    @cached_property
    def _database(self) -> Database:
        return self._kept(Database(self.settings.vault_file, tables.MIGRATIONS))

    @cached_property
    def _vault(self) -> Vault:
        return Vault(self._database, self._keyring, self.settings.institution, self.settings.suite)

    @cached_property
    def _subjects(self) -> SubjectRegister:
        return SubjectRegister(self._vault, clock=self._clock)

    @cached_property
    def _keyring(self) -> Keyring:
        return Keyring.open(self.settings.keyring_file, homes.passphrase("vault", self._ask))

    @cached_property
    def _review_vault(self) -> Vault:
        """The vault as whoever reviews has it: nothing that was submitted can be written through its database."""
        database = self._kept(Database(self.settings.vault_file, tables.MIGRATIONS))
        vault = Vault(database, self._keyring, self.settings.institution, self.settings.suite)
        database.restrict(tables.REVIEWERS_WRITES)
        return vault

    @cached_property
    def _key_files(self) -> KeyFiles:
        return KeyFiles(self.settings.home / "keys")

    @cached_property
    def _exchange_keys(self) -> ExchangeKeys:
        return ExchangeKeys(self.settings.exchange_keys_file, clock=self._clock)

    @cached_property
    def _mirror(self) -> Mirror:
        database = self._kept(Database(self.settings.mirror_file, mirrors.MIGRATIONS))
        return Mirror(database, self._reach, self._finality, self.deployment.block)

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier(
            Standpoint(
                self._registries,
                self.deployment.identity,
                self._finality,
                least_nodes=self.settings.least_nodes,
                monotonic=self._monotonic,
            ),
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
    def _outbox(self, account: str, database: Database | None = None) -> Iterator[Outbox]:
        """The outbox of one chain key, held by this process alone; by the home's own database unless given."""
        from creditconnect.chain.remote_signing import open_signer

        signer = open_signer(self.settings.key_file(account), lambda: homes.passphrase(account, self._ask))
        with submitter_lock(self.settings.locks_folder, signer.address):
            yield Outbox(
                database or self._database,
                self._reach,
                self._finality,
                signer,
                self.settings.institution,
                schema_ids=self.schema_number,
                batch_records=self.settings.batch_records,
                gas_price_wei=self.settings.gas_price_wei,
                clock=self._clock,
                monotonic=self._monotonic,
            )

    def _call(
        self,
        account: str,
        action: str,
        data: bytes,
        *,
        database: Database | None = None,
        beside: Beside | None = None,
    ) -> Outcome:
        """Send one call and wait until it is final; `beside` is done in the commit that stores it."""
        with self._outbox(account, database) as outbox:
            tx = outbox.enqueue(action, data, beside=beside)
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
            suite=stored.suite,
            salt=opened.salt,
            canonical=opened.canonical,
            derived=stored.derived,
            chain=self.deployment.identity,
        )

    def _registered_id(self, block: Block) -> int:
        """This institution's number in the registry; 0 where it was not admitted yet."""
        (number,) = self.registry.ask([Question("institutionByCode", (bytes32_of(self.settings.institution),))], block)
        return int(number)

    def _own_id(self, block: Block) -> int:
        number = self._registered_id(block)
        if not number:
            raise SettingsError(
                f"the registry knows no institution {self.settings.institution}", hint="ask your authority to admit it"
            )
        return number

    def _own_claims(self, record_hash: bytes) -> list[Claim]:
        found = self.find(record_hash)
        return [claim for claim in found.claims if found.codes[claim.institution] == self.settings.institution]

    def _states(self, records: list[StoredRecord]) -> list[str]:
        """Each record's state as of the final block: a `RecordState`'s name, or EXPIRED."""
        block = self.final_block()
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

    def _stored(self, record_hash: bytes) -> StoredRecord:
        found = self._vault.by_hash(record_hash)
        if not found:
            raise UsageError(f"this vault has no record {record_hash.hex()}")
        return found[-1]
