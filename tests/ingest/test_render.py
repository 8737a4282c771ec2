import io
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from sightwright.errors import ImageError
from sightwright.ingest.render import DocumentError, RenderPolicy, open_pdf
from sightwright.vision import PixelPolicy

DrawPdf = Callable[..., bytes]

AT_72_DPI = RenderPolicy(PixelPolicy(1024, 1_000_000), dpi=72)


def test_the_size_of_an_a4_page_by_hand() -> None:
    # 595 x 842 pt at 200 dpi: 1653 x 2339 px; sqrt(1653*2339/1310720) = 1.7175;
    # 1653/1.7175/32 = 30.08, 2339/1.7175/32 = 42.56: 30 x 42 tokens.
    assert RenderPolicy().size_px(595, 842) == (30 * 32, 42 * 32)


@settings(deadline=None)
@given(st.floats(1, 14400), st.floats(1, 14400))
def test_every_page_lands_on_the_grid_or_is_refused(width_pt: float, height_pt: float) -> None:
    policy = RenderPolicy()
    try:
        size = policy.size_px(width_pt, height_pt)
    except ImageError:
        # Pixels are whole, so the ratio is only about that of the points.
        assert max(width_pt, height_pt) / min(width_pt, height_pt) > 150
        return
    assert all(side % 32 == 0 and side > 0 for side in size)
    assert math.prod(size) <= policy.pixels.max_pixels or min(size) == 32


def test_a_page_is_drawn_on_the_grid_each_axis_stretched_to_it(draw_pdf: DrawPdf) -> None:
    # T24: 532 high, 728 wide becomes 17 x 23 tokens. The red half begins in the middle, at
    # 368 of 736 px, although 728 is no multiple of 32.
    with open_pdf(draw_pdf(size_pt=(728, 532)), AT_72_DPI) as pdf:
        image = pdf.render(0)
    assert (image.mode, image.size) == ("RGB", (23 * 32, 17 * 32))
    pixels = [image.getpixel((x, 100)) for x in (0, 367, 368, 735)]
    assert pixels == [(255, 255, 255)] * 2 + [(255, 0, 0)] * 2


def test_a_turned_page_is_drawn_as_it_is_read(draw_pdf: DrawPdf) -> None:
    # The sheet is 640 x 320 pt, red from x = 160 to 320, and is read turned clockwise by 90
    # degrees: x runs downwards then.
    with open_pdf(draw_pdf(size_pt=(320, 640), rotate=90), AT_72_DPI) as pdf:
        image = pdf.render(0)
    assert image.size == (320, 640)
    white, red = (255, 255, 255), (255, 0, 0)
    assert [image.getpixel((160, y)) for y in (159, 160, 319, 320)] == [white, red, red, white]


def test_form_fields_are_drawn_with_their_values() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(320, 320))
    canvas.acroForm.textfield(
        value="MMMMMM", x=10, y=150, width=300, height=40, fontSize=30, borderWidth=0
    )
    canvas.showPage()
    canvas.save()
    with open_pdf(buffer.getvalue(), AT_72_DPI) as pdf:
        darkest, _ = pdf.render(0).convert("L").getextrema()
    assert darkest < 50


def test_a_small_budget_is_met(draw_pdf: DrawPdf) -> None:
    policy = RenderPolicy(PixelPolicy(1024, 4096))
    with open_pdf(draw_pdf(2, (595, 842)), policy) as pdf:
        assert pdf.num_pages == 2
        assert [pdf.render(index).size for index in range(2)] == [(32, 64)] * 2


def test_a_document_locked_against_editing_opens(draw_pdf: DrawPdf) -> None:
    with open_pdf(draw_pdf(user_password=""), RenderPolicy()) as pdf:
        assert pdf.num_pages == 1


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"user_password": "secret"}, "encrypted"),
        ({"num_pages": 4}, "too-many-pages"),
        ({"size_pt": (14401, 100)}, "page-size"),
        ({"size_pt": (10, 14000)}, "page-size"),
        ({"size_pt": (1e9, 1e9)}, "page-size"),
    ],
)
def test_what_cannot_be_drawn_is_named(
    draw_pdf: DrawPdf, options: dict[str, object], status: str
) -> None:
    with (
        pytest.raises(DocumentError) as caught,
        open_pdf(draw_pdf(**options), RenderPolicy(max_pages=3)) as pdf,
    ):
        pdf.render(0)
    assert caught.value.status == status


def test_a_document_without_pages_is_named(draw_pdf: DrawPdf, pdf_without_pages: bytes) -> None:
    # After a locked one, whose error pdfium still remembers.
    with pytest.raises(DocumentError), open_pdf(draw_pdf(user_password="x"), RenderPolicy()):
        pass
    with (
        pytest.raises(DocumentError, match="no pages") as caught,
        open_pdf(pdf_without_pages, RenderPolicy()),
    ):
        pass
    assert caught.value.status == "no-pages"


@pytest.mark.parametrize("data", [b"", b"not a PDF at all", b"%PDF-1.4\n"])
def test_what_is_no_pdf_is_broken(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught, open_pdf(data, RenderPolicy()):
        pass
    assert caught.value.status == "broken"
