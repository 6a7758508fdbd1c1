"""Promise: each kind of rule doubts what is past its limit and nothing that is at it, and never repeats a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from creditconnect.records.limits import load_limits
from creditconnect.records.plausibility import BRUSHED, Finding, Severity
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue

REVIEW = date(2026, 11, 20)
ISSUED = "2026-11-02T01:00:00Z"

Doubts = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def doubts(catalogue: SchemaCatalogue, tmp_path: Path) -> Doubts:
    """What one rule of a home's own says of a record: pointers and messages."""

    def of(rule: str, record: dict[str, Any], *, schema: str = PERSONAL_CREDIT_REPORT) -> list[tuple[str, str]]:
        text = f'schema = "{schema}"\n[rules.x]\n{rule}\n'
        (tmp_path / f"{schema.replace('/', '-')}.toml").write_text(text, encoding="utf-8")
        findings = load_limits(catalogue, tmp_path)[schema].findings(record, REVIEW)
        return [(one.path, one.message) for one in findings if one.rule == "x"]

    return of


def person(**sections: Any) -> dict[str, Any]:
    identity = {"name": "Synthetic Person", "date_of_birth": "1990-02-28", **sections.pop("identity", {})}
    return {"report": {"number": "R-1", "issued_at": ISSUED}, "identity": identity, **sections}


def firm(**sections: Any) -> dict[str, Any]:
    identity = {"registered_name": "Synthetic Trading", **sections.pop("identity", {})}
    return {"report": {"number": "R-1", "issued_at": ISSUED}, "identity": identity, **sections}


def with_credits(*items: dict[str, Any]) -> dict[str, Any]:
    return person(credit_transactions=[{"kind": "LOAN", **item} for item in items])


def hkd(minor: int, currency: str = "HKD") -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


# ----------------------------------------------------------------------------------------------------- range and count


@pytest.mark.parametrize(
    ("value", "said"), [(299, "is less than 300"), (300, None), (850, None), (851, "is more than 850")]
)
def test_range__a_number__doubted_past_either_bound(doubts: Doubts, value: int, said: str | None) -> None:
    rule = 'kind = "range"\npath = "summary.score.value"\nleast = 300\ngreatest = 850'
    found = doubts(rule, person(summary={"score": {"model": "m", "value": value}}))
    assert found == ([] if said is None else [("/summary/score/value", said)])


def test_range__amounts__each_by_the_bound_of_its_currency(doubts: Doubts) -> None:
    rule = (
        'kind = "range"\npath = "credit_transactions[].amount"\nleast = { HKD = 0 }\ngreatest = { HKD = 100, CNY = 50 }'
    )
    amounts = (hkd(100), hkd(101), hkd(-1), hkd(51, "CNY"), hkd(50, "CNY"), hkd(10**9, "USD"))
    assert doubts(rule, with_credits(*({"amount": amount} for amount in amounts), {})) == [
        ("/credit_transactions/1/amount", "is more than 100 HKD (minor units)"),
        ("/credit_transactions/2/amount", "is less than 0 HKD (minor units)"),
        ("/credit_transactions/3/amount", "is more than 50 CNY (minor units)"),
    ]


def test_range__minor_units_beside_their_currency__are_amounts(doubts: Doubts) -> None:
    rule = 'kind = "range"\npath = "financial_statements[].assets_minor"\ngreatest = { HKD = 100 }'
    statements = [{"currency": currency, "assets_minor": 101} for currency in ("CNY", "HKD")]
    found = doubts(rule, firm(financial_statements=statements), schema=COMPANY_CREDIT_REPORT)
    assert [pointer for pointer, _ in found] == ["/financial_statements/1/assets_minor"]


@pytest.mark.parametrize(
    ("count", "said"), [(0, "has fewer than 1 items"), (1, None), (2, None), (3, "has more than 2 items")]
)
def test_count__items__doubted_past_either_bound(doubts: Doubts, count: int, said: str | None) -> None:
    rule = 'kind = "count"\npath = "statements"\nleast = 1\ngreatest = 2'
    found = doubts(rule, person(statements=[{"text": "t"}] * count))
    assert found == ([] if said is None else [("/statements", said)])


