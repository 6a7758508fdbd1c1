"""The demonstration's documents: one-page PDFs as people carry them, of synthetic persons, the same bytes every time.

Written by hand to the letter of ISO 32000-1 (sections 7.5 and 9.6), so that nothing but their text is in them. Never
used outside the demonstration and the tests.
"""

from __future__ import annotations

from pathlib import Path

_LINE_POINTS = 18
_TOP_POINTS = 780


def write_statements(folder: Path, side: str, count: int) -> list[Path]:
    """Write `count` synthetic credit statements of one side as PDFs; their paths, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(1, count + 1):
        path = folder / f"statement-{number:03d}.pdf"
        path.write_bytes(
            pdf(
                "Synthetic credit statement: nobody's",
                f"Side {side}, number {number:03d}",
                f"Outstanding credit {number * 1_000:,}.00, never overdue",
                "Made for a demonstration from no real person's data.",
            )
        )
        paths.append(path)
    return paths


def pdf(*lines: str) -> bytes:
    """A PDF of one A4 page with these lines of ASCII text."""
    content = "\n".join(f"({_escaped(line)}) Tj 0 -{_LINE_POINTS} Td" for line in lines)
    page = f"BT /F1 12 Tf 60 {_TOP_POINTS} Td\n{content}\nET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    return _file(objects)


def _file(objects: tuple[bytes, ...]) -> bytes:
    """Header, objects, cross-reference table with each object's place, trailer."""
    written, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % count
    return (
        written
        + head
        + table
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(written))
    )


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
