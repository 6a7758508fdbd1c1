"""Promise: each upload is taken once, answered once, sealed, removed; what is no upload harms nothing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from creditconnect.custody.database import Database
from creditconnect.custody.subjects import SubjectRegister
from creditconnect.custody.uploads import Upload, Uploads, UploadState
from creditconnect.custody.vault import Vault
from creditconnect.errors import UsageError
from creditconnect.exchange.intake import SETTLED_SECONDS, Intake, write_receipt
from creditconnect.records import documents
from creditconnect.records.canonical import read_canonical
from creditconnect.records.identifiers import Identifier
from creditconnect.records.schemas import DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.records.subjects import Subject, SubjectKind, SubjectRow
from creditconnect.types import Suite
from tests.chain.homes import row
from tests.unit.custody.conftest import PASSPHRASE

HKID = Identifier("HKID", "A1234563")
PDF = b"%PDF-1.7 of nobody\n"
NOW = 1_700_000_000.0


class Ground:
    """An intake folder with a registered subject 1, and the intake into a vault."""

    def __init__(self, vault: Vault, folder: Path) -> None:
        self.folder = folder / "intake"
        self.receipts = folder / "receipts"
        self.uploads = Uploads(vault)
        self.register = SubjectRegister(vault, clock=lambda: NOW)
        self.register.register([SubjectRow(Subject(SubjectKind.PERSON, "Chan Tai Man", (HKID,)))])
        self.now = 0.0
        self.intake = self.another_life()
        (self.folder / "1").mkdir(parents=True)

    def another_life(self) -> Intake:
        """An intake that has seen nothing yet, as a new process has."""
        return Intake(
            self.folder,
            self.receipts,
            self.uploads,
            self.register,
            SchemaCatalogue(),
            clock=lambda: NOW,
            monotonic=lambda: self.now,
        )

    def drop(self, name: str, content: bytes = PDF, subject: str = "1") -> Path:
        path = self.folder / subject / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def take(self) -> tuple[Upload, ...]:
        self.intake.step()
        self.now += SETTLED_SECONDS
        return self.intake.step().uploads

    def receipt(self, number: int) -> Any:
        return json.loads((self.receipts / f"{number}.json").read_bytes())


@pytest.fixture
def ground(vault: Vault, tmp_path: Path) -> Ground:
    return Ground(vault, tmp_path)


def test_step__a_document__waits_sealed_and_answered(ground: Ground, database: Database) -> None:
    path = ground.drop("statement.pdf")
    (upload,) = ground.take()
    assert not path.exists()
    assert (upload.state, upload.schema, upload.media_type) == (UploadState.WAITING, DOCUMENT, "application/pdf")
    record = read_canonical(upload.record.encode())
    assert record["document"]["name"] == "statement.pdf"
    assert record["subject"] == {"name": "Chan Tai Man", "identifiers": [HKID._asdict()]}
    assert ground.uploads.content(upload.number) == PDF
    receipt = ground.receipt(upload.number)
    assert receipt == {
        "format": "creditconnect-receipt/1",
        "id": 1,
        "subject": 1,
        "sha256": upload.sha256,
        "received_at": "2023-11-14T22:13:20Z",
        "state": "waiting",
        "duplicate_of": None,
        "reasons": [],
        "decided_at": None,
    }
    database.close()
    kept = b"".join(path.read_bytes() for path in database.path.parent.glob("vault.db*"))
    assert not [secret for secret in (PDF, b"statement.pdf", HKID.number.encode()) if secret in kept]


def test_step__a_report_in_its_schemas_form__is_that_record(ground: Ground) -> None:
    ground.drop("report.json", json.dumps(row(0)).encode())
    (upload,) = ground.take()
    assert (upload.state, upload.schema) == (UploadState.WAITING, PERSONAL_CREDIT_REPORT)
    assert read_canonical(upload.record.encode()) == row(0)


def report(**identity: object) -> bytes:
    document = row(0)
    document["identity"] |= identity
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.pdf", b"", "MISSING"),
        ("statement.pdf", b"MZ no PDF", "UNKNOWN_CODE"),
        ("program", b"MZ of no type", "UNKNOWN_CODE"),
        ("picture.png", PDF, "UNKNOWN_CODE"),
        ("report.json", b"no JSON", "MALFORMED_ROW"),
        ("report.json", b'{"a": 1, "a": 2}', "DUPLICATE_KEY"),
        ("report.json", b'{"a": "' + b"x" * 2**20 + b'"}', "TOO_LARGE"),
        ("report.json", report(date_of_birth="1990-02-30"), "DATE"),
        ("report.json", report(identifiers=[{"type": "HKID", "number": "A1234564"}]), "IDENTIFIER"),
        ("report.json", report(identifiers=[{"type": "HKID", "number": "E3649125"}]), "SUBJECT_AMBIGUOUS"),
        ("report.json", report(identifiers=[HKID._asdict()] * 2), "IDENTIFIER"),
        ("report.json", report(name="@SUM(1+1)*cmd|' /C calc'!A0"), "FORMULA"),
        ("report.json", json.dumps(row(0) | {"report": row(0)["report"] | {"number": "=A1"}}).encode(), "FORMULA"),
        ("=evil.pdf", PDF, "FORMULA"),
        ("esc\x1b[31m.pdf", PDF, "TEXT"),
        ("e\u0301.pdf", PDF, "TEXT"),
    ],
)
def test_step__what_is_no_upload__refused_with_the_reason_and_kept_sealed(
    ground: Ground, name: str, content: bytes, reason: str
) -> None:
    ground.drop(name, content)
    good = ground.drop("z-good.pdf")
    refused, accepted = ground.take()
    assert (refused.state, [one for one, _ in refused.reasons]) == (UploadState.REFUSED, [reason])
    assert refused.name.isprintable()
    assert accepted.state is UploadState.WAITING
    assert list(good.parent.iterdir()) == []
    assert ground.receipt(refused.number)["reasons"][0]["reason"] == reason
    if content:
        assert ground.uploads.content(refused.number) == content


def test_step__subject_with_two_identifiers_of_a_kind__a_document_waits(ground: Ground) -> None:
    another = Identifier("HKID", "E3649125")
    ground.register.register([SubjectRow(Subject(SubjectKind.PERSON, "Chan Tai Man", (another,)), number=1)])
    ground.drop("statement.pdf")
    (upload,) = ground.take()
    assert upload.state is UploadState.WAITING
    assert len(read_canonical(upload.record.encode())["subject"]["identifiers"]) == 2


def test_step__name_that_is_not_utf_8__refused(ground: Ground) -> None:
    path = os.fsencode(ground.folder / "1") + b"/\xff.pdf"
    Path(os.fsdecode(path)).write_bytes(PDF)
    (refused,) = ground.take()
    assert (refused.state, refused.name) == (UploadState.REFUSED, "\\udcff.pdf")


def test_step__subject_that_is_not_registered__refused_and_kept(ground: Ground) -> None:
    ground.drop("statement.pdf", subject="7")
    (refused,) = ground.take()
    assert refused.reasons[0][0] == "SUBJECT_UNKNOWN"
    assert ground.uploads.content(refused.number) == PDF


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def make_link(path: Path) -> None:
    target = path.parents[2] / "secret.pdf"
    target.write_bytes(PDF)
    path.symlink_to(target)


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_link])
def test_step__no_plain_file__removed_unread_and_what_a_link_names_untouched(
    ground: Ground, make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(ground.folder / "1" / "trap.pdf")
    (refused,) = ground.take()
    assert (refused.state, refused.sha256, refused.reasons[0][0]) == (UploadState.REFUSED, "", "MALFORMED_ROW")
    assert list((ground.folder / "1").iterdir()) == []
    secret = tmp_path / "secret.pdf"
    assert not secret.exists() or secret.read_bytes() == PDF
    with pytest.raises(UsageError, match="not kept"):
        ground.uploads.content(refused.number)


def test_step__larger_than_can_be_kept__refused_unread(ground: Ground) -> None:
    with ground.drop("huge.pdf").open("r+b") as file:
        file.truncate(documents.GREATEST_BYTES + 1)
    (refused,) = ground.take()
    assert (refused.reasons[0][0], refused.sha256) == ("TOO_LARGE", "")


def test_step__a_folder_that_is_a_link__nothing_behind_it_is_taken(ground: Ground, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private.pdf").write_bytes(PDF)
    (ground.folder / "2").symlink_to(outside)
    assert ground.take() == ()
    assert (outside / "private.pdf").exists()


def test_step__what_lies_in_no_subjects_folder__left_and_told(ground: Ground) -> None:
    lying = [ground.folder / "loose.pdf", ground.folder / "notes" / "a.pdf", ground.folder / "01" / "a.pdf"]
    lying += [ground.folder / "1" / "folder" / "a.pdf", ground.folder / "1" / ".hidden", ground.folder / "1" / "a.part"]
    for path in lying:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PDF)
    done = ground.intake.step()
    assert (done.uploads, sum(done.left.values())) == ((), 6)
    assert all(path.exists() for path in lying)


def test_step__still_growing__left_until_it_has_settled(ground: Ground) -> None:
    path = ground.drop("statement.pdf")
    for _ in range(3):
        assert ground.intake.step().unsettled == 1
        ground.now += SETTLED_SECONDS
        with path.open("ab") as file:
            file.write(b"more")
    assert ground.intake.step().uploads == ()
    ground.now += SETTLED_SECONDS
    (upload,) = ground.intake.step().uploads
    assert ground.uploads.content(upload.number) == PDF + b"more" * 3


def test_step__the_same_twice__kept_once_and_answered_twice(ground: Ground) -> None:
    (first,) = (ground.drop("a.pdf"), ground.take())[1]
    (again,) = (ground.drop("b.pdf"), ground.take())[1]
    assert (again.state, again.duplicate_of) == (UploadState.DUPLICATE, first.number)
    assert ground.receipt(again.number)["duplicate_of"] == first.number
    ground.uploads.decide(first.number, UploadState.REJECTED, ("DATA_ERROR", "rejected by staff"), 2)
    (anew,) = (ground.drop("c.pdf"), ground.take())[1]
    assert anew.state is UploadState.WAITING


def test_decide__once__and_a_rejected_ones_content_is_gone(ground: Ground) -> None:
    ground.drop("a.pdf")
    (upload,) = ground.take()
    rejected = ground.uploads.decide(upload.number, UploadState.REJECTED, ("DATA_ERROR", "rejected by staff"), 2)
    assert (rejected.state, rejected.record) == (UploadState.REJECTED, "")
    with pytest.raises(UsageError, match="not kept"):
        ground.uploads.content(upload.number)
    with pytest.raises(UsageError, match="is rejected"):
        ground.uploads.decide(upload.number, UploadState.ACCEPTED, None, 3)
    assert ground.uploads.newest(9, state=UploadState.WAITING) == []
    assert [one.number for one in ground.uploads.newest(9)] == [upload.number]


def test_step__died_after_storing__the_next_life_answers_and_removes_without_a_second(ground: Ground) -> None:
    path = ground.drop("statement.pdf")
    place = ground.uploads.place(b"1", b"statement.pdf", hashed(PDF))
    stored = Upload(0, UploadState.WAITING, 1, 1, "statement.pdf", hashed(PDF).decode())
    kept = ground.uploads.keep(stored, PDF, place)
    ground.intake = ground.another_life()
    ground.intake.step()
    assert ground.receipt(kept.number)["state"] == "waiting"
    ground.take()
    assert not path.exists()
    assert len(ground.uploads.newest(9)) == 1
    assert ground.uploads.unfinished() == {}


def test_step__died_after_removing__the_next_life_notes_that(ground: Ground) -> None:
    place = ground.uploads.place(b"1", b"statement.pdf", hashed(PDF))
    stored = Upload(0, UploadState.WAITING, 1, 1, "statement.pdf", hashed(PDF).decode())
    kept = ground.uploads.keep(stored, PDF, place)
    ground.take()
    assert ground.receipt(kept.number)["state"] == "waiting"
    assert ground.uploads.unfinished() == {}


def hashed(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def test_write_receipt__no_room_for_half_a_file(ground: Ground) -> None:
    write_receipt(ground.receipts, Upload(5, UploadState.WAITING, 1, 1, "a"))
    write_receipt(ground.receipts, Upload(5, UploadState.ACCEPTED, 1, 1, "a", decided_at=2))
    assert [path.name for path in ground.receipts.iterdir()] == ["5.json"]
    assert ground.receipt(5)["decided_at"] == "1970-01-01T00:00:02Z"


# ------------------------------------------------------------------------------------------------------------ kills

UPLOADS = 150
LIVES = 12
SEED = 20_261_126
DRIVER = """
import sys
from pathlib import Path
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.subjects import SubjectRegister
from creditconnect.custody.uploads import Uploads
from creditconnect.custody.vault import Vault
from creditconnect.exchange.intake import Intake
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.types import Suite
folder, passphrase = Path(sys.argv[1]), sys.argv[2]
vault = Vault(Database(folder / "vault.db", tables.MIGRATIONS), Keyring.open(folder / "keyring.json", passphrase),
              "CRA-HK-01", Suite.SHA256_AES256GCM)
