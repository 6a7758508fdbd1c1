"""The registry's ABI: calls in, results, events and errors out, by name.

Hides selectors, topics and the codec. The codec is `eth_abi`, the one beneath web3.py, used directly: web3's contract
layer takes 0.7 s to import and 1.4 ms to encode a call. Tests hold this module against web3.py, call by call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from creditconnect.errors import Reverted

ABI_FILE = "RecordRegistry.json"

# What plain Solidity raises beside custom errors (Solidity docs, "Panic via assert and Error via require").
_BUILT_IN_ERRORS: list[dict[str, Any]] = [
    {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
]


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded event: its name and its arguments, indexed ones included; addresses lower-case hex."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Call data, decoded: the function and its arguments in the contract's order; addresses lower-case hex."""

    function: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Words:
    """One ABI item, with its types spelled for the codec."""

    name: str
    key: bytes
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    input_types: list[str]
    output_types: list[str]


class ContractAbi:
    """Encodes and decodes for one contract."""

    def __init__(self, abi: Sequence[Mapping[str, Any]], deployed_code: bytes) -> None:
        items = [_words(item) for item in [*abi, *_BUILT_IN_ERRORS] if item["type"] in ("function", "event", "error")]
        kinds = [item["type"] for item in [*abi, *_BUILT_IN_ERRORS] if item["type"] in ("function", "event", "error")]
        pairs = list(zip(kinds, items, strict=True))
        self._functions = {words.name: words for kind, words in pairs if kind == "function"}
        self._events = {words.key: words for kind, words in pairs if kind == "event"}
        self._errors = {words.key[:4]: words for kind, words in pairs if kind == "error"}
        self.code_hash = keccak(deployed_code)

    @classmethod
    def load(cls) -> ContractAbi:
        """The packaged artefact, the one that deployments are checked against."""
        text = resources.files("creditconnect.chain").joinpath("abi", ABI_FILE).read_text(encoding="utf-8")
        artefact = json.loads(text)
        return cls(artefact["abi"], bytes.fromhex(artefact["deployedBytecode"].removeprefix("0x")))

    def selector(self, function: str) -> bytes:
        """The four bytes that call data of a function starts with."""
        return self._functions[function].key[:4]

    def topic(self, event: str) -> bytes:
        """The first topic of an event's logs."""
        return next(key for key, words in self._events.items() if words.name == event)

    def encode_call(self, name: str, *arguments: Any) -> bytes:
        """Call data of `name`; arguments as in the contract, structs as tuples, addresses as hex strings."""
        words = self._functions[name]
        return words.key[:4] + encode(words.input_types, arguments)

    def decode_call(self, data: bytes) -> Call:
        """Which function call data is for, and with what.

        Raises:
            ValueError: no function of this contract, or not the one encoding of its arguments. A byte more would be
                the same call to the contract, but another joint action.
        """
        words = next((one for one in self._functions.values() if one.key[:4] == data[:4]), None)
        if words is None:
            raise ValueError("is no call to a function of this contract")
        try:
            values = decode(words.input_types, data[4:])
        except (DecodingError, UnicodeDecodeError):
            raise ValueError(f"is no call to {words.name}: its arguments don't decode") from None
        if self.encode_call(words.name, *values) != data:
            raise ValueError(f"is not the one encoding of its call to {words.name}")
        named = {item["name"]: _named(item, value) for item, value in zip(words.inputs, values, strict=True)}
        return Call(words.name, named)

    def decode_result(self, name: str, data: bytes) -> Any:
        """What `name` returned: structs as dicts by member name, several values as a tuple.

        Raises:
            ValueError: it is nothing that `name` returns.
        """
        words = self._functions[name]
        try:
            values = decode(words.output_types, data)
        except (DecodingError, UnicodeDecodeError):
            raise ValueError(name) from None
        named = tuple(_named(output, value) for output, value in zip(words.outputs, values, strict=True))
        return named[0] if len(named) == 1 else named

    def decode_event(self, topics: Sequence[bytes], data: bytes) -> Event:
        """Decode a log of the registry.

        Raises:
            KeyError: no event of this ABI has that first topic.
        """
        words = self._events[topics[0]]
        indexed = [item for item in words.inputs if item["indexed"]]
        plain = [item for item in words.inputs if not item["indexed"]]
        values = decode([_type(item) for item in plain], data)
        arguments = {item["name"]: _named(item, value) for item, value in zip(plain, values, strict=True)}
        for item, topic in zip(indexed, topics[1:], strict=True):
            arguments[item["name"]] = decode([_type(item)], topic)[0]
        return Event(words.name, arguments)

    def decode_error(self, data: bytes) -> Reverted:
        """The custom error in revert data; `UnknownError(data)` where this ABI has none such."""
        words = self._errors.get(data[:4])
        if words is None:
            return Reverted("UnknownError", {"data": "0x" + data.hex()})
        values = decode(words.input_types, data[4:])
        return Reverted(
            words.name, {item["name"]: _named(item, v) for item, v in zip(words.inputs, values, strict=True)}
        )


def _words(item: Mapping[str, Any]) -> _Words:
    inputs, outputs = list(item["inputs"]), list(item.get("outputs", []))
    input_types = [_type(argument) for argument in inputs]
    signature = f"{item['name']}({','.join(input_types)})"
    return _Words(
        item["name"], keccak(text=signature), inputs, outputs, input_types, [_type(output) for output in outputs]
    )


def _type(item: Mapping[str, Any]) -> str:
    """The canonical type; a tuple spelled by its members (Solidity ABI specification, "Function Selector")."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(member) for member in item['components'])}){kind.removeprefix('tuple')}"


def _named(item: Mapping[str, Any], value: Any) -> Any:
    kind = str(item["type"])
    if kind == "tuple":
        return {m["name"]: _named(m, v) for m, v in zip(item["components"], value, strict=True)}
    if kind == "tuple[]":
        return [_named({**item, "type": "tuple"}, element) for element in value]
    return value
