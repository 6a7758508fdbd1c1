"""Every command from end to end, as the installed program: what it does, shows, answers in JSON, and its exit code."""

from __future__ import annotations

import json
import re
import shutil
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from creditconnect.exchange.sampling import load_plan
from creditconnect.types import BatchStatus, RecordState
from tests.chain.console import Console
from tests.chain.homes import (
    BANK_HK,
    BANK_SZ,
    BUREAU_HK,
    CODES,
    PROVIDER,
    Stage,
    free_port,
    row,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)

pytestmark = pytest.mark.chain

COMMANDS = (
    *(["init"], ["submit"], ["run"], ["status"], ["package"], ["revoke"], ["verify"], ["find"], ["demo"]),
    *(["supersede"], ["dispute"], ["resolve"], ["history"]),
    *(["review", name] for name in ("list", "files", "show", "sample", "approve", "reject", "note", "log")),
    *(["subject", name] for name in ("register", "list", "show", "consent", "withdraw")),
    *(["intake", name] for name in ("list", "show", "accept", "reject")),
    ["records", "list"],
    ["audit", "replay"],
)
SUBMISSION = {
    "file",
    "accepted",
    "repeated",
    "rejected",
    "registered",
    "rejected_file",
    "files",
    "unread_sheets",
    "passed_over",
}
STANDING = {
    "institution",
    "waiting",
    "under_way",
    "registered",
    "failed_transactions",
    "head",
    "final_block",
    "mirrored_block",
}
OUTCOME = {"state", "block_number", "gas_used", "error"}
BATCH = {
    *("id", "submitter", "institution", "schema", "registered_at", "count", "epoch", "reviewer", "reviewed_at"),
    *("expires_at", "reason", "status"),
}
ROW = {"row", "line", "record_hash", "commitment", "record", "findings", "predecessor", "changes"}
VERDICT = {"file", "verdict", "reasons", "provider", "record_hash", "block", "checks", "claims"}
CLAIM = {
    *("institution", "entry_key", "commitment", "batch", "schema", "registered_at", "expires_at", "state", "expired"),
}
CHECKS = [
    *("package", "document", "registration", "entitlement", "standing", "lifecycle", "expiry", "corridor", "freshness"),
    "agreement",
]
MAPPING = """
schema = "personal-credit-report/1"
ignored = ["branch"]

[constants]
"identity.identifiers[0].type" = "HKID"
"summary.existing_credits" = 1
credit_transactions = []

[columns]
ref = "report.number"
customer = "identity.name"
[columns.reported]
path = "report.issued_at"
kind = "instant"
[columns.hkid]
path = "identity.identifiers[0].number"
kind = "identifier"
[columns.born]
path = "identity.date_of_birth"
kind = "date"
format = "DD/MM/YYYY"
"""


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path_factory.mktemp("stage")) as stage:
        stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
        yield stage


@pytest.fixture
def stage(founded: Stage) -> Iterator[Stage]:
    with taken_back(founded) as stage:
        _catch_up(stage)
        yield stage


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Path:
    return stage.home(BUREAU_HK, tmp_path / "bureau").home


@dataclass(frozen=True)
class Handed:
    """Three records of which the second was rejected, and the packages of the others, between a bureau and a bank."""

    stage: Stage
    bureau: Path
    bank: Path
    packages: Path
    accepted: list[str]
    rejected: str

    @property
    def package(self) -> Path:
        return self.packages / f"{self.accepted[0]}.ccpackage"


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    folder = tmp_path_factory.mktemp("handed")
    with running_anvil() as anvil, stage_on(anvil, folder) as stage:
        stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
        bureau, bank = stage.home(BUREAU_HK, folder / "bureau").home, stage.home(BANK_SZ, folder / "bank").home
        console = Console(folder)
        console.does("submit", write_rows(folder / "three.jsonl", 3), home=bureau)
        hashes = [one["record_hash"] for one in console.does("review", "show", 1, "--json", home=bureau).json]
        console.does("review", "approve", 1, "--except", "2:PLAUSIBILITY", home=bureau)
        console.does("package", "--out", folder / "packages", home=bureau)
        yield Handed(stage, bureau, bank, folder / "packages", [hashes[0], hashes[2]], hashes[1])


