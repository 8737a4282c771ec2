"""The words beside each page: the file, the index, what a second run adds."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from sightwright.errors import DataError
from sightwright.ingest import pages
from sightwright.ingest.ocr import TesseractReader
from sightwright.ingest.page_run import PagesReport
from sightwright.ingest.pdf import ingest_pdfs
from sightwright.ingest.reading import Reading
from sightwright.ingest.render import RenderPolicy
from sightwright.ingest.words import PageWords, Word, read_words, words_path, write_words
from sightwright.vision import PixelPolicy

DrawPdf = Callable[..., bytes]
FakeTesseract = Callable[[str], None]

AT_72_DPI = RenderPolicy(PixelPolicy(1024, 320 * 320), dpi=72)
NO_WORDS = Reading(layer=False)
BY_OCR = Reading(reader=TesseractReader("eng"))
TSV = (
    "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
    "5\t1\t1\t1\t1\t1\t41\t60\t80\t40\t90\t{}\n"
)


@pytest.fixture
def folder(tmp_path: Path, draw_pdf: DrawPdf) -> Path:
    """Two PDFs: `text` with a text layer on both of its pages, `scan` with a picture alone."""
    pdfs = tmp_path / "pdfs"
    pdfs.mkdir()
    (pdfs / "text.pdf").write_bytes(draw_pdf(2, (96, 96)))
    (pdfs / "scan.pdf").write_bytes(scan())
    return tmp_path


def scan() -> bytes:
    """A 320-point page that is a picture of two words."""
    image = Image.new("RGB", (1280, 1280), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(160)
    draw.text((100, 200), "Total", font=font, fill="black")
    draw.text((100, 700), "34.70", font=font, fill="black")
    buffer = io.BytesIO()
    image.save(buffer, format="PDF", resolution=288)
    return buffer.getvalue()


def ingest(folder: Path, reading: Reading | None = None) -> PagesReport:
    return ingest_pdfs([folder / "pdfs"], folder / "out", AT_72_DPI, reading=reading, num_workers=1)


def statuses(report: PagesReport) -> dict[str, str]:
    return {outcome.id: outcome.status for outcome in report.outcomes}


def sources(folder: Path) -> dict[str, list[str | None]]:
    documents = pages.read_index(folder / "out")
    return {doc.id: [page.words_source for page in doc.pages] for doc in documents}


def put_words(fake_tesseract: FakeTesseract, folder: Path, text: str) -> None:
    (folder / "answer.tsv").write_text(TSV.format(text))
    fake_tesseract(f"cat > /dev/null; exec cat {folder}/answer.tsv")


def mtimes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_words_come_back_as_they_were_written(tmp_path: Path) -> None:
    words = PageWords(
        64, 32, "ocr:x", (Word("34,70 €", (0, 1, 20, 30), 0.5), Word("b", (2, 2, 3, 3)))
    )
    path = tmp_path / words_path("page-0001.png")
    assert path.name == "page-0001.words.json"
    write_words(path, words)
    assert read_words(path) == words
    assert path.read_text() == (
        '{"width":64,"height":32,"source":"ocr:x","words":['
        '{"text":"34,70 €","box":[0,1,20,30],"confidence":0.5},{"text":"b","box":[2,2,3,3]}]}\n'
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"width":1,"height":1,"source":"pdf"',
        b'{"width":1,"height":1,"source":"pdf","words":[{"text":"a","box":[0,0,1]}]}',
        b'{"width":"1","height":1,"source":"pdf","words":[]}',
        b'{"width":1,"height":1,"source":"pdf","words":[{"text":"\xff","box":[0,0,1,1]}]}',
    ],
)
def test_a_file_of_another_shape_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.words.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not the words of a page") as caught:
        read_words(path)
    assert caught.value.where == str(path)


def test_no_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No such file.*\n.*ingest pdf"):
        read_words(tmp_path / "page.words.json")


def test_each_page_has_its_words_and_the_index_names_them(folder: Path) -> None:
    ingest(folder)
    lines = (folder / "out" / "pages.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["pages"][1] == {
        "image": "text/page-0002.png",
        "width": 96,
        "height": 96,
        "words": "text/page-0002.words.json",
        "words_source": "pdf",
    }
    words = read_words(folder / "out" / "text" / "page-0002.words.json")
    assert (words.width, words.height, words.source) == (96, 96, "pdf")
    assert [word.text for word in words.words] == ["page", "1"]
    assert read_words(folder / "out" / "scan" / "page-0001.words.json").source == "none"


def test_without_words_there_are_none(folder: Path) -> None:
    ingest(folder, NO_WORDS)
    assert sources(folder) == {"text": [None, None], "scan": [None]}
    assert not list((folder / "out").rglob("*.words.json"))


def test_words_are_added_to_older_pages_and_nothing_else_is_done(folder: Path) -> None:
    ingest(folder, NO_WORDS)
    before = mtimes(folder / "out")
    assert statuses(ingest(folder)) == {"scan": "completed", "text": "completed"}
    after = mtimes(folder / "out")
    same = {path for path in before if before[path] == after[path]}
    assert {path.suffix for path in same} == {".png", ".jsonl"}
    assert not list((folder / "out").rglob(".*"))
    ingest_pdfs([folder / "pdfs"], folder / "fresh", AT_72_DPI, num_workers=1)
    for path in (folder / "fresh").rglob("*"):
        if path.is_file() and path.name != "report.jsonl":
            assert (
                path.read_bytes()
                == (folder / "out" / path.relative_to(folder / "fresh")).read_bytes()
            )
    # What is there stays there: all is done, and asking for less takes nothing away.
    for reading in (None, NO_WORDS):
        assert statuses(ingest(folder, reading)) == {"scan": "kept", "text": "kept"}
    assert mtimes(folder / "out") == after


def test_lost_words_are_found_again(folder: Path) -> None:
    ingest(folder)
    lost = folder / "out" / "text" / "page-0001.words.json"
    lost.unlink()
    before = mtimes(folder / "out")
    assert statuses(ingest(folder)) == {"scan": "kept", "text": "completed"}
    assert [word.text for word in read_words(lost).words] == ["page", "0"]
    other = folder / "out" / "text" / "page-0002.words.json"
    assert other.stat().st_mtime_ns == before[other]


def test_an_engine_reads_the_pages_without_text_alone(
    folder: Path, fake_tesseract: FakeTesseract
) -> None:
    put_words(fake_tesseract, folder, "Total")
    assert statuses(ingest(folder, BY_OCR)) == {"scan": "rendered", "text": "rendered"}
    assert sources(folder) == {"text": ["pdf", "pdf"], "scan": ["ocr:tesseract-eng"]}
    # The engine saw the 320-point page at 300 dpi, 1333 pixels; the page image has 320:
    # 41 and 121 of 1333 are 9.84 and 29.05, 60 and 100 are 14.40 and 24.01.
    words = read_words(folder / "out" / "scan" / "page-0001.words.json")
    assert words.words == (Word("Total", (9, 14, 30, 25), 0.9),)


def test_an_engine_comes_later_and_another_one_after_it(
    folder: Path, fake_tesseract: FakeTesseract
) -> None:
    ingest(folder)
    put_words(fake_tesseract, folder, "first")
    assert statuses(ingest(folder, BY_OCR)) == {"scan": "completed", "text": "kept"}
    assert statuses(ingest(folder, BY_OCR)) == {"scan": "kept", "text": "kept"}
    assert statuses(ingest(folder)) == {"scan": "kept", "text": "kept"}
    put_words(fake_tesseract, folder, "zweite")
    german = Reading(reader=TesseractReader("deu"))
    assert statuses(ingest(folder, german)) == {"scan": "completed", "text": "kept"}
    assert sources(folder)["scan"] == ["ocr:tesseract-deu"]
    words = read_words(folder / "out" / "scan" / "page-0001.words.json")
    assert [word.text for word in words.words] == ["zweite"]


def test_an_engine_that_fails_costs_its_own_document_alone(
    folder: Path, fake_tesseract: FakeTesseract
) -> None:
    fake_tesseract("echo 'out of ink' >&2; exit 1")
    report = ingest(folder, BY_OCR)
    assert statuses(report) == {"scan": "ocr-failed", "text": "rendered"}
    assert report.failures[0].why == "page 1: tesseract ended with 1: out of ink"
    # Pages that were there before stay there.
    assert statuses(ingest(folder)) == {"scan": "rendered", "text": "kept"}
    assert statuses(ingest(folder, BY_OCR)) == {"scan": "ocr-failed", "text": "kept"}
    assert sources(folder)["scan"] == ["none"]
    assert not list((folder / "out").glob(".*"))


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_reads_a_scan(folder: Path) -> None:
    ingest(folder, BY_OCR)
    words = read_words(folder / "out" / "scan" / "page-0001.words.json").words
    assert [word.text for word in words] == ["Total", "34.70"]
    # Drawn from (100, 200) of 1280 pixels, thus from (25, 50) of 320; 160 of 1280 are 40.
    x0, y0, x1, y1 = words[0].box
    assert 24 <= x0 <= 32 and 50 <= y0 <= 70 and 100 < x1 < 140 and 75 <= y1 <= 100
