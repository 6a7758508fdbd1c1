"""The keys that administrators act with: keystore files that ape keeps, by alias.

`--authority`, `--key` and `--deployer` take ape's aliases of keystore files: `ape accounts import <alias>` makes one,
or a version 3 keystore is put down as `<alias>.json` in the folder `accounts` of ~/.ape, or of what APE_DATA_FOLDER
names.
The passphrase comes from the file that the environment variable `APE_ACCOUNTS_<alias>_PASSPHRASE_FILE` names, else from
`APE_ACCOUNTS_<alias>_PASSPHRASE`, else from a prompt. An alias without hyphens makes names that a shell can export.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ape.api import AccountAPI
from ape.logging import logger

from creditconnect.errors import SettingsError, UsageError, WrongPassphrase


def find_account(alias: str) -> Any:
    """The keystore of an alias, locked: it says its address without its passphrase.

    Raises:
        UsageError: there is no such alias.
        SettingsError: the keystore is damaged.
    """
    from ape import accounts, config
    from ape_accounts.accounts import KeyfileAccount

    try:
        account = accounts.load(alias)
    except (KeyError, ValueError):
        folder = Path(config.DATA_FOLDER) / "accounts"
        raise UsageError(f"there is no account {alias!r}", hint=f"its keystore would be in {folder}") from None
    if not isinstance(account, KeyfileAccount):
        raise UsageError(f"account {alias!r} is not a keystore file")
    try:
        account.address  # noqa: B018 - it is read from the file
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _damaged(account.keyfile_path, error) from None
    return account


def unlock(alias: str) -> AccountAPI:
    """The account of an alias, ready to sign without questions.

    Raises:
        UsageError: there is no such alias.
        WrongPassphrase: its keystore does not open.
        SettingsError: the passphrase file can't be read, or the keystore is damaged.
    """
    from ape_accounts.accounts import InvalidPasswordError

    account = find_account(alias)
    try:
        with logger.at_level("ERROR"):
            account.set_autosign(True, passphrase=_passphrase_from_file(alias))
    except InvalidPasswordError:
        raise WrongPassphrase(f"the passphrase does not open account {alias!r}") from None
    except (KeyError, TypeError, NotImplementedError) as error:
        raise _damaged(account.keyfile_path, error) from None
    return account


def _damaged(keystore: Path, error: Exception) -> SettingsError:
    # Never the error's own words, which may hold what is in the file.
    return SettingsError(f"{keystore}: is no version 3 keystore with an address ({type(error).__name__})")


def _passphrase_from_file(alias: str) -> str | None:
    variable = f"APE_ACCOUNTS_{alias}_PASSPHRASE_FILE"
    if variable not in os.environ:
        return None
    try:
        passphrase = Path(os.environ[variable]).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: is no UTF-8 text") from None
    # ape would take an empty one for none, and ask.
    if not passphrase:
        raise SettingsError(f"{variable}: the file is empty")
    return passphrase
