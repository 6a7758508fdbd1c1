"""Text in people's spreadsheets, where what begins like a formula would be run (OWASP, CSV injection).

What we write stands behind an apostrophe; what is handed in is refused, for nobody knows who opens it later.
"""

from __future__ import annotations

import re

# The full-width forms too, which some spreadsheets take for the others.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Signed numbers, telephone numbers and lone hyphens: they calculate at most.
_HARMLESS = re.compile(r"[+-]?[0-9 ().,/-]*")


def spreadsheet_safe(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run this text: it begins like a formula, and is no plain or telephone number."""
    return text.startswith(_BEGINS_A_FORMULA) and _HARMLESS.fullmatch(text) is None
