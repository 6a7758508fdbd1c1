"""One error tree. Each error names what it is about and, in `hint`, what to do next; none carries a secret.

CreditConnectError
├── UsageError              asked for something that can't be asked (exit code 2)
│   └── SettingsError       a home or its settings are missing or wrong
├── InputError              what was handed in: names file, line or field
│   ├── SourceUnreadable    a file as a whole
│   ├── MappingInvalid      a mapping TOML
│   ├── SchemaUnknown
│   ├── FieldInvalid        one field of one row; the row is rejected, the file goes on
│   ├── NotCanonical        bytes that are not the canonical form of what they say
│   └── PackageInvalid
│       ├── SealedForAnother  the institution that it is sealed for is another one
│       ├── SealedKeyGone     sealed for a key that was retired, or never was this home's
│       └── SealedAltered     does not open under its key; says nothing more
├── CustodyError            what this institution keeps
│   ├── WrongPassphrase
│   ├── KeysBusy            another process changes this home's keys
│   ├── DatabaseLocked
│   ├── DatabaseTooNew
│   ├── DatabaseDamaged
│   └── Tampered            sealed bytes that do not open; says nothing more
├── ChainError              what the chain or its node said
│   ├── NodeUnreachable
│   ├── NodeBehind          the node lacks the block that was asked about
│   ├── NodesDisagree       two nodes that both have a block say different things of it
│   ├── NodeRefused         an error answer: `code`, `message`, `data`
│   ├── NotFinal            no block is under a seal of each side
│   ├── HeaderInvalid       a block's header is not what its hash says, or its seals are none
│   ├── OtherChain          chain id, genesis, address or code differ from the trusted deployment
│   ├── Reverted            the contract's decoded error: `name`, `arguments`
│   ├── SignerUnreachable   a remote signer does not answer
│   └── SignerRefused       it has no such key, or answers what is not this key's signature
├── NetworkError            founding, starting and watching validators
│   ├── SideInvalid         a side's public file
│   └── EngineMissing       no node program of the wanted engine, or another version
└── ExchangeError           sending and following
    ├── SubmitterBusy       another process already submits with this key
    ├── NotEntitled         the registry would refuse this institution now
    ├── ReorgTooDeep
    └── MirrorInconsistent
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CreditConnectError(Exception):
    """Root of all errors that this package raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class UsageError(CreditConnectError): ...


class SettingsError(UsageError): ...


class InputError(CreditConnectError): ...


class SourceUnreadable(InputError): ...


class MappingInvalid(InputError): ...


class SchemaUnknown(InputError): ...


class FieldInvalid(InputError):
    """One field of one row is wrong. `field` is a column or a schema path, `reason` a `reasons.RowReason` name."""

    def __init__(self, field: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason


class NotCanonical(InputError): ...


class PackageInvalid(InputError): ...


class SealedForAnother(PackageInvalid): ...


class SealedKeyGone(PackageInvalid): ...


class SealedAltered(PackageInvalid): ...


class CustodyError(CreditConnectError): ...


class WrongPassphrase(CustodyError): ...


class KeysBusy(CustodyError): ...


class DatabaseLocked(CustodyError): ...


class DatabaseTooNew(CustodyError): ...


class DatabaseDamaged(CustodyError): ...


class Tampered(CustodyError): ...


class ChainError(CreditConnectError): ...


class NodeUnreachable(ChainError): ...


class NodeBehind(ChainError): ...


class NodesDisagree(ChainError): ...


class NodeRefused(ChainError):
    """A JSON-RPC error answer, kept as data; nothing is ever decided from `message`'s wording alone."""

    def __init__(self, code: int, message: str, data: object = None, *, hint: str = "") -> None:
        super().__init__(f"the node refused the request ({code}): {message}", hint=hint)
        self.code = code
        self.node_message = message
        self.data = data


class NotFinal(ChainError): ...


class HeaderInvalid(ChainError): ...


class OtherChain(ChainError): ...


class Reverted(ChainError):
    """The registry refused; `name` and `arguments` are its custom error, decoded."""

    def __init__(self, name: str, arguments: Mapping[str, Any], *, hint: str = "") -> None:
        listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
        super().__init__(f"the registry refused: {name}({listed})", hint=hint)
        self.name = name
        self.arguments = dict(arguments)


class SignerUnreachable(ChainError): ...


class SignerRefused(ChainError): ...


class NetworkError(CreditConnectError): ...


class SideInvalid(NetworkError): ...


class EngineMissing(NetworkError): ...


class ExchangeError(CreditConnectError): ...


class SubmitterBusy(ExchangeError): ...


class NotEntitled(ExchangeError): ...


class ReorgTooDeep(ExchangeError): ...


class MirrorInconsistent(ExchangeError): ...
