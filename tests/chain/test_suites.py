"""A bureau under the SM suite, and one that changes to it, are verified by a bank that knows of neither setting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from creditconnect.custody.packages import read_package
from creditconnect.types import Suite, Verdict
from tests.chain.homes import BANK_SZ, BUREAU_HK, Stage, write_rows

SCHEMA = "personal-credit-report/1"


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
