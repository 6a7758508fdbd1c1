"""Promise: what is printed on codes is read back whole, or it is said which code is missing or damaged."""

from __future__ import annotations

import io
import os

import pytest

from creditconnect.custody.packages import read_package
from creditconnect.custody.printed_codes import (
    MOST_CHARACTERS,
    MOST_CODES,
    is_codes,
    join_codes,
    read_codes,
    read_scanner,
    sort_codes,
    write_codes,
)
from creditconnect.errors import PackageInvalid, UsageError
from tests.unit.custody.test_sealed_packages import KINDS, PACKAGE, sealed

LARGE = PACKAGE[:-1] + os.urandom(1_000).hex().encode() + b"}"


def refused(codes: list[str]) -> str:
    with pytest.raises(PackageInvalid) as error:
        read_codes(join_codes(codes))
    return error.value.message


@pytest.mark.parametrize("package", [PACKAGE, LARGE, *map(sealed, KINDS)], ids=["small", "large", *KINDS])
def test_read__what_was_written__the_same_bytes_in_any_order(package: bytes) -> None:
    codes = write_codes(package)
    assert max(map(len, codes)) <= MOST_CHARACTERS
    assert read_codes(join_codes(codes)) == package
    assert read_codes(join_codes([codes[-1], *reversed(codes)])) == package
    assert read_codes(("\ufeff" + "\r\n".join(codes) + "\r\n").encode()) == package
    assert is_codes(join_codes(codes))
    assert not is_codes(package)


def test_write__a_small_package__is_one_code_and_a_large_one_is_several() -> None:
    assert len(write_codes(PACKAGE)) == 1
    assert len(write_codes(LARGE)) == 2
    assert write_codes(LARGE) == write_codes(LARGE)


def test_write__more_than_a_sheet_holds__refused() -> None:
    at_most = os.urandom(MOST_CODES * 800)
    assert len(write_codes(at_most)) <= MOST_CODES
    with pytest.raises(UsageError, match="would take 47 printed codes, a sheet has 16 at most"):
        write_codes(os.urandom(40_000))


def test_read__any_character_altered__refused_or_no_code() -> None:
    (code,) = write_codes(PACKAGE)
    for at, character in enumerate(code):
        for other in "A2!0 " if at % 10 else "AB2Z!09 a\u00e9":
            if other != character:
                altered = join_codes([code[:at] + other + code[at + 1 :]])
                if is_codes(altered):
                    refused([altered.decode()])


@pytest.mark.parametrize("at", range(3))
def test_read__any_character_of_one_of_three_altered__refused(at: int) -> None:
    codes = write_codes(sealed(KINDS[1]))
    assert len(codes) == 3
    for place in (*range(20), len(codes[at]) - 1):
        code = codes[at]
        altered = code[:place] + ("A" if code[place] != "A" else "B") + code[place + 1 :]
        refused([altered if code == codes[at] else code for code in codes])


def test_read__cut_anywhere_or_longer__refused() -> None:
    (code,) = write_codes(PACKAGE)
    for length in range(1, len(code)):
        refused([code[:length]])
    refused([code + "A"])
    refused([code, "A"])


def test_read__a_code_missing__is_named() -> None:
    codes = write_codes(sealed(KINDS[1]))
    assert refused([codes[0], codes[2]]) == "code 2 of 3 is missing"
    assert refused([codes[1]]) == "codes 1, 3 of 3 are missing"


def test_read__codes_of_two_sheets__are_told_apart() -> None:
    first, second = write_codes(LARGE), write_codes(sealed(KINDS[1]))
    whole, partial = sort_codes([second[2], *first, second[0], "garbage"])
    assert (whole, partial) == ([first], [[second[2], second[0]], ["garbage"]])
    assert "codes of 2 sheets" in refused([*first, *second])


# ------------------------------------------------------------------------------------------------------------ scanner


def test_scanner__the_last_code_typed__nothing_more_is_waited_for() -> None:
    codes = write_codes(sealed(KINDS[1]))
    typed = io.BytesIO("".join(f"{code}\r\n" for code in (codes[1], codes[1], codes[0], codes[2], "more")).encode())
    assert read_codes(read_scanner(typed)) == sealed_of(codes)
    assert typed.read() == b"more\r\n"


def test_scanner__ended_before_all_are_there__says_which_are_missing() -> None:
    codes = write_codes(sealed(KINDS[1]))
    typed = read_scanner(io.BytesIO(f"{codes[0]}\n\n{codes[1]}".encode()))
    with pytest.raises(PackageInvalid, match="code 3 of 3 is missing"):
        read_codes(typed)


def test_scanner__a_misread_code__is_not_waited_for_for_ever() -> None:
    codes = write_codes(LARGE)
    typed = read_scanner(io.BytesIO(f"{codes[0]}\n{codes[1][:-1]}!\n".encode()))
    with pytest.raises(PackageInvalid, match="line 2 is no code as it was printed"):
        read_codes(typed)


def test_scanner__a_package_piped_in__is_all_of_it() -> None:
    assert read_package(read_scanner(io.BytesIO(PACKAGE))).provider == "CRA-HK-01"
    assert read_scanner(io.BytesIO(data := sealed(KINDS[0]))) == data
    with pytest.raises(UsageError, match="nothing came"):
        read_scanner(io.BytesIO(b"\n"))


def sealed_of(codes: list[str]) -> bytes:
    return read_codes(join_codes(codes))
