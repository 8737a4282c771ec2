"""Text at exact places on a small PDF page, with the two defects that are a matter of drawing.

The page is 192 x 192 points. At one pixel a point that is 192 x 192 px: 12 x 12 patches of 16 px,
36 image tokens after Qwen3-VL's 2 x 2 merge. Courier-Bold is set in cells of 8 x 16 pt on that very
grid, two glyphs a patch: a model of three million parameters then reads a page after minutes of
teaching. (Off the grid, in cells of 9 x 18 pt, a third of the glyphs were still misread after 1,600
steps.) A page holds 10 lines of 20 characters between its margins.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from reportlab.pdfgen.canvas import Canvas

PAGE_PT = 192
FONT = "Courier-Bold"
FONT_PT = 14.0
ADVANCE_PT = 8.0
SPACING_PT = ADVANCE_PT - 0.6 * FONT_PT  # Courier advances 0.6 em
LINE_PT = 16.0
MARGIN_PT = 8.0
COLUMNS = 20
ROWS = 10


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
        # Capitals fill 4 to 12 pt of a cell, descenders end at 14 pt.
        baseline_pt = height_pt - text.y_pt - 12.0
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
    canvas.setLineWidth(2)
    width_pt = 12.0 * len(stamp.word) + 12.0
    canvas.roundRect(-width_pt / 2, -14, width_pt, 28, 5)
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawCentredString(0, -6, stamp.word)
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
