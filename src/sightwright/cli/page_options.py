"""The options that `ingest pdf` and `ingest images` have in common."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.paths import given_path

if TYPE_CHECKING:
    from sightwright.ingest.workers import Limits
    from sightwright.vision import PixelPolicy


class PageFormat(StrEnum):
    png = "png"
    jpeg = "jpeg"


class Ocr(StrEnum):
    none = "none"
    tesseract = "tesseract"


Out = Annotated[Path, typer.Option(parser=given_path, metavar="DIR", help="Folder for the pages.")]
MaxPixels = Annotated[
    int, typer.Option(min=1024, help="Most pixels of a page; 1024 are one image token.")
]
MinPixels = Annotated[
    int | None, typer.Option(min=1, help="Fewest pixels of a page; 4096 unless given.")
]
MaxPages = Annotated[int, typer.Option(min=1, help="A document with more pages is refused.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; one per core unless given.")]
TimeLimit = Annotated[
    float, typer.Option(min=0.1, metavar="SECONDS", help="Most that one document may take.")
]
MemoryLimit = Annotated[
    float, typer.Option(min=0.25, metavar="GIB", help="Most memory that one process may take.")
]
Format = Annotated[PageFormat, typer.Option(help="Of the page files.")]
OcrLanguage = Annotated[
    str, typer.Option(metavar="LANG", help="As the engine names it, e.g. deu+eng.")
]
AllowFailures = Annotated[
    bool, typer.Option("--allow-failures", help="Exit with 0 though documents failed.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]

MAX_PIXELS, MAX_PAGES, SECONDS, GIB = 1280 * 1024, 2000, 1800.0, 4.0


def pixel_policy(min_pixels: int | None, max_pixels: int) -> "PixelPolicy":
    from sightwright.ingest.render import DEFAULT_PIXELS
    from sightwright.vision import PixelPolicy

    fewest = min(DEFAULT_PIXELS.min_pixels, max_pixels) if min_pixels is None else min_pixels
    return PixelPolicy(fewest, max_pixels)


def limits(seconds: float, gib: float) -> "Limits":
    from sightwright.ingest.workers import Limits

    return Limits(seconds, min(seconds, Limits().silence_seconds), int(gib * 1024**3))
