"""Reviewing that is no theatre: what is approved is what was submitted and is here to be seen, by one who is first."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from creditconnect.client import Client
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.sealing import NONCE_BYTES, Sealer
from creditconnect.errors import ExchangeError, Tampered, UsageError
from creditconnect.types import Derived, RecordState, Suite
from tests.chain.console import Console
from tests.chain.homes import BUREAU_HK, PROVIDER, Stage, passphrase, write_rows

SCHEMA = "personal-credit-report/1"


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Client:
    """A bureau whose batches need a review, with one of three records pending."""
    stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
    client = stage.client(BUREAU_HK, tmp_path / "reviewed")
    client.submit(write_rows(tmp_path / "three.jsonl", 3), schema=SCHEMA)
    return client


def test_approve__after_another_decided__says_what_by_whom(stage: Stage, bureau: Client) -> None:
    (batch,) = bureau.review_list()
    second = stage.open(bureau.settings)
    assert [one.id for one in second.review_list()] == [batch.id], "both see it pending"
    bureau.review_approve(batch.id)
    reviewer = stage.ask("batchOf", batch.id)["reviewer"]
    refused = f"batch {batch.id} is no longer pending: ACTIVE by {reviewer}"
    with pytest.raises(ExchangeError, match=refused):
        second.review_approve(batch.id)
    with pytest.raises(ExchangeError, match=refused):
        second.review_reject(batch.id, 1)


def test_reject__another_decides_after_the_look__says_what_by_whom(stage: Stage, bureau: Client) -> None:
    (batch,) = bureau.review_list()

    def ask(name: str) -> str:
        # The key's passphrase is asked last, when the batch was seen to be pending.
        if name == "review":
            bureau.review_approve(batch.id)
        return passphrase(name)

    refused = f"batch {batch.id} is no longer pending: ACTIVE by 0x"
    with Client(bureau.settings, ask=ask, clock=stage.anvil.now) as late, pytest.raises(ExchangeError, match=refused):
        late.review_reject(batch.id, 1)


def test_approve__a_record_resealed_in_the_vault__tampered_and_nothing_sent(bureau: Client) -> None:
    """Someone with the vault's passphrase writes another record in the place of one that was submitted."""
    (batch,) = bureau.review_list()
    first, *_ = bureau.review_rows(batch.id)
    _reseal(bureau, first.derived.record_hash, b'{"another":"record"}')
    with pytest.raises(Tampered, match="is not what was submitted"):
        bureau.review_approve(batch.id)
    assert [one.id for one in bureau.review_list()] == [batch.id]
    bureau.review_approve(batch.id, {first.derived.record_hash: 1})
    (claim,) = bureau.find(first.derived.record_hash).claims
    assert claim.state == RecordState.REJECTED, "excepted, the rest can be approved"


def test_approve__records_that_this_vault_lacks__refused_until_excepted(stage: Stage, bureau: Client) -> None:
    word = b"\7" * 32
    stage.send_as(stage.keys[BUREAU_HK]["submit"], "register", 1, 0, 0, [word])
    unseen = bureau.review_list()[-1]
    with pytest.raises(UsageError, match=f"holds 1 record.* that this vault lacks, first {word[:8].hex()}"):
        bureau.review_approve(unseen.id)
    bureau.review_approve(unseen.id, {word[:8]: 1})


def test_approve__several_by_their_numbers_or_all__each_in_an_act_of_its_own(
    bureau: Client, console: Console, tmp_path: Path
) -> None:
    home = bureau.settings.home
    for number in (1, 2, 3):
        bureau.submit(write_rows(tmp_path / f"{number}.jsonl", 1, first=100 * number), schema=SCHEMA)
    numbers = [batch.id for batch in bureau.review_list()]
    assert len(numbers) == 4
    assert "which batches" in console.run("review", "approve", home=home).complaint
    both = console.run("review", "approve", *numbers[:2], "--except", "1:OTHER", home=home)
    assert (both.code, "one batch" in both.complaint) == (2, True)
    said = console.does("review", "approve", *numbers[:2], home=home).out
    assert [line.split(":")[0] for line in said.splitlines()] == [f"batch {number}" for number in numbers[:2]]
    assert len(console.does("review", "approve", "--all-pending", "--json", home=home).json) == 2
    assert bureau.review_list() == []
    assert console.does("review", "approve", "--all-pending", home=home).out == "no batch waits\n"


def test_approve__the_last_of_several_was_resealed__none_is_approved(
    bureau: Client, console: Console, tmp_path: Path
) -> None:
    bureau.submit(write_rows(tmp_path / "later.jsonl", 1, first=100), schema=SCHEMA)
    pending = [batch.id for batch in bureau.review_list()]
    _reseal(bureau, bureau.review_rows(pending[-1])[0].derived.record_hash, b'{"another":"record"}')
    refused = console.run("review", "approve", "--all-pending", home=bureau.settings.home)
    assert (refused.code, "is not what was submitted" in refused.complaint) == (1, True)
    assert [batch.id for batch in bureau.review_list()] == pending


def _reseal(bureau: Client, record_hash: bytes, canonical: bytes) -> None:
    """Put other bytes under a record's hash and commitment, sealed as the vault itself would seal them."""
    with closing(sqlite3.connect(bureau.settings.vault_file)) as connection:
        number, suite, commitment, key_number = connection.execute(
            "SELECT id, suite, commitment, key_number FROM records WHERE record_hash = ?", (record_hash,)
        ).fetchone()
        (wrapped,) = connection.execute("SELECT wrapped FROM wrapped_keys WHERE number = ?", (key_number,)).fetchone()
        key = Keyring.open(bureau.settings.keyring_file, passphrase("vault")).unwrap(wrapped)
        sealed = Sealer(Suite(suite), key_number, key).seal(
            b"\1" * NONCE_BYTES, b"\2" * 32, canonical, Derived(record_hash, commitment)
        )
        connection.execute("UPDATE records SET sealed = ? WHERE id = ?", (sealed, number))
        connection.commit()
