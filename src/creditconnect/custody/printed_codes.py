"""A package as text that is printed as QR codes, scanned and put together again (docs/PROTOCOL.md, 6).

The text is of letters and digits alone: scanners type it as a keyboard does, whatever the keyboard's layout, and no
space at an end gets lost. What is read comes from outside: how many codes, how long each and how far the whole inflates
is bounded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import IO

from creditconnect.custody import packages, sealed_packages
from creditconnect.errors import PackageInvalid, UsageError

PREFIX = "CC1"
MOST_CODES = 16
# QR version 25 at level M: 117 modules a side, 0.7 mm each with two codes beside each other. A terminal takes lines
# of 4,095 characters, and each code that a scanner types is a line.
MOST_CHARACTERS = 1_400
# QR version 40 at level L, alphanumeric (ISO/IEC 18004, table 7).
_GREATEST_CODE = 4_296
_ID_CHARACTERS = 8
_HEAD_CHARACTERS = len(PREFIX) + 2 + 2 + _ID_CHARACTERS
_GREATEST_BYTES = max(packages.GREATEST_BYTES, sealed_packages.GREATEST_BYTES)
# A scanner held too long types a code more than once.
_MOST_SCANNED = 10 * MOST_CODES

_CODE = re.compile(r"CC1(?P<number>[0-9]{2})(?P<sheet>(?P<count>[0-9]{2})[A-Z2-7]{8})(?P<data>[A-Z2-7]+)")
# A text file of a Windows editor begins with a byte order mark.
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*CC1[0-9]{4}")
_DAMAGED = "scan it again, or ask for another sheet"


def write_codes(package: bytes) -> list[str]:
    """The texts of a package's codes, plain or sealed, in their order.

    Raises:
        UsageError: it would take more than `MOST_CODES`.
    """
    payload = zlib.compress(package, 9)
    text = _base32(payload)
    count = -(-len(text) // (MOST_CHARACTERS - _HEAD_CHARACTERS))
    if count > MOST_CODES:
        raise UsageError(
            f"{len(package):,} bytes would take {count} printed codes, a sheet has {MOST_CODES} at most",
            hint="hand the package over as a file: creditconnect package",
        )
    # Of one size, so that none is harder to scan than the others.
    length = -(-len(text) // count)
    head = f"{count:02}{_id(payload)}"
    return [f"{PREFIX}{number + 1:02}{head}{text[number * length :][:length]}" for number in range(count)]


def is_codes(data: bytes) -> bool:
    """Whether these bytes begin as the text of a code does."""
    return _BEGINS.match(data) is not None


def codes_in(data: bytes) -> list[str]:
    """The codes of a text, one a line; what stands between them too, as it may be a code that was damaged."""
    return data.removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace").split()


def sort_codes(codes: Iterable[str]) -> tuple[list[list[str]], list[list[str]]]:
    """Codes by the sheet that they are of, each once: the sheets that are whole, and those of which some are missing.

    What is no code at all is together the last of these.
    """
    sheets: dict[str, dict[str, None]] = {}
    for code in codes:
        found = _CODE.fullmatch(code)
        sheets.setdefault(found["sheet"] if found else "", {})[code] = None
    not_codes = sheets.pop("", {})
    whole = [list(sheet) for sheet in sheets.values() if _is_whole(sheet)]
    partial = [list(sheet) for sheet in sheets.values() if not _is_whole(sheet)]
    return whole, [*partial, list(not_codes)] if not_codes else partial


def join_codes(codes: Iterable[str]) -> bytes:
    """As `read_codes` takes them."""
    return "\n".join(codes).encode()


def read_codes(data: bytes) -> bytes:
    """The package, plain or sealed, that the codes of one sheet hold, in whatever order.

    Raises:
        PackageInvalid: a code is missing or damaged: says which; or they hold too much.
    """
    codes = codes_in(data)
    whole, partial = sort_codes(codes)
    if partial or len(whole) != 1:
        raise PackageInvalid(_wrong_with(codes, whole, partial), hint=_DAMAGED)
    parts = sorted(whole[0])
    if len(parts) > MOST_CODES or max(map(len, parts)) > _GREATEST_CODE:
        raise PackageInvalid(f"more than {MOST_CODES} printed codes of {_GREATEST_CODE} characters")
    payload = _payload("".join(part[_HEAD_CHARACTERS:] for part in parts))
    if payload is None or _id(payload) != parts[0][_HEAD_CHARACTERS - _ID_CHARACTERS : _HEAD_CHARACTERS]:
        raise PackageInvalid("the printed codes are damaged or altered: they don't have their checksum", hint=_DAMAGED)
    return _inflated(payload)


def read_scanner(stream: IO[bytes]) -> bytes:
    """What a handheld scanner types, until the codes of one sheet are all there; of anything else, all there is.

    Raises:
        UsageError: nothing comes.
    """
    first = stream.readline(_GREATEST_BYTES)
    if not is_codes(first):
        data = first + stream.read(_GREATEST_BYTES + 1)
        if not data.strip():
            raise UsageError("nothing came by standard input", hint="scan the sheet's codes, or pipe a package in")
        return data
    codes = codes_in(first)
    while not (whole := sort_codes(codes))[0] or whole[1]:
        line = stream.readline(_GREATEST_BYTES)
        if not line or len(codes) > _MOST_SCANNED:
            break
        codes += codes_in(line)
    return join_codes(codes)


# ----------------------------------------------------------------------------------------------------------- private


def _is_whole(sheet: Iterable[str]) -> bool:
    codes = sorted(sheet)
    return [code[3:7] for code in codes] == [f"{number:02}{len(codes):02}" for number in range(1, len(codes) + 1)]


def _wrong_with(codes: Sequence[str], whole: Sequence[Sequence[str]], partial: Sequence[Sequence[str]]) -> str:
    damaged = next((number for number, code in enumerate(codes, start=1) if not _CODE.fullmatch(code)), None)
    if damaged is not None:
        return f"line {damaged} is no code as it was printed"
    if not partial:
        return f"codes of {len(whole)} sheets, where those of one belong"
    sheet = max(partial, key=len)
    count = int(sheet[0][5:7])
    numbers = [int(code[3:5]) for code in sheet]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        return f"there are two different codes {twice} of {count}"
    missing = [str(number) for number in range(1, count + 1) if number not in numbers]
    if not missing:
        return f"a code says that it is one of {count}, and is not"
    if len(missing) > 1:
        return f"codes {', '.join(missing)} of {count} are missing"
    return f"code {missing[0]} of {count} is missing"


def _payload(text: str) -> bytes | None:
    try:
        payload = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        return None
    # The last character's spare bits are nought: no two texts are one package.
    return payload if _base32(payload) == text else None


def _inflated(payload: bytes) -> bytes:
    inflating = zlib.decompressobj()
    try:
        data = inflating.decompress(payload, _GREATEST_BYTES + 1)
    except zlib.error:
        raise PackageInvalid("the printed codes don't hold a package: it does not inflate") from None
    if len(data) > _GREATEST_BYTES:
        raise PackageInvalid(f"the printed codes hold more than the {_GREATEST_BYTES:,} bytes of a package")
    if not inflating.eof or inflating.unused_data:
        raise PackageInvalid("the printed codes don't hold a package: it is cut off, or something follows")
    return data


def _base32(data: bytes) -> str:
    """RFC 4648, 6, without padding."""
    return base64.b32encode(data).decode().rstrip("=")


def _id(payload: bytes) -> str:
    """Holds a sheet's codes together, and tells a code that was misread."""
    return _base32(hashlib.sha256(payload).digest()[:5])
