"""PDF pages by pdf2image, which runs poppler's pdftoppm. Runs in an environment of its own."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

# This file has the name of what it measures.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
from pdf2image import convert_from_path  # noqa: E402  # pyright: ignore
from PIL import Image  # noqa: E402

sys.path.append(str(Path(__file__).parent))
from answering import answer_all  # noqa: E402  # pyright: ignore


def draw(pdf: str, size: tuple[int, int], how: str) -> list[Any]:
    if how == "straight to the grid":
        return convert_from_path(pdf, size=tuple(size))
    pages = convert_from_path(pdf, dpi=200)
    return [page.resize(tuple(size), Image.Resampling.BICUBIC) for page in pages]


poppler = subprocess.run(["pdftoppm", "-v"], capture_output=True, text=True).stderr.split()[2]
answer_all(f"{metadata.version('pdf2image')} with poppler {poppler}", draw)
