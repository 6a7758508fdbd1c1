"""What the demonstration makes up passes the same checks as what is real, and is the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stdnum.cn.uscc
import stdnum.lei

from creditconnect.cli.synthetic_documents import write_statements
from creditconnect.cli.synthetic_firms import write_firms
from creditconnect.records.preparation import prepare_record
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, SchemaCatalogue

ORACLES = {"USCC": stdnum.cn.uscc.is_valid, "LEI": stdnum.lei.is_valid, "HK_BRN": str.isdecimal}


@pytest.mark.parametrize("side", ["HK", "CN-SZ"])
def test_firms__of_either_side__pass_the_schema_and_anothers_check_digits(tmp_path: Path, side: str) -> None:
    schema = SchemaCatalogue().load(COMPANY_CREDIT_REPORT)
    lines = write_firms(tmp_path / "firms.jsonl", side, 200, 7).read_bytes().splitlines()
    reports = [json.loads(line) for line in lines]
    assert len({prepare_record(report, schema) for report in reports}) == 200
    identifiers = [one for report in reports for one in report["identity"]["identifiers"]]
    assert len({one["number"] for one in identifiers}) == 400
    assert all(ORACLES[one["type"]](one["number"]) for one in identifiers)


def test_synthetic__made_twice__the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_firms(tmp_path / name, "HK", 5, 7).read_bytes() for name in ("a", "b"))
    assert one == other
    papers = [write_statements(tmp_path / name, "HK", 2) for name in ("c", "d")]
    assert [path.read_bytes() for path in papers[0]] == [path.read_bytes() for path in papers[1]]
    assert papers[0][0].read_bytes() != papers[0][1].read_bytes()
