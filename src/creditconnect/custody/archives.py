"""Many packages at once: in a folder and what is under it, or in a ZIP of packages (docs/PROTOCOL.md, 6); or one.

An archive comes from outside: how many members, how large each and all together, and how far they were deflated is
bounded by what its directory says before a member is read, and again while it is. Members' names are labels; nothing is
ever written under one.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from creditconnect.custody import packages, printed, sealed_packages
from creditconnect.custody.printed import is_picture, packages_in, printed_codes
from creditconnect.custody.printed_codes import join_codes, sort_codes
from creditconnect.errors import SourceUnreadable, UsageError

FILE_SUFFIX = ".ccarchive"
_OTHERS_SUFFIX = ".zip"
PACKAGE_SUFFIXES = (packages.FILE_SUFFIX, sealed_packages.FILE_SUFFIX)
MOST_MEMBERS = 50_000
GREATEST_TOTAL_BYTES = 2**30
# A record's text deflates to a tenth at best, its salt and hashes not at all; a bomb is at 1,000.
GREATEST_RATIO = 100
_GREATEST_DIRECTORY_BYTES = 16 * 2**20
_GREATEST_NAME = 255
_GREATEST_MEMBER_BYTES = sealed_packages.GREATEST_BYTES
_ENCRYPTED = 0x1

# The end of central directory record and the ZIP64 locator before it (APPNOTE.TXT, 4.3.16 and 4.3.15).
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR_BYTES = 20
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_STARTS = (b"PK\x03\x04", _END_SIGNATURE)


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does, whatever its name.

    Raises:
        UsageError: it can't be read.
    """
    with _reading(path) as file:
        return file.read(4) in _STARTS


@dataclass(frozen=True, slots=True)
class Unread:
    """What lies in a folder under a package's or an archive's name and can't be read: why."""

    message: str


class Found(NamedTuple):
    """A package by its name in what was walked; its document, if it has one, lies in `folder`."""

    name: str
    data: bytes | Unread
    folder: Path


def read_packages(path: Path) -> Iterator[tuple[str, bytes]]:
    """As `walk_packages`, up to what can't be read.

    Raises:
        UsageError, SourceUnreadable: as there, or of the first file of a folder that can't be read.
    """
    for name, data, _ in walk_packages(path):
        if isinstance(data, Unread):
            raise UsageError(data.message)
        yield name, data


def walk_packages(path: Path, passed_over: Callable[[Path], None] = lambda file: None) -> Iterator[Found]:
    """A package, every package in a folder and the folders under it by name, or every one in an archive; one at a time.

    In a folder an archive's packages come as `archive/name`, those of a folder under it as `folder/name`. What can't be
    got out of an archive, for it is damaged there, comes as no bytes at all, which are no package. Of what is printed
    the codes' text comes, as `read_codes` takes it; in a folder a sheet's codes may be in several pictures. A file of a
    folder that can't be read, or an archive there that is none, comes in its place: the others are read all the same.

    `passed_over` is told of each file of a folder that holds no package: neither named as one, nor an archive of them
    that is named .zip, nor printed. Links to folders are not followed, for they may lead back.

    Raises:
        UsageError: there is no package there, or the one file can't be read. SourceUnreadable: the one archive as a
            whole, or a picture by itself that holds no code.
    """
    if path.is_dir():
        yield from _read_folder(path, passed_over)
    else:
        held = _read_archive(path) if is_archive(path) else packages_in(path.name, _read_file(path))
        yield from (Found(name, data, path.parent) for name, data in held)


