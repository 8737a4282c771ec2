"""A PDF page as the image the model sees: drawn once, at the very size the model takes.

Drawing at the grid's size instead of resizing afterwards is both sharper and cheaper, and the
service draws pages with the same call as the training data.
"""

# pypdfium2 carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import math
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from sightwright.errors import DataError, ImageError
from sightwright.images import smart_resize
from sightwright.ingest.text_layer import read_text_layer
from sightwright.ingest.words import Word
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image

ImageFormat = Literal["png", "jpeg"]
Status = Literal[
    "unreadable", "encrypted", "broken", "no-pages", "too-many-pages", "page-size",
    "out-of-memory", "timed-out", "crashed", "not-written", "ocr-failed",
]  # fmt: skip

POINTS_PER_INCH = 72
# The largest page that PDF 1.7 allows is 200 inches a side; a larger one is a slip or a trap.
MAX_PAGE_INCHES = 200
# What OCR engines are made for; A3 at 300 dpi has 17 million pixels.
READING_DPI, READING_PIXELS = 300, 20_000_000
DEFAULT_PIXELS = PixelPolicy(min_pixels=4 * 32 * 32, max_pixels=1280 * 32 * 32)


class DocumentError(DataError):
    """A PDF that cannot be turned into pages; `status` is the kind of trouble, in one word."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status: Status = status


@dataclass(frozen=True)
class RenderPolicy:
    """How pages become images.

    Attributes:
        pixels: the budget of one page, in pixels of area.
        dpi: resolution to draw at, as far as the budget allows it.
        image_format: of the files written; PNG is lossless, JPEG is smaller.
        max_pages: a document with more is refused.
    """

    pixels: PixelPolicy = DEFAULT_PIXELS
    dpi: int = 200
    image_format: ImageFormat = "png"
    max_pages: int = 2000

    def fingerprint(self) -> dict[str, Any]:
        """What the pixels depend on: pages drawn under another fingerprint are drawn anew."""
        return {
            "min_pixels": self.pixels.min_pixels,
            "max_pixels": self.pixels.max_pixels,
            "dpi": self.dpi,
            "format": self.image_format,
        }

    def size_px(self, width_pt: float, height_pt: float) -> tuple[int, int]:
        """The (width, height) in pixels of a page: multiples of 32 inside the budget.

        A4 (595 x 842 points) at 200 dpi is 1653 x 2339; with 1,310,720 pixels: 960 x 1344.

        Raises:
            ImageError: a side of no length or of over 200 inches, or a strip.
        """
        limit_pt = MAX_PAGE_INCHES * POINTS_PER_INCH
        for side_pt in (width_pt, height_pt):
            if not (math.isfinite(side_pt) and 0 < side_pt <= limit_pt):
                raise ImageError(
                    f"a page of {width_pt:g} x {height_pt:g} points; "
                    f"a side has at most {limit_pt} ({MAX_PAGE_INCHES} inches)"
                )
        width, height = (
            max(1, round(side_pt * self.dpi / POINTS_PER_INCH)) for side_pt in (width_pt, height_pt)
        )
        rows, columns = smart_resize(
            height,
            width,
            factor=VisionSpec(self.pixels).factor,
            min_pixels=self.pixels.min_pixels,
            max_pixels=self.pixels.max_pixels,
        )
        return columns, rows


class PdfFile:
    """An open PDF. Made by `open_pdf`; pages are loaded one at a time and let go again."""

    def __init__(self, document: Any, policy: RenderPolicy) -> None:
        self._document = document
        self._policy = policy
        self.num_pages = len(document)

    def render(self, index: int) -> "Image":
        """Draw page `index` (from 0) as RGB on the model's grid, annotations and forms included.

        Raises:
            DocumentError: a page that cannot be read, or whose size is beyond the limits.
        """
        with self._page(index) as page:
            return self._draw(page, *self._policy.size_px(*page.get_size()))

    def render_for_reading(self, index: int) -> "Image":
        """Draw page `index` as an OCR engine likes it: 300 dpi, in its own proportions.

        Raises:
            DocumentError: as `render`.
        """
        with self._page(index) as page:
            width_pt, height_pt = page.get_size()
            # Refuses what `render` refuses.
            self._policy.size_px(width_pt, height_pt)
            budget = math.sqrt(READING_PIXELS / (width_pt * height_pt))
            scale = min(READING_DPI / POINTS_PER_INCH, budget)
            size = (max(1, round(side_pt * scale)) for side_pt in (width_pt, height_pt))
            return self._draw(page, *size)

    def words(self, index: int, width: int, height: int) -> list[Word]:
        """The text layer of page `index`, on an image of so many pixels; annotations and the
        values of form fields included. They become a part of the page, so draw it before.

        Raises:
            DocumentError: a page that cannot be read.
            TooMuchTextError: over a million characters.
        """
        with self._page(index) as page:
            flattened = pdfium_c.FPDFPage_GetAnnotCount(page) > 0 and bool(page.formenv)
            if not flattened:
                return read_text_layer(page, width, height)
            # What annotations print is text of the page once they are made a part of it.
            pdfium_c.FPDFPage_Flatten(page, pdfium_c.FLAT_NORMALDISPLAY)
        with self._page(index) as page:
            return read_text_layer(page, width, height)

    @contextmanager
    def _page(self, index: int) -> Generator[Any]:
        try:
            page: Any = self._document[index]
        except pdfium.PdfiumError as error:
            raise DocumentError("broken", f"page {index + 1} cannot be read: {error}") from None
        try:
            yield page
        except ImageError as error:
            raise DocumentError("page-size", f"page {index + 1}: {error.message}") from None
        finally:
            page.close()

    def _draw(self, page: Any, width: int, height: int) -> "Image":
        # pypdfium2's own `render` knows one scale for both axes; the raw call stretches each axis
        # to the grid, so that nothing is resized afterwards.
        bitmap: Any = pdfium.PdfBitmap.new_native(
            width, height, pdfium_c.FPDFBitmap_BGR, rev_byteorder=True
        )
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        flags = pdfium_c.FPDF_ANNOT | pdfium_c.FPDF_REVERSE_BYTE_ORDER
        place = (0, 0, width, height, 0, flags)
        pdfium_c.FPDF_RenderPageBitmap(bitmap, page, *place)
        if self._document.formenv:
            pdfium_c.FPDF_FFLDraw(self._document.formenv, bitmap, page, *place)
        image: Image = bitmap.to_pil()
        bitmap.close()
        return image


@contextmanager
def open_pdf(source: Path | bytes, policy: RenderPolicy) -> Generator[PdfFile]:
    """Open a PDF and check that it may be drawn.

    Raises:
        DocumentError: missing, encrypted, broken, without pages, or with too many.
    """
    document = _load(source)
    try:
        num_pages = len(document)
        if num_pages > policy.max_pages:
            raise DocumentError(
                "too-many-pages", f"{num_pages} pages, over the limit of {policy.max_pages}"
            )
        yield PdfFile(document, policy)
    finally:
        document.close()


def _load(source: Path | bytes) -> Any:
    # pypdfium2 alone tells "no pages" by the last error, which may be an older document's.
    if isinstance(source, bytes):
        handle = pdfium_c.FPDF_LoadMemDocument64(source, len(source), None)
    else:
        handle = pdfium_c.FPDF_LoadDocument(os.fsencode(source), None)
    if not handle:
        raise _refusal(pdfium_c.FPDF_GetLastError())
    document: Any = pdfium.PdfDocument(handle)
    if len(document) < 1:
        document.close()
        raise DocumentError("no-pages", "it has no pages")
    # Before any page is opened, else form fields stay empty.
    document.init_forms()
    return document


def _refusal(err_code: int) -> DocumentError:
    match err_code:
        case pdfium_c.FPDF_ERR_PASSWORD:
            return DocumentError("encrypted", "a password is needed to open it")
        case pdfium_c.FPDF_ERR_SECURITY:
            return DocumentError("encrypted", "it is encrypted in a way that cannot be opened")
        case pdfium_c.FPDF_ERR_FILE:
            return DocumentError("unreadable", "the file cannot be read")
        case _:
            return DocumentError("broken", "not a PDF, or a damaged one")
