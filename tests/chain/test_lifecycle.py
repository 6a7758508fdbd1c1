"""A record's life as both sides see it: each correction shows at once across the border, and history tells all of it.

Also: what can't be corrected is refused before anything is sent, in one line with the state and what to do.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from creditconnect.records.schemas import DOCUMENT, SchemaCatalogue
from creditconnect.types import entry_key
from tests.chain.console import Console
from tests.chain.homes import (
    BANK_SZ,
    BUREAU_HK,
    BUREAU_SZ,
    HK,
    PROVIDER,
    SZ,
    Stage,
    row,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)

pytestmark = pytest.mark.chain

LIFETIME_SECONDS = 100_000


@dataclass(frozen=True)
class Registered:
    """A bureau's two records, the second a correction of the first, approved by its reviewer; and a bank across."""

    stage: Stage
    console: Console
    bureau: Path
    bank: Path
    packages: Path
    old: str
    new: str

    def key(self, record: str) -> int:
        return entry_key(bytes.fromhex(record), BUREAU_HK, 0)

    def lifecycle(self, record: str) -> dict[str, str]:
        """The lifecycle check as the bank sees it."""
        said = self.console.run("verify", self.packages / f"{record}.ccpackage", "--json", home=self.bank).json
        assert (said["verdict"] == "VERIFIED") == (said["reasons"] == [])
        found: dict[str, str] = next(check for check in said["checks"] if check["name"] == "lifecycle")
        return found

    def reasons(self, record: str) -> list[str]:
        said = self.console.run("verify", self.packages / f"{record}.ccpackage", "--json", home=self.bank)
        assert said.code == (10 if said.json["reasons"] else 0)
        reasons: list[str] = said.json["reasons"]
        return reasons

    def history(self, record: str, *options: str) -> Any:
        (claim,) = self.console.does("history", record, "--json", *options, home=self.bank).json["claims"]
        return claim

    def does(self, *arguments: object) -> Any:
        return self.console.does(*arguments, "--json", home=self.bureau).json

    def refused(self, *arguments: object) -> str:
        """A command of the bureau that is refused as asked wrongly, and sends nothing."""
        height = self.stage.anvil.height()
        said = self.console.run(*arguments, home=self.bureau)
        assert (said.code, self.stage.anvil.height()) == (2, height), said.err
        return said.complaint


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    folder = tmp_path_factory.mktemp("lifecycle")
    with running_anvil() as anvil, stage_on(anvil, folder) as stage:
        stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
        console = Console(folder)
        bureau, bank = stage.home(BUREAU_HK, folder / "bureau").home, stage.home(BANK_SZ, folder / "bank").home
        rows = [row(1), row(1) | {"summary": {"existing_credits": 2}}]
        (folder / "two.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        console.does("submit", folder / "two.jsonl", "--expires", _in_time(LIFETIME_SECONDS), home=bureau)
        shown = console.does("review", "show", 1, "--json", home=bureau).json
        old, new = (one["record_hash"] for one in shown)
        console.does("review", "approve", 1, home=bureau)
        console.does("package", "--out", folder / "packages", home=bureau)
        yield Registered(stage, console, bureau, bank, folder / "packages", old, new)


@pytest.fixture
def registered(founded: Registered, tmp_path: Path) -> Iterator[Registered]:
    for name in ("bureau", "bank"):
        shutil.copytree(getattr(founded, name), tmp_path / name)
    with taken_back(founded.stage) as stage:
        stage.anvil.rpc("evm_setTime", int(time.time()))
        stage.anvil.mine()
        yield replace(founded, bureau=tmp_path / "bureau", bank=tmp_path / "bank")


def _in_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_life__disputed_dismissed_superseded_and_the_new_one_revoked__each_shows_across_and_history_tells_all(
    registered: Registered,
) -> None:
    old, new = registered.old, registered.new
    assert registered.reasons(old) == []
    registered.does("dispute", old, "--reason", "DATA_ERROR")
    assert registered.reasons(old) == ["DISPUTED"]
    assert registered.refused("resolve", old, "--dismiss", "--reason", "OTHER", "--as", "submit").count("NotResolver")
    registered.does("resolve", old, "--dismiss", "--reason", "PLAUSIBILITY")
    assert registered.reasons(old) == []

    said = registered.does("supersede", old, "--by", new, "--reason", "DATA_ERROR", "--yes")
    assert said["differences"] == [{"path": "/summary/existing_credits", "old": 1, "new": 2}]
    assert (registered.reasons(old), registered.reasons(new)) == (["SUPERSEDED"], [])
    detail = registered.lifecycle(old)["detail"]
    assert new in detail
    assert "DATA_ERROR" in detail
    assert "CRA-HK-01" in detail
    registered.does("revoke", new, "--reason", "SUBJECT_REQUEST")
    assert registered.reasons(new) == ["REVOKED"]

    life = registered.history(old)
    assert [(step["what"], step["state"], step["by"], step["reason"]) for step in life["steps"]] == [
        ("REGISTERED", "PENDING", "CRA-HK-01", ""),
        ("BATCH_APPROVED", "ACTIVE", "CRA-HK-01", ""),
        ("DISPUTED", "DISPUTED", "CRA-HK-01", "DATA_ERROR"),
        ("DISMISSED", "ACTIVE", "CRA-HK-01", "PLAUSIBILITY"),
        ("SUPERSEDED", "SUPERSEDED", "CRA-HK-01", "DATA_ERROR"),
    ]
    assert life["state"] == "SUPERSEDED"
    assert life["steps"][-1]["successor"] == new
    keys = registered.stage.keys[BUREAU_HK]
    wanted = [keys[role] for role in ("submit", "review", "submit", "review", "submit")]
    assert [step["account"] for step in life["steps"]] == wanted
    assert_as_raw_logs_say(registered, old, life)
    assert registered.history(new)["state"] == "REVOKED"
    table = registered.console.does("history", old, home=registered.bank).out
    words = ("REGISTERED", "BATCH_APPROVED", "DISPUTED", "DISMISSED", "SUPERSEDED by")
    assert [table.index(word) for word in words] == sorted(table.index(word) for word in words)


def assert_as_raw_logs_say(registered: Registered, record: str, life: dict[str, Any]) -> None:
    """Blocks, transactions and times against logs asked of the node without any of the client's code but topics."""
    anvil, stage = registered.stage.anvil, registered.stage
    logs = anvil.rpc("eth_getLogs", {"address": stage.registry, "fromBlock": "0x0", "toBlock": "latest"})
    key, batch = f"0x{registered.key(record):064x}", f"0x{life['batch']:064x}"
    topics = {name: "0x" + stage.abi.topic(name).hex() for name in ("OverrideSet", "BatchRegistered", "BatchApproved")}
    about = [
        log
        for log in logs
        if log["topics"][:2]
        in ([topics["OverrideSet"], key], *([topics[n], batch] for n in ("BatchRegistered", "BatchApproved")))
    ]
    raw = [(int(log["blockNumber"], 16), log["transactionHash"][2:]) for log in about]
    assert len(raw) == len(life["steps"])
    assert [(step["block_number"], step["tx_hash"]) for step in life["steps"]] == raw
    times = [int(anvil.rpc("eth_getBlockByNumber", log["blockNumber"], False)["timestamp"], 16) for log in about]
    assert [step["at"] for step in life["steps"]] == times


def test_life__disputed_by_the_other_sides_authority__only_it_resolves(registered: Registered) -> None:
    old, stage = registered.old, registered.stage
    stage.admin(SZ, "dispute", registered.key(old), 9)
    assert registered.reasons(old) == ["DISPUTED"]
    assert "authority of CN-SZ" in registered.lifecycle(old)["detail"]
    for account in ("submit", "review"):
        said = registered.refused("resolve", old, "--uphold", "--reason", "OTHER", "--as", account)
        assert "authority of CN-SZ (NotResolver): only that authority resolves it" in said
    stage.admin(SZ, "resolve", registered.key(old), True, 9)
    assert registered.reasons(old) == ["REVOKED"]
    steps = registered.history(old)["steps"][2:]
    assert [(step["what"], step["by"]) for step in steps] == [
        ("DISPUTED", "authority of CN-SZ"),
        ("REVOKED", "authority of CN-SZ"),
    ]


def test_history__expiry_passed_and_whole_batch_revoked_after_it__both_in_their_order(registered: Registered) -> None:
    stage, old = registered.stage, registered.old
    stage.anvil.rpc("evm_increaseTime", LIFETIME_SECONDS + 1)
    stage.anvil.mine()
    assert registered.history(old)["expired"]
    stage.admin(1, "revokeBatch", 1, 4)
    life = registered.history(old)
    assert [step["what"] for step in life["steps"]][2:] == ["EXPIRED", "BATCH_REVOKED"]
    assert life["steps"][2]["at"] == life["expires_at"]
    assert (life["steps"][3]["by"], life["steps"][3]["reason"]) == ("authority of HK", "CONSENT_WITHDRAWN")
    assert (life["state"], life["expired"]) == ("REVOKED", True)


def test_revoke__a_whole_batch__none_of_its_records_verifies(registered: Registered) -> None:
    assert "a record hash, or --batch" in registered.refused("revoke", "--reason", "OTHER")
    assert "a record hash, or --batch" in registered.refused(
        "revoke", registered.old, "--batch", 1, "--reason", "OTHER"
    )
    assert "batch 2 is not one of" in registered.refused("revoke", "--batch", 2, "--reason", "OTHER")
    registered.does("revoke", "--batch", 1, "--reason", "CONSENT_WITHDRAWN")
    assert (registered.reasons(registered.old), registered.reasons(registered.new)) == (["REVOKED"], ["REVOKED"])
    assert registered.history(registered.old)["steps"][-1]["what"] == "BATCH_REVOKED"
    assert "batch 1 can't be revoked: REVOKED" in registered.refused("revoke", "--batch", 1, "--reason", "OTHER")


def test_history__asked_at_home_with_local__names_file_and_line(registered: Registered) -> None:
    (claim,) = registered.does("history", registered.new, "--local")["claims"]
    assert (claim["file"], claim["line"]) == ("two.jsonl", 2)
    assert registered.history(registered.new)["file"] is None


def test_history__same_hash_claimed_by_two_institutions__both_or_the_one_asked_for(registered: Registered) -> None:
    word = bytes.fromhex(registered.old) + b"\x5a" * 24
    registered.stage.send_as(registered.stage.keys[BUREAU_SZ]["submit"], "register", 1, 0, 0, [word])
    claims = registered.does("history", registered.old)["claims"]
    assert [one["institution"] for one in claims] == ["CRA-HK-01", "CRA-SZ-01"]
    assert registered.history(registered.old, "--institution", "CRA-SZ-01")["commitment"] == "5a" * 24


def test_history__an_event_the_node_left_out__is_refused_rather_than_told_wrong(registered: Registered) -> None:
    registered.does("dispute", registered.old, "--reason", "DATA_ERROR")
    assert registered.history(registered.old)["state"] == "DISPUTED"
    connection = sqlite3.connect(registered.bank / "mirror.db")
    with connection:
        topic = registered.stage.abi.topic("OverrideSet")
        assert connection.execute("DELETE FROM events WHERE topic0 = ?", (topic,)).rowcount == 1
    connection.close()
    said = registered.console.run("history", registered.old, home=registered.bank)
    assert said.code == 1
    assert "is DISPUTED, by its events ACTIVE: the node left events out" in said.complaint


def test_correct__what_can_not_be__refused_before_sending_with_state_and_what_to_do(registered: Registered) -> None:
    old, new, nobody = registered.old, registered.new, "00" * 7 + "07"
    by = ("--reason", "DATA_ERROR", "--yes")
    stage = registered.stage
    foreign = b"\x07" * 8
    stage.send_as(stage.keys[BUREAU_SZ]["submit"], "register", 1, 0, 0, [foreign + b"\x01" * 24])
    pending = b"\x08" * 8
    stage.send_as(stage.keys[BUREAU_HK]["submit"], "register", 1, 0, 0, [pending + b"\x01" * 24])

    assert "can't supersede itself" in registered.refused("supersede", old, "--by", old, *by)
    assert "not registered by CRA-HK-01" in registered.refused("supersede", old, "--by", nobody, *by)
    assert "not registered by CRA-HK-01" in registered.refused("supersede", old, "--by", foreign.hex(), *by)
    assert re.search("PENDING: .*review", registered.refused("supersede", old, "--by", pending.hex(), *by))
    assert re.search("PENDING: .*review", registered.refused("dispute", pending.hex(), "--reason", "OTHER"))
    assert "give --yes" in registered.refused("supersede", old, "--by", new, "--reason", "DATA_ERROR")
    assert "ACTIVE: dispute it first" in registered.refused("resolve", old, "--uphold", "--reason", "OTHER")
    assert "--uphold or --dismiss" in registered.refused("resolve", old, "--reason", "OTHER")
    assert "not registered by CRA-HK-01" in registered.refused("dispute", foreign.hex(), "--reason", "OTHER")
    assert f"nobody claims record {nobody}" in registered.refused("history", nobody)
    assert "CRA-SZ-01 does not claim" in registered.refused("history", old, "--institution", "CRA-SZ-01")
    assert "knows no institution" in registered.refused("history", old, "--institution", "CRA-XX-01")


def test_supersede__another_subject_or_kind__refused_unless_the_identifier_was_what_was_wrong(
    registered: Registered,
    tmp_path: Path,
) -> None:
    stage, old = registered.stage, registered.old
    document = SchemaCatalogue().load(DOCUMENT)
    stage.admin(HK, "addSchema", document.hash, document.id)
    stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=False, schemas=0b110)
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7 of nobody")
    registered.does("submit", tmp_path / "scan.pdf", "--schema", "document/1")
    registered.does("submit", write_rows(tmp_path / "another.jsonl", 1, first=2))
    another, scan = (one["record_hash"] for one in registered.does("records", "list", "--limit", 2))

    by = ("--reason", "DATA_ERROR", "--yes")
    said = registered.refused("supersede", old, "--by", scan, *by, "--other-subject")
    assert "one is of document/1, the other of personal-credit-report/1" in said
    assert re.search("share no identifier.*--other-subject", registered.refused("supersede", old, "--by", another, *by))
    registered.does("supersede", old, "--by", another, *by, "--other-subject")
    assert registered.history(old)["state"] == "SUPERSEDED"
