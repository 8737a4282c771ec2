"""Words and their boxes, against the ink of the page that pdfium draws."""

import io
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from sightwright.draw.documents import KINDS, TEMPLATES, Kind, draw_document
from sightwright.ingest import text_layer
from sightwright.ingest.render import RenderPolicy, open_pdf
from sightwright.ingest.text_layer import TooMuchTextError
from sightwright.ingest.words import Word
from sightwright.vision import PixelPolicy

OnePagePdf = Callable[..., bytes]

# A 320-point page is 320 pixels, and 640 in the larger policy.
AT_72_DPI = RenderPolicy(PixelPolicy(1024, 1_000_000), dpi=72)
AT_144_DPI = RenderPolicy(PixelPolicy(1024, 1_000_000), dpi=144)
LINES = b"BT /F1 24 Tf 30 250 Td (Total: 34.70) Tj 0 -60 Td (gjpqy  |W|) Tj 90 -80 Td (end) Tj ET"


def page_and_words(
    data: bytes, policy: RenderPolicy = AT_144_DPI
) -> tuple[Image.Image, list[Word]]:
    with open_pdf(data, policy) as pdf:
        image = pdf.render(0)
        return image, pdf.words(0, image.width, image.height)


def texts(data: bytes) -> list[str]:
    return [word.text for word in page_and_words(data)[1]]


def assert_boxes_lie_on_the_ink(image: Image.Image, words: list[Word]) -> None:
    """No ink outside the boxes, and every box is as small as its ink, but for a pixel or two."""
    gray = np.asarray(image.convert("L"))
    erased = image.convert("L")
    draw = ImageDraw.Draw(erased)
    for word in words:
        x0, y0, x1, y1 = word.box
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=255)
        ink = np.argwhere(gray[y0:y1, x0:x1] < 128)
        assert len(ink), word
        gap = (*ink.min(axis=0), *(np.array([y1 - y0 - 1, x1 - x0 - 1]) - ink.max(axis=0)))
        assert max(gap) <= 2, (word, gap)
    # pdfium draws a glyph up to half a pixel off its place: a shade may stand beside a box.
    assert np.asarray(erased).min() > 96


def test_the_box_of_a_word_by_hand(one_page_pdf: OnePagePdf) -> None:
    # The H of Helvetica is 0.722 wide and inks 0.077 to 0.646, 0 to 0.718, in units of the size:
    # at 30 points, HHH from x = 10 inks 12.31 to 72.70; above y = 150, 320-171.54 to 320-150.
    _, words = page_and_words(one_page_pdf(b"BT /F1 30 Tf 10 150 Td (HHH) Tj ET"), AT_72_DPI)
    assert words == [Word("HHH", (12, 148, 73, 170))]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270, 450, -90])
@pytest.mark.parametrize(
    "boxes",
    [
        b"/MediaBox[0 0 320 320]",
        b"/MediaBox[-40 -60 600 580]",
        b"/MediaBox[0 0 900 900]/CropBox[20 80 340 304]",
        b"/MediaBox[0 0 320 320]/CropBox[10 30 800 800]",
        b"/MediaBox[320 320 0 0]/UserUnit 2.5",
    ],
)
def test_boxes_lie_on_the_ink_however_the_page_is_cut_and_turned(
    one_page_pdf: OnePagePdf, boxes: bytes, rotate: int
) -> None:
    image, words = page_and_words(one_page_pdf(LINES, b"%s/Rotate %d" % (boxes, rotate)))
    # A sideways text has no order of its own.
    assert {word.text for word in words} == {"Total:", "34.70", "gjpqy", "|W|", "end"}
    assert_boxes_lie_on_the_ink(image, words)


@pytest.mark.parametrize(
    ("rotate", "turn"),
    [
        (0, b"1 0 0 1 0 0"),
        (90, b"0 1 -1 0 320 0"),
        (180, b"-1 0 0 -1 320 320"),
        (270, b"0 -1 1 0 0 320"),
    ],
)
def test_a_sheet_scanned_sideways_reads_as_if_it_were_upright(
    one_page_pdf: OnePagePdf, rotate: int, turn: bytes
) -> None:
    boxes = b"/MediaBox[0 0 320 320]"
    upright = page_and_words(one_page_pdf(LINES, boxes), AT_72_DPI)[1]
    turned = one_page_pdf(b"%s cm %s" % (turn, LINES), b"%s/Rotate %d" % (boxes, rotate))
    assert page_and_words(turned, AT_72_DPI)[1] == upright
    assert [word.text for word in upright] == ["Total:", "34.70", "gjpqy", "|W|", "end"]


