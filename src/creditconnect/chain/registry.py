"""The contract's words: questions to the registry at a pinned block, call data for its functions, its logs.

camelCase meets snake_case here. Every question names the block it is asked at, by hash, so that an answer can neither
mix two blocks nor come from a node that lacks the block: that is `NodeBehind`, never "not found".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from creditconnect.chain.blocks import Block, Log, Receipt, block_from, log_from, receipt_from, there
from creditconnect.chain.contract_abi import ContractAbi, Event
from creditconnect.chain.rpc import Node, quantity, raw_bytes
from creditconnect.errors import NodeBehind, NodeRefused, OtherChain, Reverted
from creditconnect.types import (
    BatchId,
    BatchStatus,
    ChainIdentity,
    EntryKey,
    InstitutionId,
    JurisdictionId,
    RecordState,
    SchemaId,
    Standing,
)

# findMany costs some 6,000 gas a pair; geth answers calls up to 50M gas.
FIND_MANY_PAIRS = 4_000


@dataclass(frozen=True, slots=True)
class Claim:
    """One institution's claim to a record hash. Times in seconds, UTC; `expires_at` 0 is never."""

    entry_key: EntryKey
    commitment: bytes
    batch: BatchId
    institution: InstitutionId
    schema: SchemaId
    registered_at: int
    expires_at: int
    epoch: int
    state: RecordState
    expired: bool

    @property
    def counts(self) -> bool:
        """Whether the registry refuses the same commitment again: neither over nor expired."""
        over = (RecordState.REJECTED, RecordState.REVOKED, RecordState.SUPERSEDED)
        return self.state not in over and not self.expired


@dataclass(frozen=True, slots=True)
class Found:
    """The bulk view's answer for one (hash, institution): the claim with n = 0, and how many there are."""

    commitment: bytes
    batch: BatchId
    state: RecordState
    expired: bool
    claims: int


@dataclass(frozen=True, slots=True)
class Institution:
    id: InstitutionId
    code: str
    jurisdiction: JurisdictionId
    roles: int
    standing: Standing
    mandatory_review: bool
    entitled_until: int
    schemas: int

    def may(self, role: int, now: int) -> bool:
        """Whether it may act in `role` (a `types.Role` bit) at `now` by its standing, scope and time."""
        in_time = self.entitled_until == 0 or now < self.entitled_until
        return self.standing == Standing.ACTIVE and bool(self.roles & role) and in_time

    def may_register(self, schema: int) -> bool:
        return bool(self.schemas >> schema & 1)


@dataclass(frozen=True, slots=True)
class Batch:
    id: BatchId
    submitter: str
    institution: InstitutionId
    schema: SchemaId
    registered_at: int
    count: int
    epoch: int
    reviewer: str
    reviewed_at: int
    expires_at: int
    reason: int
    status: BatchStatus


@dataclass(frozen=True, slots=True)
class Note:
    """Why a record has an override, and who gave it; an authority where `by_institution` is 0."""

    successor: tuple[bytes, int] | None
    """Record hash and n, of the same institution; only when superseded."""
    at: int
    reason: int
    by_institution: InstitutionId
    by_jurisdiction: JurisdictionId
    by_account: int


@dataclass(frozen=True, slots=True)
class Question:
    """A view to ask, with its arguments in the contract's order."""

    name: str
    arguments: tuple[Any, ...] = ()


