"""Making an institution's home. What is in one, and where, is told by `settings`.

Everything is written once and nothing is overwritten; keys and keyring have mode 0600.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from creditconnect import settings as homes
from creditconnect.chain.deployment import Deployment
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.passphrase_sealing import SCRYPT_WORK as KEYRING_SCRYPT_WORK
from creditconnect.errors import SettingsError
from creditconnect.settings import Ask, Settings

if TYPE_CHECKING:
    from creditconnect.chain.remote_signing import RemoteSigner


def make_home(
    settings: Settings,
    deployment: Path,
    *,
    roles: tuple[str, ...],
    ask: Ask | None,
    remote_keys: Mapping[str, str] = MappingProxyType({}),
    sampling_plan: str = "",
    scrypt_work: int | None = None,
) -> dict[str, str]:
    """Make a new home: settings, trusted deployment, keyring and a chain key for each role; the keys' addresses.

    A key of `roles` is made here; one of `remote_keys` (role to `URL` or `URL#PUBLIC_KEY`) stays in its signer.
    `sampling_plan` is what review.toml says, where there is none; empty for none.
    Asks for each passphrase once, before anything is written. `scrypt_work` below the defaults is for keys that guard
    nothing.

    Raises:
        SettingsError: there is a home already, or the deployment file is none. SignerUnreachable, SignerRefused,
            UsageError: a remote signer does not answer, or does not say which key.
    """
    from creditconnect.chain.signing import SCRYPT_WORK, create_keystore

    trusted = Deployment.read(deployment)
    signers = _remote_signers(remote_keys)
    if (settings.home / "settings.toml").exists():
        raise SettingsError(f"{settings.home}: is a home already", hint="a home is never overwritten")
    passphrases = {name: homes.passphrase(name, ask) for name in ("vault", *roles)}
    parts = (settings.deployment_file, settings.keyring_file, *map(settings.key_file, (*roles, *signers)))
    if left := [path for path in parts if path.exists()]:
        raise SettingsError(
            f"{left[0]}: is left from an init that did not end", hint=f"remove {settings.home}, and init again"
        )
    (settings.home / "keys").mkdir(parents=True, exist_ok=True)
    trusted.write(settings.deployment_file)
    Keyring.create(settings.keyring_file, passphrases["vault"], scrypt_work=scrypt_work or KEYRING_SCRYPT_WORK)
    addresses = {
        role: create_keystore(settings.key_file(role), passphrases[role], scrypt_work=scrypt_work or SCRYPT_WORK)
        for role in roles
    }
    for role, signer in signers.items():
        signer.write(settings.key_file(role))
        addresses[role] = signer.address
    if sampling_plan and not settings.sampling_file.exists():
        settings.sampling_file.write_text(sampling_plan, encoding="utf-8")
    # Last: a home without settings is none, so an interrupted init leaves nothing that looks like one.
    homes.write(settings)
    return addresses


def _remote_signers(named: Mapping[str, str]) -> dict[str, RemoteSigner]:
    if not named:
        return {}
    from creditconnect.chain.remote_signing import find_remote_signer

    return {role: find_remote_signer(where) for role, where in named.items()}
