"""A bureau's subjects and uploads by its commands: registered, consenting, uploading, submitted, and refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from creditconnect.client import Client
from creditconnect.custody.uploads import UploadState
from creditconnect.errors import UsageError
from creditconnect.reasons import ChainReason
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.types import Verdict
from tests.chain.console import PROGRAM, Console, Said
from tests.chain.homes import BANK_SZ, BUREAU_HK, HK, PROVIDER, Stage, passphrase, row

pytestmark = pytest.mark.chain

EVERY_SCHEMA = 0b1110
PDF = b"%PDF-1.7 of nobody\n"
SUBJECTS = """type,name,date,hkid,consent_scope,consent_until
person,Synthetic Person One,1990-02-28,A123456(3),all,2099-01-01
person,Synthetic Person Two,,E3649125,document/1,
person,Synthetic Person Bad,,E3649126,all,
"""


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Path:
    """A bureau that may register every kind of record, of registered subjects only, each reviewed."""
    for schema in (COMPANY_CREDIT_REPORT, DOCUMENT):
        stage.admin(HK, "addSchema", SchemaCatalogue().load(schema).hash, schema)
    stage.scope(BUREAU_HK, roles=PROVIDER, schemas=EVERY_SCHEMA, reviewed=True)
    return stage.home(BUREAU_HK, tmp_path / "strict", require_registered_subjects=True).home


@pytest.fixture
def subjects(console: Console, bureau: Path, tmp_path: Path) -> Path:
    """Two subjects in the bureau's register; a third row was wrong."""
    path = tmp_path / "subjects.csv"
    path.write_text(SUBJECTS)
    said = console.does("subject", "register", path, "--json", home=bureau).json
    assert (said["new"], said["rejected"], said["numbers"]) == (2, 1, [1, 2])
    return path


def with_input(console: Console, text: str, *arguments: object) -> Said:
    command = [str(PROGRAM), *map(str, arguments)]
    ended = subprocess.run(
        command, input=text, env=console.environment, capture_output=True, text=True, timeout=60, check=False
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def about(number: int, *identifiers: dict[str, str]) -> dict[str, Any]:
    report = row(number)
    report["identity"]["identifiers"] = list(identifiers)
    return report


def hkid(number: str) -> dict[str, str]:
    return {"type": "HKID", "number": number}


def rejected(path: str) -> list[tuple[str, ...]]:
    with Path(path).open(encoding="utf-8") as file:
        return [tuple(line)[:3] for line in csv.reader(file)][1:]


def test_subject_register__a_file__its_rows_and_one_line_an_error(
    console: Console, bureau: Path, subjects: Path
) -> None:
    said = console.does("subject", "register", subjects, home=bureau)
    assert "line 4: hkid: IDENTIFIER: not a valid HKID" in said.out
    assert "E3649126" not in said.out
    again = console.does("subject", "register", subjects, "--json", home=bureau).json
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 2)
    assert rejected(again["rejected_file"]) == [("4", "hkid", "IDENTIFIER")]
    page = console.does("subject", "list", "--json", home=bureau).json
    assert (page["total"], [one["number"] for one in page["subjects"]]) == (2, [2, 1])
    assert "Synthetic Person Two" in console.does("subject", "list", "--kind", "person", home=bureau).out


def test_subject_register__standard_input__as_a_file(console: Console, bureau: Path) -> None:
    line = json.dumps({"type": "firm", "name": "Firm", "hk_brn": "12345678", "consent_scope": "all"})
    said = with_input(console, line, "subject", "register", "-", "--format", "jsonl", "--home", bureau, "--json")
    assert json.loads(said.out)["numbers"] == [1], said.err
    said = with_input(console, line, "subject", "register", "-", "--home", bureau)
    assert said.complaint == "standard input: its format is not said: csv or jsonl"


