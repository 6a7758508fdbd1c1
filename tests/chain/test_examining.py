"""Manual checks that are no theatre: what a reviewer is shown, must have looked at, can't alter; who did it is kept.

One chain and one home for all: a subject known from before, and a batch of five rows that waits, submitted from one
file. Each test has a copy of the home, and the chain is taken back after it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.signing import create_keystore
from creditconnect.client import Client
from creditconnect.custody.review_log import GREATEST_NOTE
from creditconnect.errors import CustodyError, ExchangeError, Reverted, SettingsError, UsageError
from creditconnect.exchange.examination import IDENTITY_CONFLICT
from creditconnect.types import RecordState
from tests.chain.console import Console
from tests.chain.homes import (
    BUREAU_HK,
    HK,
    PROVIDER,
    SCRYPT_WORK,
    Stage,
    passphrase,
    row,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)
from tests.chain.unchanged import nothing_changes

pytestmark = pytest.mark.chain

SCHEMA = "personal-credit-report/1"
DATA_ERROR, PLAUSIBILITY = 1, 6
BATCH = 2
"""The batch that waits; batch 1 was approved before."""
CONFLICTING, RICH, YOUNG = 2, 3, 4
"""Rows that are not ordinary: somebody else's identifier, a large amount, an age below the limit."""
ROWS = 5
MOST_SECONDS = 20.0
RICH_MINOR = 2_000_000_00
CANARY = "canary 51c2 of a reviewer's note"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path_factory.mktemp("stage")) as stage:
        stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
        client = stage.client(BUREAU_HK, stage.folder / "waiting")
        client.submit(write_rows(stage.folder / "known.jsonl", 1), schema=SCHEMA)
        client.review_approve(1)
        waiting = [row(100 + number) for number in range(1, ROWS + 1)]
        waiting[CONFLICTING - 1]["identity"]["identifiers"] = row(0)["identity"]["identifiers"]
        amount = {"amount_minor": RICH_MINOR, "currency": "HKD"}
        waiting[RICH - 1]["credit_transactions"] = [{"kind": "LOAN", "amount": amount}]
        waiting[YOUNG - 1]["identity"]["date_of_birth"] = "2015-01-01"
        _submit(client, stage.folder / "waiting.jsonl", waiting)
        assert [batch.count for batch in client.review_list()] == [ROWS]
        stage.close()
        yield stage


@pytest.fixture
def stage(founded: Stage) -> Iterator[Stage]:
    with taken_back(founded) as stage:
        yield stage


@pytest.fixture
def reviewer(stage: Stage, tmp_path: Path) -> Client:
    return _copied(stage, tmp_path / "home")


@pytest.fixture
def second(stage: Stage, tmp_path: Path) -> Client:
    """Another review account of the same institution, with a home of its own."""
    client = _copied(stage, tmp_path / "second")
    stage.admin(HK, "setAccount", BUREAU_HK, _new_key(client, "review"), 2, True)
    return client


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


# ------------------------------------------------------------------------------------------------------------- looking


def test_show__an_identifier_under_another_name__tells_it_with_its_predecessor(reviewer: Client) -> None:
    examined = reviewer.review_show(BATCH)
    (before,) = reviewer.review_rows(1)
    one = examined[CONFLICTING - 1]
    (finding,) = [one for one in one.findings if one.rule == IDENTITY_CONFLICT]
    known = before.derived.record_hash
    assert (finding.path, finding.severity) == ("/identity/name", "high")
    assert finding.message == f"another name under the same identifier in record {known.hex()}"
    assert one.predecessor is not None
    assert (one.predecessor.record_hash, one.predecessor.state) == (known, "ACTIVE")
    assert {change.path: (change.old, change.new) for change in one.changes} == {
        "/identity/name": ("Synthetic Person 000000", "Synthetic Person 000102"),
        "/report/number": ("R-00000000", "R-00000102"),
    }
    others = [other for other in examined if other is not one]
    assert [(other.predecessor, other.changes, other.is_new) for other in others] == [(None, (), True)] * 4
    assert [[found.rule for found in other.findings] for other in others] == [[], [], ["age"], []]


