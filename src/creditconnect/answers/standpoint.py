"""The standpoint of an answer: one final block that every node has, and what each node says as of it, compared.

Hides how many nodes there are. Never picks silently between two that disagree, nor passes over one that is away: the
settings say how many must answer, and an answer by fewer than are named is marked as such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from creditconnect.chain.blocks import Block
from creditconnect.chain.finality import Finality
from creditconnect.chain.reach import BACK_AFTER_SECONDS
from creditconnect.chain.registry import (
    Claim,
    Institution,
    Note,
    Question,
    Registry,
    ascii_of,
    bytes32_of,
    claims_from,
    institution_from,
    note_from,
)
from creditconnect.errors import HeaderInvalid, NodeBehind, NodeRefused, NodeUnreachable, NotFinal
from creditconnect.reasons import CheckReason
from creditconnect.types import ChainIdentity, Check, CheckStatus, RecordState

_REASONS = {
    HeaderInvalid: CheckReason.HEADER_INVALID,
    NodeBehind: CheckReason.NODE_BEHIND,
    NodeRefused: CheckReason.NODE_REFUSED,
    NotFinal: CheckReason.NOT_FINAL,
}
_OK = Check("agreement", CheckStatus.VALID, CheckReason.OK)
_SINGLE = Check("agreement", CheckStatus.SKIPPED, CheckReason.SINGLE_NODE, "only one node is set")


@dataclass(frozen=True, slots=True)
class View:
    """The registry's answer about one record hash as of `block`; `block` is None where no answer can be given."""

    agreement: Check
    block: Block | None = None
    claims: tuple[Claim, ...] = ()
    provider: Institution | None = None
    asker: Institution | None = None
    corridor_open: bool = False
    schema_id: int = 0
    codes: dict[int, str] = field(default_factory=dict)
    # Of the provider's claims that are not active: why, by entry key, and who each note means.
    notes: dict[int, Note] = field(default_factory=dict)
    actors: dict[int, str] = field(default_factory=dict)
    # The newest final block of any node, and the time between blocks where it is known: how late `block` is.
    newest: Block | None = None
    period_seconds: int | None = None


class Asked(NamedTuple):
    """A record that is to be verified: who is said to have issued it, its hash, and its schema's."""

    provider: str
    record_hash: bytes
    schema_hash: bytes


class _Facts(NamedTuple):
    """By id, by sides, by hash."""

    institutions: dict[int, Institution | None]
    corridors: dict[tuple[int, int], bool]
    schemas: dict[bytes, int]


