"""Sheets handed over: printed by a bureau, and verified by the other side's bank from photos, scanners or the file."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest
import segno
from PIL import Image

from creditconnect.client import Client
from creditconnect.custody.archives import read_packages
from creditconnect.custody.printed_codes import codes_in, join_codes, read_codes, write_codes
from creditconnect.errors import SourceUnreadable, UsageError
from creditconnect.reasons import CheckReason
from creditconnect.records.schemas import DOCUMENT, SchemaCatalogue
from creditconnect.types import ExchangeSuite, Verdict
from tests.chain.console import PROGRAM, Console, Said
from tests.chain.homes import BANK_SZ, BUREAU_HK, CODES, HK, PROVIDER, SIDE_OF, Stage, passphrase
from tests.chain.test_handover import check_of

# The stage's own, and documents'.
BOTH_SCHEMAS = 0b110
DOCUMENT_NAME = "信貸報告 <b>陳大文.pdf"


def codes_of(sheet: Path) -> list[str]:
    ((_, data),) = read_packages(sheet)
    return codes_in(data)


def photographed(path: Path, *codes: str) -> Path:
    pictures = []
    for code in codes:
        drawn = io.BytesIO()
        segno.make_qr(code, error="m").save(drawn, kind="png", scale=4, border=4)
        pictures.append(Image.open(drawn).convert("L"))
    page = Image.new("L", (max(one.width for one in pictures), sum(one.height for one in pictures)), 255)
    for number, one in enumerate(pictures):
        page.paste(one, (0, sum(above.height for above in pictures[:number])))
    page.save(path)
    return path


def scanned(console: Console, typed: bytes, *arguments: object, home: Path) -> Said:
    """What the command says to a scanner that types this, and then nothing more."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments), "--home", str(home)],
        input=typed,
        capture_output=True,
        env=console.environment,
        timeout=60,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def exchange_key(stage: Stage, bank: Client, suite: ExchangeSuite = ExchangeSuite.X25519_AES256GCM) -> None:
    made = bank.keys_rotate_exchange(hybrid=suite == ExchangeSuite.MLKEM768_X25519_AES256GCM, publish=False)
    stage.admin(SIDE_OF[BANK_SZ], "setEncryptionKey", BANK_SZ, int(suite), made.public)


@pytest.fixture
def sheet(console: Console, bureau: Path, package: Path, tmp_path: Path) -> Path:
    said = console.does("package", "sheet", package.stem, "--out", tmp_path / "sheet.html", "--json", home=bureau).json
    assert said == {"file": str(tmp_path / "sheet.html"), "record_hash": package.stem, "codes": 1}
    return tmp_path / "sheet.html"


@pytest.fixture
def verifier(stage: Stage, tmp_path: Path) -> Client:
    return stage.client(BANK_SZ, tmp_path / "verifier")


@pytest.fixture
def carried(stage: Stage, tmp_path: Path) -> tuple[Client, Path, bytes]:
    """A bureau, a document whose name is markup, and the record hash that it was registered under."""
    stage.admin(HK, "addSchema", SchemaCatalogue().load(DOCUMENT).hash, DOCUMENT)
    stage.scope(BUREAU_HK, roles=PROVIDER, schemas=BOTH_SCHEMAS)
    client = stage.client(BUREAU_HK, tmp_path / "bureau-of-documents")
    document = tmp_path / DOCUMENT_NAME
    document.write_bytes(b"%PDF-1.7 " + bytes(5_000))
    client.submit(document, schema=DOCUMENT)
    (record_hash,) = (bytes.fromhex(path.stem) for path in packages(client, tmp_path / "packages"))
    return client, document, record_hash


def packages(client: Client, folder: Path) -> list[Path]:
    client.package_write(folder)
    return list(folder.iterdir())


