"""Firms and whole documents across the border: registered, packaged, verified, and what must fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creditconnect.answers.verification import Verification
from creditconnect.cli.synthetic_documents import write_statements
from creditconnect.client import Client
from creditconnect.records.documents import document_record
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, SchemaCatalogue
from creditconnect.types import CheckStatus, Verdict
from tests.chain.console import Console
from tests.chain.homes import BANK_SZ, BUREAU_HK, HK, PROVIDER, Stage
from tests.unit.records.test_company_reports import REPORT

EVERY_SCHEMA = 0b1110


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Client:
    """A bureau that may register every kind of record."""
    for schema in (COMPANY_CREDIT_REPORT, DOCUMENT):
        stage.admin(HK, "addSchema", SchemaCatalogue().load(schema).hash, schema)
    stage.scope(BUREAU_HK, roles=PROVIDER, schemas=EVERY_SCHEMA)
    return stage.client(BUREAU_HK, tmp_path / "bureau")


@pytest.fixture
def bank(stage: Stage, tmp_path: Path) -> Client:
    return stage.client(BANK_SZ, tmp_path / "bank")


@pytest.fixture
def papers(tmp_path: Path) -> list[Path]:
    """Three PDFs in a folder of their own."""
    return write_statements(tmp_path / "papers", "HK", 3)


def said_of_document(verification: Verification) -> tuple[Verdict, CheckStatus, str]:
    check = verification.check("document")
    return verification.verdict, check.status, check.reason


def test_submit__company_reports__verify_across_the_border(bureau: Client, bank: Client, tmp_path: Path) -> None:
    rows = tmp_path / "firms.jsonl"
    reports = [REPORT | {"report": {**REPORT["report"], "number": f"F-{number}"}} for number in range(3)]
    rows.write_text("".join(json.dumps(report) + "\n" for report in reports))
    done = bureau.submit(rows, schema=COMPANY_CREDIT_REPORT)
    assert (done.accepted, done.rejected, done.registered) == (3, 0, 3)
    bureau.package_write(tmp_path / "packages")
    found = [bank.verify(file) for file in (tmp_path / "packages").iterdir()]
    assert [said_of_document(one) for one in found] == [(Verdict.VERIFIED, CheckStatus.SKIPPED, "NO_DOCUMENT")] * 3
    assert {one.record["report"]["number"] for one in found if one.record} == {"F-0", "F-1", "F-2"}


def test_submit__a_folder_of_documents__each_verifies_beside_its_package(
    bureau: Client, bank: Client, papers: list[Path]
) -> None:
    (papers[0].parent / "=liar.pdf").write_bytes(b"no pdf")
    done = bureau.submit(papers[0].parent, schema=DOCUMENT)
    assert (done.accepted, done.rejected, done.registered) == (3, 1, 3)
    assert done.rejected_file is not None
    assert "1,'=liar.pdf,UNKNOWN_CODE," in done.rejected_file.read_text()
    again = bureau.submit(papers[0].parent, schema=DOCUMENT)
    assert (again.accepted, again.repeated, again.registered) == (0, 3, 0)
    bureau.package_write(papers[0].parent)
    packages = sorted(papers[0].parent.glob("*.ccpackage"))
    assert len(packages) == 3
    for package in packages:
        assert said_of_document(bank.verify(package)) == (Verdict.VERIFIED, CheckStatus.VALID, "OK")


def test_verify__a_document_missing_altered_or_another__is_not_verified(
    bureau: Client, bank: Client, papers: list[Path], tmp_path: Path
) -> None:
    bureau.submit(papers[0], schema=DOCUMENT)
    bureau.package_write(tmp_path / "apart")
    (package,) = (tmp_path / "apart").iterdir()
    missing = (Verdict.NOT_VERIFIED, CheckStatus.INVALID, "DOCUMENT_MISSING")
    mismatch = (Verdict.NOT_VERIFIED, CheckStatus.INVALID, "DOCUMENT_MISMATCH")
    assert said_of_document(bank.verify(package)) == missing
    assert said_of_document(bank.verify(package.read_bytes())) == missing
    assert said_of_document(bank.verify(package, document=papers[1])) == mismatch
    assert said_of_document(bank.verify(package, document=papers[0])) == (Verdict.VERIFIED, CheckStatus.VALID, "OK")
    beside = tmp_path / "apart" / papers[0].name
    altered = bytearray(papers[0].read_bytes())
    altered[len(altered) // 2] ^= 1
    beside.write_bytes(altered)
    assert said_of_document(bank.verify(package)) == mismatch


def test_verify__a_documents_name_that_leads_elsewhere__is_not_followed(
    bureau: Client, bank: Client, papers: list[Path], tmp_path: Path
) -> None:
    """A provider's record may name anything; a bank's file is read only where its name is a name alone."""
    record = document_record(papers[0])
    record["document"]["name"] = f"../{papers[0].parent.name}/{papers[0].name}"
    rows = tmp_path / "named.jsonl"
    rows.write_text(json.dumps(record) + "\n")
    bureau.submit(rows, schema=DOCUMENT, row_format="jsonl")
    (tmp_path / "apart").mkdir()
    bureau.package_write(tmp_path / "apart")
    (package,) = (tmp_path / "apart").iterdir()
    assert said_of_document(bank.verify(package))[2] == "DOCUMENT_MISSING"


def test_verify__by_the_command__takes_the_document(
    bureau: Client, bank: Client, papers: list[Path], tmp_path: Path, console: Console
) -> None:
    home = bureau.settings.home
    console.does("submit", papers[2], "--schema", DOCUMENT, home=home)
    console.does("package", "--out", tmp_path / "out", home=home)
    (package,) = (tmp_path / "out").iterdir()
    asked = ("verify", package, "--json", "--document")
    assert console.does(*asked, papers[2], home=bank.settings.home).json["verdict"] == "VERIFIED"
    other = console.run(*asked, papers[1], home=bank.settings.home)
    assert (other.code, other.json["reasons"]) == (10, ["DOCUMENT_MISMATCH"])
    assert "can't be read" in console.run(*asked, tmp_path / "nowhere", home=bank.settings.home).err
    folder = console.run("verify", tmp_path / "out", "--document", papers[2], home=bank.settings.home)
    assert "one package" in folder.complaint
    renamed = console.run("verify", package, "--json", home=bank.settings.home).json
    (told,) = (check["detail"] for check in renamed["checks"] if check["reason"] == "DOCUMENT_MISSING")
    assert f"as {papers[2].name!r} beside the package, or by --document" in told
