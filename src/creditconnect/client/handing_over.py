"""Handing over: packages written, in the clear or sealed for one institution, apart or as an archive; and opened.

To whom a package is sealed is the registry's word: the key comes from its events, and is the one only if the contract
keeps its hash at the same block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditconnect.chain.blocks import Block
from creditconnect.chain.registry import Question, bytes32_of
from creditconnect.client.opened import Opened
from creditconnect.custody import hpke, sealed_packages
from creditconnect.custody.archives import is_archive, read_packages, write_archive
from creditconnect.custody.exchange_keys import key_hash
from creditconnect.custody.hpke import PrivateKey
from creditconnect.custody.packages import Package, read_package, store_file, write_package
from creditconnect.custody.printed import packages_in
from creditconnect.custody.printed_codes import is_codes, read_codes, write_codes
from creditconnect.custody.sealed_packages import Envelope, is_sealed, open_package, seal_package
from creditconnect.custody.sheets import Sheet, draw_sheet
from creditconnect.errors import MirrorInconsistent, SealedForAnother, SealedKeyGone, UsageError
from creditconnect.records.canonical import read_canonical
from creditconnect.types import ExchangeSuite, RecordState, Standing, is_institution_code


@dataclass(frozen=True, slots=True)
class PackagesWritten:
    """How many packages are in `folder` (or archive) by this call, and how many records were left out, by state."""

    folder: Path
    packages: int
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class SheetWritten:
    """A printable sheet: of which record, and on how many codes its package is."""

    file: Path
    record_hash: bytes
    codes: int


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What a package says, unverified; `written` is where its plain bytes are now, if they were to be written."""

    sealed: bool
    provider: str
    record_hash: bytes
    schema: str
    record: dict[str, Any]
    written: Path | None


@dataclass(frozen=True, slots=True)
class _Recipient:
    code: str
    suite: ExchangeSuite
    public: bytes