def test_count__within_days__holds_those_that_are_young_enough_against_the_report(doubts: Doubts) -> None:
    rule = 'kind = "count"\npath = "query_log"\ndate = "queried_on"\nwithin_days = 90\ngreatest = 1'
    young, old = {"queried_on": "2026-08-04"}, {"queried_on": "2026-08-03"}
    assert doubts(rule, person(query_log=[young, old, old])) == []
    assert doubts(rule, person(query_log=[young, old, young])) == [
        ("/query_log", "has more than 1 items of the last 90 days")
    ]


@pytest.mark.parametrize("days", [1_000_000, 2**53 - 1])
def test_count__within_more_days_than_there_were__counts_all(doubts: Doubts, days: int) -> None:
    rule = f'kind = "count"\npath = "query_log"\ndate = "queried_on"\nwithin_days = {days}\ngreatest = 1'
    assert len(doubts(rule, person(query_log=[{"queried_on": "0001-01-01"}] * 2))) == 1


# -------------------------------------------------------------------------------------------------------- date and age


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-10-22", "is more than 10 days before the report or review"),
        ("2026-10-23", None),
        ("2026-11-07", None),
        ("2026-11-08", "is more than 5 days after the report or review"),
    ],
)
def test_date__so_many_days_before_and_after_the_report(doubts: Doubts, day: str, said: str | None) -> None:
    rule = 'kind = "date"\npath = "credit_transactions[].opened_on"\nearliest_days = 10\nlatest_days = 5'
    found = doubts(rule, with_credits({"opened_on": day}))
    assert found == ([] if said is None else [("/credit_transactions/0/opened_on", said)])


@pytest.mark.parametrize(
    ("against", "doubted"), [("review", False), ("report.issued_at", True), ("report.data_until", True)]
)
def test_date__against_another_day__is_held_against_that(doubts: Doubts, against: str, *, doubted: bool) -> None:
    """The 20th: the day of the review, 18 days after the report."""
    rule = f'kind = "date"\npath = "credit_transactions[].opened_on"\nlatest_days = 0\nagainst = "{against}"'
    record = with_credits({"opened_on": "2026-11-20"})
    record["report"]["data_until"] = "2026-11-19"
    assert bool(doubts(rule, record)) is doubted


def test_date__against_a_day_that_the_record_does_not_tell__the_reviews(doubts: Doubts) -> None:
    rule = 'kind = "date"\npath = "credit_transactions[].opened_on"\nlatest_days = 0\nagainst = "report.data_until"'
    assert doubts(rule, with_credits({"opened_on": "2026-11-20"})) == []
    assert len(doubts(rule, with_credits({"opened_on": "2026-11-21"}))) == 1


@pytest.mark.parametrize(
    ("born", "said"),
    [
        ("2008-11-03", "makes an age below 18 years"),
        ("2008-11-02", None),
        ("1915-11-03", None),
        ("1915-11-02", "makes an age above 110 years"),
        ("2030-01-01", "makes an age below 18 years"),
    ],
)
def test_age__full_years_on_the_day_of_the_report(doubts: Doubts, born: str, said: str | None) -> None:
    rule = 'kind = "age"\npath = "identity.date_of_birth"\nleast_years = 18\ngreatest_years = 110'
    found = doubts(rule, person(identity={"date_of_birth": born}))
    assert found == ([] if said is None else [("/identity/date_of_birth", said)])


@pytest.mark.parametrize(("stated", "doubted"), [(35, True), (36, False), (37, True), (None, False)])
def test_age__stated__is_what_the_birth_date_makes(doubts: Doubts, stated: int | None, *, doubted: bool) -> None:
    rule = 'kind = "age"\npath = "identity.date_of_birth"\nstated = "identity.age_years"'
    found = doubts(rule, person(identity={} if stated is None else {"age_years": stated}))
    assert [pointer for pointer, _ in found] == (["/identity/age_years"] if doubted else [])


