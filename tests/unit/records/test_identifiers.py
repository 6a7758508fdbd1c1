"""Identifiers: known answers, the check digits against python-stdnum, and no number in any error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import lei
from stdnum.cn import ric, uscc

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason
from creditconnect.records.identifiers import check, check_normal, hkid_check_digit, resident_id_check_digit

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
Vectors = Callable[[str], Any]


def is_accepted(identifier_type: str, number: str) -> bool:
    try:
        return check(identifier_type, number) == number
    except FieldInvalid:
        return False


def test_check__known_valid__normal_form(vectors: Vectors) -> None:
    for vector in vectors("identifiers")["valid"]:
        assert check(vector["type"], vector["written"]) == vector["normal"]
        check_normal(vector["type"], vector["normal"])


def test_check__known_invalid__refused_without_the_number(vectors: Vectors) -> None:
    for vector in vectors("identifiers")["invalid"]:
        with pytest.raises(FieldInvalid) as refused:
            check(vector["type"], vector["number"], field="holder_id")
        assert (refused.value.field, refused.value.reason) == ("holder_id", RowReason.IDENTIFIER), vector["why"]
        assert not vector["number"] or vector["number"] not in str(refused.value)


def test_check_normal__valid_but_written_otherwise__refused(vectors: Vectors) -> None:
    for vector in vectors("identifiers")["valid"]:
        if vector["written"] != vector["normal"]:
            with pytest.raises(FieldInvalid, match="normal form"):
                check_normal(vector["type"], vector["written"])


@given(st.from_regex(r"[A-Z]{1,2}[0-9]{6}", fullmatch=True))
def test_hkid__every_body__exactly_one_check_digit(body: str) -> None:
    accepted = [digit for digit in "0123456789ABC" if is_accepted("HKID", body + digit)]
    assert accepted == [hkid_check_digit(body)]


@given(st.from_regex(r"[A-Z]{1,2}[0-9]{6}", fullmatch=True), st.data())
def test_hkid__two_neighbours_swapped__refused(body: str, data: st.DataObject) -> None:
    number = body + hkid_check_digit(body)
    place = data.draw(st.integers(len(body) - 6, len(body) - 2))
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert is_accepted("HKID", swapped) == (swapped == number)


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 999), st.sampled_from("0123456789X"))
def test_resident_id__any_check_character__agrees_with_stdnum(born: date, sequence: int, last: str) -> None:
    number = f"110105{born:%Y%m%d}{sequence:03d}{last}"
    assert is_accepted("CN_RESIDENT_ID", number) == ric.is_valid(number)


@given(st.from_regex(r"110105(19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}", fullmatch=True))
def test_resident_id__any_birth_date__agrees_with_stdnum(body: str) -> None:
    number = body + resident_id_check_digit(body)
    assert is_accepted("CN_RESIDENT_ID", number) == ric.is_valid(number)


@given(st.from_regex(rf"[0-9]{{8}}[{USCC_ALPHABET}]{{10}}", fullmatch=True), st.booleans())
def test_uscc__any_number__agrees_with_stdnum(number: str, corrected: bool) -> None:
    if corrected:
        number = number[:17] + uscc.calc_check_digit(number[:17])
    assert is_accepted("USCC", number) == uscc.is_valid(number)


@given(st.from_regex(r"[0-9A-Z]{18}[0-9]{2}", fullmatch=True), st.booleans())
def test_lei__any_number__agrees_with_stdnum(number: str, corrected: bool) -> None:
    if corrected:
        number = number[:18] + f"{98 - int(''.join(str(int(c, 36)) for c in number[:18] + '00')) % 97:02d}"
    assert is_accepted("LEI", number) == lei.is_valid(number)


ORACLES = [("USCC", uscc), ("LEI", lei), ("CN_RESIDENT_ID", ric)]
VALID = {"USCC": "91440300708461136T", "LEI": "5493001KJTIIGC8Y1R12", "CN_RESIDENT_ID": "11010519491231002X"}


@pytest.mark.parametrize(("identifier_type", "oracle"), ORACLES, ids=[name for name, _ in ORACLES])
@given(st.data())
def test_number__of_a_valid_one_by_up_to_three_characters__agrees_with_stdnum(
    identifier_type: str, oracle: Any, data: st.DataObject
) -> None:
    number = list(VALID[identifier_type])
    # What stdnum asks more of stays: a resident ID's region, which it looks up, and a USCC's first two characters,
    # which it takes as digits only; GB 32100-2015 has letters there too.
    first = {"CN_RESIDENT_ID": 6, "USCC": 2}.get(identifier_type, 0)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(first, len(number) - 1))
        number[place : place + 1] = data.draw(st.sampled_from(["", "0", "1", "9", "A", "I", "O", "X", "Z", "00", "?"]))
        if not number[first:]:
            return
    text = "".join(number)
    # stdnum does not ask an LEI for its length.
    is_valid = oracle.is_valid(text) and oracle.compact(text) == text and len(text) == len(VALID[identifier_type])
    # Nor that its check digits are digits (ISO 17442-1, 4), nor a resident of before 1900 for his years.
    no_digits = identifier_type == "LEI" and not text[-2:].isdigit()
    too_old = identifier_type == "CN_RESIDENT_ID" and is_valid and text[6:10] < "1900"
    assert is_accepted(identifier_type, text) == (is_valid and not no_digits and not too_old)


@given(st.from_regex(r"[0-9A-Z]{0,10}", fullmatch=True))
def test_hk_brn__any_text__eight_digits_that_are_not_all_zero(number: str) -> None:
    assert is_accepted("HK_BRN", number) == (len(number) == 8 and number.isdecimal() and int(number) > 0)
