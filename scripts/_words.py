"""What a call to the registry would do, in words made from the call data alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from eth_utils.address import to_checksum_address

from creditconnect.chain.contract_abi import Call, ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.errors import InputError, SchemaUnknown
from creditconnect.reasons import chain_reason_name
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.types import AccountRole, ExchangeSuite, Standing, entry_key_parts
from scripts._onboarding import role_names, schema_names, until_text
from scripts._registry import Registry, code_text

NOBODY = "0x" + "00" * 20
# In the contract's order (`enum Seat`).
SEATS = ("authority", "recovery")
_STANDINGS = {Standing.ACTIVE: "reinstate", Standing.SUSPENDED: "suspend", Standing.TERMINATED: "terminate, for ever,"}


class Names(Protocol):
    """How sides, institutions and schemas are called."""

    def side(self, side: int) -> str: ...
    def institution(self, institution: int) -> str: ...
    def schemas(self, bits: int) -> str: ...


class DeploymentNames:
    """Without a node: what a deployment file knows, numbers for the rest."""

    def __init__(self, deployment: Deployment) -> None:
        self._codes = deployment.jurisdictions

    def side(self, side: int) -> str:
        return self._codes.get(side, f"side {side}")

    def institution(self, institution: int) -> str:
        return f"institution {institution}"

    def schemas(self, bits: int) -> str:
        return "schemas " + ", ".join(str(number) for number in range(256) if bits >> number & 1)


class RegistryNames:
    """What the registry knows as of one block."""

    def __init__(self, registry: Registry, block: int | str = "latest") -> None:
        self._registry = registry
        self._block = block
        self._codes = {side: code_text(one.code) for side, one in registry.jurisdictions(block).items()}

    def side(self, side: int) -> str:
        return self._codes.get(side, f"side {side}")

    def institution(self, institution: int) -> str:
        code = code_text(self._registry.read("institutionOf", institution, block=self._block).code)
        return f"{code} (institution {institution})" if code else f"institution {institution}, which does not exist,"

    def schemas(self, bits: int) -> str:
        return ", ".join(schema_names(self._registry, bits, self._registry.chain.head()))


def decode_step(call_data: bytes) -> Call:
    """The administrator's call in call data.

    Raises:
        InputError: it is no call to the registry, is not encoded as the registry's own words are, or is no
            administrator's.
    """
    try:
        call = ContractAbi.load().decode_call(call_data)
    except ValueError as error:
        raise InputError(f"the call data {error}") from None
    if call.function not in _SENTENCES:
        raise InputError(f"{call.function} is no administrator's step")
    return call


def sentence(call: Call, names: Names) -> str:
    """What an administrator's call does, as an order."""
    return _SENTENCES[call.function](call.arguments, names)


def plain_arguments(call: Call) -> dict[str, Any]:
    """A call's arguments for JSON: bytes and entry keys as 0x and hex."""
    return {name: _plain(name, value) for name, value in call.arguments.items()}


def _plain(name: str, value: Any) -> Any:
    # 88 bits: more than a number is for most readers of JSON.
    if name == "entryKey":
        return f"{value:#x}"
    if name == "entryKeys":
        return [f"{one:#x}" for one in value]
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _offer(given: Mapping[str, Any], names: Names) -> str:
    seat = f"the seat of {names.side(given['jurisdiction'])}'s {SEATS[given['seat']]}"
    return f"take back the offer of {seat}" if given["to"] == NOBODY else f"offer {seat} to {_address(given['to'])}"


def _start_recovery(given: Mapping[str, Any], names: Names) -> str:
    side = names.side(given["jurisdiction"])
    if given["to"] == NOBODY:
        return f"take back the recovery of {side}'s authority"
    return f"start the recovery of {side}'s authority to {_address(given['to'])}"


def _add_schema(given: Mapping[str, Any], _names: Names) -> str:
    try:
        known = SchemaCatalogue().by_hash(given["hash"]).id
    except SchemaUnknown:
        return f"pin schema {given['name']!r}, hash 0x{given['hash'].hex()}, which this software does not know"
    if known != given["name"]:
        return f"pin schema {known} under the name {given['name']!r}, which is not its own"
    return f"pin schema {known}, whose hash is this software's"


def _scope(given: Mapping[str, Any], names: Names) -> str:
    roles = " and ".join(role_names(given["roles"])) or "nothing"
    schemas = names.schemas(given["schemas"]) if given["schemas"] else "no schema"
    review = "with" if given["mandatoryReview"] else "without"
    subject = names.institution(given["institution"])
    return f"let {subject} be {roles}, for {schemas}, until {until_text(given['entitledUntil'])}, {review} review"


