"""`make coverage` fails on whatever of the contract is not run, and on a contract that was not measured."""

from __future__ import annotations

from tools.coverage import read, shortfalls, table

REPORT = """\
TN:
SF:contracts/One.sol
DA:7,12
FN:7,One.act
FNDA:12,One.act
DA:8,0
BRDA:8,0,0,3
BRDA:8,0,1,-
FNDA:0,One.rest
end_of_record
SF:contracts/Two.sol
DA:3,1
FNDA:1,Two.act
BRDA:3,0,0,1
end_of_record
""".splitlines()


def test_coverage__something_not_run__is_named_by_file_and_place() -> None:
    assert shortfalls(read(REPORT), ["contracts/One.sol", "contracts/Two.sol"]) == [
        "contracts/One.sol: not run, of its lines: line 8",
        "contracts/One.sol: not run, of its functions: One.rest",
        "contracts/One.sol: not run, of its branches: line 8",
    ]


def test_coverage__everything_run__has_no_shortfall() -> None:
    assert shortfalls(read(REPORT), ["contracts/Two.sol"]) == []


def test_coverage__contract_that_the_report_lacks__is_a_shortfall() -> None:
    assert shortfalls(read(REPORT), ["contracts/Three.sol"]) == [
        f"contracts/Three.sol: nothing is known of its {kind}" for kind in ("lines", "functions", "branches")
    ]


def test_coverage__table__shows_run_and_found() -> None:
    assert table(read(REPORT), ["contracts/One.sol"]).splitlines()[1].split() == [
        "contracts/One.sol",
        "1/2",
        "1/2",
        "1/2",
    ]
