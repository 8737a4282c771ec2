"""What a user of `ingest results` has on disk: archives of page images, and a table of answers.

    FOLDER/data/combined.zip, FOLDER/data/bls_another.zip    the images
    FOLDER/docs/results.json                                 one row per container

The bills of lading are drawn, so each row is what its page says. Their images are named as such
collections are: by the document's file, in other letters, with what the image is behind it.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import canonical
from sightwright.draw import words
from sightwright.draw.documents import name as two_words
from sightwright.draw.page import LINE_PT, Text, write_pdf

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE_PT = 512
_LINES = 15
# As printed → as it is learnt.
DISCHARGE = {
    "PORT KLANG (WESTPORT), MY": "Port Klang",
    "PASIR GUDANG, JOHOR": "Pasir Gudang",
    "PTP, MALAYSIA": "Port Tanjung Pelepas",
    "Penang": "Penang",
}
_FILES = ("BL - {number}.pdf", "{number}_C.PDF", "HBL {number} (1).pdf", "{number}.pdf")
_SIZES = (("20", "GP"), ("40", "HC"), ("40", "RF"))


@dataclass(frozen=True, slots=True)
class Shipment:
    """One bill of lading.

    Attributes:
        filename: of the PDF that nobody kept.
        rows: its rows of the table, one per container.
        images: file name → bytes; the first is the one that shows the document best.
    """

    filename: str
    rows: list[dict[str, Any]]
    images: dict[str, bytes]


def draw_shipment(seed: int) -> Shipment:
    """Draw one bill of lading and the images of it; the same seed gives the same rows and pixels.

    Its images are, by `seed % 4`: a single page with a grid of all pages and numbered pages; a
    grid with numbered pages; numbered pages; one image without any mark.
    """
    rng = random.Random(f"shipment:{seed}")
    number = f"MEDU{rng.randint(100_000, 999_999)}{seed % 100:02d}"
    filename = _FILES[seed % len(_FILES)].format(number=number)
    rows = _rows(rng, filename, number)
    first, second = (_page(lines) for lines in (_front(rows), ["TERMS", "See overleaf"]))
    stem = "_".join(filename[:-4].replace("-", " ").replace("(", " ").replace(")", " ").split())
    pages = {f"{stem}_1.png": _bytes(first, "PNG"), f"{stem}_2.png": _bytes(second, "PNG")}
    grid = {f"{stem}_combined_grid.jpg": _bytes(_beside(first, second), "JPEG")}
    match seed % 4:
        case 0:
            images = {f"{stem}_single_page.png": _bytes(first, "PNG"), **grid, **pages}
        case 1:
            images = {**grid, **pages}
        case 2:
            images = pages
        case _:
            images = {f"{stem}.jpeg": _bytes(first, "JPEG")}
    return Shipment(filename, rows, images)


def write_project(folder: Path, count: int, seed: int = 0, *, without_image: int = 0) -> None:
    """Write `count` drawn bills of lading as the module says.

    Args:
        seed: the first one's; document i has seed + i.
        without_image: so many more documents stand in the table alone.
    """
    shipments = [draw_shipment(seed + i) for i in range(count + without_image)]
    with_images = shipments[:count]
    cut = count - count // 3
    _write_zip(folder / "data" / "combined.zip", with_images[:cut], "combined/")
    _write_zip(folder / "data" / "bls_another.zip", with_images[cut:], "")
    rows = [row for shipment in shipments for row in shipment.rows]
    text = json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    canonical.write_text(folder / "docs" / "results.json", text)


def _rows(rng: random.Random, filename: str, number: str) -> list[dict[str, Any]]:
    days = [str(rng.randint(3, 21)) for _ in range(3)]
    apart = rng.random() < 0.5
    header: dict[str, Any] = {
        "Filename": filename,
        "consignee_name": two_words(rng, words.TRADES),
        "bl_number": number,
        "port_of_loading": rng.choice(words.PORTS),
        "port_of_discharge": rng.choice(tuple(DISCHARGE)),
        "vessel_name": rng.choice(words.VESSELS),
        "detention_free_days": days[0] if apart else None,
        "demurrage_free_days": days[1] if apart else None,
        "combined_free_days": None if apart else days[2],
    }
    size, kind = rng.choice(_SIZES)
    numbers = [f"MSKU{rng.randint(1_000_000, 9_999_999)}" for _ in range(rng.randint(1, 4))]
    return [
        {**header, "Container_Number": number, "Container_Size": size, "Container_Type": kind}
        for number in numbers
    ]


def _front(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[0]
    days = [
        ("Detention", row["detention_free_days"]),
        ("Demurrage", row["demurrage_free_days"]),
        ("Free time combined", row["combined_free_days"]),
    ]
    return [
        "BILL OF LADING",
        f"No {row['bl_number']}",
        f"Consignee {row['consignee_name']}",
        f"Vessel {row['vessel_name']}",
        f"From {row['port_of_loading']}",
        f"To {row['port_of_discharge']}",
        *(f"{label} {number} days" for label, number in days if number is not None),
        f"{len(rows)} x {row['Container_Size']}{row['Container_Type']}",
        *(row["Container_Number"] for row in rows),
    ]


def _page(lines: list[str]) -> Image:
    # pypdfium2 carries no types.
    import pypdfium2 as pdfium  # pyright: ignore[reportMissingTypeStubs]

    texts = [Text(16.0, LINE_PT * (row + 1), line) for row, line in enumerate(lines[:_LINES])]
    document: Any = pdfium.PdfDocument(write_pdf(texts, width_pt=SIDE_PT, height_pt=SIDE_PT))
    try:
        return document[0].render(scale=1).to_pil().convert("RGB")
    finally:
        document.close()


def _beside(left: Image, right: Image) -> Image:
    from PIL import Image

    grid = Image.new("RGB", (left.width + right.width, left.height), "white")
    grid.paste(left, (0, 0))
    grid.paste(right, (left.width, 0))
    return grid


def _bytes(image: Image, format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format)
    return buffer.getvalue()


def _write_zip(path: Path, shipments: list[Shipment], inside: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for shipment in shipments:
            for name, content in shipment.images.items():
                # A ZipInfo without a date of its own has the same one always.
                archive.writestr(zipfile.ZipInfo(inside + name), content)
    canonical.write_bytes(path, buffer.getvalue())
