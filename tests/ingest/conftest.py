"""Real PDFs, drawn here, and folders of pages as `ingest pdf` leaves them."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from sightwright import canonical
from sightwright.ingest import pages
from sightwright.ingest.pages import Page, RenderedDocument

DrawPdf = Callable[..., bytes]
WritePages = Callable[[Mapping[str, int]], Path]


def _draw_pdf(
    num_pages: int = 1,
    size_pt: tuple[float, float] = (96, 96),
    *,
    user_password: str | None = None,
    rotate: int = 0,
    text: str = "page",
) -> bytes:
    """Pages with a line of text and a red right half; `user_password` "" locks editing alone."""
    encryption = None if user_password is None else StandardEncryption(user_password, "owner")
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size_pt, encrypt=encryption, invariant=1)
    for number in range(num_pages):
        canvas.setPageRotation(rotate)
        canvas.setFillColorRGB(1, 0, 0)
        canvas.rect(size_pt[0] / 2, 0, size_pt[0] / 2, size_pt[1], stroke=0, fill=1)
        canvas.setFillGray(0)
        canvas.drawString(5, 5, f"{text} {number}")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _one_page_pdf(content: bytes, page: bytes = b"/MediaBox[0 0 320 320]", *more: bytes) -> bytes:
    """A PDF of one page: its content stream, entries of its dictionary, and further objects from
    number 6 on. F1 is Helvetica; F2, if used, is object 6."""
    resources = b"/Resources<</Font<</F1 5 0 R/F2 6 0 R>>/XObject<</X1 6 0 R>>>>"
    return _raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R%s%s>>" % (resources, page),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *more,
    )


def _raw_pdf(*objects: bytes) -> bytes:
    """A PDF of objects as they are written, numbered from 1; the first is the catalogue."""
    data, offsets = b"%PDF-1.4\n", list[int]()
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start, size = len(data), len(objects) + 1
    data += b"xref\n0 %d\n0000000000 65535 f \n" % size + table
    return data + b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)


@pytest.fixture
def fake_tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script of this body in the place of the tesseract program."""

    def put(body: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "tesseract"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return put


@pytest.fixture
def draw_pdf() -> DrawPdf:
    return _draw_pdf


@pytest.fixture
def pdf_without_pages() -> bytes:
    return _raw_pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>")


@pytest.fixture
def raw_pdf() -> Callable[..., bytes]:
    return _raw_pdf


@pytest.fixture
def one_page_pdf() -> Callable[..., bytes]:
    return _one_page_pdf


@pytest.fixture
def write_pages(tmp_path: Path) -> WritePages:
    """Make `tmp_path/pages` with documents of so many pages each."""

    def write(documents: Mapping[str, int]) -> Path:
        folder = tmp_path / "pages"
        for name, num_pages in documents.items():
            (folder / name).mkdir(parents=True)
            images = [f"{name}/page-{number + 1:04d}.png" for number in range(num_pages)]
            for image in images:
                Image.new("RGB", (32, 32)).save(folder / image)
            document = RenderedDocument(
                name, f"../pdfs/{name}.pdf", "0" * 64, tuple(Page(i, 32, 32) for i in images), {}
            )
            canonical.write_json(folder / name / pages.DOCUMENT, document.to_json())
        pages.write_index(folder)
        return folder

    return write
