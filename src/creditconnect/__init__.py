"""CreditConnect: verify a credit record across a border, without moving the record.

    from creditconnect import Client

Importing this package is cheap: a name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creditconnect.answers.verification import Verification
    from creditconnect.client import Client
    from creditconnect.errors import CreditConnectError
    from creditconnect.home import make_home
    from creditconnect.types import CheckStatus, RecordState, Verdict

__version__ = "0.1.0"

__all__ = ["CheckStatus", "Client", "CreditConnectError", "RecordState", "Verdict", "Verification", "make_home"]

_HOMES = {
    "CheckStatus": "creditconnect.types",
    "Client": "creditconnect.client",
    "CreditConnectError": "creditconnect.errors",
    "RecordState": "creditconnect.types",
    "Verdict": "creditconnect.types",
    "Verification": "creditconnect.answers.verification",
    "make_home": "creditconnect.home",
}


def __getattr__(name: str) -> object:
    """Load a public name (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
