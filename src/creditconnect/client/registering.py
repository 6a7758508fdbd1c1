"""The part of a client that keeps the register of subjects: whom records may be about, and what they agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from creditconnect.client.opened import Opened
from creditconnect.custody.subjects import KnownSubject
from creditconnect.errors import FieldInvalid, UsageError
from creditconnect.exchange.subject_files import SubjectsRegistered, register_file
from creditconnect.records.identifiers import Identifier, check
from creditconnect.records.reading import SUFFIXES
from creditconnect.records.subjects import EVERY_SCHEMA, SubjectKind, consent_of


@dataclass(frozen=True, slots=True)
class SubjectsPage:
    """Some subjects, and how many there are in all."""

    total: int
    subjects: list[KnownSubject]


class Registering(Opened):
    """What a provider keeps of the persons and firms themselves. All of it is sealed in the vault."""

    def subject_register(
        self, source: Path | str | BinaryIO, *, row_format: str | None = None, name: str = "standard input"
    ) -> SubjectsRegistered:
        """Register the subjects of a CSV or JSONL file or stream; the same again changes nothing.

        Columns as `records.subjects.COLUMNS` says. A row with an identifier that is known adds to that subject; one
        that would give an identifier to two subjects, or a subject another name or date, is refused and listed. A
        stream needs its format said, and is closed.

        Raises:
            SourceUnreadable: the source as a whole.
        """
        if isinstance(source, str | Path):
            source, name = Path(source), Path(source).name
            row_format = row_format or SUFFIXES.get(source.suffix.lower(), "")
        if row_format is None:
            raise UsageError(f"{name}: its format is not said", hint="csv or jsonl")
        return register_file(
            source,
            name,
            row_format,
            self._subjects,
            self.settings.rejected_folder,
            frozenset(self.schemas.ids),
            int(self._clock()),
        )

    def subject_list(
        self, *, limit: int = 50, before: int | None = None, kind: SubjectKind | None = None
    ) -> SubjectsPage:
        """Subjects, the newest first, from below the number `before` on."""
        return SubjectsPage(self._subjects.count(), self._subjects.newest(limit, before=before, kind=kind))

    def subject_show(self, subject: int | Identifier) -> KnownSubject:
        """A subject by its number, or by any of its identifiers, in whatever spelling.

        Raises:
            UsageError: there is none. FieldInvalid: the identifier is none.
        """
        if isinstance(subject, int):
            return self._subjects.get(subject)
        number = self._subjects.number_of(Identifier(subject.type, check(subject.type, subject.number)))
        if number is None:
            raise UsageError("no subject has that identifier", hint="creditconnect subject register")
        return self._subjects.get(number)

    def subject_consent(self, number: int, consent: Mapping[str, str]) -> KnownSubject:
        """Note a consent, said as the columns `consent_...` of a file are; given now, if no day is said.

        Raises:
            UsageError: there is no such subject, or the consent is not one: names the column.
        """
        try:
            noted = consent_of(consent, frozenset(self.schemas.ids), int(self._clock()))
        except FieldInvalid as error:
            raise UsageError(f"{error.field}: {error.message}") from None
        return self._subjects.add_consent(number, noted)

    def subject_withdraw(self, number: int, scope: str = EVERY_SCHEMA) -> KnownSubject:
        """Note that a subject agrees no more: to records of a schema, or to any. What is registered stays so.

        Raises:
            UsageError: there is no such subject or schema, or it never agreed to that.
        """
        if scope != EVERY_SCHEMA and scope not in self.schemas.ids:
            raise UsageError(f"there is no schema {scope[:64]!r}", hint=f"known: {', '.join(self.schemas.ids)}")
        return self._subjects.withdraw(number, scope)
