"""The demo's stage: both authorities, a bureau and a bank on each side, admitted by the admins' own scripts.

Every key and passphrase is made for this one run, inside the demo's folder.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from creditconnect import settings
from creditconnect.chain.signing import create_keystore
from creditconnect.client import Client
from creditconnect.errors import CreditConnectError, UsageError
from creditconnect.home import make_home
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT
from creditconnect.types import UNSEALED, Seals

# Keys that guard nothing and live for a minute: scrypt at full strength would take longer than all else.
DEMO_SCRYPT_WORK = 2**12

MAPPING = "german_credit"
SCHEMAS = (PERSONAL_CREDIT_REPORT, COMPANY_CREDIT_REPORT, DOCUMENT)
POLL_SECONDS = 0.2
# Of the synthetic persons.
SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the border, by its jurisdiction's code; `name` is for files."""

    code: str
    name: str
    bureau: str
    bank: str

    @property
    def authority(self) -> str:
        """The alias of its authority's key."""
        return f"{self.name}_authority"

    @property
    def recovery(self) -> str:
        """The alias of its recovery key."""
        return f"{self.name}_recovery"


HK = Side("HK", "hk", "CRA-HK-01", "BANK-HK-01")
SZ = Side("CN-SZ", "sz", "CRA-SZ-01", "BANK-SZ-01")
SIDES = (HK, SZ)
DEPLOYER = "deployer"


