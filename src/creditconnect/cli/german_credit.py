"""The demonstration's input: the German Credit data set with synthetic persons attached, from a fixed seed.

Nothing here is real but the 21 columns of the data set; names say so. Never used outside the demonstration and the
tests. Licence and source: data/README.md.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import cycle, islice
from pathlib import Path

from creditconnect.errors import SourceUnreadable, UsageError
from creditconnect.records.identifiers import IdentifierType, hkid_check_digit, resident_id_check_digit

FIRST_ISSUED_AT = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
GREATEST_ROWS = 1_000_000
SYNTHETIC_COLUMNS = (
    "report_number",
    "issued_at",
    "name",
    "identifier_type",
    "identifier_number",
    "date_of_birth",
    "currency",
)
HKID_PREFIX = "QX"
"""Not among the prefixes that are known to be issued."""
SHENZHEN_REGION = "440301"

DrawNumber = Callable[[date, bool], str]


def packaged_dataset() -> Traversable:
    """The data set that comes with the software: 1,000 rows, 21 columns."""
    return resources.files(__package__) / "data" / "german_credit.csv"


def attach_identities(source_csv: Traversable, target_csv: Path, side: str, rows: int, seed: int) -> None:
    """Write `rows` rows of the data set with a synthetic person each; the same arguments give the same bytes.

    `side` is `HK` (HKIDs) or `CN-SZ` (resident IDs of Shenzhen). Past its end the data set begins again, with new
    persons. Persons are distinct; a birth date agrees with `age_in_years` on the day of issue.

    Raises:
        UsageError: another side, or not 1 to 1,000,000 rows.
        SourceUnreadable: the source cannot be opened.
    """
    if side not in _SIDES:
        raise UsageError(f"no side {side!r}", hint=f"one of {', '.join(_SIDES)}")
    if not 1 <= rows <= GREATEST_ROWS:
        raise UsageError(f"{rows} rows are not within 1 to {GREATEST_ROWS}")
    applicants = _applicants(source_csv)
    with target_csv.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, (*SYNTHETIC_COLUMNS, *applicants[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_with_persons(islice(cycle(applicants), rows), side, rows, seed))


def _applicants(source_csv: Traversable) -> list[dict[str, str]]:
    try:
        applicants = list(csv.DictReader(source_csv.read_bytes().decode("utf-8").splitlines()))
    except OSError as error:
        raise SourceUnreadable(f"{source_csv}: {error.strerror}") from error
    if not applicants:
        raise SourceUnreadable(f"{source_csv}: no rows")
    return applicants


def _with_persons(applicants: Iterator[dict[str, str]], side: str, rows: int, seed: int) -> Iterator[dict[str, str]]:
    chance = random.Random(f"{side} {seed}")  # noqa: S311  reproducible on purpose, protects nothing
    identifier_type, drawing = _SIDES[side]
    draw_number = drawing(chance, rows)
    for index, applicant in enumerate(applicants):
        issued_at = FIRST_ISSUED_AT + timedelta(seconds=index)
        born = _birth_date(chance, int(applicant["age_in_years"]), issued_at.date())
        person = (
            f"{side}-{seed}-{index:06d}",
            issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"Synthetic Person {index:06d}",
            identifier_type,
            draw_number(born, applicant["personal_status_and_sex"].startswith("male")),
            born.isoformat(),
            "DEM",
        )
        yield dict(zip(SYNTHETIC_COLUMNS, person, strict=True)) | applicant


def _birth_date(chance: random.Random, age_years: int, on: date) -> date:
    """A birth date of somebody who is that old on that day."""
    # the day is never 29 February: `on` is a day of November
    youngest = on.replace(year=on.year - age_years)
    return youngest - timedelta(days=chance.randrange(365))


def _hkids(chance: random.Random, rows: int) -> DrawNumber:
    numbers = iter(chance.sample(range(10**6), rows))

    def draw(_born: date, _is_male: bool) -> str:
        body = f"{HKID_PREFIX}{next(numbers):06d}"
        return body + hkid_check_digit(body)

    return draw


def _resident_ids(_chance: random.Random, _rows: int) -> DrawNumber:
    drawn: Counter[tuple[date, bool]] = Counter()

    def draw(born: date, is_male: bool) -> str:
        # GB 11643: the sequence number is odd for men, even for women
        sequence = 2 * drawn[born, is_male] + is_male
        drawn[born, is_male] += 1
        body = f"{SHENZHEN_REGION}{born:%Y%m%d}{sequence:03d}"
        return body + resident_id_check_digit(body)

    return draw


_SIDES: dict[str, tuple[IdentifierType, Callable[[random.Random, int], DrawNumber]]] = {
    "HK": (IdentifierType.HKID, _hkids),
    "CN-SZ": (IdentifierType.CN_RESIDENT_ID, _resident_ids),
}
