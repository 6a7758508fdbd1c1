"""Who may act, rebuilt from events: jurisdictions, joint actions, institutions, accounts, schemas, shares and roots.

The half of the replay that follows Jurisdictions.sol and Institutions.sol in contracts/, and the rows that both halves
write. What an event leaves out (counters, what a change of seat clears) follows from the events before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from creditconnect.answers.layout import (
    ACCOUNT,
    CORRIDOR,
    DAILY_ROOT,
    INSTITUTION,
    INSTITUTION_ID,
    JURISDICTION,
    KEEPER_SHARE,
    PROPOSAL,
    REGISTRY,
    SCHEMA,
    SCHEMA_ID,
    SUCCESSOR,
    Variable,
)
from creditconnect.chain.trie import keccak256
from creditconnect.types import Standing

Arguments = Mapping[str, Any]
Row = dict[str, int]

_AUTHORITY_SEAT = 0  # the contract's enum Seat


class ContradictionError(Exception):
    """What an event says that the events before it rule out."""


class InstitutionsReplay:
    """The variables in slots 0 to 11, by variable, keys and field."""

    def __init__(self) -> None:
        self._registry = REGISTRY.zero()
        self._rows: dict[Variable, dict[tuple[int, ...], Row]] = {REGISTRY: {(): self._registry}}
        self._put(SUCCESSOR)

    # ---------------------------------------------------------------------------------------------- jurisdictions

    def _on_jurisdiction_added(self, event: Arguments) -> None:
        number = self._next("jurisdictionCount", event["jurisdiction"])
        code, authority, recovery = word(event["code"]), word(event["authority"]), word(event["recovery"])
        self._put(JURISDICTION, number, code=code, authority=authority, recovery=recovery)
        # The founders come before the registry is live; whoever comes later ends half-made agreements.
        if self._registry["live"]:
            self._registry["authorityEpoch"] += 1

    def _on_registry_accepted(self, event: Arguments) -> None:
        side = self._side(event["jurisdiction"])
        bit = _bit(event["jurisdiction"])
        require(side["authority"] == word(event["authority"]), "another authority sits there")
        require(not self._registry["accepted"] & bit, "that jurisdiction accepted before")
        self._registry["accepted"] |= bit
        if self._registry["live"]:
            self._registry["authorityEpoch"] += 1
        everyone = (1 << self._registry["jurisdictionCount"]) - 1
        live = bool(self._registry["live"]) or self._registry["accepted"] == everyone
        require(live == event["live"], "the registry is live by now" if live else "the registry is not live by now")
        self._registry["live"] = int(live)

    def _on_handover_offered(self, event: Arguments) -> None:
        offered = "offeredAuthority" if event["seat"] == _AUTHORITY_SEAT else "offeredRecovery"
        self._side(event["jurisdiction"])[offered] = word(event["to"])

    def _on_handover_accepted(self, event: Arguments) -> None:
        side, to = self._side(event["jurisdiction"]), word(event["to"])
        seat, offered = "authority", "offeredAuthority"
        if event["seat"] != _AUTHORITY_SEAT:
            seat, offered = "recovery", "offeredRecovery"
        require(side[seat] == word(event["from"]), "another holds the seat")
        require(side[offered] == to, "the seat was offered to another")
        if seat == "authority":
            self._seat_authority(side, to)
        else:
            side.update(recovery=to, offeredRecovery=0, recoveryTo=0, recoveryAt=0)

    def _on_recovery_started(self, event: Arguments) -> None:
        self._side(event["jurisdiction"]).update(recoveryTo=word(event["to"]), recoveryAt=event["at"])

    def _on_recovery_objected(self, event: Arguments) -> None:
        side = self._side(event["jurisdiction"])
        require(side["recoveryAt"] and side["recoveryTo"] == word(event["to"]), "no such recovery runs")
        side["recoveryAt"] = 0

    def _on_recovery_completed(self, event: Arguments) -> None:
        side, to = self._side(event["jurisdiction"]), word(event["to"])
        require(side["authority"] == word(event["from"]), "another holds the seat")
        require(side["recoveryTo"] == to, "no such recovery runs")
        side.update(recoveryTo=0, recoveryAt=0)
        self._seat_authority(side, to)

    def _seat_authority(self, side: Row, to: int) -> None:
        side.update(authority=to, offeredAuthority=0)
        self._registry["authorityEpoch"] += 1

    # ---------------------------------------------------------------------------------------------- joint actions

    def _on_joint_action_agreed(self, event: Arguments) -> None:
        self._side(event["jurisdiction"])
        action, terms = word(event["action"]), {name: event[name] for name in ("authorityEpoch", "expiresAt")}
        require(event["authorityEpoch"] == self._registry["authorityEpoch"], "the authorities are others by now")
        before = self._rows.get(PROPOSAL, {}).get((action,), PROPOSAL.zero())
        # One that is dead, by its date or by a change of authority, begins anew under other terms.
        agreed = before["agreed"] if before == before | terms else 0
        require(event["agreed"] == agreed + _bit(event["jurisdiction"]), "others had agreed")
        self._put(PROPOSAL, action, agreed=event["agreed"], **terms)

    def _on_joint_action_withdrawn(self, event: Arguments) -> None:
        proposal = self._proposal(event["action"])
        remaining = proposal["agreed"] & ~_bit(event["jurisdiction"])
        require(remaining == event["agreed"] != proposal["agreed"], "others had agreed")
        proposal["agreed"] = remaining

    def _on_joint_action_completed(self, event: Arguments) -> None:
        self._proposal(event["action"]).update(PROPOSAL.zero())

    def _on_successor_named(self, event: Arguments) -> None:
        require(not self._rows[SUCCESSOR][()]["address"], "a successor was named before")
        self._put(SUCCESSOR, address=word(event["successor"]))

    def _on_corridor_opened(self, event: Arguments) -> None:
        before = self._rows.get(CORRIDOR, {}).get((event["from"], event["to"]), CORRIDOR.zero())
        require(not before["open"], "that corridor is open")
        self._put(CORRIDOR, event["from"], event["to"], open=1)

    def _on_corridor_closed(self, event: Arguments) -> None:
        corridor = self._row(CORRIDOR, event["from"], event["to"])
        require(corridor["open"], "that corridor is not open")
        corridor["open"] = 0

    def _on_pause_set(self, event: Arguments) -> None:
        bit = _bit(event["jurisdiction"])
        require(bool(self._registry["paused"] & bit) != event["paused"], "the pause is as it was")
        self._registry["paused"] ^= bit

    def _on_schema_added(self, event: Arguments) -> None:
        self._side(event["by"])["schemaCount"] += 1
        number, digest = self._next("schemaCount", event["schema"]), word(event["hash"])
        self._put(SCHEMA, number, hash=digest)
        self._put_once(SCHEMA_ID, digest, id=number)

    def _on_keeper_share_published(self, event: Arguments) -> None:
        self._side(event["jurisdiction"])
        self._put_once(KEEPER_SHARE, event["jurisdiction"], event["epoch"], share=word(event["share"]))

    # ----------------------------------------------------------------------------------------------- institutions

    def _on_institution_admitted(self, event: Arguments) -> None:
        self._side(event["jurisdiction"])["institutionCount"] += 1
        number, code = self._next("institutionCount", event["institution"]), word(event["code"])
        self._put_once(INSTITUTION_ID, code, id=number)
        self._put(
            INSTITUTION,
            number,
            jurisdiction=event["jurisdiction"],
            standing=Standing.ACTIVE,
            admittedAt=event["at"],
            code=code,
            profileHash=word(event["profileHash"]),
        )

    def _on_institution_scoped(self, event: Arguments) -> None:
        institution = self._row(INSTITUTION, event["institution"])
        scope = ("roles", "schemas", "entitledUntil", "mandatoryReview")
        institution.update({name: int(event[name]) for name in scope})

    def _on_standing_set(self, event: Arguments) -> None:
        institution = self._row(INSTITUTION, event["institution"])
        require(
            institution["standing"] not in (event["standing"], Standing.TERMINATED),
            "it stands so already, or is terminated",
        )
        institution["standing"] = event["standing"]

    def _on_profile_set(self, event: Arguments) -> None:
        self._row(INSTITUTION, event["institution"])["profileHash"] = word(event["profileHash"])

    def _on_encryption_key_set(self, event: Arguments) -> None:
        institution = self._row(INSTITUTION, event["institution"])
        institution.update(encryptionSuite=event["suite"], encryptionKeyHash=word(keccak256(event["key"])))

    def _on_account_set(self, event: Arguments) -> None:
        self._row(INSTITUTION, event["institution"])
        address = word(event["account"])
        bound = {name: int(event[name]) for name in ("institution", "role", "enabled", "number")}
        before = self._rows.get(ACCOUNT, {}).get((address,))
        if before is None:
            self._next("accountCount", event["number"])
        else:
            require(bound | {"enabled": before["enabled"]} == before, "the account was bound otherwise")
        self._put(ACCOUNT, address, **bound)

    def _on_daily_root_posted(self, event: Arguments) -> None:
        self._row(INSTITUTION, event["institution"])
        posted = {name: event[name] for name in ("count", "first", "last", "postedAt")}
        keys = event["institution"], event["kind"], event["day"]
        self._put_once(DAILY_ROOT, *keys, root=word(event["root"]), **posted)

    # ---------------------------------------------------------------------------------------------------- private

    def _row(self, variable: Variable, *keys: int) -> Row:
        row = self._rows.get(variable, {}).get(keys)
        if row is None:
            raise ContradictionError(f"there is no {variable.name} {', '.join(map(str, keys))}")
        return row

    def _side(self, jurisdiction: int) -> Row:
        return self._row(JURISDICTION, jurisdiction)

    def _proposal(self, action: bytes) -> Row:
        proposal = self._row(PROPOSAL, word(action))
        require(proposal["expiresAt"], "that joint action is completed")
        return proposal

    def _put(self, variable: Variable, *keys: int, **values: int) -> None:
        self._rows.setdefault(variable, {})[keys] = variable.zero() | values

    def _put_once(self, variable: Variable, *keys: int, **values: int) -> None:
        require(keys not in self._rows.get(variable, {}), f"that {variable.name} was written before")
        self._put(variable, *keys, **values)

    def _next(self, counter: str, number: int) -> int:
        """Raise a counter to `number`, which must be the next."""
        require(number == self._registry[counter] + 1, f"it is number {number} after {self._registry[counter]}")
        self._registry[counter] = number
        return number

    HANDLERS: ClassVar[dict[str, Callable[[Any, Arguments], None]]] = {
        "JurisdictionAdded": _on_jurisdiction_added,
        "RegistryAccepted": _on_registry_accepted,
        "HandoverOffered": _on_handover_offered,
        "HandoverAccepted": _on_handover_accepted,
        "RecoveryStarted": _on_recovery_started,
        "RecoveryObjected": _on_recovery_objected,
        "RecoveryCompleted": _on_recovery_completed,
        "JointActionAgreed": _on_joint_action_agreed,
        "JointActionWithdrawn": _on_joint_action_withdrawn,
        "JointActionCompleted": _on_joint_action_completed,
        "SuccessorNamed": _on_successor_named,
        "CorridorOpened": _on_corridor_opened,
        "CorridorClosed": _on_corridor_closed,
        "PauseSet": _on_pause_set,
        "SchemaAdded": _on_schema_added,
        "KeeperSharePublished": _on_keeper_share_published,
        "InstitutionAdmitted": _on_institution_admitted,
        "InstitutionScoped": _on_institution_scoped,
        "StandingSet": _on_standing_set,
        "ProfileSet": _on_profile_set,
        "EncryptionKeySet": _on_encryption_key_set,
        "AccountSet": _on_account_set,
        "DailyRootPosted": _on_daily_root_posted,
    }


def require(condition: object, otherwise: str) -> None:
    """Refuse an event.

    Raises:
        ContradictionError: the condition does not hold; says what does otherwise.
    """
    if not condition:
        raise ContradictionError(otherwise)


def _bit(jurisdiction: int) -> int:
    return 1 << jurisdiction - 1


def word(value: str | bytes) -> int:
    """The number that storage holds for an address (hex) or for bytes."""
    return int(value, 16) if isinstance(value, str) else int.from_bytes(value, "big")
