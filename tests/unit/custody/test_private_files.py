"""Promise: a file of keys is written whole, for its owner alone; what it held is overwritten where that is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from creditconnect.custody.private_files import create_json, erase, held, replace_json
from creditconnect.errors import KeysBusy

BUSY = KeysBusy("busy")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_json(tmp_path / "keys.json", {"key": "old"})
    return tmp_path / "keys.json"


@pytest.fixture
def other_name(path: Path) -> Path:
    """Another name of the same bytes on the disk, by which they are looked at afterwards."""
    os.link(path, path.with_name("other-name"))
    return path.with_name("other-name")


def test_create__a_file_is_there__never_overwritten(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_json(path, {})
    assert json.loads(path.read_text()) == {"key": "old"}


def test_create__fails_in_the_middle__leaves_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        create_json(tmp_path / "keys.json", {"key": object()})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("erased", [False, True])
def test_replace__the_former_bytes__are_overwritten_where_that_is_asked(
    path: Path, other_name: Path, *, erased: bool
) -> None:
    path.with_name("keys.json.next").write_text("half, left by a kill")
    replace_json(path, {"key": "new"}, erase_former=erased)
    assert json.loads(path.read_text()) == {"key": "new"}
    assert (set(other_name.read_bytes()) == {0}) is erased
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json", "other-name"]


def test_replace__fails__the_former_is_as_it_was(path: Path) -> None:
    with pytest.raises(TypeError):
        replace_json(path, {"key": object()}, erase_former=True)
    assert json.loads(path.read_text()) == {"key": "old"}


def test_erase__its_bytes_are_overwritten_and_it_is_gone(path: Path, other_name: Path) -> None:
    erase(path)
    assert not path.exists()
    assert set(other_name.read_bytes()) == {0}


def test_held__by_another__refused_and_free_again_afterwards(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "keys.lock"
    with held(lock, BUSY), pytest.raises(KeysBusy), held(lock, KeysBusy("busy")):
        pytest.fail("held twice")
    with held(lock, BUSY):
        pass