# --------------------------------------------------------------------------------------------------------------- order


def test_order__within_one_item__neither_falls_nor_looks_at_its_neighbours(doubts: Doubts) -> None:
    rule = 'kind = "order"\npaths = ["credit_transactions[].balance", "credit_transactions[].amount"]'
    level, falls = {"balance": hkd(5), "amount": hkd(5)}, {"balance": hkd(3), "amount": hkd(2)}
    mixed, alone = {"balance": hkd(9, "USD"), "amount": hkd(1)}, {"balance": hkd(10**6)}
    assert doubts(rule, with_credits(level, mixed, alone, falls)) == [
        (
            "/credit_transactions/3/amount",
            "is before or below /credit_transactions/3/balance, which it should not be",
        )
    ]


def test_order__one_against_each_item__the_items_are_in_no_order_themselves(doubts: Doubts) -> None:
    rule = 'kind = "order"\npaths = ["identity.date_of_birth", "credit_transactions[].opened_on"]'
    assert doubts(rule, with_credits({"opened_on": "2024-01-01"}, {"opened_on": "2020-01-01"})) == []
    before_birth = with_credits({"opened_on": "2024-01-01"}, {"opened_on": "1990-02-27"}, {"opened_on": "1990-02-28"})
    assert [pointer for pointer, _ in doubts(rule, before_birth)] == ["/credit_transactions/1/opened_on"]


def test_order__each_item_against_one__the_greatest_is_named(doubts: Doubts) -> None:
    rule = 'kind = "order"\npaths = ["credit_transactions[].overdue", "summary.overdue"]'
    record = with_credits({"overdue": hkd(3)}, {"overdue": hkd(7)}, {"overdue": hkd(99, "CNY")})
    assert doubts(rule, {**record, "summary": {"overdue": hkd(7)}}) == []
    assert doubts(rule, {**record, "summary": {"overdue": hkd(6)}}) == [
        ("/summary/overdue", "is before or below /credit_transactions/1/overdue, which it should not be")
    ]


def test_order__of_three_the_middle_is_not_told__the_others_are_held_together(doubts: Doubts) -> None:
    rule = 'kind = "order"\npaths = ["summary.score.lowest", "summary.score.value", "summary.score.highest"]'
    assert len(doubts(rule, person(summary={"score": {"lowest": 9, "highest": 8}}))) == 1
    assert doubts(rule, person(summary={"score": {"lowest": 8, "highest": 8}})) == []
    assert len(doubts(rule, person(summary={"score": {"lowest": 1, "value": 9, "highest": 8}}))) == 1


# ----------------------------------------------------------------------------------------------------------------- sum


@pytest.mark.parametrize(
    ("total", "said"),
    [
        (989, "is less than its parts come to"),
        (991, None),
        (1_000, None),
        (1_010, None),
        (1_012, "is more than its parts come to"),
    ],
)
def test_sum__equals_a_place__but_for_the_tolerance(doubts: Doubts, total: int, said: str | None) -> None:
    rule = (
        'kind = "sum"\nparts = ["credit_transactions[].balance"]\nequals = "summary.outstanding"\ntolerance_percent = 1'
    )
    found = doubts(
        rule, {**with_credits({"balance": hkd(400)}, {}, {"balance": hkd(600)}), "summary": {"outstanding": hkd(total)}}
    )
    assert found == ([] if said is None else [("/summary/outstanding", said)])


def test_sum__at_most_a_place__may_be_less(doubts: Doubts) -> None:
    rule = 'kind = "sum"\nparts = ["credit_transactions[].balance"]\nat_most = "summary.outstanding"'
    record = with_credits({"balance": hkd(400)}, {"balance": hkd(600)})
    assert doubts(rule, {**record, "summary": {"outstanding": hkd(10_000)}}) == []
    assert doubts(rule, {**record, "summary": {"outstanding": hkd(1_000)}}) == []
    assert len(doubts(rule, {**record, "summary": {"outstanding": hkd(999)}})) == 1


