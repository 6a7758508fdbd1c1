"""Promise: the replay writes what the contract writes, and refuses an event that those before it rule out.

That it does so over a whole life of a registry, for every event, is shown against a node in tests/chain/test_audit.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from creditconnect.answers.layout import (
    BATCH,
    CORRIDOR,
    ENTRY,
    INSTITUTION,
    JURISDICTION,
    NOTE,
    PROPOSAL,
    REGISTRY,
    Place,
    Variable,
)
from creditconnect.answers.replay import PLACES, Replay
from creditconnect.chain.contract_abi import Event
from creditconnect.errors import MirrorInconsistent

HK, SZ = 1, 2
PENDING, ACTIVE, REJECTED, REVOKED, SUPERSEDED, DISPUTED = 1, 2, 3, 4, 5, 6
SUBMITTER, REVIEWER = "0x" + "5" * 40, "0x" + "6" * 40
NOTE_ZERO = {"successor": 0, "at": 0, "reason": 0, "byInstitution": 0, "byJurisdiction": 0, "byAccount": 0}

Given = tuple[str, dict[str, Any]]


def address(number: int) -> str:
    return f"0x{number:040x}"


def added(number: int) -> Given:
    seats = {"authority": address(16 * number), "recovery": address(16 * number + 1)}
    return "JurisdictionAdded", {"jurisdiction": number, "code": bytes([number]) * 32, **seats}


def accepted(number: int, *, live: bool) -> Given:
    return "RegistryAccepted", {"jurisdiction": number, "authority": address(16 * number), "live": live}


def admitted(number: int = 1) -> Given:
    terms = {"code": bytes([0x40 + number]) * 32, "profileHash": b"\x02" * 32, "at": 1_000}
    return "InstitutionAdmitted", {"institution": number, "jurisdiction": HK, **terms}


def registered(batch: int, *hashes: int, status: int = ACTIVE, commitment: int = 7) -> Given:
    records = [(value << 192 | commitment).to_bytes(32, "big") for value in hashes]
    shared = {"schema": 3, "submitter": SUBMITTER, "registeredAt": 2_000, "expiresAt": 3_000, "epoch": 4}
    return "BatchRegistered", {"batch": batch, "institution": 1, **shared, "status": status, "records": records}


def overridden(record_hash: int, state: int, *, batch: int = 1, n: int = 0, **note: int) -> Given:
    key = record_hash << 24 | 1 << 8 | n
    given = {"entryKey": key, "batch": batch, "state": state, "note": NOTE_ZERO | note, "by": SUBMITTER}
    return "OverrideSet", given


def approved(batch: int, exceptions: int = 0) -> Given:
    return "BatchApproved", {"batch": batch, "reviewer": REVIEWER, "reviewedAt": 2_500, "exceptions": exceptions}


def agreed(bits: int, jurisdiction: int, *, epoch: int = 0, expires_at: int = 9_000) -> Given:
    terms = {"agreed": bits, "authorityEpoch": epoch, "expiresAt": expires_at, "call": b""}
    return "JointActionAgreed", {"action": b"\x09" * 32, "jurisdiction": jurisdiction, **terms}


FOUNDED = [added(HK), added(SZ), accepted(SZ, live=False), accepted(HK, live=True)]
STAFFED = [*FOUNDED, admitted()]


def replayed(*events: Given) -> Replay:
    replay = Replay()
    for number, (name, arguments) in enumerate(events):
        replay.apply(Event(name, arguments), number)
    return replay


def fields(replay: Replay, variable: Variable, *keys: int) -> dict[str, int]:
    """A variable's value, read out of the rebuilt storage."""
    storage = replay.storage()
    found = {}
    for number, word in enumerate(variable.words):
        packed = storage.get(Place(variable, keys, number).slot(), 0)
        for field in word:
            found[field.name] = packed & ((1 << field.bits) - 1)
            packed >>= field.bits
    return found


def entry_key(record_hash: int, n: int = 0) -> int:
    return record_hash << 24 | 1 << 8 | n


def test_storage__nothing_happened__is_empty() -> None:
    assert Replay().storage() == {}


