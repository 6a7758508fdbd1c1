"""An institution's home and its settings: read once, units in the names. Alone reads the environment.

    HOME/settings.toml      what is set, below
    HOME/deployment.json    which registry on which chain this institution trusts
    HOME/keyring.json       the key-encryption key, under the vault's passphrase
    HOME/exchange-keys.json keys that packages are sealed to, wrapped by it
    HOME/keys/*.json        chain keys (keystore v3): submit.json, review.json
    HOME/vault.db           records, sealed, and the outbox      HOME/mirror.db      the chain's events as they came
    HOME/rejected/          a list of rejected rows a file       HOME/locks/         one submitter a key
    HOME/intake/            what persons and firms upload        HOME/receipts/      what became of each upload
    HOME/limits/*.toml      plausibility limits of its own       HOME/review.toml    the sampling plan; neither need be

Passphrases come from a file that `CREDITCONNECT_<NAME>_PASSPHRASE_FILE` names (VAULT, SUBMIT, REVIEW; NEW_VAULT and
EXPORT for `creditconnect keys`, VALIDATOR for `creditconnect network`), or are asked for; never from an argument, and
never from a variable's own value.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from creditconnect.errors import SettingsError
from creditconnect.types import UNSEALED, Consensus, Seals, Suite, is_institution_code

FORMAT = 1
HOME_VARIABLE = "CREDITCONNECT_HOME"
LANGUAGE_VARIABLE = "CREDITCONNECT_LANG"

Ask = Callable[[str], str]

_FILE_HINT = "name a file whose first line is the passphrase"


@dataclass(frozen=True, slots=True)
class Settings:
    """`nodes` holds one URL a side: the first is one's own, used for submitting and following.

    `seals` says whose seals make a block final; of a chain that nobody seals `confirmations_blocks` do. `least_nodes`
    must answer for a verification to be answered at all, 0 meaning every node that is set.

    `suite` is for records that are yet to come; those in the vault keep theirs. `require_registered_subjects`: rows
    about subjects that are not registered, or did not consent, are rejected; a home that says nothing of it was made
    before there was a register, and takes them.
    """

    home: Path
    institution: str
    nodes: tuple[str, ...]
    greatest_head_age_seconds: int
    confirmations_blocks: int
    gas_price_wei: int
    batch_records: int
    suite: Suite = Suite.SHA256_AES256GCM
    require_registered_subjects: bool = False
    intake: Path | None = None
    seals: Seals = UNSEALED
    least_nodes: int = 0

    @property
    def deployment_file(self) -> Path:
        return self.home / "deployment.json"

    @property
    def keyring_file(self) -> Path:
        return self.home / "keyring.json"

    @property
    def exchange_keys_file(self) -> Path:
        return self.home / "exchange-keys.json"

    @property
    def vault_file(self) -> Path:
        return self.home / "vault.db"

    @property
    def mirror_file(self) -> Path:
        return self.home / "mirror.db"

    @property
    def rejected_folder(self) -> Path:
        return self.home / "rejected"

    @property
    def intake_folder(self) -> Path:
        """Where uploads land: the setting `intake`, or the home's own."""
        return self.intake or self.home / "intake"

    @property
    def receipts_folder(self) -> Path:
        return self.home / "receipts"

    @property
    def locks_folder(self) -> Path:
        return self.home / "locks"

    @property
    def limits_folder(self) -> Path:
        return self.home / "limits"

    @property
    def sampling_file(self) -> Path:
        return self.home / "review.toml"

    def key_file(self, role: str) -> Path:
        """The keystore of `submit` or `review`."""
        return self.home / "keys" / f"{role}.json"


# Name, type, default, smallest and greatest value of each setting that is a number.
_NUMBERS: tuple[tuple[str, int, int, int], ...] = (
    ("greatest_head_age_seconds", 60, 1, 86_400),
    ("confirmations_blocks", 0, 0, 1_000),
    ("gas_price_wei", 0, 0, 10**15),
    ("batch_records", 500, 1, 680),
)
_SEALS = "seals"
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_REQUIRE_SUBJECTS = "require_registered_subjects"
_KNOWN = {
    "format",
    "institution",
    "nodes",
    "suite",
    _REQUIRE_SUBJECTS,
    "intake",
    "least_nodes",
    _SEALS,
    *(name for name, *_ in _NUMBERS),
}