def test_sum__several_currencies_or_no_total__is_none(doubts: Doubts) -> None:
    rule = 'kind = "sum"\nparts = ["credit_transactions[].balance"]\nequals = "summary.outstanding"'
    record = with_credits({"balance": hkd(400)}, {"balance": hkd(600, "CNY")})
    assert doubts(rule, {**record, "summary": {"outstanding": hkd(1)}}) == []
    assert doubts(rule, with_credits({"balance": hkd(400)})) == []


@pytest.mark.parametrize(
    ("key", "shares", "said"),
    [
        ("at_most", (6_000, 4_000), None),
        ("at_most", (6_000, 4_001), "comes to more than 10000"),
        ("at_most", (1,), None),
        ("equals", (6_000, 3_999), "comes to less than 10000"),
        ("equals", (6_000, 4_000), None),
    ],
)
def test_sum__to_a_number__is_of_all_items_together(
    doubts: Doubts, key: str, shares: tuple[int, ...], said: str | None
) -> None:
    rule = f'kind = "sum"\nparts = ["owners[].share_basis_points"]\n{key} = 10_000'
    owners = [{"name": "n", "share_basis_points": share} for share in shares]
    found = doubts(rule, firm(owners=[*owners, {"name": "no share told"}]), schema=COMPANY_CREDIT_REPORT)
    assert found == ([] if said is None else [("/owners", said)])


def test_sum__of_two_parts_within_one_item__held_where_both_are_told(doubts: Doubts) -> None:
    rule = (
        'kind = "sum"\nequals = "financial_statements[].assets_minor"\n'
        'parts = ["financial_statements[].liabilities_minor", "financial_statements[].equity_minor"]'
    )
    even = {"currency": "HKD", "assets_minor": 10, "liabilities_minor": 6, "equity_minor": 4}
    odd, untold = {**even, "equity_minor": 5}, {"currency": "HKD", "assets_minor": 10, "liabilities_minor": 6}
    found = doubts(rule, firm(financial_statements=[even, untold, odd]), schema=COMPANY_CREDIT_REPORT)
    assert [pointer for pointer, _ in found] == ["/financial_statements/2/assets_minor"]


# ---------------------------------------------------------------------------------------------------- needed and text


def test_needed__when_another_is_there__in_its_own_item(doubts: Doubts) -> None:
    rule = 'kind = "needed"\npath = "credit_transactions[].days_past_due"\nwhen = "credit_transactions[].overdue"'
    both, lacking = {"overdue": hkd(1), "days_past_due": 3}, {"overdue": hkd(1)}
    assert doubts(rule, with_credits(both, {}, lacking)) == [
        ("/credit_transactions/2/overdue", "asks for days_past_due, which is missing")
    ]


def test_needed__among__for_these_values_alone(doubts: Doubts) -> None:
    rule = (
        'kind = "needed"\npath = "credit_transactions[].closed_on"\nwhen = "credit_transactions[].status"\n'
        'among = ["SETTLED", "WRITTEN_OFF"]'
    )
    found = doubts(
        rule, with_credits({"status": "OPEN"}, {"status": "WRITTEN_OFF"}, {"status": "SETTLED", "closed_on": ISSUED})
    )
    assert [pointer for pointer, _ in found] == ["/credit_transactions/1/status"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AB12", None),
        ("xAB12", "does not have the form that is usual"),
        ("AB12\n", "does not have the form that is usual"),
        ("ZZ00", "says what it hardly ever should"),
    ],
)
def test_text__pattern_is_of_the_whole__unlikely_is_exact(doubts: Doubts, text: str, said: str | None) -> None:
    rule = 'kind = "text"\npath = "report.number"\npattern = \'[A-Z]{2}[0-9]{2}\'\nunlikely = ["ZZ00"]'
    record = person()
    record["report"]["number"] = text
    assert doubts(rule, record) == ([] if said is None else [("/report/number", said)])