class HandingOver(Opened):
    """What leaves a provider's home for a record's holder, and what a bank needs to open it."""

    def package(self, record_hash: bytes) -> Package:
        """The package of this institution's active record of that hash.

        Raises:
            UsageError: the vault has no such record, or it is not active: says in which state it is.
        """
        stored = self._stored(record_hash)
        (state,) = self._states([stored])
        if state != RecordState.ACTIVE.name:
            raise UsageError(f"record {record_hash.hex()} is not active: {state}")
        return self._packaged(stored)

    def package_write(
        self, folder: Path, record_hash: bytes | None = None, *, recipient: str | None = None
    ) -> PackagesWritten:
        """Write the packages of this institution's active records, or of those with one hash, into a folder.

        Sealed for the institution `recipient`, where one is given. What is not active and unexpired is left out and
        counted: its holder could not use it.

        Raises:
            UsageError: the vault has no record of that hash, or nothing can be sealed for the recipient: says why.
        """
        active, left_out = self._active(record_hash)
        members = self._members(active, recipient)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in members:
            store_file(folder / name, data)
        return PackagesWritten(folder, len(active), left_out)

    def package_archive(
        self, file: Path, record_hash: bytes | None = None, *, recipient: str | None = None
    ) -> PackagesWritten:
        """As `package_write`, into one file.

        Raises:
            UsageError: as there; there is nothing active, or more than an archive may hold. No file is written then.
        """
        active, left_out = self._active(record_hash)
        if not active:
            raise UsageError(f"{file}: there is no active record to write", hint="see creditconnect status")
        return PackagesWritten(file, write_archive(file, self._members(active, recipient)), left_out)

    def package_sheet(self, file: Path, record_hash: bytes, *, recipient: str | None = None) -> SheetWritten:
        """Write a sheet to print: HTML that needs nothing else, with the package of an active record as QR codes.

        Sealed for the institution `recipient`, where one is given: then nothing of the record is on it in the clear.

        Raises:
            UsageError: the vault has no such record, or it is not active; nothing can be sealed for the recipient; the
                package takes more codes than a sheet has. No file is written then.
        """
        package = self.package(record_hash)
        to = None if recipient is None else self._recipient(recipient)
        codes = write_codes(self._member(package, to)[1])
        sheet = Sheet(package, self._stored(record_hash).expires_at, codes, recipient, int(self._clock()))
        store_file(file, draw_sheet(sheet).encode())
        return SheetWritten(file, record_hash, len(codes))

    def package_unseal(self, data: bytes) -> bytes:
        """The plain package's bytes: those of a sealed one opened, a plain one as it is. Verifies nothing.

        Takes the text of a sheet's codes as well.

        Asks for the vault's passphrase only where there is something of this home's to open.

        Raises:
            SealedForAnother, SealedKeyGone, SealedAltered, PackageInvalid: it does not open: says why. Tampered: the
                exchange key of this home does not open.
        """
        carried = _off_the_sheet(data)
        return open_package(carried, self._private_key) if is_sealed(carried) else carried

    def package_open(self, file: Path | bytes, *, folder: Path | None = None) -> Unsealed:
        """What a package's file, a picture of a sheet, or their bytes hold.

        The plain package is written into `folder`, where one is given.

        Verifies nothing: whoever knows the key that is published could have sealed anything.

        Raises:
            UsageError: it can't be read, or is a folder or archive. As `package_unseal`; NotCanonical.
        """
        carried = _off_the_sheet(only_package(file))
        plain = self.package_unseal(carried)
        package = read_package(plain)
        record = read_canonical(package.canonical)
        written = None if folder is None else folder / package.file_name
        if written is not None:
            written.parent.mkdir(parents=True, exist_ok=True)
            store_file(written, plain)
        return Unsealed(
            is_sealed(carried), package.provider, package.derived.record_hash, package.schema, record, written
        )

    # ------------------------------------------------------------------------------------------------------- private

    def _active(self, record_hash: bytes | None) -> tuple[list[int], dict[str, int]]:
        """The numbers of the records that are active, and how many are not, by state."""
        active: list[int] = []
        others: Counter[str] = Counter()
        for records in self._vault.registered() if record_hash is None else [[self._stored(record_hash)]]:
            for record, state in zip(records, self._states(records), strict=True):
                if state == RecordState.ACTIVE.name:
                    active.append(record.id)
                else:
                    others[state] += 1
        return active, dict(others)

    def _members(self, numbers: list[int], recipient: str | None) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of each package, made one at a time; the recipient is looked up at once."""
        to = None if recipient is None else self._recipient(recipient)
        return (self._member(self._packaged(record), to) for record in self._vault.by_numbers(numbers))

    def _member(self, package: Package, to: _Recipient | None) -> tuple[str, bytes]:
        plain = write_package(package)
        if to is None:
            return package.file_name, plain
        envelope = Envelope(to.suite, package.provider, to.code, key_hash(to.public), package.chain)
        name = package.derived.record_hash.hex() + sealed_packages.FILE_SUFFIX
        return name, seal_package(plain, envelope, to.public)

    def _recipient(self, code: str) -> _Recipient:
        block = self.follow().block
        number, answer = self._institution(code, block)
        standing = Standing(answer["standing"])
        if standing != Standing.ACTIVE:
            raise UsageError(f"{code} is {standing.name.lower()}", hint="nothing is sealed for it")
        suite, kept = answer["encryptionSuite"], answer["encryptionKeyHash"]
        if not any(kept):
            raise UsageError(
                f"{code} has published no exchange key", hint="ask it to: creditconnect keys rotate exchange"
            )
        if suite not in list(ExchangeSuite):
            raise UsageError(f"{code} has published a key of suite {suite}", hint="only a newer creditconnect knows it")
        found = _Recipient(code, ExchangeSuite(suite), self._key_in_events(code, number, suite, kept, block))
        _require_usable(found)
        return found

    def _key_in_events(self, code: str, number: int, suite: int, kept: bytes, block: Block) -> bytes:
        """The key whose hash the contract keeps; the last one of the institution's events up to that block."""
        found = [
            event.arguments
            for log, event in self._mirror.about(number, "EncryptionKeySet")
            if log.block_number <= block.number
        ]
        if not found or (found[-1]["suite"], key_hash(found[-1]["key"])) != (suite, kept):
            raise MirrorInconsistent(
                f"block {block.number}: the events have another exchange key of {code} than the registry",
                hint="the node left events out; ask another node, and delete the mirror's database to follow anew",
            )
        return bytes(found[-1]["key"])

    def _institution(self, code: str, block: Block) -> tuple[int, dict[str, Any]]:
        if not is_institution_code(code):
            raise UsageError(f"{code!r} is no institution's code")
        (number,) = self.registry.ask([Question("institutionByCode", (bytes32_of(code),))], block)
        if not number:
            raise UsageError(f"the registry knows no institution {code}", hint="check the spelling of its code")
        (answer,) = self.registry.ask([Question("institutionOf", (number,))], block)
        return int(number), answer

    def _private_key(self, envelope: Envelope) -> PrivateKey:
        if envelope.recipient != self.settings.institution:
            raise SealedForAnother(
                f"sealed for {envelope.recipient}, this home is {self.settings.institution}",
                hint=f"hand it to {envelope.recipient}, or ask {envelope.sender} for one",
            )
        key = self._exchange_keys.by_hash(envelope.key_hash)
        ask_for_another = (
            f"ask {envelope.sender} for one sealed to the key that is published now;"
            " if that is this one, creditconnect keys rotate exchange first"
        )
        if key is None or key.suite != envelope.suite:
            raise SealedKeyGone(
                f"sealed for a key {envelope.key_hash.hex()} that this home does not have", hint=ask_for_another
            )
        if key.wrapped is None:
            raise SealedKeyGone(f"sealed for exchange key {key.number}, which is retired", hint=ask_for_another)
        return self._exchange_keys.private_key(key, self._keyring)


def only_package(source: Path | bytes) -> bytes:
    """The one package that a file or its bytes hold, as it is carried: plain, sealed, or a sheet's codes.

    Raises:
        UsageError: it can't be read, is a folder or archive, or holds more than one. SourceUnreadable: a picture
            without a code.
    """
    if isinstance(source, bytes):
        found = list(packages_in("what was handed in", source))
    else:
        if source.is_dir() or is_archive(source):
            raise UsageError(
                f"{source}: is a folder or an archive, where one package is asked for",
                hint="name one package's file, unpacked from the archive, which is a ZIP file; "
                "creditconnect verify and Client.verify_all take them as they are",
            )
        found = list(read_packages(source))
    if len(found) != 1:
        named = "what was scanned" if isinstance(source, bytes) else source
        raise UsageError(
            f"{named}: holds the codes of {len(found)} sheets",
            hint="one at a time; or lay it in a folder, and verify that",
        )
    return found[0][1]


def _off_the_sheet(data: bytes) -> bytes:
    return read_codes(data) if is_codes(data) else data


def _require_usable(to: _Recipient) -> None:
    """Before anything is written: the registry takes any bytes for a key, and sealing finds out."""
    try:
        hpke.seal(to.suite, to.public, b"", b"")
    except UsageError as error:
        raise UsageError(f"{to.code}: {error.message}", hint=error.hint) from None
