"""Promise: a home's own limits say what differs, and each mistake is told with its file, its rule and its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditconnect.errors import SettingsError
from creditconnect.records.limits import load_limits
from creditconnect.records.plausibility import Plausibility, Severity
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, SchemaCatalogue

NAME = "personal-credit-report-1.toml"
HEAD = f'schema = "{PERSONAL_CREDIT_REPORT}"\n'
RANGE = '[rules.x]\nkind = "range"\npath = "summary.score.value"\n'
AMOUNT = '[rules.x]\nkind = "range"\npath = "credit_transactions[].amount"\n'
COUNT = '[rules.x]\nkind = "count"\npath = "query_log"\n'
DATE = '[rules.x]\nkind = "date"\npath = "credit_transactions[].opened_on"\n'
AGE = '[rules.x]\nkind = "age"\npath = "identity.date_of_birth"\n'
ORDER = '[rules.x]\nkind = "order"\n'
SUM = '[rules.x]\nkind = "sum"\n'
BALANCES = SUM + 'parts = ["credit_transactions[].balance"]\n'
NEEDED = '[rules.x]\nkind = "needed"\npath = "summary.score"\nwhen = "summary.assessment"\n'
TEXT = '[rules.x]\nkind = "text"\npath = "identity.name"\n'
NO_PATH = "is no path such as credit_transactions[].amount"
NO_PLACE = f"{PERSONAL_CREDIT_REPORT} has no such place"
OTHER_KIND = "what is there is of another kind"
DIFFERENT = "holds paths of different kinds, which can't be compared"
EACH_ITEM = "is a place in each item, not a single one"
WHOLE = "is no whole number from 0 on"
SIGNED = "is no whole number from -9007199254740991 on"
ABOVE = "has its least above its greatest"

MISTAKES = {
    "no schema": ("", "schema: is not personal-credit-report/1"),
    "another schema": ('schema = "document/1"', "schema: is not personal-credit-report/1"),
    "unknown key": (HEAD + "rule = 1", "rule: is not known"),
    "rules are no table": (HEAD + "rules = 1", "rules: is not a table"),
    "rule is no table": (HEAD + "[rules]\nx = 1", "rules.x: is not a table"),
    "rule's id": (HEAD + '[rules."X y"]\nkind = "order"', "rules.X y: is no id for a rule"),
    "rule's id is taken": (HEAD + '[rules.brushed]\nkind = "order"', "rules.brushed: is no id for a rule"),
    "no kind": (HEAD + "[rules.x]\nleast = 1", "rules.x.kind: is none of range, count, "),
    "kind is no text": (HEAD + "[rules.x]\nkind = []", "rules.x.kind: is none of range, count, "),
    "key of another kind": (HEAD + RANGE + "least = 1\nwithin_days = 1", "rules.x.within_days: is not known"),
    "severity": (HEAD + RANGE + 'least = 1\nseverity = "grave"', "rules.x.severity: is none of low, medium, high"),
    "off is false": (HEAD + "[rules.age]\noff = false", "rules.age.off: is true, and alone"),
    "off is 1": (HEAD + "[rules.age]\noff = 1", "rules.age.off: is true, and alone"),
    "off beside others": (HEAD + "[rules.age]\noff = true\nleast_years = 1", "rules.age.off: is true, and alone"),
    "off of no rule": (HEAD + "[rules.x]\noff = true", "rules.x.off: there is no such rule"),
    "issued_at is no date": (HEAD + 'issued_at = "report.number"', f"issued_at: report.number: {OTHER_KIND}"),
    "issued_at of each": (HEAD + 'issued_at = "query_log[].queried_on"', f"issued_at: {EACH_ITEM}"),
    "identity is no text": (
        HEAD + '[identity]\nname = "identity.age_years"',
        f"identity.name: identity.age_years: {OTHER_KIND}",
    ),
    "identity of each": (HEAD + '[identity]\nname = "query_log[].by"', f"identity.name: {EACH_ITEM}"),
    "brushed key": (HEAD + "[brushed]\nper_cent = 9", "brushed.per_cent: is not known"),
    "brushed percent": (HEAD + "[brushed]\npercent = 101", "brushed.percent: is more than 100"),
    "brushed percent is no number": (HEAD + "[brushed]\npercent = true", f"brushed.percent: {WHOLE}"),
    "brushed except": (HEAD + '[brushed]\nexcept = ["identity.nme"]', f"brushed.except: identity.nme: {NO_PLACE}"),
    "brushed severity": (HEAD + "[brushed]\nseverity = 1", "brushed.severity: is none of low, medium, high"),
    "no path": (HEAD + '[rules.x]\nkind = "range"\nleast = 1', f"rules.x.path: {NO_PATH}"),
    "path's form": (HEAD + '[rules.x]\nkind = "range"\npath = "/a/b"\nleast = 1', f"rules.x.path: {NO_PATH}"),
    "path to nothing": (
        HEAD + '[rules.x]\nkind = "range"\npath = "summary.scor"\nleast = 1',
        f"rules.x.path: summary.scor: {NO_PLACE}",
    ),
    "range of a text": (
        HEAD + '[rules.x]\nkind = "range"\npath = "identity.name"\nleast = 1',
        f"rules.x.path: identity.name: {OTHER_KIND}",
    ),
    "range without bounds": (HEAD + RANGE, "rules.x: has neither least nor greatest"),
    "range of true": (HEAD + RANGE + "greatest = true", f"rules.x.greatest: {SIGNED}"),
    "range of a half": (HEAD + RANGE + "greatest = 1.5", f"rules.x.greatest: {SIGNED}"),
    "range above JSON": (HEAD + RANGE + "greatest = 9007199254740992", f"rules.x.greatest: {SIGNED}"),
    "range upside down": (HEAD + RANGE + "least = 9\ngreatest = 8", f"rules.x: {ABOVE}"),
    "amount by no currency": (
        HEAD + AMOUNT + "greatest = 1",
        "rules.x.greatest: is no table of minor units by currency",
    ),
    "amount by none": (HEAD + AMOUNT + "greatest = {}", "rules.x.greatest: is no table of minor units by currency"),
    "amount's currency": (HEAD + AMOUNT + "greatest = { HKX = 1 }", "rules.x.greatest.HKX: is no currency of ISO 4217"),
    "amount of a half": (HEAD + AMOUNT + "greatest = { HKD = 0.5 }", f"rules.x.greatest.HKD: {SIGNED}"),
    "amount upside down": (HEAD + AMOUNT + "least = { HKD = 9 }\ngreatest = { HKD = 8 }", f"rules.x: {ABOVE}"),
    "count of no array": (
        HEAD + '[rules.x]\nkind = "count"\npath = "summary"\nleast = 1',
        f"rules.x.path: summary: {OTHER_KIND}",
    ),
    "count without bounds": (HEAD + COUNT, "rules.x: has neither least nor greatest"),
    "count below nothing": (HEAD + COUNT + "least = -1", f"rules.x.least: {WHOLE}"),
    "count upside down": (HEAD + COUNT + "least = 3\ngreatest = 2", f"rules.x: {ABOVE}"),
    "count: date alone": (
        HEAD + COUNT + 'least = 1\ndate = "queried_on"',
        "rules.x: has one of date and within_days without the other",
    ),
    "count: days alone": (
        HEAD + COUNT + "least = 1\nwithin_days = 1",
        "rules.x: has one of date and within_days without the other",
    ),
    "count: no such date": (
        HEAD + COUNT + 'least = 1\ndate = "on"\nwithin_days = 1',
        f"rules.x.date: query_log[].on: {NO_PLACE}",
    ),
    "count: no date": (
        HEAD + COUNT + 'least = 1\ndate = "by"\nwithin_days = 1',
        f"rules.x.date: query_log[].by: {OTHER_KIND}",
    ),
    "date of no date": (
        HEAD + '[rules.x]\nkind = "date"\npath = "identity.name"\nlatest_days = 1',
        f"rules.x.path: identity.name: {OTHER_KIND}",
    ),
    "date without bounds": (HEAD + DATE, "rules.x: has neither earliest_days nor latest_days"),
    "date's days": (HEAD + DATE + 'latest_days = "0"', f"rules.x.latest_days: {WHOLE}"),
    "date against no date": (
        HEAD + DATE + 'latest_days = 0\nagainst = "identity.name"',
        f"rules.x.against: identity.name: {OTHER_KIND}",
    ),
    "date against each": (
        HEAD + DATE + 'latest_days = 0\nagainst = "query_log[].queried_on"',
        f"rules.x.against: {EACH_ITEM}",
    ),
    "date against today": (HEAD + DATE + "latest_days = 0\nagainst = 2026-11-02", f"rules.x.against: {NO_PATH}"),
    "age of nothing": (HEAD + AGE, "rules.x: has none of least_years, greatest_years and stated"),
    "age upside down": (HEAD + AGE + "least_years = 9\ngreatest_years = 8", f"rules.x: {ABOVE}"),
    "age stated as an amount": (
        HEAD + AGE + 'stated = "summary.overdue"',
        f"rules.x.stated: summary.overdue: {OTHER_KIND}",
    ),
    "order of one": (HEAD + ORDER + 'paths = ["identity.date_of_birth"]', "rules.x.paths: is less than two paths"),
    "order of no list": (HEAD + ORDER + 'paths = "identity.date_of_birth"', "rules.x.paths: is no list of paths"),
    "order of texts": (
        HEAD + ORDER + 'paths = ["identity.name", "report.number"]',
        f"rules.x.paths: identity.name: {OTHER_KIND}",
    ),
    "order of dates and numbers": (
        HEAD + ORDER + 'paths = ["identity.date_of_birth", "summary.score.value"]',
        f"rules.x.paths: {DIFFERENT}",
    ),
    "sum of nothing": (HEAD + SUM + "parts = []\nequals = 1", "rules.x.parts: is no list of paths"),
    "sum to nothing": (HEAD + BALANCES, "rules.x: has not one of equals and at_most"),
    "sum to both": (HEAD + BALANCES + "equals = 1\nat_most = 1", "rules.x: has not one of equals and at_most"),
    "sum to a list": (HEAD + BALANCES + "equals = []", f"rules.x.equals: {WHOLE}"),
    "sum of amounts to a number": (
        HEAD + BALANCES + "equals = 1",
        "rules.x.equals: is a number, but amounts have a currency",
    ),
    "sum of amounts to a count": (HEAD + BALANCES + 'equals = "summary.existing_credits"', f"rules.x: {DIFFERENT}"),
    "sum's tolerance": (
        HEAD + BALANCES + 'equals = "summary.outstanding"\ntolerance_percent = 0.5',
        f"rules.x.tolerance_percent: {WHOLE}",
    ),
    "needed when nothing": (HEAD + '[rules.x]\nkind = "needed"\npath = "summary.score"', f"rules.x.when: {NO_PATH}"),
    "needed among no list": (HEAD + NEEDED + 'among = "GOOD"', "rules.x.among: is no list of values"),
    "needed among none": (HEAD + NEEDED + "among = []", "rules.x.among: is no list of values"),
    "needed among what can't be": (
        HEAD + NEEDED + 'among = ["GOOD", "GOD"]',
        "rules.x.among: 'GOD' is nothing that can be there",
    ),
    "needed among texts of a number": (
        HEAD + '[rules.x]\nkind = "needed"\npath = "summary.score"\nwhen = "summary.existing_credits"\namong = ["1"]',
        "rules.x.among: '1' is nothing that can be there",
    ),
    "needed among another type": (HEAD + NEEDED + "among = [1]", "rules.x.among: 1 is nothing that can be there"),
    "text of nothing": (HEAD + TEXT, "rules.x: has neither pattern nor unlikely"),
    "text of a number": (
        HEAD + '[rules.x]\nkind = "text"\npath = "summary.score.value"\nunlikely = ["1"]',
        f"rules.x.path: summary.score.value: {OTHER_KIND}",
    ),
    "text's pattern": (HEAD + TEXT + 'pattern = "("', "rules.x.pattern: is no regular expression"),
    "text's pattern is a number": (HEAD + TEXT + "pattern = 1", "rules.x.pattern: is no regular expression"),
    "text's pattern is too large": (
        HEAD + TEXT + 'pattern = "a{99999999999}"',
        "rules.x.pattern: is no regular expression",
    ),
    "text's pattern is too deep": (
        HEAD + TEXT + f'pattern = "{"(" * 900}{")" * 900}"',
        "rules.x.pattern: is no regular expression",
    ),
    "text's unlikely": (HEAD + TEXT + 'unlikely = ["a", 1]', "rules.x.unlikely: is no list of texts"),
    "text's unlikely can't be": (
        HEAD + '[rules.x]\nkind = "text"\npath = "summary.assessment"\nunlikely = ["FAIR"]',
        "rules.x.unlikely: 'FAIR' is nothing that can be there",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_load_limits__a_mistake__names_the_file_the_rule_and_the_key(
    catalogue: SchemaCatalogue, tmp_path: Path, mistake: str
) -> None:
    text, said = MISTAKES[mistake]
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_limits(catalogue, tmp_path)
    assert raised.value.message.startswith(f"{tmp_path / NAME}: {said}"), raised.value.message
    assert raised.value.hint == "the form is in records/limits.py"
    assert "\n" not in str(raised.value)


def test_load_limits__what_is_no_file_of_limits__names_it(catalogue: SchemaCatalogue, tmp_path: Path) -> None:
    own = tmp_path / NAME
    own.write_text("schema = ", encoding="utf-8")
    with pytest.raises(SettingsError, match=f"{NAME}: is not TOML"):
        load_limits(catalogue, tmp_path)
    own.write_bytes(b'schema = "\xff"')
    with pytest.raises(SettingsError, match=f"{NAME}: can't be read .not UTF-8"):
        load_limits(catalogue, tmp_path)
    own.unlink()
    own.mkdir()
    with pytest.raises(SettingsError, match=f"{NAME}: can't be read .Is a directory"):
        load_limits(catalogue, tmp_path)
    own.rmdir()
    (tmp_path / "personal-credit-report.toml").write_text(HEAD, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"personal-credit-report\.toml: is named after no schema") as raised:
        load_limits(catalogue, tmp_path)
    assert NAME in raised.value.hint


def test_load_limits__no_folder_or_an_empty_one__what_comes_with_the_software(
    catalogue: SchemaCatalogue, tmp_path: Path
) -> None:
    shipped = _rules(load_limits(catalogue, None)[PERSONAL_CREDIT_REPORT])
    assert "age" in shipped
    assert _rules(load_limits(catalogue, tmp_path)[PERSONAL_CREDIT_REPORT]) == shipped
    assert _rules(load_limits(catalogue, tmp_path / "none")[PERSONAL_CREDIT_REPORT]) == shipped


def test_load_limits__own_rules__replace_take_away_and_add_the_rest_stays(
    catalogue: SchemaCatalogue, tmp_path: Path
) -> None:
    shipped = _rules(load_limits(catalogue, None)[PERSONAL_CREDIT_REPORT])
    own = (
        '[brushed]\nseverity = "high"\n[identity]\nborn = "report.number"\n[rules.amount]\noff = true\n'
        '[rules.age]\nkind = "range"\nseverity = "low"\npath = "identity.age_years"\ngreatest = 99\n'
        + RANGE
        + "least = 1"
    )
    (tmp_path / NAME).write_text(HEAD + own, encoding="utf-8")
    limits = load_limits(catalogue, tmp_path)[PERSONAL_CREDIT_REPORT]
    rules = _rules(limits)
    assert rules.keys() == {*shipped, "x"} - {"amount"}
    assert (rules["age"], rules["x"], rules["brushed"]) == (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
    assert {rule: severity for rule, severity in rules.items() if rule not in ("age", "x", "brushed")} == {
        rule: severity for rule, severity in shipped.items() if rule not in ("age", "amount", "brushed")
    }
    assert limits.identity == {"name": ("identity", "name"), "born": ("report", "number")}


def test_load_limits__brushed_at_0_per_cent__is_off(catalogue: SchemaCatalogue, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(HEAD + "[brushed]\npercent = 0", encoding="utf-8")
    assert "brushed" not in _rules(load_limits(catalogue, tmp_path)[PERSONAL_CREDIT_REPORT])


def _rules(limits: Plausibility) -> dict[str, Severity]:
    return {named.id: named.severity for named in limits.rules}