def test_sheet__of_a_report__verifies_from_its_file_a_photo_and_a_scanner(
    console: Console, bank: Path, package: Path, sheet: Path, tmp_path: Path
) -> None:
    assert sheet.stat().st_mode & 0o777 == 0o600
    codes = codes_of(sheet)
    photo = photographed(tmp_path / "photo.jpg", *codes)
    text = tmp_path / "scanned.txt"
    text.write_text("\n".join(codes) + "\n")
    for path in (sheet, photo, text):
        assert console.does("verify", path, "--json", home=bank).json["verdict"] == Verdict.VERIFIED
        console.does("package", "open", path, "--out", tmp_path / "opened", home=bank)
        assert (tmp_path / "opened" / package.name).read_bytes() == package.read_bytes()
    for typed in (text.read_bytes(), package.read_bytes(), photo.read_bytes()):
        said = scanned(console, typed, "verify", "-", "--json", home=bank)
        assert (said.code, said.json["verdict"], said.err) == (0, Verdict.VERIFIED, "")
    shown = scanned(console, text.read_bytes(), "package", "open", "-", "--json", home=bank).json
    assert (shown["sealed"], shown["record_hash"]) == (False, package.stem)


def test_sheet__sealed__verifies_for_its_recipient_alone(
    stage: Stage, console: Console, bureau: Path, bank: Path, verifier: Client, package: Path, tmp_path: Path
) -> None:
    exchange_key(stage, verifier, ExchangeSuite.MLKEM768_X25519_AES256GCM)
    path = tmp_path / "sealed.html"
    said = console.does("package", "sheet", package.stem, "--for", CODES[BANK_SZ], "--out", path, home=bureau)
    assert "QR codes, sealed for BANK-SZ-01" in said.out
    codes = codes_of(path)
    assert len(codes) > 1
    photo = photographed(tmp_path / "photo.png", *codes)
    assert verifier.verify(photo).verdict == Verdict.VERIFIED
    assert verifier.package_open(photo).sealed
    # Another home of the same institution has not the key; another institution is told for whom it is.
    gone = console.run("verify", photo, "--json", home=bank)
    assert (gone.code, check_of(gone.json, "package")["reason"]) == (10, CheckReason.SEALED_KEY_GONE)
    other = console.run("verify", photo, "--json", home=bureau)
    assert (other.code, check_of(other.json, "package")["reason"]) == (10, CheckReason.SEALED_FOR_ANOTHER)

    missing = photographed(tmp_path / "missing.png", codes[0], *codes[2:])
    for said in (
        console.run("verify", missing, "--json", home=bank),
        scanned(console, join_codes([codes[0], *codes[2:]]), "verify", "-", "--json", home=bank),
    ):
        detail = check_of(said.json, "package")["detail"]
        assert (said.code, detail) == (10, f"code 2 of {len(codes)} is missing")
    complaint = console.run("package", "open", missing, home=bank).complaint
    assert complaint.startswith(f"code 2 of {len(codes)} is missing: ")


@pytest.mark.parametrize("recipient", [None, CODES[BANK_SZ]], ids=["plain", "sealed"])
def test_sheet__of_a_document__verifies_beside_it(
    stage: Stage, verifier: Client, carried: tuple[Client, Path, bytes], tmp_path: Path, recipient: str | None
) -> None:
    client, document, record_hash = carried
    exchange_key(stage, verifier)
    apart = tmp_path / "apart"
    apart.mkdir()
    written = client.package_sheet(apart / "sheet.html", record_hash, recipient=recipient)
    html = written.file.read_text(encoding="utf-8")
    assert "<b>" not in html
    assert ("&lt;b&gt;陳大文" in html) == (recipient is None)
    photo = photographed(apart / "photo.png", *codes_of(written.file))
    for carrier in (written.file, photo, photo.read_bytes()):
        assert verifier.verify(carrier).reasons == ["DOCUMENT_MISSING"]
        assert verifier.verify(carrier, document=document).verdict == Verdict.VERIFIED
        assert verifier.verify(carrier, document=photo).reasons == ["DOCUMENT_MISMATCH"]
    (apart / document.name).write_bytes(document.read_bytes())
    assert [one.verdict for _, one in verifier.verify_all(apart)] == [Verdict.VERIFIED] * 2
    assert verifier.verify(photo).verdict == Verdict.VERIFIED
    (apart / document.name).write_bytes(document.read_bytes() + b"!")
    assert verifier.verify(photo).reasons == ["DOCUMENT_MISMATCH"]


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_codes__written_anew_around_any_altered_byte__never_verify(
    stage: Stage, bureau: Path, verifier: Client, package: Path, tmp_path: Path, sealed: bool
) -> None:
    """Whoever prints the sheet anew can make its checksum right; what the registry has does not follow."""
    exchange_key(stage, verifier)
    data = package.read_bytes()
    if sealed:
        with Client.open(bureau, ask=passphrase) as client:
            client.package_write(tmp_path / "sealed", recipient=CODES[BANK_SZ])
        ((_, data),) = read_packages(tmp_path / "sealed")
    assert verifier.verify(join_codes(write_codes(data))).verdict == Verdict.VERIFIED
    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert verifier.verify(altered).verdict == Verdict.NOT_VERIFIED, at
        assert verifier.verify(join_codes(write_codes(altered))).verdict == Verdict.NOT_VERIFIED, at


