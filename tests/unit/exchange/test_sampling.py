"""Promise: a sampling plan asks for the rows that it names and no others, by a draw that nobody can lean on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from creditconnect.errors import SettingsError
from creditconnect.exchange.sampling import SamplingPlan, draw, load_plan
from creditconnect.records.plausibility import Finding, Severity
from creditconnect.types import Derived

NOTHING = SamplingPlan(every=None, findings=None, new_subjects=False, above_minor=None)
KEY, BLOCK = b"k" * 32, b"b" * 32
ASKS_NOTHING = "asks for nothing"
WHOLE = "is not a whole number from"

MISTAKES = {
    "empty": ("", ASKS_NOTHING),
    "all off": ("findings = false\nnew_subjects = false", ASKS_NOTHING),
    "not TOML": ("every = ", "is not TOML"),
    "unknown": ("evry = 10", "unknown key evry"),
    "every none": ("every = 0", f"every {WHOLE} 1 to 1000000"),
    "every too many": ("every = 1_000_001", f"every {WHOLE} 1 to 1000000"),
    "every true": ("every = true", f"every {WHOLE} 1 to 1000000"),
    "every half": ("every = 0.5", f"every {WHOLE} 1 to 1000000"),
    "findings": ('findings = "grave"', "findings is not true, false or one of low, medium, high"),
    "findings number": ("findings = 1", "findings is not true, false or one of low, medium, high"),
    "findings list": ('findings = ["low"]', "findings is not true, false or one of low, medium, high"),
    "new subjects": ("new_subjects = 1", "new_subjects is neither true nor false"),
    "above, no table": ("above_minor = 5", "above_minor is no table of minor units by currency"),
    "above, empty": ("[above_minor]", "above_minor is no table of minor units by currency"),
    "above, currency": ("[above_minor]\nHKX = 5", "above_minor.HKX is no currency of ISO 4217"),
    "above, negative": ("[above_minor]\nHKD = -1", f"above_minor.HKD {WHOLE} 0 to 9007199254740991"),
    "above, half": ("[above_minor]\nHKD = 0.5", f"above_minor.HKD {WHOLE} 0 to 9007199254740991"),
    "above, true": ("[above_minor]\nHKD = true", f"above_minor.HKD {WHOLE} 0 to 9007199254740991"),
}


def derived(number: int) -> Derived:
    hashed = hashlib.sha256(number.to_bytes(8, "big")).digest()
    return Derived(hashed[:8], hashed[8:])


def record(*minors: int, currency: str = "HKD") -> dict[str, Any]:
    amounts = [{"amount": {"amount_minor": minor, "currency": currency}} for minor in minors]
    return {"identity": {"dependants": 10**6}, "credit_transactions": amounts}


# ---------------------------------------------------------------------------------------------------------------- draw


def test_draw__of_9000_records__each_remainder_about_as_often() -> None:
    """By n = 9 a count is 1000 in the mean with a deviation of 30: six of them either way."""
    counts = Counter(draw(KEY, BLOCK, derived(number)) % 9 for number in range(9_000))
    assert len(counts) == 9
    assert max(abs(count - 1_000) for count in counts.values()) < 180


def test_draw__the_same_again__and_another_for_any_other_key_block_or_record() -> None:
    first = draw(KEY, BLOCK, derived(1))
    assert draw(KEY, BLOCK, derived(1)) == first
    one = derived(1)
    others = (
        draw(b"x" * 32, BLOCK, one),
        draw(KEY, b"x" * 32, one),
        draw(KEY, BLOCK, one._replace(record_hash=b"x" * 8)),
        draw(KEY, BLOCK, one._replace(commitment=b"x" * 24)),
    )
    assert len({first, *others}) == 5


def test_draw__is_wider_than_any_n__so_that_no_remainder_is_favoured() -> None:
    assert max(draw(KEY, BLOCK, derived(number)) for number in range(64)).bit_length() > 120


# ------------------------------------------------------------------------------------------------------------- reasons


@pytest.mark.parametrize(
    ("drawn", "every", "asked"), [(0, 3, True), (1, 3, False), (2, 3, False), (3, 3, True), (5, 1, True)]
)
def test_reasons__every_nth(drawn: int, every: int, *, asked: bool) -> None:
    found = replace(NOTHING, every=every).reasons(drawn, record(), (), is_new=True)
    assert found == (("drawn",) if asked else ())


@pytest.mark.parametrize(
    ("minors", "currency", "asked"),
    [
        ((100,), "HKD", False),
        ((101,), "HKD", True),
        ((-101,), "HKD", True),
        ((1, 2, 101), "HKD", True),
        ((0,), "CNY", True),
        ((), "HKD", False),
    ],
)
def test_reasons__above__any_amount_of_the_record_either_way(
    minors: tuple[int, ...], currency: str, *, asked: bool
) -> None:
    found = replace(NOTHING, above_minor={"HKD": 100}).reasons(1, record(*minors, currency=currency), (), is_new=True)
    assert found == (("amount",) if asked else ())


def test_reasons__above__minor_units_beside_their_currency_too() -> None:
    plan = replace(NOTHING, above_minor={"HKD": 100})
    statement = {"currency": "HKD", "assets_minor": 101}
    assert plan.reasons(1, {"financial_statements": [statement]}, (), is_new=False) == ("amount",)
    assert plan.reasons(1, {"financial_statements": [{**statement, "assets_minor": 100}]}, (), is_new=False) == ()


@pytest.mark.parametrize("wanted", list(Severity))
def test_reasons__findings__of_that_severity_or_a_graver_one(wanted: Severity) -> None:
    plan = replace(NOTHING, findings=wanted)
    asked = [one for one in Severity if plan.reasons(1, {}, [Finding("r", "/p", one, "m")], is_new=False)]
    assert asked == [one for one in Severity if one.rank >= wanted.rank]
    assert plan.reasons(1, {}, (), is_new=False) == ()


def test_reasons__new_subjects__and_all_of_them_together() -> None:
    assert replace(NOTHING, new_subjects=True).reasons(1, {}, (), is_new=True) == ("new subject",)
    assert replace(NOTHING, new_subjects=True).reasons(1, {}, (), is_new=False) == ()
    plan = SamplingPlan(every=2, findings=Severity.LOW, new_subjects=True, above_minor={"HKD": 1})
    doubtful = [Finding("r", "/p", Severity.LOW, "m")]
    assert plan.reasons(4, record(5), doubtful, is_new=True) == ("drawn", "amount", "findings", "new subject")


# ----------------------------------------------------------------------------------------------------------- the file


def test_load_plan__every_part__is_as_it_was_written(tmp_path: Path) -> None:
    text = 'every = 10\nfindings = "medium"\nnew_subjects = true\n[above_minor]\nHKD = 100_000_000\nCNY = 0\n'
    plan = load_plan(_written(tmp_path, text))
    assert plan == SamplingPlan(10, Severity.MEDIUM, new_subjects=True, above_minor={"HKD": 100_000_000, "CNY": 0})
    assert plan is not None
    assert plan.canonical() == (
        b'{"above_minor":{"CNY":0,"HKD":100000000},"every":10,"findings":"medium","new_subjects":true}'
    )
    assert plan.hash == hashlib.sha256(plan.canonical()).digest()


def test_load_plan__one_part__the_others_ask_for_nothing(tmp_path: Path) -> None:
    plan = load_plan(_written(tmp_path, "findings = true"))
    assert plan == replace(NOTHING, findings=Severity.LOW)
    assert plan is not None
    assert plan.canonical() == b'{"findings":"low"}'


def test_load_plan__no_file__no_plan(tmp_path: Path) -> None:
    assert load_plan(tmp_path / "review.toml") is None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_load_plan__a_mistake__names_the_file_and_the_key(tmp_path: Path, mistake: str) -> None:
    text, said = MISTAKES[mistake]
    path = _written(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        load_plan(path)
    assert raised.value.message.startswith(f"{path}: {said}"), raised.value.message
    assert "\n" not in str(raised.value)


def test_load_plan__what_can_not_be_read__names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "review.toml"
    path.write_bytes(b"every = \xff")
    with pytest.raises(SettingsError, match=r"review\.toml: is not TOML"):
        load_plan(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SettingsError, match=r"review\.toml: can't be read"):
        load_plan(path)


def _written(folder: Path, text: str) -> Path:
    path = folder / "review.toml"
    path.write_text(text, encoding="utf-8")
    return path
