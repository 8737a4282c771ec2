"""One invoice as a record and its page: what a data set looks like, to copy from."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import canonical, jsonl
from sightwright.records import ChatRecord, ImageRef, Message, Text, write_chat_record

if TYPE_CHECKING:
    from PIL.Image import Image

RECORD_ID = "example-invoice-0001"
PROMPT = (
    "Read the invoice. Answer with JSON only, with the keys issuer, invoice_number, date, "
    "currency, lines and amount; null for what it does not show."
)
# Keys of schemas/invoice.schema.json, in its order. Numbers keep their spelling: 34.70.
ANSWER: dict[str, Any] = {
    "issuer": "Alder & Finch Instruments",
    "invoice_number": "AF-2025-0117",
    "date": "2025-03-14",
    "currency": "EUR",
    "lines": [
        {"name": "Pressure gauge", "qty": 2, "price": canonical.Number("48.50")},
        {"name": "Copper seal", "qty": 10, "price": canonical.Number("3.20")},
    ],
    "amount": canonical.Number("129.00"),
}
_PRINT = (
    "Alder & Finch Instruments",
    "",
    "INVOICE  AF-2025-0117",
    "Date     14 March 2025",
    "",
    "Qty  Item              Each   Total",
    "  2  Pressure gauge   48.50   97.00",
    " 10  Copper seal       3.20   32.00",
    "",
    "Total to pay           EUR   129.00",
)
_SIZE_PX = (256, 160)
_MARGIN_PX = 14
_LINE_PX = 13
_SCALE = 3


@dataclass(frozen=True)
class Example:
    """The two files that were written."""

    record: Path
    page: Path


def write_example(out: Path) -> Example:
    """Write the record to `out`, and its page beside it as a PNG of 768 x 480 px."""
    page = out.with_name(f"{RECORD_ID}.png")
    buffer = io.BytesIO()
    draw_page().save(buffer, format="PNG", optimize=True)
    canonical.write_bytes(page, buffer.getvalue())
    jsonl.write_all(out, [write_chat_record(_record(page.name))])
    return Example(out, page)


def draw_page() -> "Image":
    """The page in black on white, drawn with Pillow's built-in bitmap font: the same pixels
    whatever fonts and font libraries a machine has."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("1", _SIZE_PX, 1)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default_imagefont()
    for number, line in enumerate(_PRINT):
        pen.text((_MARGIN_PX, _MARGIN_PX + number * _LINE_PX), line, fill=0, font=font)
    large = (_SIZE_PX[0] * _SCALE, _SIZE_PX[1] * _SCALE)
    return page.resize(large, Image.Resampling.NEAREST)


def _record(image: str) -> ChatRecord:
    user = Message("user", (ImageRef(image), Text(PROMPT)))
    answer = Message("assistant", (Text(canonical.dumps(ANSWER)),))
    return ChatRecord(RECORD_ID, (user, answer), {"document": RECORD_ID})
