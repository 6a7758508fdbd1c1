"""A record's history: every claim to its hash and what became of each, step by step, from the chain's own events.

Hides where events of a record lie (its batch's, its entry's) and how they add up to a state, which must be the one that
the registry says, or there is no answer. Asks for no secret: anybody's record, from any home.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import Any

from creditconnect.chain.blocks import Block, Log
from creditconnect.chain.contract_abi import Event
from creditconnect.chain.registry import Claim, Note, Question, Registry, ascii_of, bytes32_of, claims_from, note_from
from creditconnect.custody.database import Database
from creditconnect.errors import MirrorInconsistent, NodeBehind, UsageError
from creditconnect.exchange.mirror import Mirror
from creditconnect.reasons import chain_reason_name
from creditconnect.types import RECORD_HASH_BYTES, BatchStatus, RecordState, entry_key

_OF_A_BATCH = ("BatchApproved", "BatchRejected", "BatchRevoked")
_NEXT_STATUS = dict(zip(_OF_A_BATCH, (BatchStatus.ACTIVE, BatchStatus.REJECTED, BatchStatus.REVOKED), strict=True))
_ENDED = (RecordState.REJECTED, RecordState.REVOKED, RecordState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a record; `at` in seconds, UTC. EXPIRED is no event: it has no block of its own.

    `what` is REGISTERED, BATCH_APPROVED, BATCH_REJECTED, BATCH_REVOKED, REJECTED, DISPUTED, DISMISSED, SUPERSEDED,
    REVOKED or EXPIRED; `state` what the record was from then on.
    """

    at: int
    what: str
    state: str
    block_number: int | None = None
    tx_hash: bytes | None = None
    log_index: int | None = None
    by: str = ""
    account: str = ""
    reason: str = ""
    successor: bytes | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """One claim to the hash; `file` and `line` where this home took it in, if that was asked."""

    institution: str
    n: int
    commitment: bytes
    batch: int
    schema: int
    registered_at: int
    expires_at: int
    state: str
    expired: bool
    steps: tuple[Step, ...]
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Every claim to a hash as of `block`, by institution in the registry's order, then by n."""

    record_hash: bytes
    block: Block
    lives: tuple[Life, ...]


@dataclass(slots=True)
class _Running:
    """What the events up to one of them add up to."""

    status: BatchStatus
    override: RecordState = RecordState.NONE
    note: Note | None = None

    @property
    def state(self) -> RecordState:
        """The contract's rule: a final override, else the batch's status unless active, else the dispute."""
        if self.override in _ENDED:
            return self.override
        disputed = self.status == BatchStatus.ACTIVE and self.override == RecordState.DISPUTED
        return self.override if disputed else RecordState(self.status)


def history(
    mirror: Mirror,
    registry: Registry,
    block: Block,
    record_hash: bytes,
    *,
    institution: str | None = None,
    database: Database | None = None,
) -> History:
    """The history of a record as of `block`, to which the mirror has followed; of one institution's claims, or of all.

    Raises:
        UsageError: no claim; MirrorInconsistent: the events say other than the registry as of that block.
    """
    chosen = None if institution is None else _institution(registry, block, institution)
    found = _Events(mirror, registry, block, record_hash)
    lives = [life for number, life in found.lives() if chosen in (None, number)]
    if not lives:
        who = "nobody claims" if institution is None else f"{institution} does not claim"
        raise UsageError(
            f"{who} record {record_hash.hex()} as of block {block.number}",
            hint="check the hash; what was submitted a moment ago may not be registered yet",
        )
    if database is not None:
        lives = [_with_source(life, record_hash, database) for life in lives]
    return History(record_hash, block, tuple(lives))