def test_storage__founded__counts_sides_and_is_live() -> None:
    replay = replayed(*FOUNDED)

    assert fields(replay, REGISTRY) == REGISTRY.zero() | {"jurisdictionCount": 2, "accepted": 0b11, "live": 1}
    assert fields(replay, JURISDICTION, SZ)["authority"] == 32


def test_storage__side_added_to_a_live_registry__raises_the_epoch_twice() -> None:
    replay = replayed(*FOUNDED, added(3), accepted(3, live=True))

    assert fields(replay, REGISTRY)["authorityEpoch"] == 2
    assert fields(replay, REGISTRY)["accepted"] == 0b111


def test_storage__authority_handed_over__clears_offer_and_raises_the_epoch_and_the_recovery_runs_on() -> None:
    replay = replayed(
        *FOUNDED,
        ("HandoverOffered", {"jurisdiction": HK, "seat": 0, "to": address(7)}),
        ("HandoverOffered", {"jurisdiction": HK, "seat": 1, "to": address(8)}),
        ("RecoveryStarted", {"jurisdiction": HK, "to": address(9), "at": 5}),
        ("HandoverAccepted", {"jurisdiction": HK, "seat": 0, "from": address(16), "to": address(7)}),
    )

    side = fields(replay, JURISDICTION, HK)
    assert side | {"code": 0} == JURISDICTION.zero() | {
        "authority": 7,
        "recovery": 17,
        "offeredRecovery": 8,
        "recoveryTo": 9,
        "recoveryAt": 5,
    }
    assert fields(replay, REGISTRY)["authorityEpoch"] == 1


def test_storage__joint_action_completed__leaves_no_proposal_but_its_slot_is_known() -> None:
    corridor: Given = ("CorridorOpened", {"from": HK, "to": SZ})
    completed: Given = ("JointActionCompleted", {"action": b"\x09" * 32})
    replay = replayed(*FOUNDED, agreed(0b01, HK), agreed(0b11, SZ), completed, corridor)

    action = int.from_bytes(b"\x09" * 32, "big")
    assert fields(replay, PROPOSAL, action) == PROPOSAL.zero()
    assert (Place(PROPOSAL, (action,)), 0) in list(replay.places())
    assert fields(replay, CORRIDOR, HK, SZ) == {"open": 1}


def test_storage__agreement_withdrawn_and_dead_proposal_begun_anew__keeps_the_last_terms() -> None:
    withdrawn: Given = ("JointActionWithdrawn", {"action": b"\x09" * 32, "jurisdiction": HK, "agreed": 0})
    replay = replayed(*FOUNDED, agreed(1, HK), withdrawn, agreed(2, SZ), agreed(1, HK, expires_at=9_999))

    action = int.from_bytes(b"\x09" * 32, "big")
    assert fields(replay, PROPOSAL, action) == {"agreed": 1, "authorityEpoch": 0, "expiresAt": 9_999}


def test_storage__admitted__is_active() -> None:
    institution = fields(replayed(*STAFFED), INSTITUTION, 1)

    assert (institution["jurisdiction"], institution["standing"], institution["admittedAt"]) == (HK, 1, 1_000)


def test_storage__batch_registered__counts_and_shares_its_facts() -> None:
    replay = replayed(*STAFFED, registered(1, 5, 6, status=PENDING))

    assert (replay.batches, replay.records, replay.events) == (1, 2, 6)
    assert fields(replay, REGISTRY)["recordCount"] == 2
    assert fields(replay, ENTRY, entry_key(6)) == {"commitment": 7, "batch": 1, "override": 0}
    assert fields(replay, BATCH, 1) == BATCH.zero() | {
        "submitter": int(SUBMITTER, 16),
        "institution": 1,
        "schema": 3,
        "registeredAt": 2_000,
        "count": 2,
        "epoch": 4,
        "expiresAt": 3_000,
        "status": PENDING,
    }


def test_storage__hash_registered_again__takes_the_first_free_place() -> None:
    replay = replayed(*STAFFED, *[registered(batch, 5, commitment=batch) for batch in range(1, PLACES + 1)])

    assert fields(replay, ENTRY, entry_key(5, PLACES - 1)) == {"commitment": PLACES, "batch": PLACES, "override": 0}


