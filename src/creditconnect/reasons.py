"""The one table of reason codes. Names and numbers never change their meaning; new ones are appended."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class RowReason(StrEnum):
    """Why a row of a file was rejected."""

    MALFORMED_ROW = "MALFORMED_ROW"
    ENCODING = "ENCODING"
    TEXT = "TEXT"
    MISSING = "MISSING"
    UNKNOWN_CODE = "UNKNOWN_CODE"
    NUMBER = "NUMBER"
    AMOUNT = "AMOUNT"
    DATE = "DATE"
    IDENTIFIER = "IDENTIFIER"
    SCHEMA = "SCHEMA"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    TOO_LARGE = "TOO_LARGE"
    FORMULA = "FORMULA"
    IDENTIFIER_CONFLICT = "IDENTIFIER_CONFLICT"
    # whom it is about, by the register of subjects
    SUBJECT_UNKNOWN = "SUBJECT_UNKNOWN"
    SUBJECT_AMBIGUOUS = "SUBJECT_AMBIGUOUS"
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_ENDED = "CONSENT_ENDED"


class CheckReason(StrEnum):
    """Why a check of a verification came out as it did."""

    OK = "OK"
    # package
    PACKAGE_MALFORMED = "PACKAGE_MALFORMED"
    PACKAGE_ALTERED = "PACKAGE_ALTERED"
    NOT_CANONICAL = "NOT_CANONICAL"
    SCHEMA_UNKNOWN = "SCHEMA_UNKNOWN"
    SCHEMA_VIOLATED = "SCHEMA_VIOLATED"
    OTHER_REGISTRY = "OTHER_REGISTRY"
    # registration
    NOT_REGISTERED = "NOT_REGISTERED"
    COMMITMENT_MISMATCH = "COMMITMENT_MISMATCH"
    # provider
    PROVIDER_UNKNOWN = "PROVIDER_UNKNOWN"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    SUSPENDED = "SUSPENDED"
    TERMINATED = "TERMINATED"
    ENTITLEMENT_ENDED = "ENTITLEMENT_ENDED"
    # lifecycle
    PENDING = "PENDING"
    REJECTED = "REJECTED"
    REVOKED = "REVOKED"
    SUPERSEDED = "SUPERSEDED"
    DISPUTED = "DISPUTED"
    EXPIRED = "EXPIRED"
    # corridor
    SAME_SIDE = "SAME_SIDE"
    CORRIDOR_CLOSED = "CORRIDOR_CLOSED"
    ASKER_UNKNOWN = "ASKER_UNKNOWN"
    ASKER_NOT_ENTITLED = "ASKER_NOT_ENTITLED"
    # freshness
    HEAD_TOO_OLD = "HEAD_TOO_OLD"
    SINGLE_NODE = "SINGLE_NODE"
    NODES_DISAGREE = "NODES_DISAGREE"
    NODE_BEHIND = "NODE_BEHIND"
    NODE_UNREACHABLE = "NODE_UNREACHABLE"
    NODE_REFUSED = "NODE_REFUSED"
    NOT_FINAL = "NOT_FINAL"
    HEADER_INVALID = "HEADER_INVALID"
    # document
    NO_DOCUMENT = "NO_DOCUMENT"
    DOCUMENT_MISSING = "DOCUMENT_MISSING"
    DOCUMENT_MISMATCH = "DOCUMENT_MISMATCH"
    # sealed packages
    SEALED_FOR_ANOTHER = "SEALED_FOR_ANOTHER"
    SEALED_KEY_GONE = "SEALED_KEY_GONE"
    # a file that can't be read
    PACKAGE_UNREADABLE = "PACKAGE_UNREADABLE"
    # a check that an earlier one left without its input
    NOT_REACHED = "NOT_REACHED"


class ChainReason(IntEnum):
    """Coarse reasons written on the chain (uint8). Coarse on purpose: the chain is read by everyone for ever."""

    UNSPECIFIED = 0
    DATA_ERROR = 1
    DUPLICATE = 2
    SUBJECT_REQUEST = 3
    CONSENT_WITHDRAWN = 4
    IDENTITY_MISMATCH = 5
    PLAUSIBILITY = 6
    KEY_COMPROMISED = 7
    ENTITLEMENT = 8
    COURT_OR_REGULATOR = 9
    SAMPLE_FAILED = 10
    OTHER = 255


def chain_reason_name(number: int) -> str:
    """The name of a reason on the chain; its number where this table has none: another client may know more."""
    return next((reason.name for reason in ChainReason if reason == number), str(number))
