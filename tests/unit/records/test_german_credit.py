"""The demonstration's input: the same bytes for a seed, distinct and plainly synthetic persons, ages that agree."""

from __future__ import annotations

import csv
import hashlib
from datetime import date, datetime
from pathlib import Path

import pytest

from creditconnect.cli.german_credit import SYNTHETIC_COLUMNS, attach_identities, packaged_dataset
from creditconnect.errors import SourceUnreadable, UsageError
from creditconnect.records.identifiers import check_normal

DATASET_SHA256 = "2c0bae00275c028fc853a1ea72cc7a68002c3f6876c41300c5c948711540c8c6"


def attached(path: Path, side: str, rows: int, seed: int) -> list[dict[str, str]]:
    attach_identities(packaged_dataset(), path, side, rows, seed)
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def age_on(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def test_packaged_dataset__its_bytes__are_the_data_sets() -> None:
    assert hashlib.sha256(packaged_dataset().read_bytes()).hexdigest() == DATASET_SHA256


@pytest.mark.parametrize(("side", "identifier_type"), [("HK", "HKID"), ("CN-SZ", "CN_RESIDENT_ID")])
def test_attach_identities__more_rows_than_the_set__distinct_consistent_persons(
    tmp_path: Path, side: str, identifier_type: str
) -> None:
    people = attached(tmp_path / "people.csv", side, 2500, seed=1)
    assert len(people) == len({person["identifier_number"] for person in people}) == 2500
    assert len({person["report_number"] for person in people}) == 2500
    for person in people:
        assert person["identifier_type"] == identifier_type
        check_normal(identifier_type, person["identifier_number"])
        assert person["name"].startswith("Synthetic Person ")
        born, issued = date.fromisoformat(person["date_of_birth"]), datetime.fromisoformat(person["issued_at"])
        assert age_on(born, issued.date()) == int(person["age_in_years"])


def test_attach_identities__resident_ids__agree_with_birth_and_sex(tmp_path: Path) -> None:
    for person in attached(tmp_path / "people.csv", "CN-SZ", 1000, seed=1):
        number = person["identifier_number"]
        assert number[6:14] == person["date_of_birth"].replace("-", "")
        assert (int(number[16]) % 2 == 1) == person["personal_status_and_sex"].startswith("male")


def test_attach_identities__data_columns__unchanged(tmp_path: Path) -> None:
    people = attached(tmp_path / "people.csv", "HK", 1000, seed=1)
    original = list(csv.DictReader(packaged_dataset().read_bytes().decode().splitlines()))
    assert [{key: row[key] for key in row if key not in SYNTHETIC_COLUMNS} for row in people] == original


def test_attach_identities__same_seed__same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        attach_identities(packaged_dataset(), tmp_path / name, "HK", 50, seed)
    one, again, other = ((tmp_path / name).read_bytes() for name in ("one", "again", "other"))
    assert one == again
    assert one != other


def test_attach_identities__unknown_side_rows_or_source__refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MO"):
        attach_identities(packaged_dataset(), tmp_path / "x", "MO", 1, 1)
    with pytest.raises(UsageError, match="rows"):
        attach_identities(packaged_dataset(), tmp_path / "x", "HK", 0, 1)
    with pytest.raises(SourceUnreadable, match=r"none\.csv"):
        attach_identities(tmp_path / "none.csv", tmp_path / "x", "HK", 1, 1)
