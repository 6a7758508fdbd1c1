"""A bureau under the SM suite, and one that changes to it, are verified by a bank that knows of neither setting."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from creditconnect.client import Client
from creditconnect.custody.packages import read_package
from creditconnect.reasons import ChainReason
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, SchemaCatalogue
from creditconnect.types import Suite, Verdict
from tests.chain.homes import BANK_SZ, BUREAU_HK, CODES, HK, PROVIDER, Stage, write_rows
from tests.chain.test_sheets import exchange_key
from tests.chain.test_subjects import EVERY_SCHEMA, PDF, SUBJECTS, about, drop, hkid

SCHEMA = "personal-credit-report/1"
PLAN = "every = 1\n"


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_verify__a_record_of_either_suite__verified_across_the_border(
    stage: Stage, tmp_path: Path, suite: Suite
) -> None:
    bureau = stage.client(BUREAU_HK, tmp_path / "bureau", suite=suite)
    bureau.submit(write_rows(tmp_path / "rows.jsonl", 3), schema=SCHEMA)
    bureau.package_write(tmp_path / "packages")
    bank = stage.client(BANK_SZ, tmp_path / "bank")
    files = list((tmp_path / "packages").iterdir())
    assert len(files) == 3
    assert {read_package(file.read_bytes()).suite for file in files} == {suite}
    assert {bank.verify(file).verdict for file in files} == {Verdict.VERIFIED}


def test_submit__after_the_suite_was_changed__old_and_new_records_verify(stage: Stage, tmp_path: Path) -> None:
    settings = stage.home(BUREAU_HK, tmp_path / "bureau")
    rows = write_rows(tmp_path / "rows.jsonl", 2)
    stage.open(settings).submit(rows, schema=SCHEMA)
    changed = stage.open(replace(settings, suite=Suite.SM3_SM4GCM))
    changed.submit(write_rows(tmp_path / "more.jsonl", 4), schema=SCHEMA)
    changed.package_write(tmp_path / "packages")
    packages = [file.read_bytes() for file in (tmp_path / "packages").iterdir()]
    assert sorted(read_package(data).suite for data in packages) == [1, 1, 2, 2], "the first two rows were known"
    bank = stage.client(BANK_SZ, tmp_path / "bank")
    assert {bank.verify(data).verdict for data in packages} == {Verdict.VERIFIED}


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_life__of_a_subjects_record_under_either_suite__from_consent_to_withdrawal(
    stage: Stage, tmp_path: Path, suite: Suite
) -> None:
    for schema in (COMPANY_CREDIT_REPORT, DOCUMENT):
        stage.admin(HK, "addSchema", SchemaCatalogue().load(schema).hash, schema)
    stage.scope(BUREAU_HK, roles=PROVIDER, schemas=EVERY_SCHEMA, reviewed=True)
    home = stage.home(BUREAU_HK, tmp_path / "bureau", suite=suite, require_registered_subjects=True)
    (home.home / "review.toml").write_text(PLAN)
    bureau = stage.open(home)
    bank = stage.client(BANK_SZ, tmp_path / "bank", suite=suite)
    exchange_key(stage, bank)

    old, new, paper = _registered(bureau, home.home, tmp_path)
    assert all(entry.action in ("looked", "approved") for entry in bureau.review_log().entries)
    assert bureau.review_log().broken == ()

    bureau.keys_rotate_data()
    bureau.keys_retire_data(2)
    _rotate_submit(stage, bureau)

    packages = tmp_path / "packages"
    bureau.package_write(packages)
    (packages / "statement.pdf").write_bytes(PDF)
    plain = {record: packages / f"{record.hex()}.ccpackage" for record in (old, new, paper)}
    assert {read_package(file.read_bytes()).suite for file in plain.values()} == {suite}
    bureau.package_write(tmp_path / "sealed", old, recipient=CODES[BANK_SZ])
    (sealed,) = (tmp_path / "sealed").iterdir()
    sheet = bureau.package_sheet(tmp_path / "sheet.html", old, recipient=CODES[BANK_SZ]).file
    assert [_said(bank, file) for file in (*plain.values(), sealed, sheet)] == [[]] * 5

    bureau.dispute(old, ChainReason.DATA_ERROR)
    assert _said(bank, sealed) == ["DISPUTED"]
    bureau.resolve(old, ChainReason.OTHER, uphold=False)
    assert _said(bank, sealed) == []
    bureau.supersede(old, new, ChainReason.DATA_ERROR)
    assert (_said(bank, sheet), _said(bank, plain[new])) == (["SUPERSEDED"], [])
    bureau.subject_withdraw(1)
    bureau.revoke(new, ChainReason.CONSENT_WITHDRAWN)
    assert _said(bank, plain[new]) == ["REVOKED"]
    (life,) = bank.history(new).lives
    assert len(life.steps) == 3, "registered, approved, revoked"
    assert bank.audit_replay().agrees


def _registered(bureau: Client, home: Path, folder: Path) -> tuple[bytes, bytes, bytes]:
    """A report, its correction and an upload of one subject: each looked at as the plan wants, and approved."""
    (folder / "subjects.csv").write_text(SUBJECTS)
    assert bureau.subject_register(folder / "subjects.csv").new == 2
    for name, number in (("old", 1), ("new", 2)):
        (folder / f"{name}.jsonl").write_text(json.dumps(about(number, hkid("A1234563"))))
        assert bureau.submit(folder / f"{name}.jsonl", schema=SCHEMA).registered == 1
    drop(home, 1, "statement.pdf")
    (upload,) = bureau.intake_take().uploads
    paper = bureau.intake_accept([upload.number]).record_hashes[upload.number]
    hashes = []
    for batch in bureau.review_list():
        (wanted,) = bureau.review_sample(batch.id)
        hashes.append(bureau.review_show_row(batch.id, wanted.row).row.derived.record_hash)
        bureau.review_approve(batch.id)
    assert hashes[2:] == [paper]
    return hashes[0], hashes[1], paper


def _rotate_submit(stage: Stage, bureau: Client) -> None:
    """Made, bound by the authority, and put in use."""
    made = bureau.keys_rotate_account("submit")
    stage.admin(HK, "setAccount", BUREAU_HK, made.address, 1, True)
    assert bureau.keys_rotate_account("submit").address == made.address


def _said(bank: Client, package: Path) -> list[str]:
    verification = bank.verify(package)
    assert (verification.verdict == Verdict.VERIFIED) == (not verification.reasons)
    return list(verification.reasons)