def test_storage__greatest_and_least_record__fit() -> None:
    replay = replayed(*STAFFED, registered(1, 0, 2**64 - 1, commitment=2**192 - 1))

    assert fields(replay, ENTRY, entry_key(2**64 - 1))["commitment"] == 2**192 - 1
    assert fields(replay, ENTRY, entry_key(0))["batch"] == 1


def test_storage__approved_with_exceptions__rejects_those_and_notes_why() -> None:
    replay = replayed(
        *STAFFED,
        registered(1, 5, 6, status=PENDING),
        overridden(5, REJECTED, reason=9, at=2_500, byInstitution=1, byAccount=2),
        approved(1, exceptions=1),
    )

    assert fields(replay, ENTRY, entry_key(5))["override"] == REJECTED
    assert fields(replay, NOTE, entry_key(5)) == NOTE_ZERO | {
        "reason": 9,
        "at": 2_500,
        "byInstitution": 1,
        "byAccount": 2,
    }
    batch = fields(replay, BATCH, 1)
    assert (batch["status"], batch["reviewer"], batch["reviewedAt"]) == (ACTIVE, int(REVIEWER, 16), 2_500)


def test_storage__dispute_not_upheld__takes_override_and_note_away() -> None:
    replay = replayed(*STAFFED, registered(1, 5), overridden(5, DISPUTED, reason=1), overridden(5, 0, reason=2))

    assert fields(replay, ENTRY, entry_key(5)) == {"commitment": 7, "batch": 1, "override": 0}
    assert Place(NOTE, (entry_key(5),)).slot() not in replay.storage()


@pytest.mark.parametrize("state", [0, REVOKED])
def test_storage__dispute_resolved_after_its_batch_was_revoked__is_taken(state: int) -> None:
    revoked: Given = ("BatchRevoked", {"batch": 1, "by": SUBMITTER, "reason": 3, "at": 2_600})
    replay = replayed(*STAFFED, registered(1, 5), overridden(5, DISPUTED), revoked, overridden(5, state))

    assert fields(replay, ENTRY, entry_key(5))["override"] == state
    assert fields(replay, BATCH, 1)["reason"] == 3


