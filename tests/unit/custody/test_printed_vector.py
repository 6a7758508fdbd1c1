"""The codes of tests/vectors/printed.json, read by ours and by the standards alone: base32, SHA-256 and ZLIB."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from creditconnect.custody.printed_codes import join_codes, read_codes
from creditconnect.errors import PackageInvalid

VECTORS = Path(__file__).parents[2] / "vectors"
PRINTED: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / "printed.json").read_text(encoding="utf-8"))
HELD = {
    "package.json": json.loads((VECTORS / "package.json").read_text(encoding="utf-8"))["package"].encode(),
    "sealed.json": bytes.fromhex(
        json.loads((VECTORS / "sealed.json").read_text(encoding="utf-8"))["sealed"][0]["sealed"]
    ),
}


@pytest.mark.parametrize("vector", PRINTED["printed"], ids=lambda vector: f"{vector['holds']} {len(vector['codes'])}")
def test_codes__of_the_vector__hold_the_package(vector: dict[str, Any]) -> None:
    assert read_codes(join_codes(vector["codes"])) == HELD[vector["holds"]]


@pytest.mark.parametrize("vector", PRINTED["printed"], ids=lambda vector: f"{vector['holds']} {len(vector['codes'])}")
def test_codes__of_the_vector__hold_it_by_the_standards_alone(vector: dict[str, Any]) -> None:
    codes = sorted(set(vector["codes"]))
    assert [code[:7] for code in codes] == [f"CC1{number:02}{len(codes):02}" for number in range(1, len(codes) + 1)]
    text = "".join(code[15:] for code in codes)
    payload = base64.b32decode(text + "=" * (-len(text) % 8))
    assert {code[7:15] for code in codes} == {base64.b32encode(hashlib.sha256(payload).digest()[:5]).decode()}
    assert zlib.decompress(payload) == HELD[vector["holds"]]


@pytest.mark.parametrize("vector", PRINTED["refused"], ids=lambda vector: vector["why"])
def test_codes__of_the_vector__are_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(PackageInvalid) as error:
        read_codes(join_codes(vector["codes"]))
    assert vector["why"] in error.value.message
