"""A deployment file: which registry on which chain, as the two authorities publish it.

Hides the file's form. Never decides whom to trust: whoever puts a deployment into a home trusts it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from creditconnect.errors import SettingsError
from creditconnect.types import ChainIdentity

FORMAT = "creditconnect-deployment/1"


@dataclass(frozen=True, slots=True)
class Deployment:
    """`block` is where the contract was created: no event of it is older. `jurisdictions` maps id to code."""

    identity: ChainIdentity
    block: int
    version: str
    jurisdictions: dict[int, str]

    @property
    def file_name(self) -> str:
        """`<chain id>-<first 8 hex digits of the genesis hash>.json`, the name under `deployments/`."""
        return f"{self.identity.chain_id}-{self.identity.genesis_hash.hex()[:8]}.json"

    @classmethod
    def read(cls, path: Path) -> Deployment:
        """Read a deployment file.

        Raises:
            SettingsError: the file is missing or is not a deployment; names the file and the key.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"{path}: there is no such deployment file") from None
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path}: can't be read as a deployment file ({error})") from None
        try:
            return cls.from_document(document)
        except (KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"{path}: is not a {FORMAT} file ({error})") from None

    @classmethod
    def from_document(cls, document: dict[str, object]) -> Deployment:
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}")
        jurisdictions = document["jurisdictions"]
        if not isinstance(jurisdictions, dict):
            raise TypeError("jurisdictions is not a table")
        return cls(
            identity=identity_from_document(document),
            block=int(str(document["block"])),
            version=str(document["version"]),
            jurisdictions={int(key): str(code) for key, code in jurisdictions.items()},
        )

    def refounded(self, genesis_hash: bytes) -> Deployment:
        """The same registry on a network that was founded anew with it: it is there from block 0 on."""
        return replace(self, identity=replace(self.identity, genesis_hash=genesis_hash), block=0)

    def to_document(self) -> dict[str, object]:
        return {
            "format": FORMAT,
            **identity_to_document(self.identity),
            "block": self.block,
            "version": self.version,
            "jurisdictions": {str(key): code for key, code in sorted(self.jurisdictions.items())},
        }

    def write(self, path: Path) -> None:
        """Write the file with sorted keys.

        Raises:
            FileExistsError: a deployment is never overwritten.
        """
        with path.open("x", encoding="utf-8") as file:
            file.write(self._text())

    def publish(self, folder: Path) -> Path:
        """Write the file under its own name into a folder, where it may be already; its path.

        Raises:
            SettingsError: another deployment has that name there.
        """
        path = folder / self.file_name
        if not path.exists():
            self.write(path)
        elif path.read_text(encoding="utf-8") != self._text():
            raise SettingsError(f"{path}: is another deployment", hint="a deployment is never overwritten")
        return path

    def _text(self) -> str:
        return json.dumps(self.to_document(), indent=2, sort_keys=True) + "\n"


def identity_to_document(identity: ChainIdentity) -> dict[str, object]:
    """The four members that name a registry on a chain, hashes and address as 0x-prefixed lower-case hex."""
    return {
        "chain_id": identity.chain_id,
        "genesis_hash": "0x" + identity.genesis_hash.hex(),
        "registry": identity.registry,
        "code_hash": "0x" + identity.code_hash.hex(),
    }


def identity_from_document(document: dict[str, object]) -> ChainIdentity:
    """The reverse.

    Raises:
        KeyError, ValueError: a member is missing or has not its form.
    """
    return ChainIdentity(
        chain_id=int(str(document["chain_id"])),
        genesis_hash=_bytes(document["genesis_hash"], 32),
        registry="0x" + _bytes(document["registry"], 20).hex(),
        code_hash=_bytes(document["code_hash"], 32),
    )


def _bytes(value: object, length: int) -> bytes:
    raw = bytes.fromhex(str(value).removeprefix("0x"))
    if len(raw) != length:
        raise ValueError(f"{value!r} is not {length} bytes of hex")
    return raw
