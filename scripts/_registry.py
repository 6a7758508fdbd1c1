"""What the administrators' scripts share: the node that was named, and the registry's words.

Hides ape: connecting, signing, waiting for a receipt, the contract's types. Runs from the committed ABI and bytecode,
so no compiler is needed. Never starts a node, never takes a passphrase or a key as an argument.

`--network` names the node: `http://host:port`, or a network of ape-config.yaml such as `ethereum:two-validators:node`.
Keys and passphrases: see scripts/_keys.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import resources
from typing import Any, Protocol

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, NetworkOption
from ape.exceptions import ApeException
from ape.logging import logger
from eth_utils.address import is_hex_address, to_checksum_address
from eth_utils.crypto import keccak
from requests.exceptions import RequestException
from web3.exceptions import CannotHandleRequest
from web3.middleware import ExtraDataToPOAMiddleware

from creditconnect.chain.contract_abi import ContractAbi, Event
from creditconnect.chain.deployment import Deployment
from creditconnect.errors import (
    ChainError,
    CreditConnectError,
    InputError,
    NodeRefused,
    NodeUnreachable,
    OtherChain,
    UsageError,
)
from scripts._refusals import decode_refusal

CODE_BYTES = 32
# The state may have moved on between the estimate and the block.
GAS_MARGIN_PERCENT = 20
# Besu answers no more in one query.
LOG_WINDOW_BLOCKS = 5_000
# The one type that a chain without a base fee takes, and that every other takes too.
LEGACY_TRANSACTION = 0
CLIQUE_EXTRA_BYTES = 32 + 65
# At 1 wei for gas: 40 thousand million records.
FUNDS_WEI = 10**15
TRANSFER_GAS = 21_000
# The last is web3's word for a node that was there a moment ago.
LOST_CONNECTION = (RequestException, ConnectionError, CannotHandleRequest)
NODE_HINT = "name the node by its URL, http://host:port"


class OneLineError(click.ClickException):
    """An error as an administrator sees it: one line, exit code 2 for what can't be asked, else 1."""

    def __init__(self, error: Exception) -> None:
        super().__init__(" ".join(str(error).split()) or type(error).__name__)
        self.exit_code = 2 if isinstance(error, UsageError) else 1


class ChainCommand(ConnectedProviderCommand):
    """A command on the node that `--network` names. It must be named: left to itself, ape starts one, silently."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self.params.append(NetworkOption(default=None, help="The node's URL, or a network of ape-config.yaml."))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            with one_line_errors():
                return super().parse_args(ctx, args)
        except click.BadParameter as error:
            # ape lists every network that it has ever heard of. What is missing has no message of its own.
            error.message = error.message.partition("\n")[0].removesuffix(" Options:")
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Connect and run the command.

        Raises:
            OneLineError: whatever went wrong that is not a fault of this software.
        """
        with one_line_errors():
            provider = ctx.params["network"]
            if not isinstance(provider, ProviderAPI):
                raise UsageError("--network is missing", hint=NODE_HINT)
            if provider.network.is_dev:
                raise UsageError(f"--network {provider.network_choice} would start a node of its own", hint=NODE_HINT)
            with logger.at_level("ERROR"):
                return super().invoke(ctx)


class OfflineCommand(click.Command):
    """A command that asks no node."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            OneLineError: as `ChainCommand`.
        """
        with one_line_errors():
            return super().invoke(ctx)


