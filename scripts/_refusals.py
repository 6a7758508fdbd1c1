"""What the registry says when it refuses, and what an administrator can do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.cli.presentation import utc
from creditconnect.errors import NodeRefused, Reverted
from creditconnect.types import BatchStatus, RecordState

UNKNOWN = "UnknownError"
_SEATS = "`institutions sides` shows who holds which seat, `institutions pending` what is offered"
_HINTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "NotLive": lambda _: "every founding side has to accept it first: ape run deploy accept",
    "AlreadyAccepted": lambda _: "nothing is left to do",
    "NotAuthority": lambda _: "a side acts by the address on its authority's seat, once it accepted the registry",
    "NotSeatHolder": lambda _: _SEATS,
    "NotOffered": lambda _: _SEATS,
    "AddressNotFree": lambda _: "it is zero or sits on a seat; a seat takes an address of its own",
    "NoRecovery": lambda _: "none runs to that address, or its authority objected; see `institutions pending`",
    "RecoveryTooEarly": lambda given: f"from {utc(given['notBefore'])} on, or at once with another side's support",
    "OwnSupport": lambda _: "the authority of another side supports it",
    "AlreadyAgreed": lambda _: "the others have still to agree; see `institutions pending`",
    "NotAgreed": lambda _: "never agreed to, withdrawn, completed, expired, or ended by a change of authority",
    "NotACorridor": lambda _: "it joins two sides that have accepted the registry",
    "RegistrationClosed": lambda _: "a successor was named, which is for good",
    "ShareWritten": lambda _: "a share is written once an epoch",
    "NotResolver": lambda _: (
        "who raised the dispute ends it: its side's authority, or another account of its institution"
    ),
    "RecordState": lambda given: f"it is {_state(given)} by now; `institutions record show` shows how it stands",
    "UnknownEntry": lambda _: "`institutions record show` shows every claim to a hash",
    "NotAllowed": lambda _: "its institution may, and the authority of its own side; any side's may dispute",
    "BatchNotPending": lambda given: f"it is {_batch_status(given)}: only what waits for review is rejected",
    "BatchNotActive": lambda given: f"it is {_batch_status(given)}: only what is active is revoked",
    "ShareInvalid": lambda _: "epochs are 1 to 255, and a share is not zero",
}


def _state(given: Mapping[str, Any]) -> str:
    return RecordState(given["state"]).name.lower()


def _batch_status(given: Mapping[str, Any]) -> str:
    return BatchStatus(given["status"]).name.lower()


def decode_refusal(refusal: NodeRefused) -> Reverted | None:
    """The registry's custom error in a node's error answer, or None where there is none that it knows."""
    data = refusal.data.get("data") if isinstance(refusal.data, dict) else refusal.data
    try:
        raw = bytes.fromhex(str(data).removeprefix("0x"))
    except ValueError:
        return None
    found = ContractAbi.load().decode_error(raw)
    if found.name == UNKNOWN:
        return None
    given = {name: _shown(name, value) for name, value in found.arguments.items()}
    hint = _HINTS.get(found.name)
    return Reverted(found.name, given, hint=hint(given) if hint else "")


def _shown(name: str, value: object) -> object:
    if name == "entryKey":
        return f"{value:#x}"
    if not isinstance(value, bytes):
        return value
    text = value.rstrip(b"\0")
    return text.decode("ascii") if text.isascii() and text.decode("ascii").isprintable() else "0x" + value.hex()
