"""What is printed, read again: a sheet's own file, a picture of it, or the text that a scanner made of its codes.

Pictures come from outside: their bytes and pixels are bounded before they are decoded.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditconnect.custody.printed_codes import codes_in, is_codes, join_codes, sort_codes
from creditconnect.errors import SourceUnreadable

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".html", ".jpeg", ".jpg", ".png", ".txt")
"""Of files in a folder that may be something printed."""
GREATEST_PICTURE_BYTES = 64 * 2**20
# A4 at 600 dpi has 35 million, a good telephone's photo 50.
MOST_PIXELS = 80_000_000

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
SHEET_START = "<!doctype html>\n<!-- creditconnect-sheet/1 -->\n"
_SHEET_CODE = re.compile(rb'data-code="([^"]*)"')


def is_picture(data: bytes) -> bool:
    """Whether these bytes begin as a PNG or a JPEG file does."""
    return data.startswith(_PICTURES)


def printed_codes(name: str, data: bytes) -> list[str] | None:
    """The texts of the codes in a file's bytes; None where it is nothing printed, but perhaps a package itself.

    Raises:
        SourceUnreadable: a picture that can't be decoded, or is too large.
    """
    if is_picture(data):
        return _codes_in_picture(name, data)
    if data.startswith(SHEET_START.encode()):
        return [code.decode("ascii", "replace") for code in _SHEET_CODE.findall(data)]
    return codes_in(data) if is_codes(data) else None


def packages_in(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of what a file's bytes hold: of each sheet its codes, as `read_codes` takes them; else themselves.

    Where there are several they are numbered. What is not whole comes last, together.

    Raises:
        SourceUnreadable: a picture or sheet without a code of ours, or as `printed_codes`.
    """
    codes = printed_codes(name, data)
    if codes is None:
        yield name, data
        return
    if not codes:
        raise SourceUnreadable(
            f"{name}: no code of a CreditConnect sheet can be read in it",
            hint="take another picture: the whole code, flat, sharp and well lit",
        )
    whole, partial = sort_codes(codes)
    sheets = [*whole, [code for sheet in partial for code in sheet]] if partial else whole
    for number, sheet in enumerate(sheets, start=1):
        yield name if len(sheets) == 1 else f"{name}/{number}", join_codes(sheet)


# ----------------------------------------------------------------------------------------------------------- private


def _codes_in_picture(name: str, data: bytes) -> list[str]:
    from zxingcpp import BarcodeFormat, BarcodeFormats, TextMode, read_barcodes

    if len(data) > GREATEST_PICTURE_BYTES:
        raise SourceUnreadable(f"{name}: a picture larger than {GREATEST_PICTURE_BYTES:,} bytes")
    qr_codes = BarcodeFormats([BarcodeFormat.QRCode])
    found = read_barcodes(_decoded(name, data), formats=qr_codes, text_mode=TextMode.Plain)
    # Other people's codes may be in the picture too.
    return [code.text for code in found if is_codes(code.text.encode())]


def _decoded(name: str, data: bytes) -> Image:
    """The picture in shades of grey, on white where it lets through."""
    from PIL import Image, UnidentifiedImageError

    try:
        # Beyond its own bound the library only warns.
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        _require_pixels(name, picture)
        if picture.mode.startswith("I"):
            # 16 bits a pixel, of which the library would keep the lower eight.
            return picture.convert("I").point(lambda value: value / 257, "L")
        if picture.has_transparency_data:
            paper = Image.new("RGBA", picture.size, "white")
            return Image.alpha_composite(paper, picture.convert("RGBA")).convert("L")
        return picture.convert("L")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(name) from None
    except UnidentifiedImageError:
        raise SourceUnreadable(f"{name}: begins as a picture does, and is none") from None
    except (OSError, SyntaxError, ValueError, EOFError):
        raise SourceUnreadable(f"{name}: the picture is damaged or cut off", hint="take or send it again") from None


def _require_pixels(name: str, picture: Image) -> None:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise _too_many_pixels(name)


def _too_many_pixels(name: str) -> SourceUnreadable:
    return SourceUnreadable(f"{name}: a picture of more than {MOST_PIXELS:,} pixels", hint="scan it at 300 dpi")