class Standpoint:
    """Asks the registry behind one node, or behind one node a side."""

    def __init__(
        self,
        registries: Sequence[Registry],
        trusted: ChainIdentity,
        finality: Finality,
        *,
        least_nodes: int = 0,
        monotonic: Callable[[], float],
    ) -> None:
        """Of the nodes, `least_nodes` must answer, or all where it is 0."""
        self._registries = list(registries)
        self._trusted = trusted
        self._finality = finality
        self._least_nodes = least_nodes or len(self._registries)
        self._monotonic = monotonic
        self._identified: set[str] = set()
        # By URL, until when a node that was away is passed over, and what was said of it.
        self._away: dict[str, tuple[float, Check]] = {}
        # What the contract never changes: the id of a permanent code, the code and side of an id.
        self._ids: dict[str, int] = {}
        self._codes: dict[int, str] = {}
        self._sides: dict[int, int] = {}
        self._known_count = 0

    def take(self, asker: str, asked: Sequence[Asked]) -> list[View]:
        """Everything that verifying some records needs, all as of one block; a view each, in their order.

        A node that can't be reached, or two that disagree, are told by `agreement`. Safe to use from several threads.

        Raises:
            OtherChain: another chain or code than the trusted one answers. SettingsError: the chain is sealed, and the
            settings do not say by whom.
        """
        reached, unreachable = self._finals()
        if not reached:
            return [View(unreachable or _error(CheckReason.NODE_UNREACHABLE, "no node is set"))] * len(asked)
        try:
            return self._taken(asker, asked, reached, unreachable)
        except NodeBehind as error:
            failure = _error(CheckReason.NODE_BEHIND, error.message)
        except NodeUnreachable as error:
            failure = _error(CheckReason.NODE_UNREACHABLE, error.message)
        except NodeRefused as error:
            failure = _error(CheckReason.NODE_REFUSED, error.message)
        return [View(failure)] * len(asked)

    # ------------------------------------------------------------------------------------------------------- private

    def _finals(self) -> tuple[list[tuple[Registry, Block]], Check | None]:
        """The nodes that answer, with their final blocks, and what to say of those that do not."""
        reached: list[tuple[Registry, Block]] = []
        failure: Check | None = None
        for registry in self._registries:
            if (away := self._known_away(registry)) is not None:
                failure = failure or away
                continue
            try:
                if registry.node.url not in self._identified:
                    registry.require_identity(self._trusted)
                    self._identified.add(registry.node.url)
                reached.append((registry, self._finality.under(registry, registry.head_of(self._trusted))))
            except NodeUnreachable as error:
                self._identified.discard(registry.node.url)
                away = _error(CheckReason.NODE_UNREACHABLE, error.message)
                self._away[registry.node.url] = self._monotonic() + BACK_AFTER_SECONDS, away
                failure = failure or away
            except (HeaderInvalid, NodeBehind, NodeRefused, NotFinal) as error:
                # A node that answers, and wrongly, is never one that may be missing.
                failure = _error(_REASONS[type(error)], error.message)
        return reached, failure

    def _known_away(self, registry: Registry) -> Check | None:
        """What was said of a node that was away lately, where the others suffice: a frozen one costs seconds a look."""
        until, said = self._away.get(registry.node.url, (0.0, None))
        others = sum(self._monotonic() >= self._away.get(one.node.url, (0.0,))[0] for one in self._registries)
        return said if self._monotonic() < until and others >= self._least_nodes else None

    def _taken(
        self, asker: str, asked: Sequence[Asked], reached: list[tuple[Registry, Block]], unreachable: Check | None
    ) -> list[View]:
        number = min(final.number for _, final in reached)
        blocks = [(registry, _block_at(registry, number, final)) for registry, final in reached]
        if len({block.hash for _, block in blocks}) > 1:
            return [View(_error(CheckReason.NODES_DISAGREE, f"the nodes have different blocks {number}"))] * len(asked)
        answers = [self._ask(registry, block, asker, asked) for registry, block in blocks]
        ahead, newest = max(reached, key=lambda one: one[1].number)
        newer = self._ask(ahead, newest, asker, asked) if newest.number > number else answers[0]
        agreement = self._agreement(unreachable, len(answers), number)
        return [
            self._agreed(views, later, number, newest, agreement) for *views, later in zip(*answers, newer, strict=True)
        ]

    def _agreement(self, unreachable: Check | None, answers: int, number: int) -> Check:
        """What is said of the nodes where those that answered say the same."""
        if unreachable is None:
            return _OK if answers > 1 else _SINGLE
        if unreachable.reason != CheckReason.NODE_UNREACHABLE or answers < self._least_nodes:
            return unreachable
        said = f"as of block {number} by {answers} of {len(self._registries)} nodes"
        return Check("agreement", CheckStatus.SKIPPED, CheckReason.NODE_UNREACHABLE, said)

    def _agreed(self, views: list[View], later: View, number: int, newest: Block, agreement: Check) -> View:
        """One record's view, if the nodes say the same of it, and the one ahead nothing newer."""
        if any(view != views[0] for view in views[1:]):
            return View(_error(CheckReason.NODES_DISAGREE, f"the nodes answer differently about block {number}"))
        if newest.number > number and not _same(views[0], later):
            # What the node behind lacks matters to this record: as of the common block the answer would be out of date.
            return View(
                _error(CheckReason.NODE_BEHIND, f"a node is at block {number}, another knows more at {newest.number}")
            )
        codes: dict[int, str] = {claim.institution: self._codes[claim.institution] for claim in views[0].claims}
        period_seconds = self._finality.period_seconds
        return replace(views[0], agreement=agreement, codes=codes, newest=newest, period_seconds=period_seconds)

    def _ask(self, registry: Registry, block: Block, asker: str, asked: Sequence[Asked]) -> list[View]:
        """Each distinct thing is asked once, all in one round trip where the node takes that many."""
        providers = sorted({one.provider for one in asked})
        ids = dict(zip([asker, *providers], self._identify(registry, block, asker, *providers), strict=True))
        facts, found = self._answers(registry, block, ids, asker, asked)
        claims = [tuple(claims_from(answer)) for answer in found]
        self._learn(registry, block, {claim.institution for of_one in claims for claim in of_one})
        own = [
            [claim.entry_key for claim in of_one if claim.institution == ids[one.provider]]
            for one, of_one in zip(asked, claims, strict=True)
        ]
        owned = {key for keys in own for key in keys}
        notes = self._notes(registry, block, [one for of_one in claims for one in of_one if one.entry_key in owned])
        actors = self._actors(registry, block, notes)
        return [
            View(
                _OK,
                block,
                of_one,
                facts.institutions[ids[one.provider]],
                facts.institutions[ids[asker]],
                facts.corridors[self._corridor(ids[one.provider], ids[asker])],
                facts.schemas[one.schema_hash],
                notes={key: notes[key] for key in keys if key in notes},
                actors={key: actors[key] for key in keys if key in actors},
            )
            for one, of_one, keys in zip(asked, claims, own, strict=True)
        ]

    def _answers(
        self, registry: Registry, block: Block, ids: dict[str, int], asker: str, asked: Sequence[Asked]
    ) -> tuple[_Facts, list[list[dict[str, Any]]]]:
        """What holds for all records that are asked about, and each one's claims by every institution."""
        institutions = sorted(set(ids.values()))
        corridors = sorted({self._corridor(number, ids[asker]) for number in institutions})
        schemas = sorted({one.schema_hash for one in asked})
        records = [int.from_bytes(one.record_hash, "big") for one in asked]
        known = self._known_count
        answers = iter(
            registry.ask(
                [
                    Question("registry"),
                    *(Question("institutionOf", (number,)) for number in institutions),
                    *(Question("corridorOpen", sides) for sides in corridors),
                    *(Question("schemaByHash", (schema_hash,)) for schema_hash in schemas),
                    *(Question("find", (record, _ids(1, known))) for record in records),
                ],
                block,
            )
        )
        count = next(answers)["institutionCount"]
        facts = _Facts(
            {number: institution_from(next(answers), number) for number in institutions},
            {sides: next(answers) for sides in corridors},
            {schema_hash: next(answers) for schema_hash in schemas},
        )
        found = [list(answer) for answer in answers]
        if count > known:
            newer = registry.ask([Question("find", (record, _ids(known + 1, count))) for record in records], block)
            found = [one + list(more) for one, more in zip(found, newer, strict=True)]
            self._known_count = max(self._known_count, count)
        return facts, found

    def _corridor(self, provider: int, asker: int) -> tuple[int, int]:
        return self._sides.get(provider, 0), self._sides.get(asker, 0)

    def _notes(self, registry: Registry, block: Block, claims: Sequence[Claim]) -> dict[int, Note]:
        """Why those that are not active are not; a round trip only where there are such."""
        keys = [claim.entry_key for claim in claims if claim.state not in (RecordState.ACTIVE, RecordState.PENDING)]
        answers = registry.ask([Question("noteOf", (key,)) for key in keys], block)
        notes = {key: note_from(answer) for key, answer in zip(keys, answers, strict=True)}
        return {key: note for key, note in notes.items() if note is not None}

    def _actors(self, registry: Registry, block: Block, notes: dict[int, Note]) -> dict[int, str]:
        """By entry key, the institution's code or its side's authority."""
        self._learn(registry, block, {note.by_institution for note in notes.values() if note.by_institution})
        sides = sorted({note.by_jurisdiction for note in notes.values() if note.by_jurisdiction})
        answers = registry.ask([Question("jurisdictionOf", (side,)) for side in sides], block)
        named = {
            side: f"the authority of {ascii_of(answer['code'])}" for side, answer in zip(sides, answers, strict=True)
        }
        return {key: named.get(note.by_jurisdiction) or self._codes[note.by_institution] for key, note in notes.items()}

    def _identify(self, registry: Registry, block: Block, *codes: str) -> list[int]:
        """The ids of codes; 0 where there is none (yet: only what exists is remembered)."""
        unknown = [code for code in codes if code not in self._ids]
        answers = registry.ask([Question("institutionByCode", (bytes32_of(code),)) for code in unknown], block)
        self._ids.update({code: number for code, number in zip(unknown, answers, strict=True) if number})
        ids = [self._ids.get(code, 0) for code in codes]
        self._learn(registry, block, {number for number in ids if number})
        return ids

    def _learn(self, registry: Registry, block: Block, ids: set[int]) -> None:
        unknown = sorted(number for number in ids if number not in self._codes)
        answers: list[Any] = registry.ask([Question("institutionOf", (number,)) for number in unknown], block)
        for number, answer in zip(unknown, answers, strict=True):
            self._codes[number] = ascii_of(answer["code"])
            self._sides[number] = answer["jurisdiction"]


def _same(one: View, other: View) -> bool:
    """Whether two views say the same, whatever their blocks."""
    return replace(one, block=None) == replace(other, block=None)


def _block_at(registry: Registry, number: int, final: Block) -> Block:
    if final.number == number:
        return final
    block = registry.block(number)
    if block is None:
        raise NodeBehind(f"{registry.node.url}: has no block {number}")
    return block


def _ids(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def _error(reason: CheckReason, detail: str) -> Check:
    return Check("agreement", CheckStatus.ERROR, reason, detail)
