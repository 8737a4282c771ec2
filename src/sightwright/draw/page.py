"""Text at exact places on a small PDF page, with the two defects that are a matter of drawing.

The page is 256 x 256 points. At one pixel a point that is 256 x 256 px: 64 image tokens of 32 px
after Qwen3-VL's 2 x 2 merge. Courier-Bold is set in cells of 16 x 32 pt, two glyphs to a token, so
that to look at a token is almost to read it. (In cells of 8 x 16 pt, eight glyphs to a token, a
model of this size found the token and not the glyph in it: 84 % of the tokens of an answer after
1,800 steps, and no page without a mistake.) A page holds 8 lines of 15 characters.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from reportlab.pdfgen.canvas import Canvas

PAGE_PT = 256
FONT = "Courier-Bold"
FONT_PT = 26.0
ADVANCE_PT = 16.0
SPACING_PT = ADVANCE_PT - 0.6 * FONT_PT  # Courier advances 0.6 em
LINE_PT = 32.0
COLUMNS = 15
ROWS = 8


@dataclass(frozen=True, slots=True)
class Text:
    """One run of text; `x_pt` and `y_pt` are its cell's top-left corner, y downwards."""

    x_pt: float
    y_pt: float
    text: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """A grey rubber stamp under the print: a turned frame with a word in it."""

    x_pt: float
    y_pt: float
    degrees: float
    word: str


def write_pdf(
    texts: list[Text],
    *,
    width_pt: float = PAGE_PT,
    height_pt: float = PAGE_PT,
    skew_degrees: float = 0.0,
    stamp: Stamp | None = None,
) -> bytes:
    """One page as a PDF with a text layer; the same arguments give the same bytes."""
    buffer = io.BytesIO()
    # invariant=1 leaves out the date and the random id that reportlab writes otherwise.
    canvas = Canvas(buffer, pagesize=(width_pt, height_pt), invariant=1)
    if stamp is not None:
        _draw_stamp(canvas, stamp, height_pt)
    if skew_degrees:
        canvas.translate(width_pt / 2, height_pt / 2)
        canvas.rotate(skew_degrees)
        canvas.translate(-width_pt / 2, -height_pt / 2)
    canvas.setFillGray(0.0)
    canvas.setFont(FONT, FONT_PT)
    for text in texts:
        # Capitals fill 9 to 24 pt of a cell, descenders end at 29 pt.
        baseline_pt = height_pt - text.y_pt - 24.0
        canvas.drawString(text.x_pt, baseline_pt, text.text, charSpace=SPACING_PT)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _draw_stamp(canvas: Canvas, stamp: Stamp, height_pt: float) -> None:
    canvas.saveState()
    canvas.translate(stamp.x_pt, height_pt - stamp.y_pt)
    canvas.rotate(stamp.degrees)
    canvas.setStrokeGray(0.65)
    canvas.setFillGray(0.65)
    canvas.setLineWidth(4)
    width_pt = 24.0 * len(stamp.word) + 24.0
    canvas.roundRect(-width_pt / 2, -26, width_pt, 52, 9)
    canvas.setFont("Helvetica-Bold", 30)
    canvas.drawCentredString(0, -11, stamp.word)
    canvas.restoreState()


def lines_of(texts: list[Text]) -> tuple[str, ...]:
    """The print in reading order: top to bottom, then left to right, spaces squeezed.

    Texts of one row share their `y_pt` and are joined by one space.
    """
    rows: dict[float, list[Text]] = {}
    for text in texts:
        rows.setdefault(text.y_pt, []).append(text)
    joined = (
        " ".join(" ".join(t.text.split()) for t in sorted(rows[y], key=lambda t: t.x_pt))
        for y in sorted(rows)
    )
    return tuple(" ".join(line.split()) for line in joined if line.strip())
