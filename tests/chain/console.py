"""The installed command as people and programs start it: a process of its own, its exit code and what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chain.homes import passphrase

PROGRAM = Path(sys.executable).with_name("creditconnect")
NAMES = ("vault", "submit", "review")
MOST_SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on standard error, from which somebody can go on."""
        assert "Traceback" not in self.err, self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("creditconnect: "), self.err
        return lines[0].removeprefix("creditconnect: ")


class Console:
    """Runs commands with the passphrases of `homes`, each in a file of `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if "CREDITCONNECT" not in name}
        for name in NAMES:
            self.set_passphrase(name, passphrase(name))

    def set_passphrase(self, name: str, value: str) -> None:
        path = self.folder / f"{name}.passphrase"
        path.write_text(value + "\n", encoding="utf-8")
        self.environment[variable(name)] = str(path)

    def start(self, *arguments: object, home: Path | None = None, most_file_kib: int = 0) -> subprocess.Popen[str]:
        """A command that runs on; of the home, where one is given."""
        limited = ("bash", "-c", 'ulimit -f "$1"; shift; exec "$@"', "-", str(most_file_kib)) if most_file_kib else ()
        return subprocess.Popen(
            [*limited, str(PROGRAM), *map(str, arguments), *(("--home", str(home)) if home else ())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.folder,
            text=True,
        )

    def run(self, *arguments: object, home: Path | None = None, most_file_kib: int = 0) -> Said:
        """A command to its end; no file of it grows beyond `most_file_kib`, where that is given."""
        return self.end(self.start(*arguments, home=home, most_file_kib=most_file_kib))

    def end(self, process: subprocess.Popen[str]) -> Said:
        """Wait for what was started."""
        with process:
            out, err = process.communicate(timeout=MOST_SECONDS)
        return Said(process.returncode, out, err)

    def does(self, *arguments: object, home: Path | None = None) -> Said:
        """A command that ends well, and then has nothing to complain of."""
        said = self.run(*arguments, home=home)
        assert (said.code, said.err) == (0, "")
        return said


def variable(name: str) -> str:
    return f"CREDITCONNECT_{name.upper()}_PASSPHRASE_FILE"
