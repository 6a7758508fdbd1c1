"""Which schemas there are, what they ask, and an empty sheet to fill in. Needs no home, but to say what is pinned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditconnect.chain.registry import Question
from creditconnect.client.opened import Opened
from creditconnect.errors import UsageError
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.records.templates import SchemaField, fields_of, template


@dataclass(frozen=True, slots=True)
class KnownSchema:
    """A schema that this software knows: its id, title, and the hash by which registries pin it."""

    id: str
    title: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class ShownSchema:
    """A schema's document as it is hashed, and its fields as people read them."""

    known: KnownSchema
    fields: tuple[SchemaField, ...]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WrittenTemplate:
    """An empty sheet, and the mapping that goes with it."""

    sheet: Path
    mapping: Path


class Schemas(Opened):
    """What anybody may ask about schemas."""

    @staticmethod
    def schema_list() -> list[KnownSchema]:
        """The known schemas, in the order in which authorities pin them."""
        catalogue = SchemaCatalogue()
        return [_known(catalogue, schema_id) for schema_id in catalogue.ids]

    @staticmethod
    def schema_show(schema_id: str) -> ShownSchema:
        """One schema's document and fields.

        Raises:
            SchemaUnknown: hints at those that are known.
        """
        catalogue = SchemaCatalogue()
        schema = catalogue.load(schema_id)
        return ShownSchema(_known(catalogue, schema_id), fields_of(schema), dict(schema.document))

    @staticmethod
    def schema_template(schema_id: str, folder: Path) -> WrittenTemplate:
        """Write an empty sheet (CSV) and its mapping (TOML), to be filled in and submitted with each other.

        Raises:
            UsageError: the schema needs no sheet, or one of the files is there already. SchemaUnknown.
        """
        made = template(SchemaCatalogue().load(schema_id))
        stem = schema_id.replace("/", "-")
        written = WrittenTemplate(folder / f"{stem}.csv", folder / f"{stem}.toml")
        for path in (written.sheet, written.mapping):
            if path.exists():
                raise UsageError(f"{path}: is there already", hint="it is never overwritten; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in ((written.sheet, made.sheet), (written.mapping, made.mapping)):
            with path.open("xb") as file:
                file.write(data)
        return written

    def schema_pinned(self) -> dict[str, int]:
        """The number that the registry gives to each known schema that it has pinned, by its id, as of now."""
        questions = [Question("schemaByHash", (self.schemas.load(schema_id).hash,)) for schema_id in self.schemas.ids]
        numbers = self.registry.ask(questions, self.final_block())
        return {schema_id: int(number) for schema_id, number in zip(self.schemas.ids, numbers, strict=True) if number}


def _known(catalogue: SchemaCatalogue, schema_id: str) -> KnownSchema:
    schema = catalogue.load(schema_id)
    return KnownSchema(schema.id, str(schema.document["title"]), schema.hash)
