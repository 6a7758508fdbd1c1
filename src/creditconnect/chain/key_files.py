"""The key files of a home's chain accounts: the one in use, the next, and those that were in use before.

    keys/submit.json                   in use                        keys/submit.next.json     waits to be bound
    keys/submit.retired-<address>.json was in use; it may still resolve what it raised, until it is disabled and removed

A file is put in another's place by one rename, so a kill at any point leaves the old key in use or the new one, and
both on the disk. What a file holds is never looked into here beyond its address.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from creditconnect.chain.remote_signing import RemoteSigner
from creditconnect.chain.signing import KeystoreSigner, read_key_file
from creditconnect.custody.private_files import erase
from creditconnect.errors import SettingsError, UsageError
from creditconnect.types import KeyState


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One chain key of a home: `role` is submit or review, `remote` the signer's URL where the key lives in one."""

    role: str
    state: KeyState
    address: str
    path: Path
    remote: str | None


class KeyFiles:
    """The folder `keys` of one home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[KeyFile]:
        """Every key file, by role, then current, next, retired.

        Raises:
            SettingsError: a file is no key file.
        """
        found = [key for path in sorted(self._folder.glob("*.json")) if (key := _key_file(path)) is not None]
        return sorted(found, key=lambda key: (key.role, list(KeyState).index(key.state), key.address))

    def in_use(self, role: str) -> KeyFile:
        """The role's key that is in use.

        Raises:
            SettingsError: there is none, or its file is no key file.
        """
        path = self._folder / f"{role}.json"
        return KeyFile(role, KeyState.CURRENT, _address(read_key_file(path), path), path, _remote(path))

    def next_path(self, role: str) -> Path:
        """Where a role's next key is to be written.

        Raises:
            UsageError: one waits there already.
        """
        path = self._folder / f"{role}.next.json"
        if path.exists():
            raise UsageError(f"{path}: a next {role} key waits already", hint="have it bound, and put it in use")
        return path

    def require_new(self, address: str) -> None:
        """Refuse an address that this home has: the registry binds one for ever, to one role.

        Raises:
            UsageError: it is in a key file, in use, next or retired.
        """
        kept = next((key for key in self.all() if key.address == address), None)
        if kept is not None:
            raise UsageError(
                f"{address}: is a {kept.role} key of this home already, {kept.path.name}", hint="name another key"
            )

    def take(self, role: str, source: Path, passphrase: str) -> KeyFile:
        """Take a copy of a keystore as the role's next key, having opened it.

        Raises:
            SettingsError, WrongPassphrase: it is no keystore, or does not open. UsageError: a next key waits already,
                or this home has that key.
        """
        address = KeystoreSigner.open(source, passphrase).address
        target = self.next_path(role)
        self.require_new(address)
        _copy(source, target)
        if _address(read_key_file(target), target) != address:
            target.unlink()
            raise SettingsError(f"{source}: says another address than its key has")
        return KeyFile(role, KeyState.NEXT, address, target, None)

    def put_next_in_use(self, role: str) -> KeyFile:
        """Put the role's next key in use; the one in use until now is kept as retired.

        Raises:
            UsageError: no next key waits.
        """
        current, following = self._folder / f"{role}.json", self._folder / f"{role}.next.json"
        if not following.exists():
            raise UsageError(f"no next {role} key waits", hint=f"creditconnect keys rotate {role} makes one")
        if current.exists():
            retired = self._folder / f"{role}.retired-{_address(read_key_file(current), current)}.json"
            if not retired.exists():
                # A second name for the same file: the old key is never without one.
                os.link(current, retired)
        following.replace(current)
        return self.in_use(role)

    def copy_out(self, role: str, target: Path) -> None:
        """Copy the keystore in use, still under its passphrase, mode 0600.

        Raises:
            UsageError: the target is there already, or the key is in a remote signer.
        """
        source = self._folder / f"{role}.json"
        if _remote(source) is not None:
            raise UsageError(f"the {role} key is in a remote signer and can't be exported")
        _copy(source, target)

    def remove(self, key: KeyFile) -> None:
        """Overwrite a retired key's file and remove it."""
        erase(key.path)


def _key_file(path: Path) -> KeyFile | None:
    role, _, rest = path.name.removesuffix(".json").partition(".")
    state = {"": KeyState.CURRENT, "next": KeyState.NEXT}.get(rest)
    if state is None:
        if not rest.startswith("retired-"):
            return None
        state = KeyState.RETIRED
    return KeyFile(role, state, _address(read_key_file(path), path), path, _remote(path))


def _remote(path: Path) -> str | None:
    return None if read_key_file(path).get("format") is None else RemoteSigner.read(path).url


def _address(document: dict[str, object], path: Path) -> str:
    if document.get("format") is not None:
        return RemoteSigner.read(path).address
    address = document.get("address")
    if not isinstance(address, str) or len(address.removeprefix("0x")) != 40:
        raise SettingsError(f"{path}: is a keystore without its address")
    return "0x" + address.removeprefix("0x").lower()


def _copy(source: Path, target: Path) -> None:
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{target}: is there already", hint="a key file is never overwritten") from None
    with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
        shutil.copyfileobj(original, file)
        file.flush()
        os.fsync(file.fileno())
