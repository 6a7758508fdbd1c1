"""What a home and the registry say of a key, of whatever kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from creditconnect.types import KeyState


class KeyKind(StrEnum):
    """What a key is for: records at rest, packages sealed to this institution, or an account on the chain."""

    DATA = "data"
    EXCHANGE = "exchange"
    SUBMIT = "submit"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key of this home. What its kind has not is None; `made_at` is in seconds, UTC.

    `rows` of the vault (records, subjects, uploads) are sealed under a data key. `hash` and `public` are an exchange
    key's, `address` a chain account's, and `remote` the URL of the signer that holds it. `registered`: the registry has
    this exchange key, or lets this account act; None where no node answered. `note` says what is worth saying besides
    the state.
    """

    kind: KeyKind
    state: KeyState
    number: int | None = None
    suite: str | None = None
    made_at: int | None = None
    rows: int | None = None
    hash: bytes | None = None
    public: bytes | None = None
    address: str | None = None
    remote: str | None = None
    registered: bool | None = None
    note: str = ""
