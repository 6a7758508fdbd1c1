"""What a network asks of a node program, whichever it is; and the table of those that there are.

A newer client that takes the same genesis is a row of `network/engines.py`, not another path through the code.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from creditconnect.errors import EngineMissing
from creditconnect.network.configuration import Configuration
from creditconnect.network.folder import SideFolder
from creditconnect.network.sides import Side
from creditconnect.types import Consensus

_ANSWER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A node program that was found, and its version."""

    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class Launch:
    """All that starting one side's node depends on. A follower has no `own` file: it seals nothing."""

    folder: SideFolder
    configuration: Configuration
    sides: Sequence[Side]
    genesis_file: Path
    own: Side | None

    @property
    def peers(self) -> list[Side]:
        return [side for side in self.sides if side != self.own]


class Engine(Protocol):
    """One node program."""

    name: str
    consensus: Consensus
    # Whether its validator's key is opened by a passphrase when it starts.
    opens_keystore: bool

    def find(self) -> Program:
        """The program on this machine.

        Raises:
            EngineMissing: it is not there, or is of a version that can't seal this network.
        """
        ...

    def write_keys(self, folder: SideFolder, private_key: bytes) -> str:
        """Write the engine's own forms of a new node's key, mode 0600; its public key as the enode names it."""
        ...

    def configure(self, launch: Launch) -> None:
        """Write what the program reads when it starts. May be called again.

        Raises:
            NetworkError: what the sides say can't be told to this program.
        """
        ...

    def initialise(self, launch: Launch, program: Program) -> None:
        """Write block 0 where there is none, and make way for a start. May be called again.

        Raises:
            NetworkError: the data is another genesis's, or the program fails: says what it said.
        """
        ...

    def command(self, launch: Launch, program: Program, *, seals: bool) -> list[str]:
        """The command line; `{passphrase}` in it stands for a file that holds the validator's."""
        ...

    def start_sealing(self, folder: SideFolder) -> None:
        """Have a running validator seal, which does not yet."""
        ...

    def is_sealing(self, folder: SideFolder) -> bool:
        """Whether a running node seals, or would if it were its turn."""
        ...

    def peer_count(self, folder: SideFolder) -> int:
        """How many peers a running node has."""
        ...

    def validators(self, folder: SideFolder) -> list[str]:
        """Who may seal after a running node's head; addresses, sorted."""
        ...

    def votes(self, folder: SideFolder) -> dict[str, bool]:
        """What a running validator votes for until it counted: addresses, and whether to add them."""
        ...

    def vote(self, folder: SideFolder, address: str, *, add: bool) -> None:
        """Have a running validator vote for or against a validator from its next block on."""
        ...


def answer_of(command: Sequence[str], *, seconds: int = _ANSWER_SECONDS) -> tuple[int, str]:
    """Exit code and output of a program's own command; -1 where it can't be run.

    What it says stands on either stream, so both are read.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, type(error).__name__
    return done.returncode, done.stdout + done.stderr


def versioned(path: Path, command: str, form: re.Pattern[str]) -> Program | None:
    """The program at a path, if it says a version by that command."""
    _, said = answer_of([str(path), command])
    found = form.search(said)
    return None if found is None else Program(path, found[1])


def missing(name: str, hint: str) -> EngineMissing:
    return EngineMissing(f"there is no {name} on this machine", hint=hint)


def write_private(path: Path, text: str) -> None:
    """A new file of mode 0600.

    Raises:
        FileExistsError: a key is never overwritten.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
