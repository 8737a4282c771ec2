"""PDF pages by PyMuPDF, for the record: its licence (AGPL) keeps it out of this project. Runs in
an environment of its own."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

# This file has the name of what it measures.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
import numpy as np  # noqa: E402
import pymupdf  # noqa: E402  # pyright: ignore

sys.path.append(str(Path(__file__).parent))
from answering import answer_all  # noqa: E402  # pyright: ignore


def draw(pdf: str, size: tuple[int, int], how: str) -> list[Any]:
    width, height = size
    pages: list[Any] = []
    with pymupdf.open(pdf) as document:
        for page in document:
            scale = pymupdf.Matrix(width / page.rect.width, height / page.rect.height)
            pixels = page.get_pixmap(matrix=scale, alpha=False)
            shape = (pixels.height, pixels.width, 3)
            pages.append(np.frombuffer(pixels.samples, dtype=np.uint8).reshape(shape))
    return pages


answer_all(metadata.version("pymupdf"), draw)
