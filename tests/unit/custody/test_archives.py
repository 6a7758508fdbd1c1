"""Promise: what is packed is read back, one at a time, and no archive from outside costs more than its bounds."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from creditconnect.custody import archives, packages, sealed_packages
from creditconnect.custody.archives import (
    GREATEST_RATIO,
    MOST_MEMBERS,
    is_archive,
    read_packages,
    walk_packages,
    write_archive,
)
from creditconnect.errors import SourceUnreadable, UsageError

PLAIN, SEALED = ("01" * 8 + ".ccpackage", b'{"a":1}'), ("02" * 8 + ".ccsealed", b"creditconnect-sealed/1\n")
Entry = tuple[str | zipfile.ZipInfo, bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "many.ccarchive"


def zipped(path: Path, *members: Entry, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(SourceUnreadable) as error:
        list(read_packages(path))
    assert error.value.message.startswith(f"{path}: ")
    return error.value.message.removeprefix(f"{path}: ")


# ------------------------------------------------------------------------------------------------------ there and back


def test_read__what_was_written__the_same_in_the_same_order(path: Path) -> None:
    assert write_archive(path, iter((SEALED, PLAIN))) == 2
    assert list(read_packages(path)) == [SEALED, PLAIN]
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_archive(path)


def test_write__the_same_packages__the_same_bytes(path: Path, tmp_path: Path) -> None:
    write_archive(path, (PLAIN, SEALED))
    write_archive(tmp_path / "again", (PLAIN, SEALED))
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


def test_write__what_deflates_like_a_bomb__is_read_back_all_the_same(path: Path) -> None:
    member = ("long.ccpackage", b"0" * packages.GREATEST_BYTES)
    write_archive(path, [member])
    assert list(read_packages(path)) == [member]


def test_write__fails_on_the_way__leaves_what_was_there(path: Path) -> None:
    def breaks() -> object:
        yield PLAIN
        raise UsageError("no more")

    write_archive(path, [SEALED])
    before = path.read_bytes()
    with pytest.raises(UsageError, match="no more"):
        write_archive(path, breaks())  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_write__more_than_one_may_hold__refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1)
    with pytest.raises(UsageError, match="more than the 1 packages"):
        write_archive(path, (PLAIN, SEALED))
    assert not path.exists()


def test_read__file_folder_and_archive_alike__names_and_bytes(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in (SEALED, PLAIN, ("report.pdf", b"%PDF-")):
        (folder / name).write_bytes(data)
    write_archive(folder / "z.ccarchive", [PLAIN])
    assert list(read_packages(folder)) == [PLAIN, SEALED, (f"z.ccarchive/{PLAIN[0]}", PLAIN[1])]
    assert list(read_packages(folder / PLAIN[0])) == [PLAIN]
    assert list(read_packages(folder / "report.pdf")) == [("report.pdf", b"%PDF-")], "a name is a label"


def test_read__folders_in_folders_and_in_archives__each_once_by_its_way_in_a_stable_order(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "b" / "deep").mkdir(parents=True)
    for name in ("c.ccpackage", "b/z.ccpackage", "b/deep/a.ccpackage", "a.ccpackage"):
        (folder / name).write_bytes(name.encode())
    (folder / "b" / "back").symlink_to(folder)
    zipped(folder / "b" / "hand.ZIP", ("sub/", b""), ("sub/a.ccpackage", b"sub"), PLAIN)
    names = ["a.ccpackage", "b/deep/a.ccpackage", "b/hand.ZIP/sub/a.ccpackage", f"b/hand.ZIP/{PLAIN[0]}"]
    assert [name for name, _ in read_packages(folder)] == [*names, "b/z.ccpackage", "c.ccpackage"]


def test_walk__what_holds_no_package__told_and_a_folder_that_cant_be_read_comes_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "note.pdf").write_bytes(b"%PDF-")
    (tmp_path / "photo.png").write_bytes(b"no picture")
    (tmp_path / "link").symlink_to(tmp_path)
    zipped(tmp_path / "papers.zip", PLAIN, ("note.pdf", b"%PDF-"))
    zipped(tmp_path / "bomb.zip", ("a.ccpackage", b"0" * 10**6))
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / PLAIN[0]).write_bytes(PLAIN[1])
    passed_over: list[Path] = []
    assert [found.name for found in walk_packages(tmp_path, passed_over.append)] == [PLAIN[0]]
    assert [path.name for path in passed_over] == [
        "bomb.zip",
        "link",
        "papers.zip",
        "photo.png",
        "pipe.zip",
        "note.pdf",
    ]


def test_read__one_at_a_time__the_first_before_the_rest_is_looked_at(path: Path) -> None:
    zipped(path, PLAIN, SEALED)
    reading = read_packages(path)
    assert next(reading) == PLAIN
    path.write_bytes(b"")
    assert next(reading)[0] == SEALED[0]


def test_read__a_member_that_is_damaged__is_no_bytes_and_the_rest_goes_on(path: Path) -> None:
    zipped(path, PLAIN, SEALED, method=zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(PLAIN[1], b'{"a":2}'))
    assert list(read_packages(path)) == [(PLAIN[0], b""), SEALED]


def test_read__a_file_beyond_all_bounds__is_cut_one_byte_beyond(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as file:
        file.truncate(10 * sealed_packages.GREATEST_BYTES)
    ((_, data),) = read_packages(tmp_path / "long")
    assert len(data) == sealed_packages.GREATEST_BYTES + 1


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_read__nothing_there__said_so(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "none")
    with pytest.raises(UsageError, match=r"none: (holds no package|can't be read)"):
        list(read_packages(tmp_path / "none"))


def test_read__an_empty_archive__said_so(path: Path) -> None:
    with pytest.raises(UsageError, match="holds no package"):
        list(read_packages(zipped(path)))


# -------------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    "name",
    [
        *("../a.ccpackage", "/a.ccpackage", "..\\a.ccpackage", "C:\\a.ccpackage", "folder//a.ccpackage"),
        *("folder/../a.ccpackage", "./a.ccpackage", "folder/a.pdf", "../", "/", "folder//", "folder/.ccpackage/"),
        *("a.pdf", "a", "a.ccarchive", "a\n.ccpackage", "a\x1b[2J.ccpackage", "a\u202e.ccpackage"),
        "x" * 250 + ".ccpackage",
    ],
)
def test_read__a_name_that_is_more_than_a_label__refused_with_its_number_alone(path: Path, name: str) -> None:
    said = refused(zipped(path, PLAIN, (name, b"{}")))
    assert said == "member 2 is not named as a package is"


def test_read__a_name_cut_by_nul__refused(path: Path) -> None:
    zipped(path, ("a.ccpackageX.pdf", b"{}"))
    path.write_bytes(path.read_bytes().replace(b"a.ccpackageX.pdf", b"a.ccpackage\0.pdf"))
    assert "is not named as a package is" in refused(path)


def test_read__two_of_one_name__refused(path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(path, PLAIN, PLAIN)
    assert refused(path) == "member 2 has the name of another"


def test_read__a_bomb__refused_before_it_is_inflated(path: Path) -> None:
    bomb = zipped(path, ("a.ccpackage", b"0" * (GREATEST_RATIO + 1) * 1_000))
    assert "deflated to less than a 100th" in refused(bomb)


def test_read__a_bomb_that_says_it_is_small__comes_to_no_more_than_it_says(path: Path) -> None:
    """The directory's sizes are believed for the bounds, so nothing beyond them may be read."""
    zipped(path, ("a.ccpackage", b"0" * 1_000_000))
    size = struct.pack("<L", 1_000_000)
    data = path.read_bytes()
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, struct.pack("<L", 1_000)))
    assert list(read_packages(path)) == [("a.ccpackage", b"")]