def test_subject_show__by_number_or_identifier__never_by_an_argument(
    console: Console, bureau: Path, subjects: Path, tmp_path: Path
) -> None:
    assert "Synthetic Person One" in console.does("subject", "show", 1, home=bureau).out
    kept = tmp_path / "identifier"
    kept.write_text("hkid a123456(3)\n")
    said = console.does("subject", "show", "--identifier-file", kept, "--json", home=bureau).json
    assert said["subject"]["number"] == 1
    said = with_input(console, "HKID E3649125", "subject", "show", "--identifier-file", "-", "--home", bureau)
    assert "subject 2" in said.out
    for text, complaint in (("HKID E3649126", "not a valid HKID"), ("HKID Y9876543", "no subject has"), ("x", "type")):
        said = with_input(console, text, "subject", "show", "--identifier-file", "-", "--home", bureau)
        assert (said.code, complaint in said.complaint) == (2, True), said.err
    assert "no terminal to ask at" in console.run("subject", "show", home=bureau).complaint
    assert "there is no subject 9" in console.run("subject", "show", 9, home=bureau).complaint
    assert "no terminal to ask at" in console.run("subject", "register", home=bureau).complaint


def test_subject_register__header_that_names_another_column__the_file_is_refused(
    console: Console, bureau: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("type,name,colour\nperson,A,red\n")
    assert "the header names 'colour'" in console.run("subject", "register", path, home=bureau).complaint


@pytest.mark.parametrize(
    ("name", "options"),
    [("s.xlsx", ()), ("s.parquet", ()), ("s.xls", ()), ("s", ()), ("s.csv", ("--format", "xlsx"))],
)
def test_subject_register__no_csv_or_jsonl__refused_unread(
    console: Console, bureau: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    path = tmp_path / name
    path.write_text(SUBJECTS)
    assert console.run("subject", "register", path, *options, home=bureau).complaint == (
        f"{name}: subjects are read from CSV and JSONL alone: save it as .csv or .jsonl, or give --format"
    )
    assert console.does("subject", "register", path, "--format", "csv", "--json", home=bureau).json["new"] == 2


def test_submit__rows_of_others__rejected_by_line_and_the_rest_goes_on(
    console: Console, bureau: Path, subjects: Path, tmp_path: Path
) -> None:
    source = tmp_path / "rows.jsonl"
    reports = [
        about(1, hkid("A1234563")),
        about(2, hkid("Y9876543")),
        about(3, hkid("E3649125")),
        about(4, hkid("A1234563"), hkid("E3649125")),
        about(5, hkid("A1234563"), hkid("A1234564")),
    ]
    source.write_text("".join(json.dumps(report) + "\n" for report in reports))
    said = console.does("submit", source, "--json", home=bureau).json
    assert (said["accepted"], said["rejected"], said["registered"]) == (1, 4, 1)
    path = "identity.identifiers"
    assert rejected(said["rejected_file"]) == [
        ("2", f"{path}[0].number", "SUBJECT_UNKNOWN"),
        ("3", f"{path}[0].number", "CONSENT_MISSING"),
        ("4", f"{path}[1].number", "IDENTIFIER"),
        ("5", f"{path}[1].number", "IDENTIFIER"),
    ]
    console.does("subject", "consent", 2, "--schema", PERSONAL_CREDIT_REPORT, home=bureau)
    console.does("subject", "withdraw", 1, "--schema", PERSONAL_CREDIT_REPORT, home=bureau)
    said = console.does("submit", source, "--json", home=bureau).json
    assert (said["accepted"], said["repeated"]) == (1, 0)
    assert rejected(said["rejected_file"])[0] == ("1", f"{path}[0].number", "CONSENT_ENDED")
    listed = console.does("records", "list", "--subject", 2, "--json", home=bureau).json
    assert [(one["line"], one["standing"]) for one in listed] == [(3, "registered")]


def test_submit__mapped_columns__the_rejection_names_the_column(
    console: Console, bureau: Path, subjects: Path, tmp_path: Path
) -> None:
    source, mapping = tmp_path / "rows.csv", tmp_path / "mapping.toml"
    source.write_text("ref,customer,reported,id,born\nR-1,Somebody,2026-11-02T01:00:00Z,Y9876543,1990-02-28\n")
    mapping.write_text(
        f'schema = "{PERSONAL_CREDIT_REPORT}"\n[constants]\n"identity.identifiers[0].type" = "HKID"\n'
        '"summary.existing_credits" = 1\ncredit_transactions = []\n[columns]\nref = "report.number"\n'
        'customer = "identity.name"\nborn = "identity.date_of_birth"\n'
        '[columns.reported]\npath = "report.issued_at"\nkind = "instant"\n'
        '[columns.id]\npath = "identity.identifiers[0].number"\nkind = "identifier"\n'
    )
    said = console.run("submit", source, "--map", mapping, "--json", home=bureau)
    assert (said.code, said.err) == (1, "")
    assert rejected(said.json["rejected_file"]) == [("2", "id", "SUBJECT_UNKNOWN")]


def test_submit__documents_that_name_nobody__by_the_intake_folder_only(
    console: Console, bureau: Path, tmp_path: Path
) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.pdf").write_bytes(PDF)
    said = console.run("submit", tmp_path / "papers", "--schema", DOCUMENT, "--json", home=bureau)
    assert (said.code, said.err) == (1, "")
    assert (said.json["accepted"], said.json["rejected"]) == (0, 1)
    assert "intake folder" in Path(said.json["rejected_file"]).read_text()


def test_init__whether_subjects_are_required__said_and_set(stage: Stage, console: Console, tmp_path: Path) -> None:
    where = ("--node", stage.anvil.url, "--deployment", stage.deployment, "--key", "submit")
    said = console.does("init", "CRA-HK-09", *where, home=tmp_path / "strict-home")
    assert "are rejected" in said.out
    assert "require_registered_subjects = true" in (tmp_path / "strict-home" / "settings.toml").read_text()
    said = console.does("init", "CRA-HK-09", *where, "--no-require-subjects", home=tmp_path / "lax-home")
    assert "are taken" in said.out
    assert "require_registered_subjects = false" in (tmp_path / "lax-home" / "settings.toml").read_text()


# ----------------------------------------------------------------------------------------------------------- intake


def drop(home: Path, subject: int, name: str, content: bytes = PDF) -> Path:
    path = home / "intake" / str(subject) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def receipt(home: Path, number: int) -> Any:
    return json.loads((home / "receipts" / f"{number}.json").read_bytes())


def test_intake__an_upload__to_the_bank_across_the_border(
    stage: Stage, console: Console, bureau: Path, subjects: Path, tmp_path: Path
) -> None:
    before = stage.entries()
    assert "there is no such folder" in console.run("intake", home=bureau).complaint
    drop(bureau, 1, "statement.pdf")
    drop(bureau, 7, "whose.pdf")
    said = console.does("intake", "--json", home=bureau).json
    assert [one["state"] for one in said["uploads"]] == ["waiting", "refused"]
    assert "statement.pdf" in console.does("intake", "list", home=bureau).out
    assert "SUBJECT_UNKNOWN" in console.does("intake", "list", "--state", "refused", home=bureau).out
    console.does("intake", "show", 1, "--out", tmp_path / "seen.pdf", home=bureau)
    assert (tmp_path / "seen.pdf").read_bytes() == PDF
    assert stage.entries() == before, "nothing is submitted by itself"

    accepted = console.does("intake", "accept", 1, "--json", home=bureau).json
    record_hash = accepted["record_hashes"]["1"]
    assert accepted["registered"] == 1
    assert console.does("intake", "accept", 1, "--json", home=bureau).json["record_hashes"]["1"] == record_hash
    assert stage.entries() == before + 1
    assert (receipt(bureau, 1)["state"], receipt(bureau, 2)["state"]) == ("accepted", "refused")
    assert "is refused" in console.run("intake", "accept", 2, home=bureau).complaint
    assert "no upload 9" in console.run("intake", "accept", 9, home=bureau).complaint

    console.does("review", "approve", "--all-pending", home=bureau)
    console.does("package", record_hash, "--out", tmp_path / "packages", home=bureau)
    (package,) = (tmp_path / "packages").iterdir()
    verification = stage.client(BANK_SZ, tmp_path / "bank").verify(package, document=tmp_path / "seen.pdf")
    assert verification.verdict == Verdict.VERIFIED
    listed = console.does("records", "list", "--subject", 1, "--json", home=bureau).json
    assert [one["record_hash"] for one in listed] == [record_hash]


def test_intake__consent_that_ended_meanwhile__not_accepted_and_still_waiting(
    console: Console, bureau: Path, subjects: Path
) -> None:
    drop(bureau, 1, "statement.pdf")
    console.does("intake", home=bureau)
    console.does("subject", "withdraw", 1, home=bureau)
    assert "upload 1: CONSENT_ENDED" in console.run("intake", "accept", 1, home=bureau).complaint
    assert receipt(bureau, 1)["state"] == "waiting"
    console.does("intake", "reject", 1, "--reason", "CONSENT_WITHDRAWN", home=bureau)
    assert receipt(bureau, 1)["reasons"] == [{"reason": "CONSENT_WITHDRAWN", "message": "rejected by staff"}]
    assert "not kept" in console.run("intake", "show", 1, "--out", bureau / "x", home=bureau).complaint
    assert "is rejected" in console.run("intake", "accept", 1, home=bureau).complaint


def test_run__an_upload_meanwhile__is_taken_in_and_answered(
    stage: Stage, console: Console, bureau: Path, subjects: Path
) -> None:
    before = stage.entries()
    (bureau / "intake").mkdir()
    with console.start("run", home=bureau) as process:
        path = drop(bureau, 1, "statement.pdf")
        until = time.monotonic() + 30
        while path.exists() or not (bureau / "receipts" / "1.json").exists():
            assert time.monotonic() < until, "not taken in"
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert receipt(bureau, 1)["state"] == "waiting"
    assert stage.entries() == before


def test_intake__killed_between_putting_and_deciding__accepted_once(
    stage: Stage, console: Console, bureau: Path, subjects: Path
) -> None:
    """The record is in the vault, and the upload still waits, as a kill between the two leaves them."""
    before = stage.entries()
    drop(bureau, 1, "statement.pdf")
    console.does("intake", home=bureau)
    environment = {**os.environ, **console.environment}
    command = [str(PROGRAM), "intake", "accept", "1", "--detach", "--home", str(bureau)]
    for seconds in (0.3, 0.5, 0.7, 0.8, 0.9):
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
    console.does("intake", "accept", 1, home=bureau)
    assert stage.entries() == before + 1
    assert receipt(bureau, 1)["state"] == "accepted"


def test_client__the_same_by_its_methods(stage: Stage, bureau: Path, subjects: Path) -> None:
    with Client.open(bureau, ask=passphrase) as client:
        assert client.subject_show(client.subject_show(1).subject.identifiers[0]).number == 1
        assert client.subject_consent(1, {"consent_scope": DOCUMENT}).subject.consents[-1].schemas == (DOCUMENT,)
        with pytest.raises(UsageError, match="consent_scope"):
            client.subject_consent(1, {"consent_scope": "nothing/1"})
        with pytest.raises(UsageError, match="no schema 'nothing/1'"):
            client.subject_withdraw(1, "nothing/1")
        assert client.subject_withdraw(1).subject.withdrawals[-1].scope == "all"
        drop(bureau, 2, "a.pdf")
        drop(bureau, 2, "b.pdf", PDF + b"2")
        assert len(client.intake_take().uploads) == 2
        first, second = sorted(client.intake_list(), key=lambda one: one.number)
        assert client.intake_content(first.number) == PDF
        done = client.intake_accept([first.number], detach=True)
        assert list(done.record_hashes) == [first.number]
        assert client.intake_reject(second.number, ChainReason.DUPLICATE).state is UploadState.REJECTED
        assert client.intake_show(second.number).record == ""
        assert [one.standing.value for one in client.records_list()] == ["waiting"]