class Registry:
    """One registry contract behind one node."""

    def __init__(self, node: Node, address: str, abi: ContractAbi) -> None:
        self.node = node
        self.address = address.lower()
        self.checksum_address = str(to_checksum_address(address))
        self.abi = abi

    # ------------------------------------------------------------------------------------------------- the chain

    def identity(self) -> ChainIdentity:
        """What this node's chain and the code at this address are."""
        chain_id, genesis, code = self.node.batch(
            [
                ("eth_chainId", []),
                ("eth_getBlockByNumber", [quantity(0), False]),
                ("eth_getCode", [self.address, "latest"]),
            ]
        )
        for answer in (chain_id, genesis, code):
            if isinstance(answer, NodeRefused):
                raise answer
        genesis, code = (there(answer, self.node.url, "latest") for answer in (genesis, code))
        return ChainIdentity(int(chain_id, 16), raw_bytes(genesis["hash"]), self.address, keccak(raw_bytes(code)))

    def require_identity(self, trusted: ChainIdentity) -> None:
        """Refuse any chain or code but the trusted one.

        Raises:
            OtherChain: names the first difference.
        """
        found = self.identity()
        for word, ours, theirs in (
            ("chain id", trusted.chain_id, found.chain_id),
            ("genesis hash", trusted.genesis_hash.hex(), found.genesis_hash.hex()),
            ("code hash at the registry's address", trusted.code_hash.hex(), found.code_hash.hex()),
        ):
            if ours != theirs:
                raise OtherChain(
                    f"{self.node.url}: {word} is {theirs}, the trusted deployment says {ours}",
                    hint="another chain answers at this URL; correct the URL, or init a home with its deployment file",
                )

    def head(self) -> Block:
        return block_from(there(self.node.call("eth_getBlockByNumber", "latest", False), self.node.url, "latest"))

    def head_of(self, trusted: ChainIdentity) -> Block:
        """The head, if block 0 is still the trusted chain's.

        Raises:
            OtherChain: another chain answers at this URL.
        """
        genesis, head = self.node.batch(
            [("eth_getBlockByNumber", [quantity(0), False]), ("eth_getBlockByNumber", ["latest", False])]
        )
        for answer in (genesis, head):
            if isinstance(answer, NodeRefused):
                raise answer
        genesis, head = (there(answer, self.node.url, "latest") for answer in (genesis, head))
        if raw_bytes(genesis["hash"]) != trusted.genesis_hash:
            raise OtherChain(
                f"{self.node.url}: genesis hash is {genesis['hash'][2:]}, not the trusted {trusted.genesis_hash.hex()}",
                hint="another chain answers at this URL; correct the URL, or init a home with its deployment file",
            )
        return block_from(head)

    def block(self, number: int) -> Block | None:
        """The block of that number, or None where the node has none."""
        return self.blocks([number])[0]

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """The blocks of those numbers, in one round trip; None where the node has none.

        Raises:
            NodeRefused: the node would not say.
        """
        answers = self.node.batch([("eth_getBlockByNumber", [quantity(number), False]) for number in numbers])
        for answer in answers:
            if isinstance(answer, NodeRefused):
                raise answer
        return [None if answer is None else block_from(answer) for answer in answers]

    def receipts(self, tx_hashes: Sequence[bytes]) -> list[Receipt | None]:
        """A receipt for each transaction that is in a block, else None.

        Raises:
            NodeRefused: the node would not say.
        """
        answers = self.node.batch([("eth_getTransactionReceipt", ["0x" + tx_hash.hex()]) for tx_hash in tx_hashes])
        return [receipt_from(answer) for answer in answers]

    def nonce(self, address: str, block_number: int | None = None) -> int:
        """How many transactions of `address` are in blocks, up to that number or the head."""
        at = "latest" if block_number is None else quantity(block_number)
        return int(there(self.node.call("eth_getTransactionCount", address, at), self.node.url, at), 16)

    def send(self, raw_transactions: Sequence[bytes]) -> list[NodeRefused | None]:
        """Hand signed transactions to the node; a refusal stands in its place, and decides nothing by itself."""
        answers = self.node.batch([("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raw_transactions])
        return [answer if isinstance(answer, NodeRefused) else None for answer in answers]

    # ---------------------------------------------------------------------------------------------------- asking

    def ask(self, questions: Sequence[Question], block: Block) -> list[Any]:
        """The decoded answers as of `block`, in order, in one round trip.

        Raises:
            NodeBehind: the node lacks the block; Reverted: a view refused; OtherChain: no registry answers there.
        """
        at = {"blockHash": "0x" + block.hash.hex()}
        calls = [
            ("eth_call", [{"to": self.address, "data": "0x" + self.abi.encode_call(q.name, *q.arguments).hex()}, at])
            for q in questions
        ]
        answers = self.node.batch(calls)
        return [
            self._decoded(question, self._returned(answer, block), block)
            for question, answer in zip(questions, answers, strict=True)
        ]

    def find_many(self, pairs: Sequence[tuple[bytes, int]], block: Block) -> list[Found | None]:
        """The bulk view: an answer for each (record hash, institution), None where there is no claim."""
        packed = [int.from_bytes(record_hash, "big") << 16 | institution for record_hash, institution in pairs]
        chunks = [packed[i : i + FIND_MANY_PAIRS] for i in range(0, len(packed), FIND_MANY_PAIRS)]
        answers = self.ask([Question("findMany", (chunk,)) for chunk in chunks], block)
        return [_found(word) for words in answers for word in words]

    def register_call(self, schema: int, expires_at: int, epoch: int, records: Sequence[bytes]) -> bytes:
        """Call data of `register`; `records` are 32 bytes each, strictly rising by their first 8.

        Joined here rather than by the codec, which takes as long for 500 records as signing does.
        """
        head = (schema, expires_at, epoch, 4 * 32, len(records))
        words = b"".join(value.to_bytes(32, "big") for value in head)
        return self.abi.selector("register") + words + b"".join(records)

    def claims_of(self, institution: int, record_hashes: Sequence[bytes], block: Block) -> list[list[Claim]]:
        """One institution's claims to each hash, by n. Where there are none, as nearly always, `find` is not asked."""
        found = self.find_many([(record_hash, institution) for record_hash in record_hashes], block)
        asked = [record_hash for record_hash, first in zip(record_hashes, found, strict=True) if first is not None]
        questions = [Question("find", (int.from_bytes(record_hash, "big"), [institution])) for record_hash in asked]
        claims = dict(zip(asked, map(claims_from, self.ask(questions, block)), strict=True))
        return [claims.get(record_hash, []) for record_hash in record_hashes]

    def simulate(self, sender: str, data: bytes, block_number: int | None = None) -> None:
        """Run a call without sending it, at a block's number or at the head.

        Raises:
            Reverted: the registry would refuse it.
        """
        at = "latest" if block_number is None else quantity(block_number)
        try:
            call = {"from": sender, "to": self.address, "data": "0x" + data.hex()}
            there(self.node.call("eth_call", call, at), self.node.url, at)
        except NodeRefused as refusal:
            raise self._reverted(refusal) or refusal from None

    def estimate(self, sender: str, data: bytes, greatest: int) -> int:
        """The gas that a call takes, by a node that may count what it has not sealed yet; at most `greatest`.

        Raises:
            Reverted: the registry would refuse it.
        """
        call = {"from": sender, "to": self.address, "data": "0x" + data.hex(), "gas": quantity(greatest)}
        try:
            return int(there(self.node.call("eth_estimateGas", call), self.node.url, "latest"), 16)
        except NodeRefused as refusal:
            raise self._reverted(refusal) or refusal from None

    def logs(self, first: int, last: int) -> list[Log]:
        """The registry's logs of blocks `first` to `last`, both included, in chain order."""
        answers = self.node.call(
            "eth_getLogs", {"address": self.address, "fromBlock": quantity(first), "toBlock": quantity(last)}
        )
        answers = there(answers, self.node.url, last)
        return sorted((log_from(answer) for answer in answers), key=lambda log: (log.block_number, log.index))

    def event(self, log: Log) -> Event:
        return self.abi.decode_event(log.topics, log.data)

    def _decoded(self, question: Question, returned: bytes, block: Block) -> Any:
        try:
            return self.abi.decode_result(question.name, returned)
        except ValueError:
            # Where there is no code, a call succeeds and returns nothing.
            raise OtherChain(
                f"{self.node.url}: block {block.number}: what is at {self.address} does not answer as a registry",
                hint="was the registry there by that block? compare the deployment file's address and block",
            ) from None

    def _returned(self, answer: Any, block: Block) -> bytes:
        if isinstance(answer, NodeRefused):
            reverted = self._reverted(answer)
            if reverted is None and self._lacks(block):
                raise self._behind(block)
            raise reverted or answer
        if answer is None:
            raise self._behind(block)
        return raw_bytes(answer)

    def _behind(self, block: Block) -> NodeBehind:
        return NodeBehind(f"{self.node.url}: has no block {block.number}", hint="the node is behind; try again later")

    def _lacks(self, block: Block) -> bool:
        return self.node.call("eth_getBlockByHash", "0x" + block.hash.hex(), False) is None

    def _reverted(self, refusal: NodeRefused) -> Reverted | None:
        """A revert carries the error's bytes in `data`; nodes differ in the code beside it."""
        data = refusal.data
        if isinstance(data, str) and data.startswith("0x") and len(data) >= 10:
            return self.abi.decode_error(raw_bytes(data))
        return None


def institution_from(answer: dict[str, Any], number: int) -> Institution | None:
    """`institutionOf`'s answer; None where there is no such institution."""
    if answer["standing"] == Standing.NONE:
        return None
    return Institution(
        id=InstitutionId(number),
        code=ascii_of(answer["code"]),
        jurisdiction=JurisdictionId(answer["jurisdiction"]),
        roles=answer["roles"],
        standing=Standing(answer["standing"]),
        mandatory_review=answer["mandatoryReview"],
        entitled_until=answer["entitledUntil"],
        schemas=answer["schemas"],
    )


def batch_from(answer: dict[str, Any], number: int) -> Batch:
    """`batchOf`'s answer."""
    return Batch(
        id=BatchId(number),
        submitter=answer["submitter"],
        institution=InstitutionId(answer["institution"]),
        schema=SchemaId(answer["schema"]),
        registered_at=answer["registeredAt"],
        count=answer["count"],
        epoch=answer["epoch"],
        reviewer=answer["reviewer"],
        reviewed_at=answer["reviewedAt"],
        expires_at=answer["expiresAt"],
        reason=answer["reason"],
        status=BatchStatus(answer["status"]),
    )


def note_from(answer: dict[str, Any]) -> Note | None:
    """`noteOf`'s answer, or an event's note; None where there is none."""
    if not answer["at"]:
        return None
    successor = answer["successor"]
    return Note(
        successor=((successor >> 8).to_bytes(8, "big"), successor & 0xFF) if successor else None,
        at=answer["at"],
        reason=answer["reason"],
        by_institution=InstitutionId(answer["byInstitution"]),
        by_jurisdiction=JurisdictionId(answer["byJurisdiction"]),
        by_account=answer["byAccount"],
    )


def claims_from(answers: Iterable[dict[str, Any]]) -> list[Claim]:
    """`find`'s answer."""
    return [
        Claim(
            entry_key=EntryKey(answer["entryKey"]),
            commitment=answer["commitment"].to_bytes(24, "big"),
            batch=BatchId(answer["batch"]),
            institution=InstitutionId(answer["institution"]),
            schema=SchemaId(answer["schema"]),
            registered_at=answer["registeredAt"],
            expires_at=answer["expiresAt"],
            epoch=answer["epoch"],
            state=RecordState(answer["state"]),
            expired=answer["expired"],
        )
        for answer in answers
    ]


def bytes32_of(code: str) -> bytes:
    """A permanent code as the contract keeps it: ASCII, left-aligned."""
    return code.encode("ascii").ljust(32, b"\0")


def ascii_of(word: bytes) -> str:
    """The reverse; a code that is no ASCII is shown with escapes rather than refused."""
    return word.rstrip(b"\0").decode("ascii", errors="backslashreplace")


def _found(word: bytes) -> Found | None:
    """`commitment 192 | batch 48 | state 8 | expired 1 | claims 7` (docs/PROTOCOL.md, section 5)."""
    if not any(word):
        return None
    return Found(
        commitment=word[:24],
        batch=BatchId(int.from_bytes(word[24:30], "big")),
        state=RecordState(word[30]),
        expired=bool(word[31] & 0x80),
        claims=word[31] & 0x7F,
    )