def load(home: Path) -> Settings:
    """The settings of a home.

    Raises:
        SettingsError: the home or a setting is missing or wrong; names the file and the setting.
    """
    path = home / "settings.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{home}: is not a CreditConnect home", hint="make one with creditconnect init") from None
    except OSError as error:
        raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
    except ValueError as error:
        raise SettingsError(f"{path}: is not TOML ({error})", hint="correct it, or restore it from a backup") from None
    return _checked(home, path, document)


def default_home() -> Path | None:
    """The home that the environment names, if any."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else None


def language() -> str | None:
    """The language of messages that the environment names, if any."""
    return os.environ.get(LANGUAGE_VARIABLE) or None


def program(name: str) -> Path | None:
    """Where a program is on the PATH, if it is."""
    found = shutil.which(name)
    return Path(found) if found else None


def besu_home() -> Path | None:
    """The folder of a Besu that the environment names (BESU_HOME), if any."""
    named = os.environ.get("BESU_HOME")
    return Path(named) if named else None


def child_environment() -> dict[str, str]:
    """The environment for a program that is started from here."""
    return dict(os.environ)


def passphrase(name: str, ask: Ask | None) -> str:
    """The passphrase `name` (vault, submit, review, new_vault, export), from its file or by asking.

    Raises:
        SettingsError: no file is named and nobody can be asked, or the file can't be read or is empty.
    """
    variable = f"CREDITCONNECT_{name.upper()}_PASSPHRASE_FILE"
    named = os.environ.get(variable)
    if named is None:
        if ask is None:
            raise SettingsError(f"no {name} passphrase", hint=f"set {variable} to a file that holds it")
        return ask(name)
    try:
        lines = Path(named).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{variable}: {named} can't be read ({said})", hint=_FILE_HINT) from None
    if not lines or not lines[0]:
        raise SettingsError(f"{variable}: {named} is empty", hint=_FILE_HINT)
    return lines[0]


def write(settings: Settings) -> None:
    """Write a new home's settings.toml.

    Raises:
        SettingsError: the home has settings already, which are never overwritten.
    """
    path = settings.home / "settings.toml"
    # A JSON string is a TOML string, whatever is in it.
    nodes = ", ".join(map(json.dumps, settings.nodes))
    numbers = "".join(f"{name} = {getattr(settings, name)}\n" for name, *_ in _NUMBERS)
    text = f"format = {FORMAT}\ninstitution = {json.dumps(settings.institution)}\nnodes = [{nodes}]\n"
    text += f"suite = {json.dumps(settings.suite.name)}\n{numbers}"
    text += f"{_REQUIRE_SUBJECTS} = {json.dumps(settings.require_registered_subjects)}\n"
    text += f"least_nodes = {settings.least_nodes}\n"
    text += "" if settings.intake is None else f"intake = {json.dumps(str(settings.intake))}\n"
    # Last: whatever follows a table's name is in it.
    text += _seals_text(settings.seals)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SettingsError(f"{path}: is there already", hint="a home is never overwritten") from None


def _seals_text(seals: Seals) -> str:
    if seals.consensus == Consensus.NONE:
        return ""
    sides = "".join(f"{side} = {json.dumps(list(validators))}\n" for side, validators in seals.validators.items())
    return f"\n[{_SEALS}]\nconsensus = {json.dumps(seals.consensus.value)}\n{sides}"


def new(
    home: Path,
    institution: str,
    nodes: tuple[str, ...],
    *,
    suite: str = Suite.SHA256_AES256GCM.name,
    require_registered_subjects: bool = True,
    seals: Seals = UNSEALED,
) -> Settings:
    """Settings of a home that is to be made, all numbers at their defaults.

    Raises:
        SettingsError: a node is no URL, or there is no such suite.
    """
    document: dict[str, Any] = {
        "format": FORMAT,
        "institution": institution,
        "nodes": list(nodes),
        "suite": suite,
        _REQUIRE_SUBJECTS: require_registered_subjects,
    }
    if seals.consensus != Consensus.NONE:
        validators = {side: list(addresses) for side, addresses in seals.validators.items()}
        document[_SEALS] = {"consensus": seals.consensus.value, **validators}
    return _checked(home, home / "settings.toml", document)


def _checked(home: Path, path: Path, document: Mapping[str, Any]) -> Settings:
    if document.get("format") is True or document.get("format") != FORMAT:
        raise SettingsError(
            f"{path}: format is {document.get('format')!r}, this program reads {FORMAT}",
            hint="use the creditconnect that wrote it",
        )
    if unknown := sorted(set(document) - _KNOWN):
        raise SettingsError(f"{path}: unknown setting {unknown[0]}", hint=f"known are {', '.join(sorted(_KNOWN))}")
    institution, nodes = document.get("institution"), document.get("nodes")
    if not isinstance(institution, str) or not is_institution_code(institution):
        raise SettingsError(
            f"{path}: institution is missing or no code",
            hint="its permanent code, 1 to 32 printable ASCII characters without space",
        )
    if not isinstance(nodes, list) or not nodes or not all(_is_url(url) for url in nodes):
        raise SettingsError(f"{path}: nodes is not a list of http(s) URLs", hint="e.g. http://127.0.0.1:8545")
    numbers = {name: _number(path, document, name, default, low, high) for name, default, low, high in _NUMBERS}
    suite = _suite(path, document.get("suite", Suite.SHA256_AES256GCM.name))
    required = document.get(_REQUIRE_SUBJECTS, False)
    if not isinstance(required, bool):
        raise SettingsError(f"{path}: {_REQUIRE_SUBJECTS} is neither true nor false")
    return Settings(
        home=home,
        institution=institution,
        nodes=tuple(nodes),
        suite=suite,
        require_registered_subjects=required,
        intake=_folder(path, home, document.get("intake")),
        seals=_seals(path, document.get(_SEALS)),
        least_nodes=_number(path, document, "least_nodes", 0, 0, len(nodes)),
        **numbers,
    )


def _seals(path: Path, table: object) -> Seals:
    if table is None:
        return UNSEALED
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: seals is no table", hint='[seals] with consensus = "clique", and a list a side')
    sides = dict(table)
    named_consensus = sides.pop("consensus", None)
    consensus = next((one for one in Consensus if one.value == named_consensus), None)
    if consensus is None:
        raise SettingsError(f"{path}: seals.consensus is missing or unknown", hint=f"one of {', '.join(Consensus)}")
    for side, validators in sides.items():
        are_addresses = isinstance(validators, list) and all(
            isinstance(one, str) and _ADDRESS.fullmatch(one.lower()) for one in validators
        )
        if not are_addresses or not validators:
            raise SettingsError(f"{path}: seals.{side} is no list of addresses", hint="0x and 40 hex digits each")
    if consensus != Consensus.NONE and len(sides) < 2:
        raise SettingsError(f"{path}: seals names fewer than two sides", hint="nothing is final without a seal of each")
    if consensus == Consensus.NONE and sides:
        raise SettingsError(f"{path}: seals names validators, and consensus none", hint="say clique or qbft")
    named = [one.lower() for validators in sides.values() for one in validators]
    if len(set(named)) != len(named):
        raise SettingsError(f"{path}: seals names a validator twice")
    return Seals(consensus, {side: tuple(one.lower() for one in validators) for side, validators in sides.items()})


def _folder(path: Path, home: Path, named: object) -> Path | None:
    """A folder that a setting names, from the home on."""
    if named is None:
        return None
    if not isinstance(named, str) or not named or "\0" in named:
        raise SettingsError(f"{path}: intake is no folder's path", hint='e.g. intake = "/srv/uploads"')
    return home / named


def _suite(path: Path, name: object) -> Suite:
    found = next((suite for suite in Suite if suite.name == name), None)
    if found is None:
        raise SettingsError(
            f"{path}: there is no such suite", hint=f"one of {', '.join(suite.name for suite in Suite)}"
        )
    return found


def _is_url(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _number(path: Path, document: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = document.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SettingsError(f"{path}: {name} is not a whole number from {low} to {high}")
    return value