def test_boxes_lie_on_the_ink_of_an_embedded_font() -> None:
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(320, 160))
    canvas.setFont("Vera", 20)
    canvas.drawString(20, 100, "Straße 7 €")
    canvas.saveState()
    canvas.translate(60, 20)
    canvas.rotate(90)
    canvas.setFont("Vera", 9)
    canvas.drawString(0, 0, "sideways text")
    canvas.restoreState()
    canvas.save()
    image, words = page_and_words(buffer.getvalue())
    assert [word.text for word in words] == ["Straße", "7", "€", "sideways", "text"]
    assert_boxes_lie_on_the_ink(image, words)
    x0, y0, x1, y1 = words[3].box
    assert y1 - y0 > 3 * (x1 - x0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_a_drawn_document_is_found_on_its_ink(kind: Kind) -> None:
    for seed, template in enumerate(TEMPLATES[kind]):
        document = draw_document(kind, template, seed)
        image, words = page_and_words(document.pdf)
        assert Counter(word.text for word in words) == Counter(" ".join(document.lines).split())
        assert_boxes_lie_on_the_ink(image, words)
        skewed = draw_document(kind, template, seed, defects=["skew"])
        assert Counter(texts(skewed.pdf)) == Counter(word.text for word in words)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"(exam-) Tj 0 -30 Td (ple) Tj", ["exam-", "ple"]),
        (b"(well-known) Tj", ["well-known"]),
        (b"(left) Tj 200 0 Td (right) Tj", ["left", "right"]),
        (b"(3) Tj 0 -100 Td (4) Tj", ["3", "4"]),
        (b"[(tig) -20 (ht)] TJ", ["tight"]),
        (b"(a\\240b\\tc) Tj", ["a", "b", "c"]),
        (b"() Tj", []),
        (b"3 Tr (unseen) Tj", ["unseen"]),
        (b"400 0 Td (outside) Tj", []),
    ],
)
def test_where_words_end(one_page_pdf: OnePagePdf, content: bytes, expected: list[str]) -> None:
    assert texts(one_page_pdf(b"BT /F1 20 Tf 30 250 Td %s ET" % content)) == expected


def test_a_word_over_the_edge_keeps_what_is_on_the_page(one_page_pdf: OnePagePdf) -> None:
    _, words = page_and_words(one_page_pdf(b"BT /F1 30 Tf 290 310 Td (HHH) Tj ET"), AT_72_DPI)
    assert words == [Word("HHH", (292, 0, 320, 10))]


def test_characters_are_read_by_the_fonts_own_map(one_page_pdf: OnePagePdf) -> None:
    # A stands for an emoji (two UTF-16 halves), B for half of one, C for nothing, D for D.
    cmap = (
        b"/CIDInit/ProcSet findresource begin begincmap 1 begincodespacerange<00><FF>"
        b"endcodespacerange 4 beginbfchar<41><D83DDE00><42><D83D><43><0000><44><0044>endbfchar "
        b"endcmap end"
    )
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 7 0 R>>"
    stream = b"<</Length %d>>stream\n%s\nendstream" % (len(cmap), cmap)
    content = (
        b"BT /F2 20 Tf 30 250 Td (A) Tj 0 -40 Td (DBD) Tj 0 -40 Td (DCD) Tj 0 -40 Td (C) Tj ET"
    )
    data = one_page_pdf(content, b"/MediaBox[0 0 320 320]", font, stream)
    # What is no character is left out by pdfium, or replaced; of nothing else there is no word.
    assert texts(data) == ["\U0001f600", "DD", "D\ufffdD"]


def test_the_values_of_form_fields_are_words() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(320, 320))
    canvas.drawString(20, 250, "Name:")
    canvas.acroForm.textfield(
        value="Ngozi", x=100, y=150, width=150, height=40, fontSize=30, borderWidth=0,
        fillColor=None,
    )  # fmt: skip
    canvas.save()
    image, words = page_and_words(buffer.getvalue())
    assert [word.text for word in words] == ["Name:", "Ngozi"]
    assert_boxes_lie_on_the_ink(image, words)


def test_a_page_that_says_too_much(
    one_page_pdf: OnePagePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_layer, "MAX_CHARACTERS", 10)
    assert texts(one_page_pdf(b"BT /F1 9 Tf 30 250 Td (0123456789) Tj ET")) == ["0123456789"]
    with pytest.raises(TooMuchTextError, match="11 characters, over the limit of 10"):
        texts(one_page_pdf(b"BT /F1 9 Tf 30 250 Td (01234567890) Tj ET"))