def test_codes__any_character_altered__never_verify(verifier: Client, package: Path) -> None:
    (code,) = write_codes(package.read_bytes())
    for at in range(len(code)):
        altered = code[:at] + ("B" if code[at] == "A" else "A") + code[at + 1 :]
        assert verifier.verify(altered.encode()).verdict == Verdict.NOT_VERIFIED, at


def test_picture__of_something_else__is_an_error_by_itself_and_passed_over_in_a_folder(
    console: Console, bank: Path, package: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / package.name).write_bytes(package.read_bytes())
    Image.new("L", (300, 300), 255).save(folder / "document.png")
    said = console.run("verify", folder / "document.png", home=bank)
    assert (said.code, said.complaint.startswith("document.png: no code of a CreditConnect sheet")) == (1, True)
    said = console.run("verify", folder, "--json", home=bank)
    assert (said.code, "1 file without a package, first document.png" in said.err) == (0, True)
    (one,) = said.json
    assert (one["file"], one["verdict"]) == (package.name, Verdict.VERIFIED)


def test_verify__the_codes_of_two_sheets_at_once__is_refused_in_a_line(verifier: Client, package: Path) -> None:
    one, two = write_codes(package.read_bytes()), write_codes(package.read_bytes()[:-1])
    with pytest.raises(UsageError, match="holds the codes of 2 sheets"):
        verifier.verify(join_codes([*one, *two]))
    with pytest.raises(SourceUnreadable, match="begins as a picture does"):
        verifier.verify(b"\x89PNG\r\n\x1a\n")


def test_sheet__what_can_not_be_printed__is_refused_and_nothing_written(
    console: Console, bureau: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.html"
    said = console.run("package", "sheet", "00" * 8, "--out", path, home=bureau)
    assert (said.code, said.complaint) == (2, f"this vault has no record {'00' * 8}")
    assert not path.exists()


def test_sheet__its_codes__are_the_packages_own_bytes(package: Path, sheet: Path) -> None:
    assert read_codes(join_codes(codes_of(sheet))) == package.read_bytes()
    assert json.loads(package.read_bytes())["record_hash"] in sheet.read_text(encoding="utf-8")


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_archive__any_byte_altered__verifies_no_altered_package(
    stage: Stage, bureau: Path, verifier: Client, package: Path, tmp_path: Path, sealed: bool
) -> None:
    """Times and the like in an archive's directory say nothing of a package; all else is told, none is a traceback."""
    exchange_key(stage, verifier)
    path = tmp_path / "one.ccarchive"
    with Client.open(bureau, ask=passphrase) as client:
        client.package_archive(path, recipient=CODES[BANK_SZ] if sealed else None)
    whole = path.read_bytes()
    ((_, member),) = read_packages(path)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            read = [data for _, data in read_packages(path)]
            verdicts = [one.verdict for _, one in verifier.verify_all(path)]
        except (SourceUnreadable, UsageError):
            continue
        expected = [Verdict.VERIFIED if data == member else Verdict.NOT_VERIFIED for data in read]
        assert verdicts == expected, at


def test_folder__of_sheets_and_packages_of_two_kinds__each_verified_once(
    console: Console, bank: Path, package: Path, sheet: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "day"
    folder.mkdir()
    (folder / package.name).write_bytes(package.read_bytes())
    (folder / "sheet.html").write_bytes(sheet.read_bytes())
    photographed(folder / "photo.JPG", *codes_of(sheet))
    (folder / "scan.txt").write_text("\n".join(codes_of(sheet)))
    said = console.does("verify", folder, "--json", home=bank).json
    assert {one["file"]: one["verdict"] for one in said} == dict.fromkeys(
        (package.name, "photo.JPG", "scan.txt", "sheet.html"), Verdict.VERIFIED
    )