def test_show__the_register_has_another_name_or_date__tells_both_and_the_subjects_number(reviewer: Client) -> None:
    said = [one.row.record for one in reviewer.review_show(BATCH)]
    identities: list[Any] = [record["identity"] for record in said if record is not None]
    known = [
        # Another spelling of the same name is no other name; where the register has no date, none is compared.
        {"name": identities[0]["name"].upper().replace(" ", "  ")},
        {"name": identities[2]["name"], "date": "1970-01-01"},
        {"name": "Totally Different Name", "date": identities[4]["date_of_birth"]},
    ]
    rows = [
        {"type": "person", "hkid": identities[at]["identifiers"][0]["number"], **one}
        for at, one in zip((0, 2, 4), known, strict=True)
    ]
    text = "".join(json.dumps(one) + "\n" for one in rows)
    assert reviewer.subject_register(BytesIO(text.encode()), row_format="jsonl").new == len(rows)
    conflicts = {
        one.row.number: [(found.path, found.severity, found.message) for found in one.findings]
        for one in reviewer.review_show(BATCH)
        if one.row.number in (1, 3, 5)
    }
    assert conflicts == {
        1: [],
        3: [("/identity/date_of_birth", "high", "another date of birth than registered subject 2 has")],
        5: [("/identity/name", "high", "another name than registered subject 3 has")],
    }
    assert len(reviewer.review_show_row(BATCH, 5).findings) == 1


def test_show__the_subjects_record_was_revoked__it_is_no_evidence_and_no_predecessor(reviewer: Client) -> None:
    (before,) = reviewer.review_rows(1)
    reviewer.revoke(before.derived.record_hash, DATA_ERROR)
    one = reviewer.review_show_row(BATCH, CONFLICTING)
    assert (one.findings, one.predecessor, one.is_new) == ((), None, True)
    assert [(other.record_hash, other.state) for other in one.related] == [(before.derived.record_hash, "REVOKED")]


def test_show__limits_of_the_home_with_a_mistake__one_line_names_it_and_nothing_is_decided(
    stage: Stage, reviewer: Client, console: Console
) -> None:
    home = reviewer.settings.home
    folder = home / "limits"
    folder.mkdir(exist_ok=True)
    text = f'schema = "{SCHEMA}"\n[rules.age]\nkind = "age"\npath = "identity.date_of_birth"\nleast_years = "18"\n'
    (folder / "personal-credit-report-1.toml").write_text(text)
    with nothing_changes(stage, home):
        said = console.run("review", "show", BATCH, home=home)
    assert said.code == 2
    assert "personal-credit-report-1.toml: rules.age.least_years: is no whole number" in said.complaint


# -------------------------------------------------------------------------------------------------------- the sample


def test_approve__rows_of_the_sample_that_this_account_did_not_look_at__refused_until_it_has(
    stage: Stage, reviewer: Client, second: Client
) -> None:
    """A table, another account's look and a look at another row are no looks."""
    for client in (reviewer, second):
        _plan(client, "every = 1")
    reviewer.review_show(BATCH)
    reviewer.review_rows(BATCH)
    second.review_show_row(BATCH, 1)
    address = stage.keys[BUREAU_HK]["review"]
    with nothing_changes(stage, reviewer.settings.home), pytest.raises(ExchangeError) as refused:
        reviewer.review_approve(BATCH)
    assert (
        refused.value.message == f"batch {BATCH}: 5 row(s) of the sample were not looked at by {address}: 1, 2, 3, 4, 5"
    )
    assert refused.value.hint == f"creditconnect review show {BATCH} --row 1"
    assert reviewer.review_log().entries == reviewer.review_log(1).entries, "nothing was kept of the try"

    for number in (1, 2, 3, 5):
        reviewer.review_show_row(BATCH, number)
        reviewer.review_show_row(BATCH, number)
    with pytest.raises(ExchangeError, match=r"1 row\(s\) .* by 0x[0-9a-f]{40}: 4: "):
        reviewer.review_approve(BATCH)
    reviewer.review_show_row(BATCH, 4)
    reviewer.review_approve(BATCH)
    entries = reviewer.review_log(BATCH).entries
    assert [(one.action, one.account) for one in entries] == [*[("looked", address)] * ROWS, ("approved", address)]
    plan = entries[-1].plan
    assert plan is not None
    assert reviewer.review_log().plans == {plan: {"every": 1}}


