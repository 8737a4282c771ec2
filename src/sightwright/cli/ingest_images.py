"""`sightwright ingest images`: folders of page images to pages."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sightwright.cli.page_options import (
    GIB,
    MAX_PAGES,
    MAX_PIXELS,
    SECONDS,
    AllowFailures,
    Format,
    Json,
    MaxPages,
    MaxPixels,
    MemoryLimit,
    MinPixels,
    Ocr,
    OcrLanguage,
    Out,
    PageFormat,
    TimeLimit,
    Workers,
    limits,
    pixel_policy,
)
from sightwright.cli.page_report import end_run
from sightwright.cli.paths import given_path


class Group(StrEnum):
    one = "one"
    numbered = "numbered"
    folder = "folder"


def images(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", parser=given_path, help="Folders of images, or images."),
    ],
    out: Out,
    group: Annotated[
        Group,
        typer.Option(
            help="What is one document: each file, name_1 with name_2 and so on, or each folder."
        ),
    ] = Group.one,
    max_pixels: MaxPixels = MAX_PIXELS,
    min_pixels: MinPixels = None,
    max_pages: MaxPages = MAX_PAGES,
    workers: Workers = None,
    time_limit: TimeLimit = SECONDS,
    memory_limit: MemoryLimit = GIB,
    format: Format = PageFormat.png,
    ocr: Annotated[
        Ocr, typer.Option(help="Finds each page's words, with boxes; none: no words are written.")
    ] = Ocr.none,
    ocr_language: OcrLanguage = "eng",
    allow_failures: AllowFailures = False,
    json: Json = False,
) -> None:
    """Make pages of images: upright, at the very size the model takes.

    PNG, JPEG, WebP, BMP and TIFF, a TIFF with all its pages; `ingest labels` goes on from there.
    With --ocr, page-0001.words.json stands beside page-0001.png: the words that the engine reads
    on the image in its full size, each with a box in pixels of the page.

    Run again, it does what is not yet done, and nothing else. A document with an image that cannot
    be read gets its line in DIR/report.jsonl and stops no other; exit code 2 then.
    """
    from sightwright.ingest.image_folders import ingest_images
    from sightwright.ingest.image_pages import ImagePolicy
    from sightwright.ingest.ocr import make_reader

    report = ingest_images(
        sources,
        out,
        ImagePolicy(pixel_policy(min_pixels, max_pixels), format.value, max_pages),
        grouping=group.value,
        reader=make_reader(ocr.value, ocr_language),
        num_workers=workers,
        limits=limits(time_limit, memory_limit),
    )
    end_run(report, out, as_json=json, allow_failures=allow_failures)
