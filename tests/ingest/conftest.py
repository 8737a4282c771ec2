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


def _pdf_without_pages() -> bytes:
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]
    data, offsets = b"%PDF-1.4\n", list[int]()
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(data)
    data += b"xref\n0 3\n0000000000 65535 f \n" + table
    return data + b"trailer\n<</Root 1 0 R/Size 3>>\nstartxref\n%d\n%%%%EOF\n" % start


@pytest.fixture
def draw_pdf() -> DrawPdf:
    return _draw_pdf


@pytest.fixture
def pdf_without_pages() -> bytes:
    return _pdf_without_pages()


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