# ---------------------------------------------------------------------------------------- what comes with the software


@pytest.mark.parametrize(("length", "near"), [(189, False), (190, True), (200, True)])
def test_brushed__from_95_per_cent_of_the_schemas_limit(catalogue: SchemaCatalogue, length: int, *, near: bool) -> None:
    findings = _findings(catalogue, PERSONAL_CREDIT_REPORT, person(identity={"name": "n" * length}))
    said = Finding(BRUSHED, "/identity/name", Severity.LOW, "comes near to the schema's limit of 200 characters")
    assert findings == ([said] if near else [])


def test_brushed__items_numbers_and_a_path_that_is_left_out(catalogue: SchemaCatalogue) -> None:
    statements = [{"text": "t"}] * 48
    record = person(statements=statements, identity={"dependants": 95})
    found = _findings(catalogue, PERSONAL_CREDIT_REPORT, record)
    assert {(one.path, one.rule) for one in found} == {("/statements", BRUSHED), ("/identity/dependants", BRUSHED)}
    owner = firm(owners=[{"name": "of all", "share_basis_points": 10_000}])
    assert _findings(catalogue, COMPANY_CREDIT_REPORT, owner) == []


def test_shipped_limits__an_ordinary_record_of_each_schema__nothing_is_doubted(
    catalogue: SchemaCatalogue, report: dict[str, Any]
) -> None:
    """Two credits, the older told last; two owners; a balance sheet of which a half is told."""
    report["credit_transactions"] += [
        {"kind": "LOAN", "opened_on": "2024-05-01", "due_on": "2027-05-01"},
        {"kind": "LOAN", "opened_on": "2020-05-01", "closed_on": "2023-05-01", "status": "SETTLED"},
    ]
    assert _findings(catalogue, PERSONAL_CREDIT_REPORT, report) == []
    owners = [{"name": "one", "share_basis_points": 6_000}, {"name": "two", "share_basis_points": 4_000}]
    statement = {"period_end": "2025-12-31", "currency": "HKD", "assets_minor": 100, "liabilities_minor": 60}
    assert _findings(catalogue, COMPANY_CREDIT_REPORT, firm(owners=owners, financial_statements=[statement])) == []
    document = {"sha256": "0" * 64, "size_bytes": 64, "media_type": "application/pdf", "name": "report.pdf"}
    assert _findings(catalogue, DOCUMENT, {"document": document}) == []


def test_shipped_limits__a_firm_owned_to_120_per_cent__is_told_gravely(catalogue: SchemaCatalogue) -> None:
    owners = [{"name": name, "share_basis_points": 6_000} for name in ("one", "two")]
    (found,) = _findings(catalogue, COMPANY_CREDIT_REPORT, firm(owners=owners))
    assert (found.rule, found.severity, found.path) == ("shares", Severity.HIGH, "/owners")


def test_findings__of_every_rule__never_repeat_a_value(catalogue: SchemaCatalogue) -> None:
    record = person(
        identity={"name": "UNKNOWN", "date_of_birth": "2024-07-31", "age_years": 77},
        summary={"outstanding": hkd(76_543_210_987), "overdue": hkd(87_654_321_098)},
        credit_transactions=[
            {
                "kind": "LOAN",
                "status": "SETTLED",
                "amount": hkd(-54_321),
                "balance": hkd(65_432),
                "opened_on": "2029-03-17",
            }
        ],
    )
    findings = _findings(catalogue, PERSONAL_CREDIT_REPORT, record)
    assert len({one.rule for one in findings}) > 8
    said = " ".join(one.message for one in findings)
    values = ("UNKNOWN", "2024", "77", "76543210987", "87654321098", "54321", "65432", "2029-03-17")
    assert [value for value in values if value in said] == []


def _findings(catalogue: SchemaCatalogue, schema: str, record: dict[str, Any]) -> list[Finding]:
    return load_limits(catalogue, None)[schema].findings(record, REVIEW)