class Stage:
    """What the demo plays on. Build it in the order of its methods."""

    def __init__(self, folder: Path, project: Path) -> None:
        """`project` is the checkout whose ape scripts are run; `set_on` says on which chain.

        Raises:
            UsageError: it is none.
        """
        if not (project / "scripts" / "deploy.py").is_file():
            raise UsageError(
                f"{project}: is no checkout of CreditConnect", hint="run the demo from one, or give --project"
            )
        self.folder = folder
        self._project = project
        self._urls: dict[str, str] = {}
        self._seals = UNSEALED
        self._passphrase = secrets.token_urlsafe(24)
        self._passphrase_file = folder / "passphrase"
        self.deployment = folder / "deployments"

    def set_on(self, urls: dict[str, str], seals: Seals) -> None:
        """The chain, by one node a side's name; both may be one. `seals` says whose seals make its blocks final."""
        self._urls, self._seals = urls, seals

    def make_authorities(self) -> dict[str, str]:
        """A keystore for each side's authority, for its recovery and for the deployer; addresses by alias."""
        descriptor = os.open(self._passphrase_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._passphrase + "\n")
        addresses = {}
        for side in SIDES:
            accounts = self._ape_folder(side) / "accounts"
            accounts.mkdir(parents=True)
            for alias in _aliases(side):
                keystore = accounts / f"{alias}.json"
                addresses[alias] = create_keystore(keystore, self._passphrase, scrypt_work=DEMO_SCRYPT_WORK)
        return addresses

    def deploy(self, addresses: dict[str, str]) -> Path:
        """The first side deploys and accepts, the others accept; the last to do so pins the schemas: scripts/deploy.py.

        Each acts from a working folder of its own, which holds no other side's key, and by its own side's node.
        """
        self.deployment.mkdir()
        first, *others = SIDES
        # A side accepts by an alias, whose key is here; the others are known by their addresses.
        holders = {side: addresses[side.authority] for side in others} | {first: first.authority}
        sides = [f"{side.code}:{holders[side]}:{addresses[side.recovery]}" for side in SIDES]
        arguments = [*_each("--side", sides), "--deployments-dir", str(self.deployment)]
        self.ape(first, "deploy", "--deployer", DEPLOYER, *arguments)
        deployment = next(self.deployment.glob("*.json"))
        for side in others:
            self.ape(side, "deploy", "accept", "--deployment", str(deployment), "--authority", side.authority)
        return deployment

    def make_home(self, institution: str, deployment: Path, roles: tuple[str, ...]) -> dict[str, str]:
        """A home for an institution, and its accounts' addresses."""
        # The data set's persons are nobody's: there is no consent to note.
        own = next(side.name for side in SIDES if institution in (side.bureau, side.bank))
        nodes = [self._urls[own], *(url for side, url in self._urls.items() if side != own)]
        made = settings.new(
            self.folder / "homes" / institution,
            institution,
            tuple(dict.fromkeys(nodes)),
            require_registered_subjects=False,
            seals=self._seals,
        )
        return make_home(made, deployment, roles=roles, ask=self.passphrase, scrypt_work=DEMO_SCRYPT_WORK)

    def admit(self, side: Side, accounts: dict[str, str], exchange_key: bytes, deployment: Path) -> None:
        """Admit a side's bureau and bank and agree to both corridors: one run of scripts/institutions.py.

        `accounts` are the bureau's by role, `exchange_key` is the bank's.
        """
        plan = self.folder / f"plan-{side.name}.toml"
        plan.write_text(_plan(side, accounts, exchange_key), encoding="utf-8")
        self.institutions("apply", side, deployment, str(plan))

    def institutions(self, command: str, side: Side, deployment: Path, *arguments: str) -> str:
        """Run scripts/institutions.py as a side's authority; what it printed.

        Raises:
            AuthorityRefused: it failed; the message is its one line.
        """
        options = ["--authority", side.authority, "--deployment", str(deployment)]
        return self.ape(side, "institutions", command, *arguments, *options)

    def ape(self, side: Side, script: str, *arguments: str) -> str:
        """Run one of the project's ape scripts by a side's node, with the keys in that side's own folder."""
        result = subprocess.run(
            [
                str(Path(sys.executable).with_name("ape")),
                "run",
                script,
                *arguments,
                "--network",
                self._urls[side.name],
            ],
            cwd=self._project,
            env=self._environment(side),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        with (self.folder / "admin.log").open("a", encoding="utf-8") as log:
            log.write(f"$ ape run {script} {' '.join(arguments)}\n{result.stdout}{result.stderr}\n")
        if result.returncode:
            lines = (result.stderr or result.stdout).strip().splitlines()
            raise AuthorityRefused(lines[-1] if lines else f"ape run {script} failed with {result.returncode}")
        return result.stdout

    def wait_until_final(self, institution: str) -> None:
        """Wait until what is in a block now is final, as an institution sees it: scripts end with a block."""
        with self.open(institution) as client:
            height = client.registry.head().number
            while client.final_block().number < height:
                time.sleep(POLL_SECONDS)

    def open(self, institution: str) -> Client:
        """Open an institution's home."""
        return Client.open(self.folder / "homes" / institution, ask=self.passphrase)

    def passphrase(self, _: str) -> str:
        return self._passphrase

    def _ape_folder(self, side: Side) -> Path:
        return self.folder / "ape" / side.name

    def _environment(self, side: Side) -> dict[str, str]:
        return settings.child_environment() | {
            "APE_DATA_FOLDER": str(self._ape_folder(side)),
            **{f"APE_ACCOUNTS_{alias}_PASSPHRASE_FILE": str(self._passphrase_file) for alias in _aliases(side)},
        }


class AuthorityRefused(CreditConnectError):
    """An admin's script ended with an error."""


def approve_all(bureau: Client) -> None:
    """The reviewer's part: every pending batch, by the second key."""
    for batch in bureau.review_list():
        bureau.review_approve(batch.id)


def _aliases(side: Side) -> list[str]:
    """The keys in a side's own folder; the first side's deploys besides."""
    seats = [side.authority, side.recovery]
    return [DEPLOYER, *seats] if side is SIDES[0] else seats


def _each(option: str, values: list[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


def _plan(side: Side, accounts: dict[str, str], exchange_key: bytes) -> str:
    corridors = "".join(
        f'\n[[corridor]]\nfrom = "{one.code}"\nto = "{other.code}"\n' for one, other in ((HK, SZ), (SZ, HK))
    )
    return f"""jurisdiction = "{side.code}"

[[institution]]
code = "{side.bureau}"
roles = ["provider"]
schemas = {json.dumps(list(SCHEMAS))}
until = "never"
submit = ["{accounts["submit"]}"]
review = ["{accounts["review"]}"]

[[institution]]
code = "{side.bank}"
roles = ["verifier"]
schemas = []
until = "never"
encryption_key = "{exchange_key.hex()}"
{corridors}"""
