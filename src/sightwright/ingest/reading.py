"""How the words of a page are found: in its text layer, else by an OCR engine."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from sightwright.ingest.ocr import OcrError, WordReader
from sightwright.ingest.pages import Page
from sightwright.ingest.render import DocumentError
from sightwright.ingest.words import FROM_NOWHERE, FROM_PDF, PageWords, Word

if TYPE_CHECKING:
    from PIL.Image import Image

OCR = "ocr:"


class ReadablePage(Protocol):
    """A page as its source holds it: of a PDF, or of an image file."""

    def text_layer(self, width: int, height: int) -> list[Word]:
        """The words that the source itself holds, on a page image of so many pixels.

        Raises:
            DocumentError: a page that cannot be read.
        """
        ...

    def for_engine(self) -> "Image":
        """The page as an OCR engine likes it: large, in its own proportions. `info["dpi"]` tells
        the resolution where it is known.

        Raises:
            DocumentError: a page that cannot be drawn.
        """
        ...


@dataclass(frozen=True)
class Reading:
    """Where words come from.

    Attributes:
        layer: whether words are wanted at all; the text layer is asked first.
        reader: stands in where the text layer is empty.
    """

    layer: bool = True
    reader: WordReader | None = None

    @property
    def reader_source(self) -> str | None:
        return OCR + self.reader.name if self.reader is not None else None

    def has_all(self, page: Page) -> bool:
        """Whether this reading would find nothing new for a page whose words' file is there."""
        if not self.layer:
            return True
        if page.words is None:
            return False
        return page.words_source == FROM_PDF or self.reader_source in (None, page.words_source)

    def words(self, page: ReadablePage, number: int, width: int, height: int) -> PageWords:
        """The words of page `number` (from 1) on its image of so many pixels.

        Raises:
            DocumentError: a page that cannot be read, or an OCR engine that fails on it.
        """
        if words := page.text_layer(width, height):
            return PageWords(width, height, FROM_PDF, tuple(words))
        if self.reader is None:
            return PageWords(width, height, FROM_NOWHERE)
        image = page.for_engine()
        try:
            read = self.reader.reads(image)
        except OcrError as error:
            raise DocumentError("ocr-failed", f"page {number}: {error.message}") from None
        placed = tuple(_on_another_grid(word, image.size, (width, height)) for word in read)
        return PageWords(width, height, OCR + self.reader.name, placed)


def _on_another_grid(word: Word, size: tuple[int, int], other: tuple[int, int]) -> Word:
    x0, y0, x1, y1 = word.box
    scale_x, scale_y = other[0] / size[0], other[1] / size[1]
    # Down and up, so that the box still holds all of the ink.
    x1, y1 = min(other[0], math.ceil(x1 * scale_x)), min(other[1], math.ceil(y1 * scale_y))
    return replace(word, box=(math.floor(x0 * scale_x), math.floor(y0 * scale_y), x1, y1))
