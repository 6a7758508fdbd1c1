"""Official identifiers of persons and firms. Hides each one's normal form and check digit.

Never puts an identifier into an error: what is refused may still be somebody's number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from operator import mul
from string import ascii_uppercase, digits
from typing import NamedTuple

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason

FIELD = "number"
EARLIEST_BIRTH = date(1900, 1, 1)


class IdentifierType(StrEnum):
    """The identifiers that can be checked; the words that records use for them."""

    HKID = "HKID"
    CN_RESIDENT_ID = "CN_RESIDENT_ID"
    USCC = "USCC"
    LEI = "LEI"
    HK_BRN = "HK_BRN"


class Identifier(NamedTuple):
    """An official identifier in its normal form: what a person or firm is recognised by."""

    type: str
    number: str


def normalise(number: str) -> str:
    """The normal form: upper case, without brackets, spaces and hyphens. Checks nothing."""
    kept = number.translate(_DROPPED)
    return kept.upper() if kept.isascii() else kept


def check(identifier_type: str, number: str, *, field: str = FIELD) -> str:
    """Return the number in its normal form, having checked its shape and its check digit.

    HKID             1 or 2 letters, 6 digits, check digit: weights 9..2, space 36, A 10, modulo 11
    CN_RESIDENT_ID   GB 11643-1999: region, birth date from 1900 on, sequence, ISO 7064 MOD 11-2
    USCC             GB 32100-2015: 17 characters and one modulo 31
    LEI              ISO 17442: 18 characters and two digits, ISO 7064 MOD 97-10
    HK_BRN           8 digits of the business registration (also the Unique Business Identifier); it has no check digit

    A birth date is held against the calendar, not against today's date: the answer never changes.

    Raises:
        FieldInvalid: reason IDENTIFIER, about `field`; says the type and never the number.
    """
    normal = normalise(number)
    is_valid = _CHECKS.get(identifier_type)
    if is_valid is None:
        raise FieldInvalid(field, RowReason.IDENTIFIER, f"the identifier type is none of {', '.join(_CHECKS)}")
    if not is_valid(normal):
        raise FieldInvalid(field, RowReason.IDENTIFIER, f"not a valid {identifier_type}: shape or check digit is wrong")
    return normal


def check_normal(identifier_type: str, number: str, *, field: str = FIELD) -> None:
    """Demand a valid number that is already in its normal form, as records carry it.

    Raises:
        FieldInvalid: as `check`, and when the number is valid but written otherwise.
    """
    if check(identifier_type, number, field=field) != number:
        raise FieldInvalid(field, RowReason.IDENTIFIER, f"a {identifier_type} that is not in its normal form")


def hkid_check_digit(body: str) -> str:
    """The check digit of an HKID's letters and six digits, e.g. `3` of `A123456`."""
    total = sum(map(mul, _HKID_WEIGHTS, map(_HKID_VALUES.__getitem__, body.rjust(8))))
    return "0123456789A"[-total % 11]


def resident_id_check_digit(body: str) -> str:
    """The check character of a resident ID's first 17 digits, ISO 7064 MOD 11-2."""
    # 13 is 2 modulo 11, so that reading in base 13 weighs the digits by powers of 2
    return "0123456789X"[(1 - 2 * int(body, 13)) % 11]


def _is_hkid(number: str) -> bool:
    return _HKID.fullmatch(number) is not None and hkid_check_digit(number[:-1]) == number[-1]


def _is_resident_id(number: str) -> bool:
    if _RESIDENT_ID.fullmatch(number) is None or resident_id_check_digit(number[:17]) != number[17]:
        return False
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])) >= EARLIEST_BIRTH
    except ValueError:
        return False


def _is_uscc(number: str) -> bool:
    if _USCC.fullmatch(number) is None:
        return False
    total = sum(weight * _USCC_ALPHABET.index(c) for weight, c in zip(_USCC_WEIGHTS, number[:17], strict=True))
    return _USCC_ALPHABET[-total % 31] == number[17]


def _is_lei(number: str) -> bool:
    return _LEI.fullmatch(number) is not None and int("".join(str(int(c, 36)) for c in number)) % 97 == 1


def _is_hk_brn(number: str) -> bool:
    return _HK_BRN.fullmatch(number) is not None and number != "00000000"


_DROPPED = str.maketrans("", "", "()\uff08\uff09 -")
_HKID_WEIGHTS = range(9, 1, -1)
_HKID_VALUES = {" ": 36, **{character: int(character, 36) for character in digits + ascii_uppercase}}
_HKID = re.compile(r"[A-Z]{1,2}[0-9]{6}[0-9A]")
_RESIDENT_ID = re.compile(r"[1-9][0-9]{16}[0-9X]")
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(rf"[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}")
_USCC_WEIGHTS = tuple(3**exponent % 31 for exponent in range(17))
_LEI = re.compile(r"[0-9A-Z]{18}[0-9]{2}")
_HK_BRN = re.compile(r"[0-9]{8}")
_CHECKS: dict[str, Callable[[str], bool]] = {
    IdentifierType.HKID: _is_hkid,
    IdentifierType.CN_RESIDENT_ID: _is_resident_id,
    IdentifierType.USCC: _is_uscc,
    IdentifierType.LEI: _is_lei,
    IdentifierType.HK_BRN: _is_hk_brn,
}