def _standing(given: Mapping[str, Any], names: Names) -> str:
    verb = _STANDINGS.get(given["standing"], "set to no standing")
    return f"{verb} {names.institution(given['institution'])}{_reason(given)}"


def _account(given: Mapping[str, Any], names: Names) -> str:
    verb = "bind or enable" if given["enabled"] else "disable"
    role = AccountRole(given["role"]).name.lower()
    return f"{verb} {_address(given['account'])} as a {role} account of {names.institution(given['institution'])}"


def _encryption_key(given: Mapping[str, Any], names: Names) -> str:
    suites = {int(one): one.name for one in ExchangeSuite}
    suite = suites.get(given["suite"], f"suite {given['suite']}")
    return f"publish for {names.institution(given['institution'])} the {suite} key {given['key'].hex()}"


def _records(keys: Sequence[int], names: Names) -> str:
    # Each of them: who signs must see what for.
    parts = [(record_hash.hex(), names.institution(number), n) for record_hash, number, n in map(entry_key_parts, keys)]
    listed = "; ".join(f"{record_hash} of {institution}, claim {n}" for record_hash, institution, n in parts)
    return f"{len(parts)} records: {listed}" if len(parts) != 1 else f"record {listed}"


def _dispute(given: Mapping[str, Any], names: Names) -> str:
    return f"raise doubt about {_records([given['entryKey']], names)}{_reason(given)}"


def _resolve(given: Mapping[str, Any], names: Names) -> str:
    verb = "uphold the dispute of, which revokes for ever," if given["uphold"] else "dismiss the dispute of"
    return f"{verb} {_records([given['entryKey']], names)}{_reason(given)}"


def _reason(given: Mapping[str, Any]) -> str:
    return f", reason {chain_reason_name(given['reason']).lower()}"


def _address(raw: str) -> str:
    return str(to_checksum_address(raw))


_SENTENCES: dict[str, Callable[[Mapping[str, Any], Names], str]] = {
    "acceptRegistry": lambda g, n: f"accept the registry for {n.side(g['jurisdiction'])}",
    "offerHandover": _offer,
    "acceptHandover": lambda g, n: f"take the seat of {n.side(g['jurisdiction'])}'s {SEATS[g['seat']]}",
    "startRecovery": _start_recovery,
    "objectToRecovery": lambda g, n: f"object to the recovery of {n.side(g['jurisdiction'])}'s authority",
    "supportRecovery": lambda g, n: f"support {n.side(g['jurisdiction'])}'s recovery to {_address(g['to'])}, at once",
    "completeRecovery": lambda g, n: f"complete the recovery of {n.side(g['jurisdiction'])}'s authority",
    "addJurisdiction": lambda g, _: (
        f"add side {code_text(g['code'])}, authority {_address(g['authority'])}, recovery {_address(g['recovery'])}"
    ),
    "nameSuccessor": lambda g, _: f"name {_address(g['to'])} as successor: registration here closes for good",
    "withdrawAgreement": lambda g, _: f"withdraw the agreement to joint action 0x{g['action'].hex()}",
    "openCorridor": lambda g, n: f"open the corridor from {n.side(g['from'])} to {n.side(g['to'])}",
    "closeCorridor": lambda g, n: f"close the corridor from {n.side(g['from'])} to {n.side(g['to'])}",
    "setPaused": lambda g, _: "pause registering, approving and superseding" if g["paused"] else "lift the own pause",
    "addSchema": _add_schema,
    "publishKeeperShare": lambda g, _: f"publish the keeper's share 0x{g['share'].hex()} of epoch {g['epoch']}",
    "admit": lambda g, _: f"admit {code_text(g['code'])}, profile hash 0x{g['profileHash'].hex()}",
    "scope": _scope,
    "setStanding": _standing,
    "setProfile": lambda g, n: f"set the profile of {n.institution(g['institution'])} to 0x{g['profileHash'].hex()}",
    "setEncryptionKey": _encryption_key,
    "setAccount": _account,
    "dispute": _dispute,
    "resolve": _resolve,
    "revoke": lambda g, n: f"revoke, for ever, {_records(g['entryKeys'], n)}{_reason(g)}",
    "revokeBatch": lambda g, _: f"revoke, for ever, batch {g['batch']} as a whole{_reason(g)}",
    "reject": lambda g, _: f"reject batch {g['batch']} as a whole{_reason(g)}",
}