now = iter(range(0, 10**9, 10))
intake = Intake(folder / "intake", folder / "receipts", Uploads(vault), SubjectRegister(vault, clock=lambda: 1),
                SchemaCatalogue(), clock=lambda: 1, monotonic=lambda: next(now))
print("ready", flush=True)
intake.step()
print(len(intake.step().uploads))
"""


@pytest.mark.parametrize("suite", [Suite.SHA256_AES256GCM])
def test_step__killed_at_any_moment__each_upload_once(vault: Vault, tmp_path: Path) -> None:
    ground = Ground(vault, tmp_path)
    for number in range(UPLOADS):
        ground.drop(f"{number:03d}.pdf", PDF + str(number).encode())
    chance = random.Random(SEED)  # noqa: S311  reproducible on purpose
    killed = 0
    command = [sys.executable, "-c", DRIVER, str(tmp_path), PASSPHRASE]
    for _ in range(LIVES):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
        killed += process.returncode != 0
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert killed > LIVES / 4
    kept = ground.uploads.newest(10 * UPLOADS)
    assert Counter(one.name for one in kept) == Counter(f"{number:03d}.pdf" for number in range(UPLOADS))
    assert {one.state for one in kept} == {UploadState.WAITING}
    assert {path.name for path in ground.receipts.glob("*.json")} == {f"{one.number}.json" for one in kept}
    assert list((ground.folder / "1").iterdir()) == []
    assert ground.uploads.unfinished() == {}
    assert all(ground.uploads.content(one.number) == PDF + str(int(one.name[:3])).encode() for one in kept)
