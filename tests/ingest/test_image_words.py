"""The words beside the pages of images: who reads, what the reader sees, what a second run adds."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from sightwright.ingest import pages
from sightwright.ingest.image_folders import ingest_images
from sightwright.ingest.image_pages import ImagePage, ImagePolicy
from sightwright.ingest.ocr import OcrError, TesseractReader, WordReader
from sightwright.ingest.page_run import PagesReport
from sightwright.ingest.words import Word, read_words
from sightwright.vision import PixelPolicy

FakeTesseract = Callable[[str], None]

POLICY = ImagePolicy(PixelPolicy(32 * 32, 64 * 64))


@dataclass(frozen=True)
class InkReader:
    """Takes all ink for one word, which says how large the image was."""

    name: str = "ink"
    fails_on_width: int = 0

    def reads(self, image: Image.Image) -> list[Word]:
        if image.width == self.fails_on_width:
            raise OcrError("out of ink")
        rows, columns = np.nonzero(np.asarray(image.convert("L")) < 128)
        if not rows.size:
            return []
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        x0, y0, x1, y1 = (int(side) for side in box)
        return [Word(f"{image.width}x{image.height}", (x0, y0, x1, y1), 0.5)]


def paper(width: int, height: int, *ink: int) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    image.paste("black", ink)
    return image


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """`photo`, a turned one of 480 x 640 pixels, and `fax`, of two pages."""
    folder = tmp_path / "scans"
    folder.mkdir()
    exif = Image.Exif()
    exif[274] = 6
    photo = paper(480, 640, 240, 64, 480, 128).transpose(Image.Transpose.ROTATE_90)
    photo.save(folder / "photo.png", exif=exif)
    fax = [paper(128, 128, 0, 0, 64, 128), paper(256, 256, 128, 0, 256, 64)]
    fax[0].save(folder / "fax.tif", save_all=True, append_images=fax[1:], dpi=(0, 0))
    return folder


def ingest(scans: Path, reader: WordReader | None = None, out: str = "out") -> PagesReport:
    return ingest_images([scans], scans.parent / out, POLICY, reader=reader, num_workers=1)


def statuses(report: PagesReport) -> dict[str, str]:
    return {outcome.id: outcome.status for outcome in report.outcomes}


def sources(folder: Path) -> dict[str, list[str | None]]:
    return {d.id: [page.words_source for page in d.pages] for d in pages.read_index(folder)}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def mtimes(folder: Path, pattern: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob(pattern)}


def test_without_a_reader_no_words_are_written(scans: Path) -> None:
    ingest(scans)
    out = scans.parent / "out"
    assert sources(out) == {"fax": [None, None], "photo": [None]}
    assert not list(out.rglob("*.words.json"))


def test_a_reader_sees_the_upright_image_in_its_full_size(scans: Path) -> None:
    assert statuses(ingest(scans, InkReader())) == {"fax": "rendered", "photo": "rendered"}
    out = scans.parent / "out"
    lines = [json.loads(line) for line in (out / "pages.jsonl").read_text().splitlines()]
    assert lines[1]["pages"] == [
        {
            "image": "photo/page-0001.png",
            "width": 32,
            "height": 64,
            "words": "photo/page-0001.words.json",
            "words_source": "ocr:ink",
        }
    ]
    # 480 x 640 in a budget of 4,096: 55 x 73 fit, the grid below is 32 x 64. Columns are thus
    # divided by 15, rows by 10: 240 and 480 become 16 and 32, 64 and 128 become 6.4 and 12.8.
    words = read_words(out / "photo" / "page-0001.words.json")
    assert (words.width, words.height, words.source) == (32, 64, "ocr:ink")
    assert words.words == (Word("480x640", (16, 6, 32, 13), 0.5),)
    assert [read_words(path).words for path in sorted((out / "fax").glob("*.words.json"))] == [
        (Word("128x128", (0, 0, 32, 64), 0.5),),
        (Word("256x256", (32, 0, 64, 16), 0.5),),
    ]


def test_words_are_added_to_pages_that_are_there_and_nothing_else_is_done(scans: Path) -> None:
    out = scans.parent / "out"
    ingest(scans)
    before = mtimes(out, "*.png")
    assert statuses(ingest(scans, InkReader())) == {"fax": "completed", "photo": "completed"}
    assert mtimes(out, "*.png") == before
    assert not list(out.rglob(".*"))
    ingest(scans, InkReader(), out="fresh")
    assert contents(out) == contents(scans.parent / "fresh")
    # What is there stays there: all is done, and asking for less takes nothing away.
    after = mtimes(out, "*")
    for reader in (InkReader(), None):
        assert statuses(ingest(scans, reader)) == {"fax": "kept", "photo": "kept"}
    assert mtimes(out, "*") == after


def test_lost_words_are_found_again(scans: Path) -> None:
    ingest(scans, InkReader())
    lost, other = (scans.parent / "out/fax" / f"page-000{n}.words.json" for n in (2, 1))
    whole, before = lost.read_bytes(), other.stat().st_mtime_ns
    lost.unlink()
    assert statuses(ingest(scans, InkReader())) == {"fax": "completed", "photo": "kept"}
    assert (lost.read_bytes(), other.stat().st_mtime_ns) == (whole, before)


def test_another_reader_reads_anew(scans: Path) -> None:
    ingest(scans, InkReader())
    again = ingest(scans, InkReader("quill"))
    assert statuses(again) == {"fax": "completed", "photo": "completed"}
    ours = {"fax": ["ocr:quill", "ocr:quill"], "photo": ["ocr:quill"]}
    assert sources(scans.parent / "out") == ours


def test_a_reader_that_fails_costs_its_own_document_alone(scans: Path) -> None:
    out, fails = scans.parent / "out", InkReader(fails_on_width=256)
    report = ingest(scans, fails)
    assert statuses(report) == {"fax": "ocr-failed", "photo": "rendered"}
    assert report.failures[0].why == "page 2: out of ink"
    # Pages that were there before stay there.
    assert statuses(ingest(scans)) == {"fax": "rendered", "photo": "kept"}
    assert statuses(ingest(scans, fails)) == {"fax": "ocr-failed", "photo": "kept"}
    assert sources(out) == {"fax": [None, None], "photo": ["ocr:ink"]}
    assert not list(out.glob(".*"))


def test_a_huge_image_is_read_as_large_as_a_pdf_page_would_be() -> None:
    # 25.6 million pixels; the square root of 20 / 25.6 is 0.88388.
    huge = Image.new("RGB", (8000, 3200), "white")
    huge.info["dpi"] = (72, 72)
    for_engine = ImagePage(Path("a.png"), huge).for_engine()
    assert for_engine.size == (7071, 2828)
    assert "dpi" not in for_engine.info


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_reads_print_that_the_page_blurs(scans: Path) -> None:
    image = Image.new("RGB", (640, 640), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(40)
    draw.text((100, 200), "Total", font=font, fill="black")
    draw.text((100, 400), "34.70", font=font, fill="black")
    image.save(scans / "receipt.jpg", dpi=(72, 72))
    ingest_images([scans / "receipt.jpg"], scans / "out", POLICY, reader=TesseractReader("eng"))
    words = read_words(scans / "out" / "receipt" / "page-0001.words.json")
    assert (words.width, words.height, words.source) == (64, 64, "ocr:tesseract-eng")
    assert [word.text for word in words.words] == ["Total", "34.70"]
    # Drawn from (100, 200) and (100, 400) of 640 pixels, thus from (10, 20) and (10, 40) of 64.
    for word, top in zip(words.words, (20, 40), strict=True):
        x0, y0, x1, y1 = word.box
        assert 9 <= x0 <= 11 and top <= y0 <= top + 2 and 18 <= x1 <= 22 and y1 <= top + 6
