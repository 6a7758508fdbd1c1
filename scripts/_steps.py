"""A step: one transaction of an administrator's, made by one side or machine, signed and sent by another.

    {"format": "creditconnect-step/1", "chain_id", "genesis_hash", "registry", "code_hash", "words", "function",
     "arguments", "call_data", "sender", "nonce", "gas", "gas_price", "created_at"}
    {"format": "creditconnect-signed-step/1", the same, "raw_transaction", "transaction_hash"}

Who signs needs no node: nonce and gas price are in the step. Who sends needs no key. What counts is the call data: a
file whose function or arguments say something else is refused, and its words are never shown, but made anew. A legacy
transaction with EIP-155, which every chain takes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from ape.api import AccountAPI
from eth_account import Account
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from creditconnect.chain.contract_abi import Call
from creditconnect.chain.deployment import Deployment, identity_from_document, identity_to_document
from creditconnect.cli.presentation import utc
from creditconnect.errors import ChainError, InputError, OtherChain, SettingsError, UsageError
from creditconnect.types import ChainIdentity
from scripts._registry import LEGACY_TRANSACTION, Registry
from scripts._words import DeploymentNames, decode_step, plain_arguments, sentence

FORMAT = "creditconnect-step/1"
SIGNED_FORMAT = "creditconnect-signed-step/1"
# What a call uses depends on what others did between the export and the block: who completes a joint action pays most.
STEP_GAS = 1_000_000
# Two validators may take a minute to find back together after a restart.
RECEIPT_SECONDS = 180
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction, unsigned. `created_at` in seconds since 1970, UTC."""

    identity: ChainIdentity
    call_data: bytes
    sender: str
    nonce: int
    gas: int
    gas_price: int
    created_at: int

    @property
    def call(self) -> Call:
        return decode_step(self.call_data)

    def describe(self, deployment: Deployment) -> list[str]:
        """What signing this would do, line by line."""
        identity = self.identity
        return [
            f"{sentence(self.call, DeploymentNames(deployment))}",
            f"signed by  {self.sender}, nonce {self.nonce}",
            f"registry   {to_checksum_address(identity.registry)} on chain {identity.chain_id}",
            f"call data  0x{self.call_data.hex()}",
            f"made at    {utc(self.created_at)}, gas {self.gas:,} at {self.gas_price:,} wei",
        ]

    def to_document(self, words: str) -> dict[str, Any]:
        call = self.call
        return {
            "format": FORMAT,
            **identity_to_document(self.identity),
            "words": words,
            "function": call.function,
            "arguments": plain_arguments(call),
            "call_data": "0x" + self.call_data.hex(),
            "sender": self.sender,
            "nonce": self.nonce,
            "gas": self.gas,
            "gas_price": self.gas_price,
            "created_at": self.created_at,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Step:
        """Read a step, and hold what it says for people against its call data.

        Raises:
            InputError: they differ, or the call is no administrator's. KeyError, TypeError, ValueError: its form.
        """
        step = cls(
            identity=identity_from_document(document),
            call_data=_raw(document["call_data"]),
            sender=str(to_checksum_address(document["sender"])),
            nonce=_count(document["nonce"]),
            gas=_count(document["gas"]),
            gas_price=_count(document["gas_price"]),
            created_at=_count(document["created_at"]),
        )
        call = step.call
        if (document["function"], document["arguments"]) != (call.function, plain_arguments(call)):
            said = str(document["function"])[:40]
            raise InputError(f"was altered: it says {said!r}, but its call data is another call, to {call.function}")
        return step

    def require_registry(self, deployment: Deployment) -> None:
        """Refuse a step for any other chain or registry.

        Raises:
            OtherChain: names the first difference.
        """
        wanted, found = identity_to_document(deployment.identity), identity_to_document(self.identity)
        for member, value in found.items():
            if value != wanted[member]:
                name = member.replace("_", " ")
                raise OtherChain(f"the step is for another registry: its {name} is {value}, not {wanted[member]}")


@dataclass(frozen=True, slots=True)
class SignedStep:
    """A step with its transaction as it goes over the wire."""

    step: Step
    raw: bytes

    @property
    def tx_hash(self) -> str:
        return "0x" + keccak(self.raw).hex()

    def to_document(self, words: str) -> dict[str, Any]:
        return self.step.to_document(words) | {
            "format": SIGNED_FORMAT,
            "raw_transaction": "0x" + self.raw.hex(),
            "transaction_hash": self.tx_hash,
        }


def read_document(path: Path) -> Step | SignedStep:
    """Read a step, signed or not.

    Raises:
        InputError: it is neither, or was altered: words against call data, or step against signed transaction.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] not in (FORMAT, SIGNED_FORMAT):
            raise ValueError(f"format {str(document['format'])[:40]!r}")
        step = Step.from_document(document)
        if document["format"] == FORMAT:
            return step
        signed = SignedStep(step, _raw(document["raw_transaction"]))
        _require_signature_of(step, signed.raw)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no step ({type(error).__name__}: {str(error)[:80]})") from None
    return signed


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write a step.

    Raises:
        SettingsError: the file exists, or can't be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=2) + "\n")
    except FileExistsError:
        raise SettingsError(f"{path} exists: a step is never overwritten") from None
    except OSError as error:
        raise SettingsError(f"{path}: can't be written ({error.strerror})") from None


def sign(step: Step, account: AccountAPI) -> SignedStep:
    """Sign without a node."""
    from ape import networks

    require_sender(step, str(account.address), str(account.alias))
    tx = networks.ethereum.create_transaction(
        type=LEGACY_TRANSACTION,
        chain_id=step.identity.chain_id,
        nonce=step.nonce,
        gas=step.gas,
        gas_price=step.gas_price,
        receiver=to_checksum_address(step.identity.registry),
        data="0x" + step.call_data.hex(),
        value=0,
    )
    account.sign_transaction(tx)
    return SignedStep(step, tx.serialize_transaction())


def require_sender(step: Step, address: str, name: str) -> None:
    """Refuse another key than the step's.

    Raises:
        UsageError: names both.
    """
    if address != step.sender:
        raise UsageError(f"{name} ({address}) can't sign this step: {step.sender} has to")


def send(registry: Registry, signed: SignedStep, *, sleep: Callable[[float], None] = time.sleep) -> tuple[int, bool]:
    """Send a signed step and wait for it; its block, and whether it was sent now rather than before.

    Raises:
        ChainError: its nonce went to another transaction, comes later, or it failed. Reverted: the registry refuses.
    """
    chain = registry.chain
    if (block := _block_of(registry, signed.tx_hash)) is not None:
        return block, False
    check(registry, signed)
    if chain.ask("eth_getTransactionByHash", signed.tx_hash) is None:
        chain.ask("eth_sendRawTransaction", "0x" + signed.raw.hex())
    for _ in range(int(RECEIPT_SECONDS / POLL_SECONDS)):
        if (block := _block_of(registry, signed.tx_hash)) is not None:
            return block, True
        sleep(POLL_SECONDS)
    raise ChainError(f"{signed.tx_hash} is sent, but in no block yet", hint="run the same again to see")


def check(registry: Registry, signed: SignedStep) -> None:
    """Whether a signed step that is not done yet would be done if it were sent now.

    Raises:
        ChainError: its nonce went to another transaction, or comes later. Reverted: the registry refuses.
    """
    step, chain = signed.step, registry.chain
    if chain.ask("eth_getTransactionByHash", signed.tx_hash) is None:
        following = chain.next_nonce(step.sender)
        if step.nonce < following:
            hint = "export the step again, if it is not done"
            raise ChainError(f"{step.sender} has used nonce {step.nonce} for another transaction", hint=hint)
        if step.nonce > following:
            hint = "send its earlier steps first"
            raise ChainError(f"the next nonce of {step.sender} is {following}, this step has {step.nonce}", hint=hint)
    chain.simulate(step.sender, "0x" + step.call_data.hex(), registry.address)


def block_if_done(registry: Registry, signed: SignedStep) -> int | None:
    """The block that a step was done in.

    Raises:
        ChainError: it failed there.
    """
    return _block_of(registry, signed.tx_hash)


def _block_of(registry: Registry, tx_hash: str) -> int | None:
    receipt = registry.chain.ask("eth_getTransactionReceipt", tx_hash)
    if receipt is None:
        return None
    block = int(receipt["blockNumber"], 16)
    if int(receipt["status"], 16) != 1:
        raise ChainError(f"transaction {tx_hash} failed in block {block}", hint="export the step again")
    return block


def _require_signature_of(step: Step, raw: bytes) -> None:
    # Field by field against the step, so that what people are shown is what the signature is for.
    try:
        fields = [bytes(field) for field in rlp.decode(raw)]
        nonce, gas_price, gas, to, value, data, v, _r, _s = fields
        sender = Account.recover_transaction(raw)
    except (RLPException, ValidationError, BadSignature, ValueError, TypeError, KeyError, IndexError):
        # A file from elsewhere may hold anything.
        raise InputError("its signed transaction can't be read") from None
    numbers = [int.from_bytes(one, "big") for one in (nonce, gas_price, gas, value)]
    chain_id = (int.from_bytes(v, "big") - 35) // 2
    found = ("0x" + to.hex(), data, *numbers, chain_id)
    wanted = (step.identity.registry, step.call_data, step.nonce, step.gas_price, step.gas, 0, step.identity.chain_id)
    if found != wanted:
        raise InputError("was altered: its signed transaction is not the step that it shows")
    if sender != step.sender:
        raise InputError(f"is signed by {sender}, not by {step.sender}")


def _raw(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError("hex without 0x")
    return bytes.fromhex(text[2:])


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError(f"{str(value)[:20]!r} is no count")
    return value
