"""ZIP archives of unknown origin, held against bounds before anything else reads them.

Two libraries can read one ZIP archive differently, and its headers can lie: what is passed here has one reading. Every
member is unpacked once, piecewise, and comes to exactly the size that is written for it.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from creditconnect.errors import SourceUnreadable

GREATEST_MEMBERS = 1_000
GREATEST_MEMBER_BYTES = 256 * 2**20
GREATEST_TOTAL_BYTES = 512 * 2**20
GREATEST_RATIO = 200
"""Unpacked to packed bytes, from `RATIO_FROM_BYTES` on; sheets come to 10 to 50."""
RATIO_FROM_BYTES = 16 * 2**20
_PIECE = 2**20
_END = b"PK\x05\x06"
_END_BYTES = 22
_LOCAL_BYTES = 30
_ENCRYPTED = 0x1


def checked_archive(stream: BinaryIO, name: str) -> ZipFile:
    """Open an archive that keeps to the bounds; closing it leaves the stream open.

    Raises:
        SourceUnreadable: broken, ambiguous, encrypted, or unpacked larger than it says or than the bounds.
    """
    try:
        _check_end(stream, name)
        archive = ZipFile(stream)
        _check_sizes(archive.infolist(), name)
        for member in archive.infolist():
            _check_member(stream, member, name)
    except (BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError, EOFError) as error:
        raise SourceUnreadable(f"{name}: is a damaged ZIP archive", hint="save the workbook again") from error
    return archive


def _check_end(stream: BinaryIO, name: str) -> None:
    # With a comment or anything else behind it, another library could find another end.
    size = stream.seek(0, 2)
    stream.seek(max(size - _END_BYTES, 0))
    if not stream.read().startswith(_END):
        raise SourceUnreadable(f"{name}: is a ZIP archive that is cut short or has something behind its end")


def _check_sizes(members: list[ZipInfo], name: str) -> None:
    hint = "save the sheet as CSV, or in smaller parts"
    if len(members) > GREATEST_MEMBERS:
        raise SourceUnreadable(f"{name}: has {len(members)} members, more than {GREATEST_MEMBERS}", hint=hint)
    if len({member.filename for member in members}) < len(members):
        raise SourceUnreadable(f"{name}: has two members of one name")
    if any(member.file_size > GREATEST_MEMBER_BYTES for member in members):
        raise SourceUnreadable(f"{name}: unpacks to a member of more than {GREATEST_MEMBER_BYTES} bytes", hint=hint)
    if sum(member.file_size for member in members) > GREATEST_TOTAL_BYTES:
        raise SourceUnreadable(f"{name}: unpacks to more than {GREATEST_TOTAL_BYTES} bytes", hint=hint)
    for member in members:
        if member.file_size > max(RATIO_FROM_BYTES, GREATEST_RATIO * member.compress_size):
            raise SourceUnreadable(f"{name}: unpacks to more than {GREATEST_RATIO} times its size", hint=hint)


def _check_member(stream: BinaryIO, member: ZipInfo, name: str) -> None:
    if member.flag_bits & _ENCRYPTED or member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise SourceUnreadable(f"{name}: has a member that is encrypted or packed in an unusual way")
    stream.seek(member.header_offset)
    name_bytes, extra_bytes = struct.unpack("<26xHH", stream.read(_LOCAL_BYTES))
    stream.seek(name_bytes + extra_bytes, 1)
    if _unpacked_bytes(stream, member) != member.file_size:
        raise SourceUnreadable(f"{name}: has a member whose size is not the one that is written for it")


def _unpacked_bytes(stream: BinaryIO, member: ZipInfo) -> int:
    """What a member comes to; stops as soon as that is more than what is written for it."""
    left = member.compress_size
    if member.compress_type == ZIP_STORED:
        return left
    unpacker, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not unpacker.eof and size <= member.file_size:
        packed = unpacker.unconsumed_tail
        if not packed:
            packed = stream.read(min(_PIECE, left))
            left -= len(packed)
        piece = unpacker.decompress(packed, _PIECE)
        if not packed and not piece:
            raise EOFError
        size += len(piece)
    return size