@pytest.fixture
def handed(handed_over: Handed, tmp_path: Path) -> Iterator[Handed]:
    """What was handed over, to do with as one likes."""
    with taken_back(handed_over.stage) as stage:
        _catch_up(stage)
        for name in ("bureau", "bank", "packages"):
            shutil.copytree(getattr(handed_over, name), tmp_path / name)
        yield replace(handed_over, bureau=tmp_path / "bureau", bank=tmp_path / "bank", packages=tmp_path / "packages")


# ------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help__every_command__says_what_it_does_and_takes(command: list[str], console: Console) -> None:
    said = console.does(*command, "--help")
    assert said.out.strip().startswith("Usage: creditconnect " + " ".join(command))
    assert "--home" in said.out or command == ["demo"]
    assert "--json" in said.out or command == ["demo"]


def test_help__no_command__lists_all(console: Console) -> None:
    said = console.does("--help").out
    assert all(re.search(rf"^  {name[0]} ", said, re.MULTILINE) for name in COMMANDS)


# ------------------------------------------------------------------------------------------------------------- init


def test_init__a_provider__has_home_keys_and_addresses_to_bind(stage: Stage, console: Console, tmp_path: Path) -> None:
    said = console.does(
        *("init", "CRA-HK-09", "--node", stage.anvil.url, "--deployment", stage.deployment),
        *("--key", "submit", "--key", "review", "--key", "submit", "--json"),
        home=tmp_path / "new",
    ).json
    assert set(said) == {"home", "institution", "accounts"}
    assert said["institution"] == "CRA-HK-09"
    for role in ("submit", "review"):
        keystore = tmp_path / "new" / "keys" / f"{role}.json"
        assert said["accounts"][role] == "0x" + json.loads(keystore.read_text())["address"].lower().removeprefix("0x")
        assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    assert console.does("status", "--json", home=tmp_path / "new").json["institution"] == "CRA-HK-09"