def write_archive(path: Path, members: Iterable[tuple[str, bytes]]) -> int:
    """Write packages into one file, readable by its owner alone; how many. There is no file if it fails.

    Raises:
        UsageError: more than an archive may hold.
    """
    following = path.with_name(path.name + ".part")
    following.unlink(missing_ok=True)  # left by a kill
    descriptor = os.open(following, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = _write(file, path, members)
        following.replace(path)
    except BaseException:
        following.unlink(missing_ok=True)
        raise
    return count


def _write(file: IO[bytes], path: Path, members: Iterable[tuple[str, bytes]]) -> int:
    count, total = 0, 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=False) as archive:
        for name, data in members:
            count, total = count + 1, total + len(data)
            if count > MOST_MEMBERS or total > GREATEST_TOTAL_BYTES:
                raise UsageError(
                    f"{path}: more than the {MOST_MEMBERS:,} packages or {GREATEST_TOTAL_BYTES:,} bytes of one archive",
                    hint="write them into a folder with --out",
                )
            # Without the time: the same packages give the same archive.
            archive.writestr(zipfile.ZipInfo(name), data, _method(data))
    return count


def _method(data: bytes) -> int:
    """Stored where it would deflate so far that a reader takes it for a bomb."""
    bomb = len(data) > GREATEST_RATIO * len(zlib.compress(data))
    return zipfile.ZIP_STORED if bomb else zipfile.ZIP_DEFLATED


def _read_folder(folder: Path, passed_over: Callable[[Path], None]) -> Iterator[Found]:
    none = True
    # Of sheets that are not whole yet: each code, and the first file that it is in.
    partial: dict[str, Path] = {}
    waiting = _listed(folder)
    while waiting:
        entry = waiting.pop()
        file = Path(entry.path)
        name = _name_in(folder, file)
        try:
            if entry.is_dir(follow_symlinks=False) and file.suffix not in (*PACKAGE_SUFFIXES, FILE_SUFFIX):
                waiting += _listed(file)
                continue
            held = _held_in(file, partial)
            if held is None:
                passed_over(file)
                continue
            for beyond, data in held:
                none = False
                yield Found(name + beyond, data, file.parent)
        except (UsageError, SourceUnreadable) as error:
            none = False
            yield Found(name, Unread(error.message), file.parent)
    for codes in chain.from_iterable(sort_codes(partial)):
        none = False
        first = partial[codes[0]]
        yield Found(_name_in(folder, first), join_codes(codes), first.parent)
    if none:
        raise UsageError(
            f"{folder}: holds no package", hint=f"packages end with {', '.join(PACKAGE_SUFFIXES)} or {FILE_SUFFIX}"
        )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, to be taken from the end by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        raise UsageError(f"{folder}: can't be read ({error.strerror})") from None


