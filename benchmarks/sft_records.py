"""Lists as pictures or as text, and their rows as JSON: the same records for us and for the peers.

Lists of one row to thirty, all equally often, in no order: eight of them padded to the longest
leave two fifths of a batch empty.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from sightwright import jsonl

GOODS = ("bolt", "cable", "hinge", "lamp", "nut", "panel", "relay", "screw", "switch", "valve")
FEWEST_ROWS, MOST_ROWS = 1, 30
# On the grid, so that no road resizes: two resamplers would not come to the same loss.
SIZES = ((256, 256), (256, 192), (192, 256), (192, 192))


@dataclass(frozen=True)
class ListRecord:
    """One question and its answer.

    Attributes:
        image: path of a picture; None where the list is in the question.
    """

    question: str
    answer: str
    image: str | None


def write_lists(folder: Path, number: int, *, pictures: bool) -> list[ListRecord]:
    """Draw so many records, always the same."""
    draw = random.Random(0)
    return [_record(folder / f"{index}.png", draw, pictures=pictures) for index in range(number)]


def _record(path: Path, draw: random.Random, *, pictures: bool) -> ListRecord:
    rows = [
        {
            "name": draw.choice(GOODS),
            "qty": draw.randint(1, 99),
            "price": draw.randint(1, 999) / 100,
        }
        for _ in range(draw.randint(FEWEST_ROWS, MOST_ROWS))
    ]
    lines = "\n".join(f"{row['qty']} {row['name']} {row['price']}" for row in rows)
    answer = json.dumps({"rows": rows}, separators=(",", ":"))
    if not pictures:
        return ListRecord(f"Write this list as JSON.\n{lines}", answer, None)
    page = Image.new("RGB", draw.choice(SIZES), "white")
    ImageDraw.Draw(page).multiline_text((4, 4), lines, fill="black")
    page.save(path)
    return ListRecord("Write this list as JSON.", answer, str(path))


def write_for_us(file: Path, records: Sequence[ListRecord]) -> None:
    jsonl.write_all(file, [_messages(record) for record in records])


def write_for_peers(file: Path, records: Sequence[ListRecord]) -> None:
    file.write_text("".join(json.dumps(asdict(record)) + "\n" for record in records))


def _messages(record: ListRecord) -> dict[str, Any]:
    image = [] if record.image is None else [{"type": "image", "image": record.image}]
    question = [*image, {"type": "text", "text": record.question}]
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": record.answer},
        ]
    }
