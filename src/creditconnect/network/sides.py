"""A side's public file: what the others need to know of its validator, signed by the validator's own key.

    {"format": "creditconnect-side/1", "side", "consensus", "chain_id", "period_seconds", "gas_limit",
     "address": the validator's, "enode", "funded": [accounts that get a balance in the genesis], "signature"}

Signed is keccak-256 of the tag, a line feed and the document without its signature in canonical form (RFC 8785). That
the file is this side's own, nobody can tell from the file alone: its address is read over the phone.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from eth_keys.datatypes import PrivateKey

from creditconnect.chain.headers import recover_signer
from creditconnect.chain.trie import keccak256
from creditconnect.errors import SideInvalid
from creditconnect.network.configuration import ENGINES, SIDE_NAME
from creditconnect.types import Consensus

FORMAT = "creditconnect-side/1"
GREATEST_FUNDED = 64

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_ENODE = re.compile(r"enode://[0-9a-f]{128}@[A-Za-z0-9.:\[\]-]{1,255}:\d{1,5}")
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}")
_GREATEST_BYTES = 65_536
_HINT = "have its side send the one again that creditconnect network key wrote"


@dataclass(frozen=True, slots=True)
class Side:
    """What a side says of its validator, and of the network. Addresses are lower-case hex."""

    side: str
    consensus: Consensus
    chain_id: int
    period_seconds: int
    gas_limit: int
    address: str
    enode: str
    funded: tuple[str, ...] = ()


def write_side(path: Path, side: Side, private_key: bytes) -> None:
    """Sign and write a side's public file.

    Raises:
        FileExistsError: it is never overwritten.
    """
    document = _document(side)
    signature = PrivateKey(private_key).sign_msg_hash(_digest(document)).to_bytes()
    text = orjson.dumps(document | {"signature": "0x" + signature.hex()}, option=orjson.OPT_INDENT_2)
    with path.open("xb") as file:
        file.write(text + b"\n")


def read_side(path: Path) -> Side:
    """Read a side's public file and check its signature.

    Raises:
        SideInvalid: it can't be read, is none, or its signature is not its validator's: names the file.
    """
    try:
        with path.open("rb") as file:
            document = orjson.loads(file.read(_GREATEST_BYTES + 1))
        return _checked(document)
    except OSError as error:
        raise SideInvalid(f"{path}: can't be read ({error.strerror})") from None
    except orjson.JSONDecodeError:
        raise SideInvalid(f"{path}: is no side's public file (not JSON)", hint=_HINT) from None
    except ValueError as error:
        raise SideInvalid(f"{path}: is no side's public file ({error})", hint=_HINT) from None


def is_side(path: Path) -> bool:
    """Whether a JSON file says that it is a side's."""
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT


def _document(side: Side) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(side), "funded": list(side.funded)}


def _digest(document: dict[str, Any]) -> bytes:
    return keccak256(FORMAT.encode() + b"\n" + orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def _checked(document: Any) -> Side:
    members = {"format", "signature", *Side.__dataclass_fields__}
    if not isinstance(document, dict) or document.get("format") != FORMAT or set(document) != members:
        raise ValueError(f"not a {FORMAT}")
    if document["consensus"] not in ENGINES.values():
        raise ValueError("consensus has not its form")
    funded = document["funded"]
    if not isinstance(funded, list) or len(funded) > GREATEST_FUNDED or not all(map(_is_address, funded)):
        raise ValueError("funded holds no address, or too many")
    side = Side(
        side=_text(document, "side", SIDE_NAME),
        consensus=Consensus(document["consensus"]),
        chain_id=_count(document, "chain_id"),
        period_seconds=_count(document, "period_seconds"),
        gas_limit=_count(document, "gas_limit"),
        address=_text(document, "address", _ADDRESS),
        enode=_text(document, "enode", _ENODE),
        funded=tuple(funded),
    )
    signature = bytes.fromhex(_text(document, "signature", _SIGNATURE)[2:])
    if recover_signer(signature, _digest(_document(side))) != side.address:
        raise ValueError("the signature is not the validator's: it was altered")
    return side


def _is_address(value: object) -> bool:
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _text(document: dict[str, Any], member: str, form: re.Pattern[str]) -> str:
    value = document[member]
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{member} has not its form")
    return value


def _count(document: dict[str, Any], member: str) -> int:
    value = document[member]
    if type(value) is not int or not 0 < value < 2**53:
        raise ValueError(f"{member} is no count")
    return value
