"""The part of a client that keeps its chain accounts: the key in use, the next one, those that were."""

from __future__ import annotations

from pathlib import Path

from creditconnect import settings as homes
from creditconnect.chain.blocks import Block
from creditconnect.chain.key_files import KeyFile
from creditconnect.chain.registry import Question
from creditconnect.client.key_standing import KeyKind, KeyStanding
from creditconnect.client.opened import Opened
from creditconnect.errors import UsageError
from creditconnect.types import AccountRole, KeyState

ROLES = {"submit": AccountRole.SUBMIT, "review": AccountRole.REVIEW}


class Accounts(Opened):
    """What an institution does with its chain accounts. An authority binds and disables their addresses."""

    def keys_rotate_account(self, role: str, *, remote: str | None = None) -> KeyStanding:
        """Put the role's next key in use if it is bound; make a next key if there is none.

        A next key is made here, under the role's passphrase, or is the one that a remote signer holds (`URL` or
        `URL#PUBLIC_KEY`). Run again after any interruption.

        Raises:
            UsageError: the next key is not bound and enabled yet, or something signed by the old one is under way; or
                the signer's key is not the one that waits, or has been this home's before.
        """
        _require_role(role)
        waiting = next((key for key in self._key_files.all() if (key.role, key.state) == (role, KeyState.NEXT)), None)
        if waiting is None:
            return self._make_next(role, remote)
        if remote is not None:
            _require_same(waiting, remote)
        if not self._account_standing(waiting, self.final_block()).registered:
            raise UsageError(
                f"the next {role} account {waiting.address} is not bound and enabled",
                hint="ask your authority to bind it; the old one stays in use until then",
            )
        self._require_nothing_under_way()
        return self._account_standing(self._key_files.put_next_in_use(role), self.final_block())

    def keys_import_account(self, role: str, source: Path) -> KeyStanding:
        """Take a keystore v3 file as the role's next key.

        Raises:
            SettingsError, WrongPassphrase: it is none, or does not open under the role's passphrase. UsageError: a
                next key waits already, or this home has that key.
        """
        _require_role(role)
        taken = self._key_files.take(role, source, homes.passphrase(role, self._ask))
        return self._account_standing(taken, self.final_block())

    def keys_export_account(self, role: str, target: Path) -> None:
        """Copy the keystore in use to a file, still under its passphrase.

        Raises:
            UsageError: the file is there already, or the key is in a remote signer.
        """
        _require_role(role)
        self._key_files.copy_out(role, target)

    def keys_retire_account(self, role: str, address: str) -> None:
        """Destroy the file of a role's key that is no longer in use, once the registry lets its address do nothing.

        Raises:
            UsageError: there is no such key, it is in use, or its address is still enabled.
        """
        _require_role(role)
        found = (key for key in self._key_files.all() if (key.role, key.address) == (role, address.lower()))
        key = next(found, None)
        if key is None:
            raise UsageError(f"this home has no {role} key of {address}", hint="see creditconnect keys list")
        if key.state == KeyState.CURRENT:
            raise UsageError(f"{address} is in use", hint=f"creditconnect keys rotate {key.role} first")
        if self._account_standing(key, self.final_block()).registered:
            raise UsageError(f"{address} is still enabled in the registry", hint="ask your authority to disable it")
        self._key_files.remove(key)

    # ------------------------------------------------------------------------------------------------------- private

    def _make_next(self, role: str, remote: str | None) -> KeyStanding:
        path = self._key_files.next_path(role)
        if remote is None:
            from creditconnect.chain.signing import create_keystore

            create_keystore(path, homes.passphrase(role, self._ask))
        else:
            from creditconnect.chain.remote_signing import find_remote_signer

            signer = find_remote_signer(remote)
            self._key_files.require_new(signer.address)
            signer.write(path)
        (made,) = (key for key in self._key_files.all() if key.path == path)
        return self._account_standing(made, self.final_block())

    def _account_standing(self, key: KeyFile, block: Block | None) -> KeyStanding:
        """Its standing as of a block; without one, as far as this home knows."""
        enabled, note = None, ""
        if block is not None:
            (account,) = self.registry.ask([Question("accountOf", (key.address,))], block)
            own = (self._registered_id(block), ROLES.get(key.role))
            bound = (account["institution"], account["role"]) == own
            enabled = bound and bool(account["enabled"])
            note = "bound" if enabled else "disabled" if bound else "not bound"
        return KeyStanding(
            KeyKind(key.role), key.state, address=key.address, remote=key.remote, registered=enabled, note=note
        )

    def _require_nothing_under_way(self) -> None:
        with self._database.read() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM transactions WHERE state IN ('stored', 'mined')"
            ).fetchone()
        if count:
            raise UsageError(
                f"{count} transaction(s) of the old keys are under way", hint="creditconnect run sends them; then again"
            )


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise UsageError(f"{role!r} is no kind of account", hint=f"one of {', '.join(ROLES)}")


def _require_same(waiting: KeyFile, remote: str) -> None:
    from creditconnect.chain.remote_signing import find_remote_signer

    signer = find_remote_signer(remote)
    if (waiting.address, waiting.remote) != (signer.address, signer.url):
        raise UsageError(
            f"{waiting.address}: a next {waiting.role} key waits already, and is not that of {signer.url}",
            hint=f"leave out --remote, or first creditconnect keys retire {waiting.role} {waiting.address}",
        )