def test_approve__by_an_account_that_did_not_look__though_another_of_the_same_home_did(
    stage: Stage, reviewer: Client
) -> None:
    _plan(reviewer, "every = 1")
    for number in range(1, ROWS + 1):
        reviewer.review_show_row(BATCH, number)
    following = _new_key(reviewer, "review")
    stage.admin(HK, "setAccount", BUREAU_HK, following, 2, True)
    with pytest.raises(ExchangeError, match=rf"not looked at by {following}: 1, 2, 3, 4, 5"):
        reviewer.review_approve(BATCH)


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        ('findings = "high"', {CONFLICTING: ("findings",), YOUNG: ("findings",)}),
        (f"[above_minor]\nHKD = {RICH_MINOR - 1}", {RICH: ("amount",)}),
        (f"[above_minor]\nHKD = {RICH_MINOR}", {}),
        ("new_subjects = true", dict.fromkeys((1, RICH, YOUNG, 5), ("new subject",))),
    ],
)
def test_sample__a_plan__asks_for_its_rows_and_approval_waits_for_these_alone(
    reviewer: Client, plan: str, asked: dict[int, tuple[str, ...]]
) -> None:
    assert reviewer.review_sample(BATCH) == []
    _plan(reviewer, plan)
    assert {one.row: one.reasons for one in reviewer.review_sample(BATCH)} == asked
    if asked:
        with pytest.raises(ExchangeError, match=f": {', '.join(map(str, asked))}: "):
            reviewer.review_approve(BATCH)
    for number in asked:
        reviewer.review_show_row(BATCH, number)
    assert all(one.looked_at_by for one in reviewer.review_sample(BATCH))
    assert reviewer.review_approve(BATCH).state == "final"


def test_sample__one_in_two__is_the_same_for_every_home_of_the_vault(reviewer: Client, second: Client) -> None:
    for client in (reviewer, second):
        _plan(client, "every = 2")
    assert [one.row for one in reviewer.review_sample(BATCH)] == [one.row for one in second.review_sample(BATCH)]


def test_approve__demanded_rows_that_nobody_looked_at_are_excepted__those_are_rejected_each_for_its_reason(
    stage: Stage, reviewer: Client, console: Console
) -> None:
    home = reviewer.settings.home
    _plan(reviewer, 'findings = "high"')
    hashes = [one.derived.record_hash for one in reviewer.review_rows(BATCH)]
    unseen = console.run("review", "approve", BATCH, "--except", f"{CONFLICTING}:DATA_ERROR", home=home)
    assert (unseen.code, f": {YOUNG}" in unseen.complaint) == (1, True)
    excepted = ("--except", f"{CONFLICTING}:DATA_ERROR", "--except", f"{YOUNG}:PLAUSIBILITY")
    assert "2 records rejected" in console.does("review", "approve", BATCH, *excepted, home=home).out
    states = [_state(stage, one) for one in hashes]
    assert [number for number, state in enumerate(states, 1) if state == RecordState.REJECTED] == [CONFLICTING, YOUNG]
    assert states.count(RecordState.ACTIVE) == ROWS - 2
    *kept, last = [(one.action, one.record, one.reason) for one in reviewer.review_log(BATCH).entries]
    assert last == ("approved", None, None)
    # In the order of their hashes, as the contract takes them.
    assert sorted(kept) == sorted(
        [("excepted", hashes[CONFLICTING - 1], DATA_ERROR), ("excepted", hashes[YOUNG - 1], PLAUSIBILITY)]
    )
    events = {record: reviewer.history(hashes[record - 1]) for record in (CONFLICTING, YOUNG)}
    assert ["DATA_ERROR" in str(events[CONFLICTING]), "PLAUSIBILITY" in str(events[YOUNG])] == [True, True]


def test_approve__a_plan_with_a_mistake__is_not_taken_for_none(stage: Stage, reviewer: Client) -> None:
    _plan(reviewer, "every = 0")
    with (
        nothing_changes(stage, reviewer.settings.home),
        pytest.raises(SettingsError, match=r"review\.toml: every is not a whole number"),
    ):
        reviewer.review_approve(BATCH)


# ------------------------------------------------------------------------------------------------------------ by file


