"""Promise: whatever the registry went through, its events give its whole storage, and no change to that goes unseen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from creditconnect.answers.audit import AuditReport, audit_replay
from creditconnect.answers.layout import BATCH, ENTRY, INSTITUTION, JURISDICTION, NOTE, REGISTRY, Place
from creditconnect.answers.replay import Replay
from creditconnect.chain.blocks import Log
from creditconnect.chain.contract_abi import Event
from creditconnect.errors import MirrorInconsistent, NodeBehind
from tests.chain.history import ACCOUNTS, HASHES, History, key_of
from tests.chain.homes import ROOT, running_anvil

pytestmark = pytest.mark.chain

ABI = ROOT / "src/creditconnect/chain/abi/RecordRegistry.json"
TURNS = 400
# An event of these that is lost may leave nothing behind: a later one of the same sort says the same or more.
OVERWRITTEN = {
    "AccountSet",
    "EncryptionKeySet",
    "HandoverOffered",
    "InstitutionScoped",
    "JointActionAgreed",
    "JointActionCompleted",
    "JointActionWithdrawn",
    "OverrideSet",
    "ProfileSet",
    "RecoveryObjected",
    "RecoveryStarted",
}

Events = list[tuple[Log, Event]]


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    with running_anvil("--accounts", str(ACCOUNTS)) as anvil:
        history = History(anvil)
        history.live(TURNS)
        yield history


@pytest.fixture(scope="module")
def events(history: History) -> Events:
    return history.events()


def audited(history: History, events: Events) -> AuditReport:
    return audit_replay(events, history.registry().node, history.address, history.head())


@contextmanager
def planted(history: History, slot: int, value: int) -> Iterator[None]:
    """A slot that holds something else, in a block of its own, until the chain is taken back."""
    snapshot = history.anvil.rpc("evm_snapshot")
    history.anvil.rpc("anvil_setStorageAt", history.address, f"0x{slot:064x}", f"0x{value:064x}")
    history.anvil.mine()
    try:
        yield
    finally:
        assert history.anvil.rpc("evm_revert", snapshot)


def test_history__whole_life__has_every_event_and_every_function(history: History, events: Events) -> None:
    abi = json.loads(ABI.read_text(encoding="utf-8"))["abi"]
    functions = {item["name"] for item in abi if item["type"] == "function" and item["stateMutability"] == "nonpayable"}

    assert {event.name for _, event in events} == {item["name"] for item in abi if item["type"] == "event"}
    assert set(history.succeeded) == functions


def test_audit_replay__whole_life__agrees_in_every_slot_and_in_the_root(history: History, events: Events) -> None:
    head = history.head()
    report = audited(history, events)

    assert report.findings() == []
    assert report.agrees
    assert report.root_found == report.root_rebuilt
    assert (report.block_number, report.block_hash) == (head.number, head.hash)
    assert report.events == len(events)
    assert report.batches == history.succeeded["register"]
    assert report.records == sum(len(event.arguments.get("records", ())) for _, event in events)
    assert report.slots > report.records + 2 * report.batches


def test_audit_replay__whole_life__knows_places_beyond_the_first(events: Events) -> None:
    replay = replayed(events)
    places = Counter(place.keys[0] & 0xFF for place, _ in replay.places() if place.variable is ENTRY)

    assert places[0] > 20
    assert places[1] > 5
    assert places[2] > 1


@pytest.mark.parametrize(
    ("place", "bit", "said"),
    [
        (Place(ENTRY, (key_of(HASHES[3], 2, 2),)), 0, "entry 0x02468acf13579bde000202: commitment"),
        (Place(ENTRY, (key_of(HASHES[3], 2, 2),)), 192, "entry 0x02468acf13579bde000202: batch"),
        (Place(ENTRY, (key_of(HASHES[3], 2, 2),)), 240, "entry 0x02468acf13579bde000202: override"),
        (Place(ENTRY, (key_of(HASHES[3], 2, 2),)), 255, "entry 0x02468acf13579bde000202: spare bits"),
        (Place(BATCH, (1,), 0), 232, "batch 1: count"),
        (Place(BATCH, (1,), 1), 255, "batch 1: status"),
        (Place(REGISTRY), 152, "registry: paused"),
        (Place(INSTITUTION, (3,), 0), 24, "institution 3: standing"),
        (Place(JURISDICTION, (2,), 1), 0, "jurisdiction 2: authority"),
        (Place(JURISDICTION, (3,), 3), 0, "jurisdiction 3: offeredAuthority"),  # zero so far
    ],
)
def test_audit_replay__slot_altered__names_it(
    history: History, events: Events, place: Place, bit: int, said: str
) -> None:
    value = replayed(events).storage().get(place.slot(), 0)

    with planted(history, place.slot(), value ^ 1 << bit):
        report = audited(history, events)

    (difference,) = report.differences
    assert difference.explained_as == said
    assert int.from_bytes(difference.slot, "big") == place.slot()
    assert int.from_bytes(difference.expected, "big") == value
    assert int.from_bytes(difference.found, "big") == value ^ 1 << bit
    assert not report.unexplained
    assert not report.agrees


def test_audit_replay__slot_no_event_explains__is_found_by_the_root_alone(history: History, events: Events) -> None:
    never_registered = Place(ENTRY, (key_of(0xBAD, 9),))

    with planted(history, never_registered.slot(), 1 << 192):
        report = audited(history, events)

    assert report.differences == ()
    assert report.unexplained
    assert not report.agrees
    assert len(report.findings()) == 1
    assert "no event explains" in report.findings()[0]


def test_audit_replay__both_at_once__tells_both(history: History, events: Events) -> None:
    with planted(history, Place(REGISTRY).slot(), 1), planted(history, 2**256 - 1, 7):
        report = audited(history, events)

    assert [found.explained_as.partition(":")[0] for found in report.differences] == ["registry"]
    assert report.unexplained
    assert len(report.findings()) == 2


def test_audit_replay__last_change_lost__names_what_it_changed(history: History, events: Events) -> None:
    last = max(at for at, (_, event) in enumerate(events) if event.name == "OverrideSet")
    key = events[last][1].arguments["entryKey"]

    report = audited(history, events[:last] + events[last + 1 :])

    named = {found.explained_as.partition(":")[0] for found in report.differences}
    assert {f"entry 0x{key:022x}"} <= named <= {f"entry 0x{key:022x}", f"{NOTE.name} 0x{key:022x}"}
    assert not report.agrees


def test_replay__any_event_lost__contradicts_or_changes_storage_or_is_overwritten(events: Events) -> None:
    whole = storage_of(replayed(events))

    unseen: Counter[str] = Counter()
    for at, (_, event) in enumerate(events):
        try:
            rest = replayed(events[:at] + events[at + 1 :])
        except MirrorInconsistent:
            continue
        if storage_of(rest) == whole:
            unseen[event.name] += 1

    assert set(unseen) <= OVERWRITTEN
    assert unseen.total() < len(events) / 5


def test_audit_replay__events_of_a_later_block__is_refused(history: History, events: Events) -> None:
    head = history.head()

    with pytest.raises(MirrorInconsistent, match=f"comes after block {events[-1][0].block_number - 1}"):
        audit_replay(
            events, history.registry().node, history.address, replace(head, number=events[-1][0].block_number - 1)
        )


def test_audit_replay__block_the_node_lacks__is_behind(history: History, events: Events) -> None:
    head = replace(history.head(), hash=b"\x01" * 32)

    with pytest.raises(NodeBehind, match=f"has no block {head.number}"):
        audit_replay(events, history.registry().node, history.address, head)


def test_audit_replay__older_block__is_compared_as_of_it(history: History, events: Events) -> None:
    registry = history.registry()
    snapshot = history.anvil.rpc("evm_snapshot")
    before = registry.head()
    history.must(history.authority[1], "setProfile", 1, b"\x55" * 32)

    with pytest.raises(NodeBehind, match="written to meanwhile"):  # as Anvil's root is of the present only
        audit_replay(events, registry.node, history.address, before)
    assert audited(history, history.events()).agrees
    assert history.anvil.rpc("evm_revert", snapshot)


def replayed(events: Events) -> Replay:
    replay = Replay()
    for log, event in events:
        replay.apply(event, log.block_number)
    return replay


def storage_of(replay: Replay) -> dict[Place, int]:
    return {place: value for place, value in replay.places() if value}
