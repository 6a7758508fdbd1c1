"""Promise: many packages get the verdicts that each would get alone, once each, in one file, however it was stopped."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from pyarrow import parquet

from creditconnect.answers.verification import Verification
from creditconnect.client import Client
from creditconnect.client.verifying import _measured
from creditconnect.custody.archives import write_archive
from creditconnect.errors import UsageError
from creditconnect.reasons import ChainReason
from creditconnect.records.schemas import DOCUMENT, SchemaCatalogue
from tests.chain.console import PROGRAM, Console, Said
from tests.chain.homes import BANK_HK, BANK_SZ, BUREAU_HK, HK, PROVIDER, Stage, write_rows
from tests.chain.proxy import Answer, Cut, Forward, Request, proxy_before

pytestmark = pytest.mark.chain


@pytest.fixture
def bank(stage: Stage, tmp_path: Path) -> Client:
    return stage.client(BANK_SZ, tmp_path / "bank")


@pytest.fixture
def every_kind(stage: Stage, tmp_path: Path) -> Path:
    """A folder with packages of every fate, and things that are none."""
    document = SchemaCatalogue().load(DOCUMENT)
    stage.admin(HK, "addSchema", document.hash, document.id)
    stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=False, schemas=0b110)
    bureau = stage.client(BUREAU_HK, tmp_path / "bureau")
    folder = tmp_path / "shown"
    soon = int(stage.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 30
    bureau.submit(write_rows(tmp_path / "expiring.jsonl", 1, first=100), expires_at=soon)
    bureau.submit(write_rows(tmp_path / "rows.jsonl", 9))
    papers = tmp_path / "papers"
    papers.mkdir()
    for number in range(3):
        (papers / f"{number}.pdf").write_bytes(b"%%PDF-1.7 number %d" % number)
    bureau.submit(papers, schema="document/1")
    bureau.package_write(folder)
    records: dict[str, list[Path]] = {json.loads(path.read_bytes())["schema"]: [] for path in folder.iterdir()}
    for path in sorted(folder.iterdir()):
        records[json.loads(path.read_bytes())["schema"]].append(path)
    reports = records["personal-credit-report/1"]
    bureau.revoke(bytes.fromhex(reports[0].stem), ChainReason.DATA_ERROR)
    bureau.dispute(bytes.fromhex(reports[1].stem), ChainReason.DATA_ERROR)
    superseded, successor = (bytes.fromhex(reports[number].stem) for number in (2, 3))
    bureau.supersede(superseded, successor, ChainReason.DATA_ERROR, other_subject=True)
    altered = reports[4].read_bytes()
    (folder / "altered.ccpackage").write_bytes(altered.replace(b"Synthetic", b"Authentic"))
    (folder / "malformed.ccpackage").write_bytes(altered[:-1])
    (folder / "empty.ccpackage").write_bytes(b"")
    package = json.loads(altered)
    package["provider"] = "CRA-XX-99"
    (folder / "unknown.ccpackage").write_text(json.dumps(package, sort_keys=True, separators=(",", ":")))
    package = json.loads(altered)
    package["chain"]["chain_id"] = 1
    (folder / "elsewhere.ccpackage").write_text(json.dumps(package, sort_keys=True, separators=(",", ":")))
    shutil.copy(papers / "0.pdf", folder / "0.pdf")
    (folder / "1.pdf").write_bytes(b"another")
    stage.anvil.rpc("evm_increaseTime", 31)
    stage.anvil.mine()
    return folder


def in_short(verification: Verification) -> object:
    """Without the block, which grows older between two questions."""
    checks = [dataclasses.replace(check, detail="") for check in verification.checks]
    return dataclasses.replace(verification, block=None, checks=tuple(checks))


def test_verify_all__every_kind__as_each_alone(bank: Client, every_kind: Path) -> None:
    together = list(bank.verify_all(every_kind))
    alone = {path.name: bank.verify(path) for path in every_kind.iterdir() if path.suffix == ".ccpackage"}
    assert [name for name, _ in together] == sorted(alone)
    for name, verification in together:
        assert in_short(verification) == in_short(alone[name]), name
    reasons = {reason for verification in alone.values() for reason in verification.reasons or ["VERIFIED"]}
    assert reasons >= {"REVOKED", "DISPUTED", "SUPERSEDED", "PACKAGE_ALTERED", "PACKAGE_MALFORMED", "OTHER_REGISTRY"}
    assert reasons >= {"EXPIRED", "DOCUMENT_MISSING", "DOCUMENT_MISMATCH", "VERIFIED"}


def test_verify_all__in_an_archive_and_of_the_same_side__each_says_so(
    stage: Stage, every_kind: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "many.ccarchive"
    members = [(path.name, path.read_bytes()) for path in sorted(every_kind.glob("*.ccpackage"))]
    write_archive(archive, members)
    same_side = stage.client(BANK_HK, tmp_path / "same-side")
    found = dict(same_side.verify_all(archive))
    assert list(found) == [name for name, _ in members]
    assert sum("SAME_SIDE" in verification.reasons for verification in found.values()) == 13


def test_verify_into__csv_and_parquet__one_row_an_input_with_verdict_reason_provider_and_block(
    stage: Stage, console: Console, bank: Client, every_kind: Path, tmp_path: Path
) -> None:
    said = console.run("verify", every_kind, "--out", tmp_path / "out.csv", "--json", home=tmp_path / "bank")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    alone = {path.name: bank.verify(path) for path in sorted(every_kind.glob("*.ccpackage"))}
    assert [row["input"] for row in rows] == list(alone)
    assert [(row["verdict"], row["reasons"].split()) for row in rows] == [
        (one.verdict.value, one.reasons) for one in alone.values()
    ]
    assert {row["provider"] for row in rows} == {"", "CRA-HK-01"}
    assert {int(row["block_number"]) for row in rows} == {0, stage.anvil.height()}
    assert (said.code, said.json["inputs"], said.json["kept"]) == (10, len(alone), 0)
    assert not (tmp_path / "out.csv.journal").exists()

    bank.verify_into(every_kind, tmp_path / "out.parquet")
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["input"], row["verdict"], row["reasons"]) for row in table] == [
        (row["input"], row["verdict"], row["reasons"]) for row in rows
    ]


def test_verify_into__killed__goes_on_where_it_was_and_ends_with_each_once(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=False)
    bureau, bank = stage.client(BUREAU_HK, tmp_path / "bureau"), stage.home(BANK_SZ, tmp_path / "bank").home
    bureau.submit(write_rows(tmp_path / "rows.jsonl", 3_000))
    bureau.package_write(tmp_path / "shown")
    out, journal = tmp_path / "out.csv", tmp_path / "out.csv.journal"
    command = [str(PROGRAM), "verify", str(tmp_path / "shown"), "--out", str(out), "--home", str(bank)]
    process = subprocess.Popen(command, env=console.environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 400) and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists(), "it was to be stopped half-way"
    with journal.open("ab") as file:
        file.write(b'{"input":"torn')
    changed = min((tmp_path / "shown").iterdir())
    changed.write_bytes(changed.read_bytes()[:-1])

    said = console.run("verify", tmp_path / "shown", "--out", out, "--json", home=bank)
    assert said.code == 10, said.err
    assert 399 <= said.json["kept"] < 2_999, "one was changed meanwhile"
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == sorted(path.name for path in (tmp_path / "shown").iterdir())
    assert [row["verdict"] for row in rows] == ["NOT_VERIFIED"] + ["VERIFIED"] * 2_999


def test_verify_into__stopped_and_a_document_altered_meanwhile__that_is_asked_again(
    bank: Client, every_kind: Path, tmp_path: Path
) -> None:
    """A name that is no text stops nothing, and nobody else may read whose records were shown."""
    (every_kind / os.fsdecode(b"\xff.ccpackage")).write_bytes(b"{}")
    out = tmp_path / "out.csv"

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bank.verify_into(every_kind, out, progress=stop)
    journal = out.with_name("out.csv.journal")
    assert journal.stat().st_mode & 0o777 == 0o600
    (every_kind / "0.pdf").write_bytes(b"another than was shown before")
    done = bank.verify_into(every_kind, out)
    assert 0 < done.kept < done.inputs
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="", encoding="utf-8") as file:
        rows = {row["input"]: row for row in csv.DictReader(file)}
    assert rows["\\udcff.ccpackage"]["verdict"] == "NOT_VERIFIED"
    alone = dict(bank.verify_all(every_kind))
    mismatched = [name for name, said in alone.items() if "DOCUMENT_MISMATCH" in said.reasons]
    assert len(mismatched) == 2
    assert all("DOCUMENT_MISMATCH" in rows[name]["reasons"] for name in mismatched)


def test_verify_into__files_that_cant_be_read__a_row_each_that_says_so_and_the_rest_goes_on(
    bank: Client, every_kind: Path, tmp_path: Path
) -> None:
    whole = {name: said.verdict for name, said in bank.verify_all(every_kind)}
    (every_kind / "1-dangling.ccpackage").symlink_to(tmp_path / "nowhere")
    (every_kind / "2-folder.ccpackage").mkdir()
    os.mkfifo(every_kind / "3-pipe.ccpackage")
    (every_kind / "4-damaged.ccarchive").write_bytes(b"PK\3\4 and no more")
    os.mkfifo(every_kind / "5-pipe.ccarchive")
    with zipfile.ZipFile(every_kind / "6-bomb.ccarchive", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.ccpackage", bytes(10**6))
    unreadable = {path.name for path in every_kind.iterdir() if path.name[1] == "-"}
    bank.verify_into(every_kind, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = {row["input"]: row for row in csv.DictReader(file)}
    assert len(unreadable) == 6
    assert rows.keys() == whole.keys() | unreadable
    assert {(rows[name]["verdict"], rows[name]["reasons"]) for name in unreadable} == {
        ("COULD_NOT_TELL", "PACKAGE_UNREADABLE")
    }
    assert {name: rows[name]["verdict"] for name in whole} == {name: said.value for name, said in whole.items()}
    assert "No such file" in rows["1-dangling.ccpackage"]["detail"]
    assert "is deflated" in rows["6-bomb.ccarchive"]["detail"]


def test_verify__folders_under_it_and_what_holds_no_package__documents_beside_their_own_and_the_rest_counted(
    stage: Stage, console: Console, every_kind: Path, tmp_path: Path
) -> None:
    top = tmp_path / "top"
    top.mkdir()
    every_kind.rename(top / "sub")
    (top / "note.docx").write_bytes(b"PK\3\4")
    (top / "0.pdf").write_bytes(b"lies beside no package")
    home = stage.home(BANK_SZ, tmp_path / "bank").home
    said = console.run("verify", top, "--out", tmp_path / "out.csv", "--json", home=home)
    assert said.json["passed_over"] == ["0.pdf", "note.docx"], "those in sub/ are documents of packages there"
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = {row["input"]: row["reasons"] for row in csv.DictReader(file)}
    assert all(name.startswith("sub/") for name in rows)
    assert sum("DOCUMENT_MISSING" in reasons for reasons in rows.values()) == 1
    said = console.run("verify", top, "--json", home=home)
    assert [one["file"] for one in said.json] == list(rows)
    assert "not looked at: 2 files without a package, first 0.pdf" in said.err


def test_verify__more_than_one_package_where_one_is_asked_of__says_what_takes_them(
    bank: Client, every_kind: Path
) -> None:
    with pytest.raises(UsageError, match="where one package is asked for") as error:
        bank.verify(every_kind)
    assert "Client.verify_all" in error.value.hint


def test_verify_into__while_another_process_writes_the_same__refused_in_one_line(
    stage: Stage, console: Console, every_kind: Path, tmp_path: Path
) -> None:
    home = stage.home(BANK_SZ, tmp_path / "bank").home
    second: list[Said] = []

    def meanwhile(_: int) -> None:
        second.append(console.run("verify", every_kind, "--out", tmp_path / "out.csv", home=home))

    with Client.open(home) as first:
        done = first.verify_into(every_kind, tmp_path / "out.csv", progress=meanwhile)
    assert (second[0].code, "another process writes it" in second[0].complaint) == (2, True)
    assert done.inputs == len(list(every_kind.glob("*.ccpackage")))


def test_verify_into__stopped_and_the_chain_reorganised_meanwhile__what_it_was_told_there_is_asked_again(
    stage: Stage, bank: Client, every_kind: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    # The newest block holds a transaction: an empty one would come back with the same hash.
    stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True, schemas=0b110)
    for reorganised in (False, True):
        with pytest.raises(KeyboardInterrupt):
            bank.verify_into(every_kind, out, progress=stop)
        if reorganised:
            stage.anvil.reorg(1)
        done = bank.verify_into(every_kind, out)
        wrong_by_themselves = 5
        assert (done.kept <= wrong_by_themselves) == reorganised
        assert done.inputs > 2 * wrong_by_themselves


def test_measured__a_name_longer_than_any_files__is_no_document_here(tmp_path: Path) -> None:
    assert _measured(None, tmp_path, "x" * 300 + ".pdf") is None


def test_verify_into__bad_input__one_line_and_nothing_written(
    stage: Stage, console: Console, every_kind: Path, tmp_path: Path
) -> None:
    home = stage.home(BANK_SZ, tmp_path / "bank").home
    said = console.run("verify", every_kind, "--out", tmp_path / "out.txt", home=home)
    assert (said.code, "end it with .csv or .parquet" in said.complaint) == (2, True)
    (tmp_path / "out.csv.journal").write_text('{"format":"creditconnect-verdicts/1","institution":"BANK-HK-01"}\n')
    said = console.run("verify", every_kind, "--out", tmp_path / "out.csv", home=home)
    assert (said.code, "is of another source, home or chain" in said.complaint) == (2, True)
    assert not (tmp_path / "out.csv").exists()
    (tmp_path / "none").mkdir()
    said = console.run("verify", tmp_path / "none", "--out", tmp_path / "other.csv", home=home)
    assert (said.code, "holds no package" in said.complaint) == (2, True)


@pytest.mark.parametrize("mistyped", ["nope", "empty"])
def test_verify_into__a_mistyped_source__is_not_in_the_way_of_the_right_one(
    bank: Client, every_kind: Path, tmp_path: Path, mistyped: str
) -> None:
    (tmp_path / "empty").mkdir()
    out = tmp_path / "new" / "out.csv"
    with pytest.raises(UsageError, match=mistyped):
        bank.verify_into(tmp_path / mistyped, out)
    assert not out.parent.exists()
    assert bank.verify_into(every_kind, out).inputs == len(list(every_kind.glob("*.ccpackage")))


def test_verify_into__no_node_from_the_start__could_not_tell_with_the_reason_once(
    stage: Stage, console: Console, every_kind: Path, tmp_path: Path
) -> None:
    with proxy_before(stage.anvil.url) as proxy:
        home = stage.client(BANK_SZ, tmp_path / "bank", proxy.url).settings.home
    said = console.run("verify", every_kind, "--out", tmp_path / "out.csv", "--json", home=home)
    assert (said.code, said.json["verdicts"]) == (11, {"COULD_NOT_TELL": 13, "NOT_VERIFIED": 5})
    with (tmp_path / "out.csv").open(newline="") as file:
        reasons = {row["reasons"] for row in csv.DictReader(file) if row["verdict"] == "COULD_NOT_TELL"}
    assert "NODE_UNREACHABLE" in reasons
    assert all(one.split().count("NODE_UNREACHABLE") == 1 for one in reasons)


def test_verify_into__the_node_away__could_not_tell_and_asked_again_the_next_time(
    stage: Stage, every_kind: Path, tmp_path: Path
) -> None:
    with proxy_before(stage.anvil.url) as proxy:
        bank = stage.client(BANK_SZ, tmp_path / "bank", proxy.url)
        told = bank.verify_into(every_kind, tmp_path / "out.csv")

        def away(request: Request, forward: Forward) -> Answer:
            raise Cut

        proxy.rules["eth_call"] = away
        first = bank.verify_into(every_kind, tmp_path / "away.csv")
        proxy.rules.clear()
        again = bank.verify_into(every_kind, tmp_path / "away.csv")
    assert first.verdicts == {"NOT_VERIFIED": 5, "COULD_NOT_TELL": 13}, "five packages are wrong by themselves"
    assert (again.verdicts, again.inputs) == (told.verdicts, told.inputs)


def test_verify_all__a_second_node_that_lies_about_one_record__that_one_is_not_told(
    stage: Stage, every_kind: Path, tmp_path: Path
) -> None:
    liar = min(every_kind.glob("*.ccpackage")).stem

    def lie(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if liar in request["params"][0]["data"]:
            answer["result"] = "0x" + "20".rjust(64, "0") + "0" * 64
        return answer

    with proxy_before(stage.anvil.url) as proxy:
        proxy.rules["eth_call"] = lie
        bank = stage.client(BANK_SZ, tmp_path / "bank", stage.anvil.url, proxy.url)
        found = dict(bank.verify_all(every_kind))
    disagreed = [name for name, verification in found.items() if "NODES_DISAGREE" in verification.reasons]
    assert disagreed == [f"{liar}.ccpackage"]
