"""The words of a page, each with its box on the page image: the file that stands beside an image.

`page-0001.words.json` holds the size of the image, where the words come from, and the words in
reading order, each with the whole pixels it covers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sightwright import canonical
from sightwright.errors import DataError

SUFFIX = ".words.json"
FROM_PDF, FROM_NOWHERE = "pdf", "none"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Word:
    """One word.

    Attributes:
        box: (x0, y0, x1, y1) in pixels of the page image; columns x0 up to x1 - 1 and rows y0 up
            to y1 - 1 hold its ink (a shade of it may stand one pixel beside).
        confidence: of an OCR engine, 0 to 1; None for a PDF's own text.
    """

    text: str
    box: Box
    confidence: float | None = None

    def to_json(self) -> dict[str, Any]:
        word = {"text": self.text, "box": self.box}
        return word if self.confidence is None else {**word, "confidence": self.confidence}


@dataclass(frozen=True)
class PageWords:
    """The words of one page.

    Attributes:
        width, height: of the page image, in pixels.
        source: `pdf` (its text layer), `ocr:<engine>`, or `none`: a page without a text layer that
            no engine has read.
        words: in the reading order of the source.
    """

    width: int
    height: int
    source: str
    words: tuple[Word, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "height": self.height,
            "source": self.source,
            "words": [word.to_json() for word in self.words],
        }


def words_path(image: str) -> str:
    """The name of the words' file of a page image: `a/page-0001.png` → `a/page-0001.words.json`."""
    return image.rpartition(".")[0] + SUFFIX


def read_words(path: Path) -> PageWords:
    """Read the words of a page.

    Raises:
        DataError: no such file, or one of another shape.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=PageWords)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=str(path),
            remedy="`sightwright ingest pdf`, or `ingest images --ocr tesseract`, writes it",
        ) from None  # fmt: skip
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"not the words of a page: {error}", where=str(path)) from None


def write_words(path: Path, words: PageWords) -> None:
    """Write the words of a page, atomically."""
    canonical.write_text(path, canonical.dumps(words.to_json()) + "\n")