def test_init__a_review_key__begins_with_a_plan_that_asks_for_looks_at_high_findings(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    where = ("--node", stage.anvil.url, "--deployment", stage.deployment)
    said = console.does("init", "CRA-HK-09", *where, "--key", "review", home=tmp_path / "reviewing")
    assert "rows with a high finding have to be looked at" in said.out
    plan = load_plan(tmp_path / "reviewing" / "review.toml")
    assert plan is not None
    assert plan.canonical() == b'{"findings":"high"}'
    said = console.does("init", "CRA-HK-09", *where, "--key", "submit", home=tmp_path / "submitting")
    assert "looked at" not in said.out
    assert not (tmp_path / "submitting" / "review.toml").exists()


def test_init__a_bank_under_the_name_of_its_code__needs_no_chain_key(stage: Stage, console: Console) -> None:
    said = console.does("init", "BANK-HK-09", "--node", stage.anvil.url, "--deployment", stage.deployment)
    assert said.out == "BANK-HK-09: home of BANK-HK-09\n"
    assert list((console.folder / "BANK-HK-09" / "keys").iterdir()) == []


# ----------------------------------------------------------------------------------------------------------- submit


def test_submit__csv_with_own_mapping__takes_the_good_and_names_the_bad(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(MAPPING)
    (tmp_path / "own.csv").write_text(
        "ref,customer,reported,hkid,born,branch\n"
        'B-1,"Chan, Tai Man",2026-11-02T01:00:00Z,A123456(3),28/02/1990,Central\n'
        "B-2,Wrong Digit,2026-11-02T01:00:00Z,A1234564,28/02/1990,Central\n"
        "B-3,陳小明,2026-11-02T01:00:00Z,A1234571,01/03/1985,Central\n"
    )
    said = console.does("submit", tmp_path / "own.csv", "--map", tmp_path / "own.toml", home=bureau).out
    assert re.search(r"\n\s*2\s+0\s+1\s+2\s*\n", said), said
    listing = next((bureau / "rejected").iterdir())
    assert str(listing) in said
    assert listing.read_text().splitlines()[1].startswith("3,hkid,IDENTIFIER,")
    assert stage.entries() == 2

    again = console.does("submit", tmp_path / "own.csv", "--map", tmp_path / "own.toml", "--json", home=bureau).json
    assert set(again) == SUBMISSION
    assert (again["accepted"], again["repeated"], again["rejected"], again["registered"]) == (0, 2, 1, 0)
    assert stage.entries() == 2


def test_submit__jsonl_with_mapping_and_other_suffix__is_taken(console: Console, bureau: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(MAPPING)
    values = {"ref": "M-1", "customer": "Ann", "reported": "2026-11-02T01:00:00Z", "hkid": "A1234563"}
    (tmp_path / "rows.txt").write_text(json.dumps(values | {"born": "28/02/1990"}) + "\n")
    arguments = ("submit", tmp_path / "rows.txt", "--format", "jsonl", "--map", tmp_path / "own.toml", "--json")
    said = console.does(*arguments, home=bureau).json
    assert (said["accepted"], said["rejected"], said["rejected_file"]) == (1, 0, None)


def test_submit__schema_form_with_expiry__is_registered_until_then(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    arguments = ("submit", write_rows(tmp_path / "rows.jsonl", 2), "--expires", "2099-01-31", "--json")
    assert console.does(*arguments, home=bureau).json["registered"] == 2
    assert stage.ask("batchOf", 1)["expiresAt"] == 4_073_500_800


def test_run__after_a_detached_submission__registers_everything_and_ends_well_by_sigterm(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    said = console.does("submit", write_rows(tmp_path / "rows.jsonl", 1_200), "--detach", "--json", home=bureau).json
    assert (said["accepted"], said["registered"]) == (1_200, 0)
    assert console.does("status", "--json", home=bureau).json["waiting"] == 1_200
    assert stage.entries() == 0

    with console.start("run", "--json", home=bureau) as process:
        _wait_until(lambda: stage.entries() == 1_200)
        # Final for the chain; the process learns of it at its next step.
        _wait_until(lambda: console.does("status", "--json", home=bureau).json["registered"] == 1_200)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out) == {"registered": 1_200}
    assert stage.entries() == 1_200


def test_status__before_and_after__counts_records(console: Console, bureau: Path, tmp_path: Path) -> None:
    before = console.does("status", "--json", home=bureau).json
    assert set(before) == STANDING
    assert (before["institution"], before["registered"]) == ("CRA-HK-01", 0)
    console.does("submit", write_rows(tmp_path / "rows.jsonl", 3), home=bureau)
    said = console.does("status", home=bureau).out
    assert said.startswith("CRA-HK-01\n")
    assert re.search(r"\n\s*0\s+0\s+3\s+0\s*\n", said), said


# ----------------------------------------------------------------------------------------------------------- review


def test_review__list_and_show__what_waits_in_the_clear(console: Console, bureau: Path, tmp_path: Path) -> None:
    assert console.does("review", "list", home=bureau).out == "no batch waits\n"
    assert console.does("review", "list", "--json", home=bureau).json == []
    console.does("submit", write_rows(tmp_path / "rows.jsonl", 3), home=bureau)

    (batch,) = console.does("review", "list", "--json", home=bureau).json
    assert set(batch) == BATCH
    assert (batch["id"], batch["count"], batch["status"]) == (1, 3, BatchStatus.PENDING)
    assert "1 batch to decide on" in console.does("review", "list", home=bureau).out

    shown = console.does("review", "show", 1, home=bureau).out
    assert re.findall(
        r"^\s*(\d)\s+(\d)\s+[0-9a-f]{16}\s+(Synthetic Person \d+)\s+HKID A12345\d[0-9A]", shown, re.MULTILINE
    ) == [(str(number + 1), str(number + 1), f"Synthetic Person {number:06d}") for number in range(3)]
    second = console.does("review", "show", 1, "--row", 2, home=bureau).out
    assert json.JSONDecoder().raw_decode(second)[0] == row(1)
    assert "0 findings" in second
    (third,) = console.does("review", "show", 1, "--row", 3, "--json", home=bureau).json
    assert set(third) == ROW | {"related"}
    assert set(console.does("review", "show", 1, "--json", home=bureau).json[0]) == ROW
    assert (third["row"], third["line"], third["record"]) == (3, 3, row(2))


def test_review_approve__single_rows_excepted__those_are_rejected_and_the_rest_active(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    console.does("submit", write_rows(tmp_path / "rows.jsonl", 4), home=bureau)
    hashes = [one["record_hash"] for one in console.does("review", "show", 1, "--json", home=bureau).json]
    excepted = ("--except", "2:PLAUSIBILITY", "--except", "4:data-error")
    said = console.does("review", "approve", 1, *excepted, "--json", home=bureau).json
    assert set(said) == OUTCOME
    assert said["state"] == "final"
    states = [_state(stage, record_hash) for record_hash in hashes]
    assert states == [RecordState.ACTIVE, RecordState.REJECTED, RecordState.ACTIVE, RecordState.REJECTED]
    assert stage.ask("batchOf", 1)["reviewer"].lower() == stage.keys[BUREAU_HK]["review"]
    assert console.does("review", "list", "--json", home=bureau).json == []


def test_review_approve__by_the_submitters_key__is_refused(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    console.does("submit", write_rows(tmp_path / "rows.jsonl", 1), home=bureau)
    said = console.run("review", "approve", 1, "--as", "submit", home=bureau)
    assert said.code == 1
    assert "SelfApproval" in said.complaint
    assert stage.ask("batchOf", 1)["status"] == BatchStatus.PENDING


@pytest.mark.parametrize("account", ["review", "submit"])
def test_review_reject__either_key__rejects_the_whole_batch(
    account: str, stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    console.does("submit", write_rows(tmp_path / "rows.jsonl", 2), home=bureau)
    said = console.does("review", "reject", 1, "--reason", "DUPLICATE", "--as", account, home=bureau).out
    assert re.fullmatch(r"batch 1: rejected in block \d+\n", said)
    assert stage.ask("batchOf", 1)["status"] == BatchStatus.REJECTED


# ----------------------------------------------------------------------------------------------- package and verify


def test_package__all_or_one__writes_what_is_active_and_counts_the_rest(
    console: Console, handed: Handed, tmp_path: Path
) -> None:
    assert sorted(path.stem for path in handed.packages.iterdir()) == sorted(handed.accepted)
    said = console.does("package", "--out", handed.packages, "--json", home=handed.bureau).json
    assert said == {"folder": str(handed.packages), "packages": 2, "left_out": {"REJECTED": 1}}

    one = console.does("package", "0x" + handed.accepted[1].upper(), "--out", tmp_path / "one", home=handed.bureau).out
    assert one == f"{tmp_path / 'one'}: 1 package of active records\n"
    assert [path.stem for path in (tmp_path / "one").iterdir()] == [handed.accepted[1]]


def test_package__a_record_that_is_not_active__is_refused(console: Console, handed: Handed, tmp_path: Path) -> None:
    said = console.run("package", handed.rejected, "--out", tmp_path / "one", home=handed.bureau)
    assert said.code == 2
    assert "is not active: REJECTED" in said.complaint
    assert list((tmp_path / "one").iterdir()) == []


def test_verify__across_the_border__is_verified(console: Console, handed: Handed) -> None:
    said = console.does("verify", handed.package, home=handed.bank).out
    assert said.startswith(f"{handed.package.name}: VERIFIED as of block ")
    assert [line.split()[0] for line in said.splitlines() if re.search(r" (VALID|SKIPPED) ", line)] == CHECKS
    assert '"Synthetic Person 000000"' in said

    answer = console.does("verify", handed.package, "--json", home=handed.bank).json
    assert set(answer) == VERDICT | {"record"}
    assert (answer["verdict"], answer["reasons"], answer["provider"]) == ("VERIFIED", [], "CRA-HK-01")
    assert answer["record"] == row(0)
    assert [check["name"] for check in answer["checks"]] == CHECKS
    assert set(answer["claims"][0]) == CLAIM


def test_verify__to_a_bank_of_the_same_side__is_not_verified(console: Console, handed: Handed, tmp_path: Path) -> None:
    said = console.run("verify", handed.package, home=handed.stage.home(BANK_HK, tmp_path / "same").home)
    assert (said.code, said.err) == (10, "")
    assert "SAME_SIDE" in said.out


def test_verify__no_node_answers__could_not_tell(console: Console, handed: Handed, tmp_path: Path) -> None:
    home = handed.stage.home(BANK_SZ, tmp_path / "cut-off", f"http://127.0.0.1:{free_port()}").home
    said = console.run("verify", handed.package, "--json", home=home)
    assert (said.code, said.err) == (11, "")
    assert (said.json["verdict"], said.json["block"]) == ("COULD_NOT_TELL", None)
    assert set(said.json["reasons"]) == {"NODE_UNREACHABLE"}


def test_verify__a_folder__every_package_is_judged_and_the_worst_decides(console: Console, handed: Handed) -> None:
    assert "2 packages" in console.does("verify", handed.packages, home=handed.bank).out
    altered = handed.packages / "altered.ccpackage"
    altered.write_bytes(handed.package.read_bytes().replace(b"Person 000000", b"Person 000009"))
    (handed.packages / "notes.txt").write_text("not looked at")

    said = console.run("verify", handed.packages, home=handed.bank)
    assert (said.code, said.err) == (10, "not looked at: 1 file without a package, first notes.txt\n")
    assert re.search(r"altered\.ccpackage\s+NOT_VERIFIED\s+PACKAGE_ALTERED", said.out)
    answers = console.run("verify", handed.packages, "--json", home=handed.bank).json
    assert all(set(answer) == VERDICT for answer in answers)
    assert {answer["file"]: answer["verdict"] for answer in answers} == {
        **{f"{record_hash}.ccpackage": "VERIFIED" for record_hash in handed.accepted},
        "altered.ccpackage": "NOT_VERIFIED",
    }


def test_find__a_registered_hash_and_another__shows_every_claim_or_that_there_is_none(
    console: Console, handed: Handed
) -> None:
    said = console.does("find", handed.accepted[0], home=handed.bank).out
    assert re.search(r"^\s*CRA-HK-01\s+[0-9a-f]{48}\s+1\s.*ACTIVE\s*$", said, re.MULTILINE), said
    answer = console.does("find", handed.rejected, "--json", home=handed.bank).json
    assert set(answer) == {"block", "claims"}
    assert [set(claim) for claim in answer["claims"]] == [CLAIM]
    assert answer["claims"][0]["state"] == "REJECTED"
    assert console.does("find", "00" * 8, home=handed.bank).out.rstrip().endswith(": nobody claims it")
    assert console.does("find", "00" * 8, "--json", home=handed.bank).json["claims"] == []


def test_revoke__a_record__then_it_does_not_verify(console: Console, handed: Handed) -> None:
    said = console.does("revoke", handed.accepted[0], "--reason", "SUBJECT_REQUEST", home=handed.bureau).out
    assert said.startswith(f"{handed.accepted[0]}: revoked in block ")
    answer = console.run("verify", handed.package, "--json", home=handed.bank)
    assert answer.code == 10
    assert answer.json["reasons"] == ["REVOKED"]
    again = console.run("revoke", handed.accepted[0], "--reason", "SUBJECT_REQUEST", home=handed.bureau)
    assert again.code == 2
    assert again.complaint.endswith("can't be revoked: REVOKED")
    other = console.does(
        "revoke", handed.accepted[1], "--reason", "court-or-regulator", "--json", home=handed.bureau
    ).json
    assert set(other) == OUTCOME


# ------------------------------------------------------------------------------------------------------------ audit


def test_audit_replay__an_honest_registry__agrees(console: Console, handed: Handed) -> None:
    said = console.does("audit", "replay", home=handed.bank).out
    assert re.search(r"\s1\s+3\s+\d+\s+0\s+agrees", said), said
    report = console.does("audit", "replay", "--json", home=handed.bank).json
    assert (report["batches"], report["records"], report["agrees"], report["differences"]) == (1, 3, True, [])
    assert report["root_rebuilt"] == report["root_found"]


def test_audit_replay__a_slot_that_no_event_explains__differs(console: Console, handed: Handed) -> None:
    handed.stage.anvil.rpc("anvil_setStorageAt", handed.stage.registry, "0x" + "77" * 32, "0x" + "00" * 31 + "01")
    handed.stage.anvil.mine()
    said = console.run("audit", "replay", home=handed.bank)
    assert (said.code, said.err) == (10, "")
    assert "DIFFERS" in said.out
    assert console.run("audit", "replay", "--json", home=handed.bank).json["agrees"] is False


def _catch_up(stage: Stage) -> None:
    """What takes a chain back takes its clock back too; the program goes by the machine's."""
    stage.anvil.rpc("evm_setTime", int(time.time()))
    stage.anvil.mine()


def _state(stage: Stage, record_hash: str) -> RecordState:
    (claim,) = stage.ask("find", int(record_hash, 16), list(CODES))
    return RecordState(claim["state"])


def _wait_until(holds: object) -> None:
    assert callable(holds)
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)