def _name_in(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _held_in(file: Path, partial: dict[str, Path]) -> Iterable[tuple[str, bytes]] | None:
    """What each package's name has beyond the file's, and its bytes; None where the file holds nothing of ours."""
    if file.suffix == FILE_SUFFIX:
        return ((f"/{name}", data) for name, data in _read_archive(file))
    if file.suffix in PACKAGE_SUFFIXES:
        return [("", _read_file(file))]
    if file.suffix.lower() == _OTHERS_SUFFIX:
        return _held_in_zip(file)
    codes = _codes_of(file) if file.suffix.lower() in printed.SUFFIXES else []
    if not codes:
        return None
    whole, left = sort_codes(codes)
    for code in chain.from_iterable(left):
        partial.setdefault(code, file)
    return [("" if len(whole) == 1 else f"/{n}", join_codes(codes)) for n, codes in enumerate(whole, start=1)]


def _held_in_zip(file: Path) -> Iterable[tuple[str, bytes]] | None:
    """None where it is no archive of packages: a document, perhaps, that lies beside its package."""
    members = ((f"/{name}", data) for name, data in _read_archive(file))
    try:
        # All that is asked of the whole is asked before its first member.
        first = next(members)
    except (UsageError, SourceUnreadable):
        return None
    return chain([first], members)


def _codes_of(file: Path) -> list[str]:
    """No code where it is no sheet, so far as one can tell: a document, perhaps, that lies beside its package."""
    try:
        return printed_codes(file.name, _read_file(file)) or []
    except (SourceUnreadable, UsageError):
        return []


def _read_file(path: Path) -> bytes:
    with _reading(path) as file:
        first = file.read(16)
        greatest = printed.GREATEST_PICTURE_BYTES if is_picture(first) else _GREATEST_MEMBER_BYTES
        # One more is wrong already, many more would take memory.
        return first + file.read(greatest + 1 - len(first))


def _read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with _reading(path) as file:
        _require_small_directory(path, file)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            raise SourceUnreadable(f"{path}: its directory is damaged, so it is no archive") from None
        with archive:
            members = archive.infolist()
            _require_bounds(path, members)
            for member in members:
                if member.is_dir():
                    continue
                yield member.filename, _read_member(archive, member)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(_GREATEST_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError):
        return b""


def _require_small_directory(path: Path, file: IO[bytes]) -> None:
    """Before the directory is read into memory: it ends the file, without comment and without ZIP64."""
    size = file.seek(0, os.SEEK_END)
    tail_bytes = min(size, _LOCATOR_BYTES + _END.size)
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    file.seek(0)
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(_END_SIGNATURE) or end[-2:] != b"\0\0":
        raise SourceUnreadable(f"{path}: is cut off or has a comment, so it is no archive")
    count, directory_bytes = _END.unpack(end)[4:6]
    if tail.startswith(_LOCATOR_SIGNATURE) or count > MOST_MEMBERS or directory_bytes > _GREATEST_DIRECTORY_BYTES:
        raise SourceUnreadable(f"{path}: says that it holds more than {MOST_MEMBERS:,} packages")


def _require_bounds(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if all(member.is_dir() for member in members):
        raise UsageError(f"{path}: holds no package")
    if len(members) > MOST_MEMBERS:
        raise SourceUnreadable(f"{path}: holds more than {MOST_MEMBERS:,} packages")
    seen: set[str] = set()
    for number, member in enumerate(members, start=1):
        if (wrong := _wrong_with(member, seen)) is not None:
            raise SourceUnreadable(f"{path}: member {number} {wrong}", hint="nothing of it was read; ask for another")
        seen.add(member.filename)
    if sum(member.file_size for member in members) > GREATEST_TOTAL_BYTES:
        raise SourceUnreadable(f"{path}: holds more than {GREATEST_TOTAL_BYTES:,} bytes")


def _wrong_with(member: zipfile.ZipInfo, seen: set[str]) -> str | None:
    name = member.filename
    # As it stands in the file: zipfile cuts a name at its first NUL.
    plain = name == member.orig_filename and name.isprintable() and len(name) <= _GREATEST_NAME
    is_folder = member.is_dir() and member.file_size == 0
    if not plain or not _leads_down(name) or not (is_folder or name.endswith(PACKAGE_SUFFIXES)):
        return "is not named as a package is"
    if member.header_offset < 0:
        return "lies outside of the file"
    if name in seen:
        return "has the name of another"
    if member.flag_bits & _ENCRYPTED or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is encrypted, or neither stored nor deflated"
    if member.file_size > _GREATEST_MEMBER_BYTES:
        return f"is larger than {_GREATEST_MEMBER_BYTES:,} bytes"
    if member.file_size > GREATEST_RATIO * max(member.compress_size, 1):
        return f"is deflated to less than a {GREATEST_RATIO}th, as no package is"
    return None


def _leads_down(name: str) -> bool:
    """Whether what stands before a name are folders' names alone: no way up, and none from the root."""
    return "\\" not in name and not {"", ".", ".."} & set(name.removesuffix("/").split("/"))


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """Only the opening is told here; whatever is raised inside is the reader's."""
    try:
        # Nobody may write into a pipe that lies there: opened without waiting, and then refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path}: is no file")
    with os.fdopen(descriptor, "rb") as file:
        yield file
