import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from sightwright.errors import MissingExtraError
from sightwright.ingest.ocr import OcrError, TesseractReader, make_reader, parse_tsv
from sightwright.ingest.words import Word

FakeTesseract = Callable[[str], None]

# What tesseract 5.3 says of the image that `two_lines` draws.
TSV = """\
level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext
1\t1\t0\t0\t0\t0\t0\t0\t640\t200\t-1\t
2\t1\t1\t0\t0\t0\t34\t30\t201\t26\t-1\t
3\t1\t1\t1\t0\t0\t34\t30\t201\t26\t-1\t
4\t1\t1\t1\t1\t0\t34\t30\t201\t26\t-1\t
5\t1\t1\t1\t1\t1\t34\t30\t114\t26\t96.637398\tInvoice
5\t1\t1\t1\t1\t2\t158\t30\t77\t25\t96.507957\t4711
2\t1\t2\t0\t0\t0\t31\t118\t267\t28\t-1\t
3\t1\t2\t1\t0\t0\t31\t118\t267\t28\t-1\t
4\t1\t2\t1\t1\t0\t31\t118\t267\t28\t-1\t
5\t1\t2\t1\t1\t1\t31\t118\t88\t28\t95.781891\tTotal:
5\t1\t2\t1\t1\t2\t130\t120\t89\t25\t95.839386\t34.70
5\t1\t2\t1\t1\t3\t233\t120\t65\t26\t95.839386\tEUR
"""
WORDS = [
    Word("Invoice", (34, 30, 148, 56), 0.9664),
    Word("4711", (158, 30, 235, 55), 0.9651),
    Word("Total:", (31, 118, 119, 146), 0.9578),
    Word("34.70", (130, 120, 219, 145), 0.9584),
    Word("EUR", (233, 120, 298, 146), 0.9584),
]

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)


def two_lines() -> Image.Image:
    image = Image.new("RGB", (640, 200), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(36)
    draw.text((30, 20), "Invoice 4711", font=font, fill="black")
    draw.text((30, 110), "Total: 34.70 EUR", font=font, fill="black")
    return image


def ink(image: Image.Image) -> int:
    return sum(image.convert("L").histogram()[:128])


def test_the_words_of_a_real_answer() -> None:
    assert parse_tsv(TSV, 640, 200) == WORDS


def test_boxes_stay_on_the_image_and_empty_words_are_none() -> None:
    header = TSV.splitlines()[0]
    rows = [
        "5\t1\t1\t1\t1\t1\t-4\t10\t30\t20\t91.5\tleft",
        "5\t1\t1\t1\t1\t2\t90\t10\t30\t20\t0\tright",
        "5\t1\t1\t1\t1\t3\t40\t10\t30\t20\t95\t ",
        "5\t1\t1\t1\t1\t4\t140\t10\t30\t20\t95\toutside",
    ]
    assert parse_tsv("\n".join([header, *rows]), 100, 50) == [
        Word("left", (0, 10, 26, 30), 0.915),
        Word("right", (90, 10, 100, 30), 0.0),
    ]
    assert parse_tsv(header + "\n", 100, 50) == []


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "level\tpage_num\n", TSV.replace("\t34\t30\t114", "\tx\t30\t114"), TSV[:-30]],
)
def test_an_answer_of_another_shape_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_tsv(text, 640, 200)


@needs_tesseract
def test_tesseract_reads_drawn_text() -> None:
    reader = make_reader("tesseract")
    assert reader is not None
    image = two_lines()
    words = reader.reads(image)
    assert [word.text for word in words] == ["Invoice", "4711", "Total:", "34.70", "EUR"]
    draw = ImageDraw.Draw(image)
    ink_before = ink(image)
    for word in words:
        draw.rectangle(word.box, fill="white")
    assert ink(image) < 0.02 * ink_before


@needs_tesseract
def test_a_language_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"does not have the language zzz; it has .*eng"):
        make_reader("tesseract", "eng+zzz")


def test_no_engine_is_no_reader() -> None:
    assert make_reader("none") is None


def test_a_missing_program_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="not installed") as caught:
        make_reader("tesseract")
    assert caught.value.exit_code == 3
    assert "apt-get install tesseract-ocr" in str(caught.value)
    with pytest.raises(OcrError, match="cannot be started"):
        TesseractReader().reads(two_lines())


def test_an_engine_that_hangs_is_ended(fake_tesseract: FakeTesseract) -> None:
    fake_tesseract("exec sleep 600")
    with pytest.raises(OcrError, match=r"not done after 0\.3 s"):
        TesseractReader(seconds=0.3).reads(two_lines())


def test_an_engine_that_fails_says_why(fake_tesseract: FakeTesseract) -> None:
    fake_tesseract("cat > /dev/null; echo first >&2; echo 'no such font' >&2; exit 7")
    with pytest.raises(OcrError, match="ended with 7: no such font"):
        TesseractReader().reads(two_lines())
    fake_tesseract("exec echo hello")
    with pytest.raises(OcrError, match="cannot be understood: the header 'hello'"):
        TesseractReader().reads(two_lines())


def test_the_engine_is_asked_for_language_and_resolution(
    tmp_path: Path, fake_tesseract: FakeTesseract
) -> None:
    fake_tesseract(f'echo "$@" "$OMP_THREAD_LIMIT" > {tmp_path}/asked; exit 1')
    image = two_lines()
    image.info["dpi"] = (300, 300)
    with pytest.raises(OcrError):
        TesseractReader("deu+eng").reads(image)
    asked = (tmp_path / "asked").read_text()
    assert asked == "stdin stdout -l deu+eng --dpi 300 tsv 1\n"
