"""What the tiny model is taught from: pages with a question and an answer, all drawn.

Three kinds of pages. A *drill* is a few lines of random words and numbers on a canvas of any size:
the alphabet. A *form* has random labels in a random arrangement, and its question names the keys.
A *document* is one of `draw`'s, in every layout but the new one that the demo's user trains on.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
from PIL import Image

from sightwright.draw import words
from sightwright.draw.documents import (
    DEFECTS,
    KINDS,
    TEMPLATES,
    Defect,
    amount,
    draw_document,
    draw_stamp,
    iso_date,
    name,
    place_rows,
    printed,
)
from sightwright.draw.page import (
    ADVANCE_PT,
    COLUMNS,
    LINE_PT,
    PAGE_PT,
    ROWS,
    Text,
    lines_of,
    write_pdf,
)
from sightwright.draw.templates import LAYOUTS, Row, rows_of

READ = "Read the page."
EXTRACT = "Extract the document as JSON."
# Words that stand on the new template only: drilled as words, never seen as labels or keys.
UNTAUGHT: tuple[str, ...] = ("Till", "Issued", "Tender", "Merchant", "pay")
# What the taught layouts print beside their values.
PRINTED_LABELS: tuple[str, ...] = (
    "Total", "Paid", "Date", "Shop", "Sum", "By", "RECEIPT", "Sold", "Payment", "INVOICE", "From",
    "To", "Invoice", "Seller", "Buyer", "Amount", "due", "Number", "BILL", "OF", "LADING", "No",
    "Shipper", "Vessel", "Load", "Discharge", "Cargo", "Packages", "Lading", "Ship", "Port",
    "Account", "Opening", "Closing", "Statement", "Bank", "Start", "End", "Balance", "by", "x",
)  # fmt: skip
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-:*+/"
# A key with its colon, a string, or a number; in this order, so that every quote finds its partner.
_JSON_PART = re.compile(r'"[^"]*":|"(?P<text>[^"]*)"|(?P<number>-?[0-9][0-9.]*)')
UNTAUGHT_KEYS: tuple[str, ...] = (
    "merchant", "till", "issued", "goods", "article", "count", "amount", "due", "tender",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lesson:
    """A page of print in grey, what to ask of it, and the answer."""

    pixels_HW: np.ndarray
    question: str
    answer: str
    kind: str
    # [G, 3] float32: x and y of each glyph's centre in px, and its place in ALPHABET.
    glyphs: np.ndarray


def compact(label: dict[str, Any]) -> str:
    """The canonical JSON of an extraction answer: one line, no spaces, no ASCII escapes."""
    return json.dumps(label, separators=(",", ":"), ensure_ascii=False)


def render(pdf: bytes) -> np.ndarray:
    """The first page at 1 px a point, grey uint8 [H, W]."""
    document = pdfium.PdfDocument(io.BytesIO(pdf))
    try:
        return np.array(document[0].render(scale=1, grayscale=True).to_numpy()).squeeze()
    finally:
        document.close()


def glyphs_of(
    texts: list[Text], width_pt: float, height_pt: float, skew_degrees: float
) -> np.ndarray:
    """The glyphs of a page [G, 3]: x and y of the centre (px = pt), place in `ALPHABET`.

    Worked example: the "7" of Text(16, 32, "7") stands at (24, 48, 7) on a straight page.
    """
    turn = math.radians(skew_degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    glyphs: list[tuple[float, float, int]] = []
    for text in texts:
        for column, character in enumerate(text.text):
            if character == " ":
                continue
            # From the page's centre; PDF turns anticlockwise, here y points down.
            x = text.x_pt + ADVANCE_PT * (column + 0.5) - width_pt / 2
            y = text.y_pt + LINE_PT / 2 - height_pt / 2
            x, y = x * cos + y * sin, y * cos - x * sin
            glyphs.append((x + width_pt / 2, y + height_pt / 2, ALPHABET.index(character)))
    return np.array(glyphs, dtype=np.float32).reshape(-1, 3)


def printed_places(lesson: Lesson) -> dict[int, int]:
    """{place of a character in the answer: place of its glyph on the page}, where that is certain.

    Reading out, the answer's characters are the glyphs in order. In JSON, a value has a place when
    it stands exactly once on the page.
    """
    page = "".join(ALPHABET[int(glyph)] for glyph in lesson.glyphs[:, 2])
    if lesson.question == READ:
        solid = [i for i, character in enumerate(lesson.answer) if not character.isspace()]
        return dict(zip(solid, range(len(page)), strict=True))
    places: dict[int, int] = {}
    for value in _JSON_PART.finditer(lesson.answer):
        if value.lastgroup is None:
            continue
        start, end = value.span(value.lastgroup)
        solid = [i for i in range(start, end) if not lesson.answer[i].isspace()]
        text = "".join(lesson.answer[i] for i in solid)
        if text and page.count(text) == 1:
            places |= {i: page.index(text) + offset for offset, i in enumerate(solid)}
    return places


def phrase(kind: str, keys: list[str], rng: random.Random) -> str:
    """One of the ways in which an extraction is asked for; half of them name the keys."""
    thing = kind.replace("_", " ")
    return rng.choice(
        (
            EXTRACT,
            f"Extract the {thing} as JSON.",
            f"Read the {thing} and return JSON with the keys: {', '.join(keys)}.",
            f"Return JSON with the keys: {', '.join(keys)}.",
        )
    )


def document_lesson(seed: int) -> tuple[Lesson, Lesson]:
    """A document of a taught layout: (read it all, extract it)."""
    rng = random.Random(f"document:{seed}")
    kind = rng.choice(KINDS)
    defects: list[Defect] = [defect for defect in DEFECTS if rng.random() < 0.2]
    document = draw_document(kind, rng.choice(TEMPLATES[kind]), seed, defects=defects)
    pixels = render(document.pdf)
    question = phrase(kind, list(document.label), rng)
    glyphs = glyphs_of(list(document.texts), PAGE_PT, PAGE_PT, document.skew_degrees)
    return (
        Lesson(pixels, READ, "\n".join(document.lines), "page", glyphs),
        Lesson(pixels, question, compact(document.label), kind, glyphs),
    )


def shuffled_lesson(seed: int) -> Lesson:
    """A document whose lines stand in a random order, labels still by their values.

    What stands where then says nothing, and the model must go by the words.
    """
    rng = random.Random(f"shuffled:{seed}")
    kind = rng.choice(KINDS)
    template = rng.choice(TEMPLATES[kind])
    label = draw_document(kind, template, seed).label
    blocks: list[list[Row]] = [[]]
    for row in LAYOUTS[template]:
        blocks[-1].append(row)
        if row.fields():
            blocks.append([])
    rng.shuffle(blocks)
    rows = tuple(row for block in blocks for row in block)
    texts = place_rows(rows_of(rows, printed(label)), rng)
    skew = rng.uniform(-1, 1) if rng.random() < 0.2 else 0.0
    pixels = render(write_pdf(texts, skew_degrees=skew))
    glyphs = glyphs_of(texts, PAGE_PT, PAGE_PT, skew)
    return Lesson(pixels, phrase(kind, list(label), rng), compact(label), kind, glyphs)


def drill_lesson(seed: int, columns: int, rows: int, max_words: int = 3) -> Lesson:
    """Random words and numbers to read out, on a canvas of whole 32 px squares.

    `columns` and `rows` count the squares of 32 px: 3 x 2 is a canvas of 96 x 64 px, 6 tokens.
    """
    rng = random.Random(f"drill:{seed}:{columns}:{rows}")
    width_pt, height_pt = 32 * columns, 32 * rows
    num_columns = int(width_pt // ADVANCE_PT)
    num_rows = int(height_pt // LINE_PT)
    texts: list[Text] = []
    for row in sorted(rng.sample(range(num_rows), rng.randint(num_rows // 2, num_rows))):
        line = _random_line(rng, num_columns, max_words)
        x_pt = ADVANCE_PT * rng.randint(0, num_columns - len(line))
        texts.append(Text(x_pt, LINE_PT * row, line))
    skew = rng.uniform(-1, 1) if rows >= 5 and rng.random() < 0.2 else 0.0
    stamp = draw_stamp(rng) if rows >= 5 and rng.random() < 0.2 else None
    pdf = write_pdf(texts, width_pt=width_pt, height_pt=height_pt, skew_degrees=skew, stamp=stamp)
    glyphs = glyphs_of(texts, width_pt, height_pt, skew)
    return Lesson(render(pdf), READ, "\n".join(lines_of(texts)), "drill", glyphs)


def form_lesson(seed: int) -> Lesson:
    """A form of random labels in a random arrangement; the question names the keys."""
    rng = random.Random(f"form:{seed}")
    while True:
        fields = rng.sample(words.FORM_LABELS, rng.randint(2, 5))
        values = {key: _form_value(rng) for key, _ in fields}
        lines = _arrange([(shown, str(values[key])) for key, shown in fields], rng)
        label: dict[str, Any] = dict(values)
        if rng.random() < 0.4:
            rows, entries = _form_table(rng)
            at = rng.randint(0, len(lines))
            lines = lines[:at] + rows + lines[at:]
            label["items"] = entries
        if len(lines) <= ROWS and max(map(len, lines)) <= COLUMNS:
            break
    keys = list(label)
    rng.shuffle(keys)
    label = {key: label[key] for key in keys}
    skew = rng.uniform(-1, 1) if rng.random() < 0.2 else 0.0
    stamp = draw_stamp(rng) if rng.random() < 0.2 else None
    texts = place_rows(lines, rng)
    question = f"Read the form and return JSON with the keys: {', '.join(keys)}."
    pixels = render(write_pdf(texts, skew_degrees=skew, stamp=stamp))
    glyphs = glyphs_of(texts, PAGE_PT, PAGE_PT, skew)
    return Lesson(pixels, question, compact(label), "form", glyphs)


def _form_value(rng: random.Random) -> Any:
    match rng.randrange(7):
        case 0:
            return name(rng, rng.choice((words.SHOPS, words.TRADES, words.BANKS)))
        case 1:
            return iso_date(rng)
        case 2:
            return amount(rng, 1, 99)
        case 3:
            return str(rng.randint(1000, 9999))
        case 4:
            return rng.randint(1, 99)
        case _:
            return rng.choice(rng.choice(words.CLOSED))


def _arrange(pairs: list[tuple[str, str]], rng: random.Random) -> list[str]:
    """Lay out label and value: beside, aligned, reversed, stacked, or two columns stacked."""
    style = rng.randrange(6)
    lines: list[str] = []
    while pairs:
        shown, value = pairs.pop(0)
        here = rng.randrange(6) if style == 5 else style
        if here == 4 and pairs and max(len(shown), len(value)) < 8 and len(pairs[0][1]) <= 7:
            other, other_value = pairs.pop(0)
            lines += [f"{shown:<8}{other}", f"{value:<8}{other_value}"]
        elif here in (3, 4):
            lines += [shown, value]
        elif here == 2:
            lines.append(f"{value} {shown}")
        elif here == 1:
            lines.append(f"{shown:<7}{value}")
        else:
            lines.append(f"{shown}{rng.choice((' ', ': '))}{value}")
    return lines


def _form_table(rng: random.Random) -> tuple[list[str], list[dict[str, Any]]]:
    """One or two lines of goods, numbers and amounts, in a random order of columns."""
    entries = [
        {"name": good, "qty": rng.randint(1, 9), "price": amount(rng, 1, 9.98)}
        for good in rng.sample(words.GOODS, rng.randint(1, 2))
    ]
    pattern = rng.choice(
        (
            "{qty} {name:<7}{price:>5}",
            "{name:<7}{price:<5}x{qty}",
            "{price} {qty} {name}",
            "{price:<5}{name:<7} {qty}",
            "{name:<7} {qty} {price}",
            "{qty}*{name} {price}",
        )
    )
    return [pattern.format(**entry) for entry in entries], entries


def vocabulary() -> list[str]:
    """Every word that any page prints, the new template's own included."""
    closed = [word for group in words.CLOSED for word in group]
    labels = [shown for _, shown in words.FORM_LABELS]
    return [*closed, *labels, *PRINTED_LABELS, *UNTAUGHT]


def _random_line(rng: random.Random, num_columns: int, max_words: int) -> str:
    line = ""
    for _ in range(rng.randint(1, max_words)):
        word = _random_word(rng)
        longer = f"{line}{' ' * rng.choice((1, 1, 2, 4))}{word}" if line else word
        if len(longer) > num_columns:
            break
        line = longer
    return line or str(rng.randint(0, 99))


def _random_word(rng: random.Random) -> str:
    match rng.randrange(10):
        case 0 | 1:
            return str(rng.randint(0, 10 ** rng.randint(1, 4)))
        case 2 | 3:
            return f"{amount(rng, 1, rng.choice((10, 100, 1000)))}"
        case 4:
            return iso_date(rng)
        case 5:
            return rng.choice(("x", "*", "+")) + str(rng.randint(1, 9))
        case _:
            return rng.choice(vocabulary())


def to_image(pixels_HW: np.ndarray) -> Image.Image:
    """The page as the RGB picture that a processor takes."""
    return Image.fromarray(pixels_HW).convert("RGB")
