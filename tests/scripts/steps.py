"""Steps in files: altered, signed, read without the code under test; and how an attempt that must fail is to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from tests.scripts.conftest import Admin, Outcome, Rpc

Run = Callable[..., "Outcome"]
Members = Callable[..., Path]

REGISTRY = ["(uint40,uint40,uint32,uint40,uint32,uint32,uint16,uint8,uint8,bool)"]
PAUSED = 4
SET_PAUSED = keccak(text="setPaused(bool)")[:4].hex()
ON, OFF = (f"0x{SET_PAUSED}{flag:064x}" for flag in (1, 0))


def changed(path: Path, to: Path, members: dict[str, object]) -> Path:
    document = json.loads(path.read_text(encoding="utf-8")) | members
    kept = {member: value for member, value in document.items() if value is not None}
    to.write_text(json.dumps(kept), encoding="utf-8")
    return to


def member(path: Path, name: str) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))[name]


def sign(admin: Admin, deployment: Path, step: Path, to: Path, key: str = "hk_authority", *more: object) -> Outcome:
    arguments = ["step", "sign", step, "--key", key, "--out", to, "--deployment", deployment, *(more or ["--yes"])]
    return admin.run("institutions", *arguments, network="")


def signed_by(index: int, step: Path, **other: Any) -> str:
    """The step's transaction, with other members, as raw hex, by one of the mnemonic's accounts."""
    from tests.scripts.conftest import MNEMONIC

    account = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    document = json.loads(step.read_text(encoding="utf-8"))
    tx = {
        "to": to_checksum_address(document["registry"]),
        "data": document["call_data"],
        "value": 0,
        "nonce": document["nonce"],
        "gas": document["gas"],
        "gasPrice": document["gas_price"],
        "chainId": document["chain_id"],
    }
    return "0x" + bytes(account.sign_transaction(tx | other).raw_transaction).hex()


def paused(chain: Rpc, registry: str) -> int:
    return int(chain.call(registry, "registry()", [], REGISTRY)[0][PAUSED])


def refused(outcome: Outcome, *words: str) -> None:
    """It ended with one line that says these words, and did nothing that it says on standard output."""
    assert outcome.code in (1, 2), outcome
    assert (outcome.error.startswith("Error: "), outcome.error.count("\n")) == (True, 1), outcome
    for word in words:
        assert word in outcome.error
