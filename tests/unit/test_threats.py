"""Promise: whatever docs/THREATS.md says is shown by a test names one that there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "THREATS.md").read_text(encoding="utf-8")


def named(form: str) -> set[str]:
    return set(re.findall(form, PAGE))


def test_contracts_tests__that_are_named__are_there() -> None:
    functions = named(r"`(test_\w+)`")
    there = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "contract").glob("*.sol"))
    assert len(functions) > 20
    assert [name for name in sorted(functions) if f"function {name}(" not in there] == []


def test_files__that_are_named__are_there_once_each() -> None:
    files = named(r"`((?:tests/\w+/)?test_\w+\.py)`")
    found = {file: list((ROOT / "tests").rglob(file.removeprefix("tests/").rpartition("/")[2])) for file in files}
    assert len(files) > 10
    for file, paths in found.items():
        wanted = [path for path in paths if str(path).endswith(file)]
        assert wanted, file


def test_every_actor__has_what_is_not_stopped_or_stands_for_everybody() -> None:
    sections = PAGE.split("\n## ")[1:]
    assert len(sections) >= 8
    open_ended = [section.splitlines()[0] for section in sections if "**Not stopped" not in section]
    assert open_ended == ["An outsider"]