def test_read__one_too_large__refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_GREATEST_MEMBER_BYTES", 10)
    assert refused(zipped(path, PLAIN, ("b.ccpackage", b"0" * 11))) == "member 2 is larger than 10 bytes"


def test_read__all_together_too_large__refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "GREATEST_TOTAL_BYTES", 29)
    assert refused(zipped(path, PLAIN, SEALED)) == "holds more than 29 bytes"


def test_read__another_compression__refused(path: Path) -> None:
    assert "neither stored nor deflated" in refused(zipped(path, PLAIN, method=zipfile.ZIP_LZMA))


def test_read__encrypted__refused(path: Path) -> None:
    zipped(path, PLAIN)
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    path.write_bytes(data)
    assert "is encrypted" in refused(path)


@pytest.mark.parametrize(("field", "value"), [("<H", MOST_MEMBERS + 1), ("<L", 2**24 + 1)])
def test_read__a_directory_beyond_bounds__refused_before_it_is_read(path: Path, field: str, value: int) -> None:
    zipped(path, PLAIN)
    data = bytearray(path.read_bytes())
    struct.pack_into(field, data, len(data) - (12 if field == "<H" else 10), value)
    path.write_bytes(data)
    assert refused(path) == f"says that it holds more than {MOST_MEMBERS:,} packages"


def test_read__zip64__refused(path: Path) -> None:
    zipped(path, PLAIN)
    data = path.read_bytes()
    path.write_bytes(data[:-22] + b"PK\x06\x07" + b"\0" * 16 + data[-22:])
    assert "says that it holds more" in refused(path)


def test_read__a_comment_or_something_behind__refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(*PLAIN)
        archive.comment = b"a comment"
    assert "is cut off or has a comment" in refused(path)
    write_archive(path, [PLAIN])
    path.write_bytes(path.read_bytes() + b"more")
    assert "is cut off or has a comment" in refused(path)


def test_read__cut_anywhere__refused_or_no_bytes(path: Path) -> None:
    write_archive(path, (PLAIN, SEALED))
    data = path.read_bytes()
    for length in range(4, len(data)):
        path.write_bytes(data[:length])
        refused(path)


def test_read__any_byte_flipped__never_another_error(path: Path) -> None:
    """What comes out may be damaged, which a verification then says; what is raised is of this package."""
    write_archive(path, (PLAIN, SEALED))
    data = path.read_bytes()
    outcomes = set()
    for at in range(4, len(data)):
        for flip in (0x01, 0x08, 0x80):
            path.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            try:
                outcomes.add(len(list(read_packages(path))))
            except (SourceUnreadable, UsageError):
                outcomes.add(-1)
    assert outcomes >= {-1, 2}