class _Events:
    """The events about one hash as of one block, and who is meant by the numbers and addresses in them."""

    def __init__(self, mirror: Mirror, registry: Registry, block: Block, record_hash: bytes) -> None:
        self._mirror = mirror
        self._registry = registry
        self._block = block
        self._record_hash = record_hash
        self._times: dict[int, int] = {}

    def lives(self) -> list[tuple[int, Life]]:
        """Each claim with its institution's number."""
        registered = self._until(self._mirror.registering(self._record_hash))
        places: dict[int, int] = {}
        claims: dict[int, tuple[Log, Event, bytes]] = {}
        for log, event in registered:
            word = next(
                (one for one in event.arguments["records"] if one[:RECORD_HASH_BYTES] == self._record_hash), None
            )
            if word is None:
                continue  # these bytes lie across two words, or in a commitment
            number = event.arguments["institution"]
            n = places.get(number, 0)
            places[number] = n + 1
            claims[entry_key(self._record_hash, number, n)] = (log, event, word[RECORD_HASH_BYTES:])
        self._codes = self._codes_of(set(places))
        said = self._asked(set(places))
        if set(said) != set(claims):
            raise self._contradiction(f"{len(said)} claims, its events {len(claims)}")
        return [
            (event.arguments["institution"], self._life(key, log, event, commitment, said[key]))
            for key, (log, event, commitment) in sorted(claims.items())
        ]

    def _life(self, key: int, log: Log, event: Event, commitment: bytes, said: Claim) -> Life:
        shared = event.arguments
        running = _Running(BatchStatus(shared["status"]))
        logs = [*self._until(self._mirror.about(shared["batch"], *_OF_A_BATCH))]
        logs += self._until(self._mirror.about(key, "OverrideSet"))
        logs.sort(key=lambda one: (one[0].block_number, one[0].index))
        self._ask_times([log, *(one for one, _ in logs)])
        submitter = self._codes[shared["institution"]]
        steps = [self._step(log, "REGISTERED", running, by=submitter, account=shared["submitter"])]
        for one, happened in logs:
            steps.append(self._taken(one, happened, running, shared["institution"]))
        expired = bool(shared["expiresAt"]) and self._block.timestamp >= shared["expiresAt"]
        self._require_same(key, running, commitment, shared, expired, said)
        if expired:
            steps = _with_expiry(steps, shared["expiresAt"])
        return Life(
            institution=submitter,
            n=key & 0xFF,
            commitment=commitment,
            batch=shared["batch"],
            schema=shared["schema"],
            registered_at=shared["registeredAt"],
            expires_at=shared["expiresAt"],
            state=running.state.name,
            expired=expired,
            steps=tuple(steps),
        )

    def _taken(self, log: Log, event: Event, running: _Running, institution: int) -> Step:
        """One event's step; `running` is what it leaves."""
        arguments = event.arguments
        if event.name != "OverrideSet":
            running.status = _NEXT_STATUS[event.name]
            actor = arguments["by" if event.name == "BatchRevoked" else "reviewer"]
            reason = chain_reason_name(arguments["reason"]) if "reason" in arguments else ""
            what = f"BATCH_{running.status.name}" if running.status != BatchStatus.ACTIVE else "BATCH_APPROVED"
            by = self._actor_of_batch(log, actor, institution)
            return self._step(log, what, running, by=by, account=actor, reason=reason)
        note = note_from(arguments["note"])
        running.override = RecordState(arguments["state"])
        running.note = note if running.override else None
        what = running.override.name if running.override else "DISMISSED"
        step = self._step(log, what, running, by=self._actor_of(note), account=arguments["by"])
        if note is None:
            return step
        successor = note.successor[0] if note.successor else None
        return replace(step, reason=chain_reason_name(note.reason), successor=successor)

    def _step(self, log: Log, what: str, running: _Running, *, by: str, account: str, reason: str = "") -> Step:
        at = self._times[log.block_number]
        return Step(at, what, running.state.name, log.block_number, log.tx_hash, log.index, by, account, reason)

    def _require_same(
        self, key: int, running: _Running, commitment: bytes, shared: dict[str, Any], expired: bool, said: Claim
    ) -> None:
        events = (running.state, expired, commitment, shared["batch"], shared["expiresAt"])
        if events != (said.state, said.expired, said.commitment, said.batch, said.expires_at):
            raise self._contradiction(f"entry {key:#x} is {said.state.name}, by its events {running.state.name}")
        (answer,) = self._registry.ask([Question("noteOf", (key,))], self._block)
        if note_from(answer) != running.note:
            raise self._contradiction(f"entry {key:#x} has another note than its events say")

    def _contradiction(self, what: str) -> MirrorInconsistent:
        return MirrorInconsistent(
            f"block {self._block.number}: the registry says of record {self._record_hash.hex()}: {what}",
            hint="the node left events out; ask another node, and delete the mirror's database to follow anew",
        )

    def _asked(self, institutions: set[int]) -> dict[int, Claim]:
        """What the registry says, of every institution: of those too of which there is no event."""
        (counts,) = self._registry.ask([Question("registry")], self._block)
        everyone = list(range(1, max([counts["institutionCount"], *institutions]) + 1))
        question = Question("find", (int.from_bytes(self._record_hash, "big"), everyone))
        return {claim.entry_key: claim for claim in claims_from(self._registry.ask([question], self._block)[0])}

    def _until(self, events: Iterable[tuple[Log, Event]]) -> list[tuple[Log, Event]]:
        """Those up to the block: another process may have followed further meanwhile."""
        return [(log, event) for log, event in events if log.block_number <= self._block.number]

    def _ask_times(self, logs: list[Log]) -> None:
        wanted = {log.block_number: log.block_hash for log in logs if log.block_number not in self._times}
        for number, block in zip(wanted, self._registry.blocks(list(wanted)), strict=True):
            if block is None or block.hash != wanted[number]:
                raise NodeBehind(f"{self._registry.node.url}: block {number} is not the mirrored one", hint="try again")
            self._times[number] = block.timestamp

    def _actor_of(self, note: Note | None) -> str:
        if note is None:
            return ""
        if note.by_institution:
            self._codes |= self._codes_of({note.by_institution} - set(self._codes))
            return self._codes[note.by_institution]
        return self._authority(note.by_jurisdiction)

    def _actor_of_batch(self, log: Log, address: str, institution: int) -> str:
        """The institution, if the address was an enabled account of it by then; else it was its authority."""
        enabled = False
        for set_log, event in self._mirror.about(institution, "AccountSet"):
            if (set_log.block_number, set_log.index) > (log.block_number, log.index):
                break
            if event.arguments["account"].lower() == address.lower():
                enabled = event.arguments["enabled"]
        if enabled:
            return self._codes[institution]
        (answer,) = self._registry.ask([Question("institutionOf", (institution,))], self._block)
        return self._authority(answer["jurisdiction"])

    def _authority(self, jurisdiction: int) -> str:
        (answer,) = self._registry.ask([Question("jurisdictionOf", (jurisdiction,))], self._block)
        return f"authority of {ascii_of(answer['code'])}"

    def _codes_of(self, institutions: Set[int]) -> dict[int, str]:
        ids = sorted(institutions)
        answers = self._registry.ask([Question("institutionOf", (number,)) for number in ids], self._block)
        return {number: ascii_of(answer["code"]) for number, answer in zip(ids, answers, strict=True)}


def _institution(registry: Registry, block: Block, code: str) -> int:
    known = code.isascii() and len(code) <= 32
    number = registry.ask([Question("institutionByCode", (bytes32_of(code),))], block)[0] if known else 0
    if not number:
        raise UsageError(f"the registry knows no institution {code}", hint="give its permanent code")
    return int(number)


def _with_expiry(steps: list[Step], expires_at: int) -> list[Step]:
    """The steps with the end of the record's time among them, where it came."""
    before = [step for step in steps if step.at < expires_at]
    state = before[-1].state if before else steps[0].state
    return [*before, Step(expires_at, "EXPIRED", state), *steps[len(before) :]]


def _with_source(life: Life, record_hash: bytes, database: Database) -> Life:
    with database.read() as connection:
        row = connection.execute(
            "SELECT files.name, line FROM records JOIN files ON files.id = file"
            " WHERE record_hash = ? AND commitment = ?",
            (record_hash, life.commitment),
        ).fetchone()
    return life if row is None else replace(life, file=row[0], line=row[1])