class AddressParameter(click.ParamType):
    """An account's address; in mixed case its checksum must hold."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_address(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)


class Chain:
    """The node in use, asked in raw JSON-RPC where a decision hangs on the answer."""

    def __init__(self, provider: ProviderAPI) -> None:
        self.provider = provider
        self._web3 = provider.web3
        # Clique's and QBFT's long extraData; ape waits for another exception than web3 7 raises.
        if ExtraDataToPOAMiddleware not in self._web3.middleware_onion:
            self._web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)

    @cached_property
    def id(self) -> int:
        return int(self.ask("eth_chainId"), 16)

    @cached_property
    def genesis_hash(self) -> bytes:
        return bytes.fromhex(self.ask("eth_getBlockByNumber", "0x0", False)["hash"].removeprefix("0x"))

    def head(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)

    def code_hash(self, address: str) -> bytes:
        """The keccak-256 of the code at an address.

        Raises:
            OtherChain: there is no contract.
        """
        code = bytes.fromhex((self.ask("eth_getCode", address, "latest") or "0x").removeprefix("0x"))
        if not code:
            raise OtherChain(f"there is no contract at {address} on this chain")
        return keccak(code)

    def ask(self, method: str, *parameters: Any) -> Any:
        """The node's answer.

        Raises:
            NodeUnreachable, NodeRefused: it gave none, or an error.
        """
        try:
            answer = self._web3.provider.make_request(method, list(parameters))
        except (*LOST_CONNECTION, OSError) as error:
            raise NodeUnreachable(f"the node does not answer ({type(error).__name__})") from error
        if refusal := answer.get("error"):
            raise NodeRefused(int(refusal.get("code", 0)), str(refusal.get("message", "")), refusal.get("data"))
        return answer["result"]

    def gas_price(self) -> int:
        return int(self.ask("eth_gasPrice"), 16)

    def takes_funds(self) -> bool:
        """Whether whoever sends here has to have a balance: on Clique, which hands nothing on that pays nothing.

        Told by the header: vanity and seal (EIP-225, 97 bytes at least), and no base fee. On Besu gas is free.
        """
        head = self.ask("eth_getBlockByNumber", "latest", False)
        extra = bytes.fromhex(head["extraData"].removeprefix("0x"))
        return "baseFeePerGas" not in head and len(extra) >= CLIQUE_EXTRA_BYTES

    def lacks_funds(self, address: str) -> bool:
        """Whether an account has less than half of what accounts are given here."""
        return self.takes_funds() and int(self.ask("eth_getBalance", address, "latest"), 16) < FUNDS_WEI // 2

    def fund(self, sender: AccountAPI, address: str) -> None:
        """Give an account enough for all that it will ever send."""
        tx = self.provider.network.ecosystem.create_transaction(
            type=LEGACY_TRANSACTION, receiver=address, value=FUNDS_WEI, gas=TRANSFER_GAS, gas_price=self.gas_price()
        )
        receipt = sender.call(tx)
        if receipt.failed:
            raise ChainError(f"transaction {receipt.txn_hash} failed in block {receipt.block_number}")

    def next_nonce(self, address: str) -> int:
        """The nonce of the next transaction of an address, those that wait for a block counted."""
        return int(self.ask("eth_getTransactionCount", address, "pending"), 16)

    def time_of(self, block: int | str = "latest") -> int:
        """A block's time in seconds since 1970, UTC."""
        return int(
            self.ask("eth_getBlockByNumber", hex(block) if isinstance(block, int) else block, False)["timestamp"], 16
        )

    def simulate(self, sender: str, data: str, receiver: str) -> None:
        """Run a call as of now and throw away what it did.

        Raises:
            Reverted: the contract refuses.
        """
        self._asked_of_contract("eth_call", {"from": sender, "data": data, "to": receiver}, "latest")

    def gas_for(self, sender: str, data: str, receiver: str | None = None) -> int:
        """What a call may use, with a margin.

        Raises:
            Reverted: the contract refuses.
        """
        call = {"from": sender, "data": data} | ({"to": receiver} if receiver else {})
        gas = int(self._asked_of_contract("eth_estimateGas", call), 16)
        return gas + gas * GAS_MARGIN_PERCENT // 100

    def _asked_of_contract(self, method: str, *parameters: Any) -> Any:
        try:
            return self.ask(method, *parameters)
        except NodeRefused as refusal:
            raise decode_refusal(refusal) or refusal from None

    def submit(self, sender: AccountAPI, data: str, receiver: str | None = None) -> Any:
        """Estimate, sign, send, and wait for the receipt, which is returned.

        Raises:
            Reverted: the contract refuses; nothing was sent.
        """
        tx = self.provider.network.ecosystem.create_transaction(
            type=LEGACY_TRANSACTION,
            data=data,
            gas=self.gas_for(str(sender.address), data, receiver),
            gas_price=self.gas_price(),
            **({"receiver": receiver} if receiver else {}),
        )
        receipt = sender.call(tx)
        if receipt.failed:
            raise ChainError(f"transaction {receipt.txn_hash} failed in block {receipt.block_number}")
        return receipt


