"""The accounts that a side's Besu node takes transactions of: `accounts.txt`, as `--export-accounts` writes it.

Where gas costs nothing, each side's node has such a list (docs/OPERATIONS.md, "On besu"), so the accounts that one
authority binds have to be told to the other side too. An address a line; what follows # is a comment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from creditconnect.errors import SettingsError
from creditconnect.types import AccountRole
from scripts._registry import Registry

export_accounts = click.option(
    "--export-accounts",
    "account_list",
    type=click.Path(path_type=Path),
    help="Add the accounts that are bound and enabled to this file, as besu's accounts.txt takes them.",
)


class AccountList:
    """A file that accounts are added to, each once. Without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        """Finds out before anything is sent whether the file can be written.

        Raises:
            SettingsError: it can't.
        """
        self._path = path
        if path is None:
            return
        self._read(path)
        # Not made yet: an empty list on a node's folder lets nobody in.
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise SettingsError(f"{path}: can't be written")

    def add(self, registry: Registry, code: str, accounts: Iterable[tuple[str, AccountRole]]) -> Iterator[str]:
        """Add those of an institution's accounts that are bound and enabled; a line for each that is new.

        Raises:
            SettingsError: the file can't be written.
        """
        if self._path is None:
            return
        for address, role in accounts:
            text = self._read(self._path)
            known = {line.partition("#")[0].strip().lower() for line in text.splitlines()}
            if address.lower() in known or not registry.read("accountOf", address).enabled:
                continue
            begun = "" if not text or text.endswith("\n") else "\n"
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{begun}{address.lower()} # {code} {role.name.lower()}\n")
            except OSError as error:
                raise SettingsError(f"{self._path}: can't be written ({error.strerror})") from None
            yield f"{role.name.lower()} account {address} is added to {self._path}"

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8") if path.exists() else ""
        except OSError as error:
            raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
        except ValueError:
            raise SettingsError(f"{path}: is no list of accounts") from None