def test_approve_and_reject__a_file__all_that_waits_of_it_and_of_no_other(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    client = _copied(stage, tmp_path / "home", batch_records=2)
    home = client.settings.home
    _submit(client, tmp_path / "three.jsonl", [row(number) for number in (300, 301, 302)])
    files = {Path(one.name).name: one for one in client.review_files()}
    assert [(name, one.rows, len(one.batches)) for name, one in files.items()] == [
        ("waiting.jsonl", ROWS, 1),
        ("three.jsonl", 3, 2),
    ]
    both = console.run("review", "approve", BATCH, "--file", files["three.jsonl"].id, home=home)
    assert (both.code, "which batches?" in both.complaint) == (2, True)
    said = console.does("review", "approve", "--file", files["three.jsonl"].id, home=home).out
    assert said.count("approved in block") == 2
    assert [batch.id for batch in client.review_list()] == [BATCH]
    again = console.run("review", "reject", "--file", files["three.jsonl"].id, "--reason", "OTHER", home=home)
    assert (again.code, "nothing of file" in again.complaint) == (2, True)
    number = files["waiting.jsonl"].id
    console.does("review", "reject", "--file", number, "--reason", "OTHER", "--note", CANARY, home=home)
    assert client.review_list() == []
    assert [(one.action, one.note) for one in client.review_log(BATCH).entries] == [("rejected", CANARY)]


def test_approve__a_file_that_shares_a_batch_with_another__is_refused_with_the_batch(
    stage: Stage, reviewer: Client, tmp_path: Path
) -> None:
    for number in (400, 500):
        reviewer.submit(write_rows(tmp_path / f"{number}.jsonl", 1, first=number), schema=SCHEMA, detach=True)
    reviewer.run(lambda: len(reviewer.review_list()) == 2)
    shared = [one for one in reviewer.review_files() if one.shared]
    assert [(one.rows, one.batches, one.shared) for one in shared] == [(1, (BATCH + 1,), (BATCH + 1,))] * 2
    with pytest.raises(UsageError, match=f"batch {BATCH + 1} holds rows of other files") as refused:
        reviewer.review_batches_of_file(shared[0].id)
    assert refused.value.hint == "decide on it by its own number"
    with pytest.raises(UsageError, match="nothing of file 99 waits"):
        reviewer.review_batches_of_file(99)


# -------------------------------------------------------------------------------------------------- notes and the log


def test_note__on_a_batch_and_a_row__is_kept_in_order_and_sealed(reviewer: Client, console: Console) -> None:
    home = reviewer.settings.home
    hashes = [one.derived.record_hash for one in reviewer.review_rows(BATCH)]
    console.does("review", "note", BATCH, CANARY, "--row", RICH, home=home)
    reviewer.review_note(BATCH, "of the whole batch")
    entries = reviewer.review_log(BATCH).entries
    assert [(one.action, one.record, one.note) for one in entries] == [
        ("noted", hashes[RICH - 1], CANARY),
        ("noted", None, "of the whole batch"),
    ]
    assert CANARY in console.does("review", "log", "--batch", BATCH, "--json", home=home).out
    assert [path.name for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("batch", "note", "number", "said"),
    [
        (BATCH, " ", None, "the note is empty"),
        (BATCH, "n" * (GREATEST_NOTE + 1), None, "the note is longer than 2000 characters"),
        (BATCH, "n", 0, "there is no row 0"),
        (BATCH, "n", ROWS + 1, "there is no row 6"),
        (99, "n", None, "batch 99 is not one of this institution's"),
    ],
)
def test_note__that_can_not_be_kept__one_line_says_why_and_nothing_is(
    reviewer: Client, batch: int, note: str, number: int | None, said: str
) -> None:
    before = reviewer.review_log()
    with pytest.raises(UsageError, match=said):
        reviewer.review_note(batch, note, row=number)
    assert reviewer.review_log() == before


def test_log__decisions_of_another_home__are_told_from_the_chain(
    stage: Stage, reviewer: Client, second: Client, console: Console
) -> None:
    assert reviewer.review_log().unlogged == ()
    second.review_reject(BATCH, DATA_ERROR)
    (unlogged,) = reviewer.review_log().unlogged
    who = second.review_log(BATCH).entries[-1].account
    assert (unlogged.batch, unlogged.approved, unlogged.account) == (BATCH, False, who)
    assert reviewer.review_log(1).unlogged == ()
    said = console.does("review", "log", home=reviewer.settings.home).out
    assert f"not in this log: batch {BATCH} was rejected by {who}, says the chain" in said


def test_log__its_end_cut_off_or_an_entry_changed__is_told(reviewer: Client, console: Console) -> None:
    home = reviewer.settings.home
    reviewer.review_show_row(BATCH, 1)
    reviewer.review_approve(BATCH)
    assert reviewer.review_log().unlogged == ()
    with closing(sqlite3.connect(reviewer.settings.vault_file)) as connection:
        connection.execute("DROP TRIGGER review_log_kept")
        connection.execute("DROP TRIGGER review_log_fixed")
        connection.execute("DELETE FROM review_log WHERE action = 'approved' AND batch = ?", (BATCH,))
        connection.commit()
        cut = reviewer.review_log()
        assert ([one.batch for one in cut.unlogged], cut.broken) == ([BATCH], ())
        connection.execute("UPDATE review_log SET account = '0x' WHERE action = 'looked'")
        connection.commit()
    said = console.run("review", "log", home=home)
    assert (said.code, "NOT AS IT WAS WRITTEN: entry 2 was changed or put in" in said.out) == (1, True)


# ----------------------------------------------------------------------------------------------------------- four eyes


def test_approve__with_a_submitters_key__refused_before_anything_is_sent_and_by_the_registry_itself(
    stage: Stage, reviewer: Client
) -> None:
    """The one that submitted this batch, and another that submits."""
    submitter = stage.keys[BUREAU_HK]["submit"]
    call = ContractAbi.load().encode_call("approve", BATCH, [])
    with nothing_changes(stage, reviewer.settings.home):
        with pytest.raises(ExchangeError, match=f"submitted by this very account {submitter}.*SelfApproval"):
            reviewer.review_approve(BATCH, account="submit")
        with pytest.raises(Reverted, match="SelfApproval"):
            reviewer.registry.simulate(submitter, call)
    other = _new_key(reviewer, "submit")
    stage.admin(HK, "setAccount", BUREAU_HK, other, 1, True)
    with nothing_changes(stage, reviewer.settings.home):
        with pytest.raises(ExchangeError, match=f"account {other} submits for this institution"):
            reviewer.review_approve(BATCH, account="submit")
        with pytest.raises(Reverted, match="NotAnAccount"):
            reviewer.registry.simulate(other, call)
    assert [one.id for one in reviewer.review_list()] == [BATCH]
    assert reviewer.review_log(BATCH).entries == ()


@pytest.mark.parametrize("bound", [False, True])
def test_approve__with_a_key_that_is_not_bound_or_disabled__one_line_and_nothing_sent(
    stage: Stage, reviewer: Client, console: Console, *, bound: bool
) -> None:
    home = reviewer.settings.home
    stranger = _new_key(reviewer, "review")
    if bound:
        stage.admin(HK, "setAccount", BUREAU_HK, stranger, 2, True)
        stage.admin(HK, "setAccount", BUREAU_HK, stranger, 2, False)
    with nothing_changes(stage, home):
        said = console.run("review", "approve", BATCH, home=home)
    assert (said.code, "NotAnAccount" in said.complaint) == (1, True)
    assert reviewer.review_log(BATCH).entries == ()


def test_approve__two_reviewers_at_once__the_second_gets_one_line_and_both_logs_say_what_became_of_it(
    stage: Stage, reviewer: Client, second: Client
) -> None:
    """Both see it pending, both sign before either sends; one block holds both."""
    signing = Barrier(2)

    def in_step() -> int:
        """The time, told when both ask for it: each does as it stores what it signed."""
        signing.wait(MOST_SECONDS)
        return stage.anvil.now()

    reviewer, second = (stage.open(client.settings, clock=in_step) for client in (reviewer, second))
    with ThreadPoolExecutor(2) as pool, _no_block(stage):
        tries = [(client, pool.submit(client.review_approve, BATCH)) for client in (reviewer, second)]
        _until(tries, lambda: stage.anvil.rpc("txpool_status")["pending"] == "0x2")
    lost = [(client, done.exception()) for client, done in tries if done.exception() is not None]
    ((loser, error),) = lost
    assert isinstance(error, ExchangeError)
    assert "approve did not go through: the registry refused: BatchNotPending" in error.message
    assert "\n" not in str(error)
    winner = second if loser is reviewer else reviewer
    for client, outcome in ((winner, "final"), (loser, "failed")):
        reading = client.review_log(BATCH)
        (entry,) = reading.entries
        assert entry.tx is not None
        assert (entry.action, reading.outcomes[entry.tx]) == ("approved", outcome)
    assert winner.review_log().unlogged == ()
    assert [one.batch for one in loser.review_log().unlogged] == [BATCH]


def test_reject__another_home_of_the_key_has_just_approved__one_line_and_nothing_kept(
    stage: Stage, reviewer: Client, tmp_path: Path
) -> None:
    """The approval is in no block yet: only the node's estimate knows of it."""
    twin = _copied(stage, tmp_path / "twin")
    with ThreadPoolExecutor(1) as pool, _no_block(stage):
        approving = pool.submit(reviewer.review_approve, BATCH)
        _until([(reviewer, approving)], lambda: stage.anvil.rpc("txpool_status")["pending"] == "0x1")
        with pytest.raises(Reverted, match="BatchNotPending"):
            twin.review_reject(BATCH, DATA_ERROR)
    assert approving.result().state == "final"
    assert twin.review_log(BATCH).entries == ()
    assert stage.ask("batchOf", BATCH)["status"] == RecordState.ACTIVE


def test_reviewers_connection__direct_sql__can_alter_nothing_that_was_submitted(reviewer: Client) -> None:
    """Through the very connection that a decision is written by, before and after one."""
    database = reviewer._review_vault.database
    with database.read() as connection:
        before = connection.execute("SELECT * FROM records ORDER BY id").fetchall()
    attacks = (
        "UPDATE records SET sealed = zeroblob(9)",
        "UPDATE records SET line = 1",
        "DELETE FROM records",
        "INSERT OR REPLACE INTO records SELECT * FROM records",
        "INSERT OR REPLACE INTO transactions SELECT * FROM transactions",
        "UPDATE transactions SET raw = zeroblob(9)",
        "DROP TRIGGER records_fixed",
        "PRAGMA writable_schema = ON",
    )
    for attempt in range(2):
        for attack in attacks:
            with pytest.raises((CustodyError, sqlite3.IntegrityError)), database.write() as connection:
                connection.execute(attack)
        if not attempt:
            reviewer.review_approve(BATCH)
    with database.read() as connection:
        assert connection.execute("SELECT * FROM records ORDER BY id").fetchall() == before


def _copied(stage: Stage, folder: Path, **numbers: int) -> Client:
    shutil.copytree(stage.folder / "waiting", folder)
    opened = Client.open(folder).settings
    return stage.open(replace(opened, **numbers))  # type: ignore[arg-type]


def _new_key(client: Client, role: str) -> str:
    """Put another key in the place of a home's; its address."""
    path = client.settings.key_file(role)
    path.unlink()
    return create_keystore(path, passphrase(role), scrypt_work=SCRYPT_WORK)


def _submit(client: Client, path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    client.submit(path, schema=SCHEMA)


def _plan(client: Client, text: str) -> None:
    client.settings.sampling_file.write_text(text + "\n")


def _state(stage: Stage, record_hash: bytes) -> RecordState:
    (claim,) = stage.ask("find", int.from_bytes(record_hash, "big"), [BUREAU_HK])
    return RecordState(claim["state"])


@contextmanager
def _no_block(stage: Stage) -> Iterator[None]:
    """What is sent waits, until the end of this; then it is mined, and whoever waits for it ends."""
    stage.anvil.automine(on=False)
    try:
        yield
    finally:
        stage.anvil.automine(on=True)
        stage.anvil.mine()


def _until(tries: list[tuple[Client, Future[Any]]], holds: Callable[[], bool]) -> None:
    """Wait; whoever ends before that has failed."""
    until = time.monotonic() + MOST_SECONDS
    while not holds():
        for _, done in tries:
            assert not done.done(), done.exception()
        assert time.monotonic() < until, "not sent"
        time.sleep(0.005)