class Registry:
    """The contract's functions by name. Bytes32 and addresses go in and come out as ape gives them."""

    def __init__(self, chain: Chain, address: str) -> None:
        from ape.contracts import ContractInstance

        self.chain = chain
        self.address = to_checksum_address(address)
        self._contract = ContractInstance(self.address, contract_type())
        self._abi = ContractAbi.load()

    def read(self, function: str, *arguments: Any, block: int | str = "latest") -> Any:
        """What a view function answers at a block."""
        return getattr(self._contract, function)(*arguments, block_id=block)

    def call_data(self, function: str, *arguments: Any) -> bytes:
        return bytes(getattr(self._contract, function).encode_input(*arguments))

    def send(self, sender: AccountAPI, function: str, *arguments: Any) -> None:
        """Call a function in a transaction and wait until it is mined.

        Raises:
            Reverted: the contract refuses, by name and arguments.
        """
        self.chain.submit(sender, "0x" + self.call_data(function, *arguments).hex(), self.address)

    def jurisdictions(self, block: int | str = "latest") -> dict[int, Any]:
        """The sides by id, each as the contract's struct."""
        count = self.read("registry", block=block).jurisdictionCount
        return {side: self.read("jurisdictionOf", side, block=block) for side in range(1, count + 1)}

    def side_of(self, address: str, name: str) -> int:
        """The jurisdiction whose authority's seat an address holds; `name` is what an error calls it.

        Raises:
            UsageError: none's.
        """
        for side, jurisdiction in self.jurisdictions().items():
            if jurisdiction.authority == address:
                return side
        raise UsageError(f"{name} ({address}) is not the authority of any side of this registry")

    def side_by_code(self, code: str) -> int:
        """A side's id by its code.

        Raises:
            UsageError: there is no such side.
        """
        ids = {code_text(one.code): side for side, one in self.jurisdictions().items()}
        if code not in ids:
            raise UsageError(f"there is no side {code!r}", hint=f"there are {', '.join(ids)}")
        return ids[code]

    def institution_by_code(self, code: str) -> int:
        """An institution's id by its code.

        Raises:
            UsageError: there is no such institution.
        """
        institution = int(self.read("institutionByCode", code_bytes(code)))
        if not institution:
            raise UsageError(f"there is no institution {code!r}", hint="`institutions list` shows all")
        return institution

    def events(self, name: str, first_block: int, last_block: int) -> Iterator[tuple[int, Event]]:
        """The events of one name with the blocks that they are in, oldest first."""
        topic = "0x" + self._abi.topic(name).hex()
        for start in range(first_block, last_block + 1, LOG_WINDOW_BLOCKS):
            end = min(start + LOG_WINDOW_BLOCKS - 1, last_block)
            window = {"address": self.address, "topics": [topic], "fromBlock": hex(start), "toBlock": hex(end)}
            for log in self.chain.ask("eth_getLogs", window):
                topics = [bytes.fromhex(one.removeprefix("0x")) for one in log["topics"]]
                data = bytes.fromhex(log["data"].removeprefix("0x"))
                yield int(log["blockNumber"], 16), self._abi.decode_event(topics, data)


class Hand(Protocol):
    """Who carries calls out."""

    name: str
    address: str

    def act(self, registry: Registry, function: str, *arguments: Any) -> None:
        """Carry one call out, and return when it is."""
        ...

    def fund(self, registry: Registry, address: str) -> bool:
        """Give an account what the chain's fees take, where it lacks that; whether it was given."""
        ...


def open_registry(provider: ProviderAPI, deployment: Deployment) -> Registry:
    """The registry of a deployment file, after the chain was compared with it.

    Raises:
        OtherChain: chain id, genesis hash or the code at the address differ.
    """
    chain = Chain(provider)
    trusted = deployment.identity
    for name, found, wanted in (
        ("chain id", chain.id, trusted.chain_id),
        ("genesis hash", chain.genesis_hash.hex(), trusted.genesis_hash.hex()),
        ("code hash", chain.code_hash(trusted.registry).hex(), trusted.code_hash.hex()),
    ):
        if found != wanted:
            raise OtherChain(f"this is not the deployment's chain: its {name} is {found}, the deployment's is {wanted}")
    return Registry(chain, trusted.registry)


def artefact() -> dict[str, Any]:
    """The committed ABI and bytecode."""
    text = (resources.files("creditconnect.chain") / "abi" / "RecordRegistry.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def contract_type() -> Any:
    from ethpm_types import ContractType

    committed = artefact()
    return ContractType.model_validate({"contractName": committed["contractName"], "abi": committed["abi"]})


def code_bytes(text: str) -> bytes:
    """A side's or an institution's code as the contract keeps it: printable ASCII, left-aligned in 32 bytes.

    Raises:
        InputError: it is empty, too long or not printable ASCII.
    """
    if not text or len(text) > CODE_BYTES or not (text.isascii() and text.isprintable()) or text != text.strip():
        raise InputError(f"{text!r} is not a code: 1 to {CODE_BYTES} printable ASCII characters")
    return text.encode("ascii").ljust(CODE_BYTES, b"\0")


def code_text(raw: bytes) -> str:
    return bytes(raw).rstrip(b"\0").decode("ascii", errors="replace")


def parse_address(text: str) -> str:
    """An address with its checksum.

    Raises:
        InputError: it is none, or a mixed-case one whose checksum does not hold.
    """
    digits = text.removeprefix("0x")
    if not text.startswith("0x") or not is_hex_address(text):
        raise InputError(f"{text!r} is not an address")
    address = str(to_checksum_address(text))
    if digits not in (digits.lower(), digits.upper()) and text != address:
        raise InputError(f"{text!r} is not an address: its checksum does not hold")
    return address


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what is the administrator's or the node's fault into one line without a traceback."""
    try:
        yield
    except (CreditConnectError, ApeException, *LOST_CONNECTION) as error:
        lost = lost_connection(error)
        if lost is None or isinstance(error, CreditConnectError):
            raise OneLineError(error) from error
        raise OneLineError(NodeUnreachable(f"the node can't be reached ({type(lost).__name__})")) from error


def lost_connection(error: BaseException | None) -> BaseException | None:
    """The lost connection that an error is or comes from, or None: ape wraps some in errors of its own."""
    while error is not None and not isinstance(error, LOST_CONNECTION):
        error = error.__cause__ or error.__context__
    return error


def with_options(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """One decorator of several, applied as if they stood above each other in this order."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