CONTRADICTIONS: list[tuple[list[Given], str]] = [
    ([("Minted", {})], "no such event"),
    ([added(2)], "number 2 after 0"),
    ([added(1), accepted(1, live=False)], "the registry is live"),
    ([added(1), added(2), accepted(1, live=True)], "the registry is not live"),
    ([*FOUNDED, accepted(1, live=True)], "accepted before"),
    ([*FOUNDED, ("HandoverOffered", {"jurisdiction": 3, "seat": 0, "to": address(7)})], "there is no jurisdiction 3"),
    (
        [*FOUNDED, ("HandoverAccepted", {"jurisdiction": 1, "seat": 0, "from": address(16), "to": address(7)})],
        "offered to another",
    ),
    (
        [*FOUNDED, ("HandoverAccepted", {"jurisdiction": 1, "seat": 1, "from": address(16), "to": address(7)})],
        "another holds the seat",
    ),
    (
        [*FOUNDED, ("RecoveryObjected", {"jurisdiction": 1, "authority": address(16), "to": address(7)})],
        "no such recovery",
    ),
    (
        [*FOUNDED, ("RecoveryCompleted", {"jurisdiction": 1, "from": address(16), "to": address(7), "supporter": 2})],
        "no such recovery",
    ),
    ([*FOUNDED, agreed(1, HK, epoch=1)], "the authorities are others"),
    ([*FOUNDED, agreed(0b11, HK)], "others had agreed"),
    ([*FOUNDED, agreed(0b01, HK), agreed(0b10, SZ)], "others had agreed"),
    ([*FOUNDED, ("JointActionCompleted", {"action": b"\x01" * 32})], "there is no proposal"),
    (
        [*FOUNDED, agreed(1, HK), ("JointActionWithdrawn", {"action": b"\x09" * 32, "jurisdiction": SZ, "agreed": 0})],
        "others had agreed",
    ),
    ([*FOUNDED, *[("CorridorOpened", {"from": 1, "to": 2})] * 2], "that corridor is open"),
    ([*FOUNDED, ("CorridorClosed", {"from": 1, "to": 2, "by": 1})], "there is no corridor 1, 2"),
    ([*FOUNDED, ("PauseSet", {"jurisdiction": 1, "paused": False})], "the pause is as it was"),
    ([*FOUNDED, *[("SuccessorNamed", {"successor": address(7)})] * 2], "a successor was named before"),
    ([*FOUNDED, ("SchemaAdded", {"schema": 2, "hash": b"\x01" * 32, "by": 1, "name": "s"})], "number 2 after 0"),
    (
        [*FOUNDED, *[("KeeperSharePublished", {"jurisdiction": 1, "epoch": 1, "share": b"\x01" * 32})] * 2],
        "that keeper share was written before",
    ),
    ([*FOUNDED, admitted(2)], "number 2 after 0"),
    ([*STAFFED, ("StandingSet", {"institution": 1, "standing": 1, "reason": 0})], "it stands so already"),
    ([*FOUNDED, ("ProfileSet", {"institution": 1, "profileHash": b""})], "there is no institution 1"),
    ([*FOUNDED, registered(1, 5)], "there is no institution 1"),
    ([*STAFFED, registered(2, 5)], "number 2 after 0"),
    ([*STAFFED, registered(1, 5, 5)], "do not rise at hash 0000000000000005"),
    ([*STAFFED, registered(1, 5, 4)], "do not rise at hash 0000000000000004"),
    ([*STAFFED, *[registered(batch, 5) for batch in range(1, PLACES + 2)]], "no place is left for hash 00000000000000"),
    ([*STAFFED, registered(1, 5), approved(1)], "the batch is not pending"),
    ([*STAFFED, registered(1, 5, status=PENDING), approved(1, exceptions=1)], "0 of its records were left out"),
    (
        [*STAFFED, registered(1, 5, status=PENDING), ("BatchRevoked", {"batch": 1, "by": "", "reason": 0, "at": 0})],
        "the batch is not active",
    ),
    ([*STAFFED, registered(1, 5), overridden(6, REVOKED)], "there is no entry 0x0000000000000006000100"),
    ([*STAFFED, registered(1, 5), registered(2, 6), overridden(6, REVOKED)], "is not of batch 1"),
    ([*STAFFED, registered(1, 5), overridden(5, 0)], "from override 0 to 0"),
    ([*STAFFED, registered(1, 5), overridden(5, REJECTED)], "from override 0 to 3"),
    ([*STAFFED, registered(1, 5, status=PENDING), overridden(5, DISPUTED)], "from override 0 to 6"),
    ([*STAFFED, registered(1, 5), overridden(5, REVOKED), overridden(5, SUPERSEDED)], "from override 4 to 5"),
    ([*STAFFED, registered(1, 5), overridden(5, REVOKED), overridden(5, REVOKED)], "from override 4 to 4"),
]


@pytest.mark.parametrize(("events", "said"), CONTRADICTIONS)
def test_apply__event_that_contradicts__names_block_and_event(events: list[Given], said: str) -> None:
    replay = replayed(*events[:-1])
    name, arguments = events[-1]

    with pytest.raises(MirrorInconsistent, match=said) as caught:
        replay.apply(Event(name, arguments), 1_234)

    assert caught.value.message.startswith(f"block 1234, {name}: ")
    assert caught.value.hint


@pytest.mark.parametrize("changed", [{"institution": 2}, {"role": 2}, {"number": 2}])
def test_apply__account_bound_otherwise__is_refused(changed: dict[str, int]) -> None:
    bound = {"institution": 1, "account": SUBMITTER, "role": 1, "enabled": True, "number": 1}
    replay = replayed(*STAFFED, admitted(2), ("AccountSet", bound), ("AccountSet", bound | {"enabled": False}))

    with pytest.raises(MirrorInconsistent, match="the account was bound otherwise"):
        replay.apply(Event("AccountSet", bound | changed), 99)


def test_apply__block_before_the_last__is_refused() -> None:
    replay = replayed(*FOUNDED)

    with pytest.raises(MirrorInconsistent, match="block 2, JurisdictionAdded: it comes after one of block 3"):
        replay.apply(Event(*added(3)), 2)
