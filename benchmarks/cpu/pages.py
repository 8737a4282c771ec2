"""A PDF → the images that the model takes, against pdf2image, and PyMuPDF for the record.

Ours draws each page at the very size of the model's grid. pdf2image is timed twice: at its own
200 dpi and then resized, as its users do, and straight to the size, as they might.
"""

import io
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops
from reportlab.pdfgen.canvas import Canvas

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from benchmarks.peers.environments import MissingPeerError, Peer
from sightwright.ingest.render import RenderPolicy, open_pdf

A4_PT = (595, 842)
PEERS = {
    "pdf2image": ("200 dpi, then resized", "straight to the grid"),
    "pymupdf": ("straight to the grid",),
}


def run() -> list[Comparison]:
    policy = RenderPolicy()
    with tempfile.TemporaryDirectory() as name:
        text, scan = Path(name, "text.pdf"), Path(name, "scan.pdf")
        text.write_bytes(text_pdf(num_pages=10))
        scan.write_bytes(scan_pdf(text, num_pages=4))
        return [
            compare_on("A4 pages of text to 960 x 1344 pixels", text, policy),
            compare_on("A4 pages scanned at 200 dpi (JPEG) to 960 x 1344 pixels", scan, policy),
        ]


def compare_on(title: str, pdf: Path, policy: RenderPolicy) -> Comparison:
    """Check that all draw alike, then time them; a peer that is not there is said to be so."""
    ours = draw(pdf, policy)
    size = ours[0].size
    turns: dict[str, Callable[[], float]] = {OURS: timed(lambda: draw(pdf, policy))}
    equality: list[str] = []
    peers: list[Peer] = []
    try:
        for name, ways in PEERS.items():
            try:
                peer = Peer(name)
            except MissingPeerError as error:
                print(f"\nleft out: {error}")
                continue
            peers.append(peer)
            for how in ways:
                label = f"{name} {peer.version}, {how}"
                theirs = drawn_by(peer, pdf, size, how)
                if (moved := best_move(ours[0], theirs[0])) != (0, 0):
                    print(
                        f"\nleft out: {label}: its pages are like ours only if moved by {moved} px"
                    )
                    continue
                mean = statistics.mean(map(difference, ours, theirs))
                equality.append(f"{name}, {how}: {mean:.2f}")
                turns[label] = turn_of(peer, pdf, size, how)
        levels = "the same places to a pixel; mean difference from ours, of 255 levels: "
        levels += ", ".join(equality)
        return compare_turns(title, turns, 9, levels, "page", len(ours))
    finally:
        for peer in peers:
            peer.__exit__(None, None, None)


def turn_of(peer: Peer, pdf: Path, size: tuple[int, int], how: str) -> Callable[[], float]:
    return lambda: float(peer.ask(pdf=str(pdf), size=size, how=how)["seconds"])


def draw(pdf: Path, policy: RenderPolicy) -> list[Image.Image]:
    with open_pdf(pdf, policy) as document:
        return [document.render(index) for index in range(document.num_pages)]


def drawn_by(peer: Peer, pdf: Path, size: tuple[int, int], how: str) -> list[Image.Image]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pages.npz")
        peer.ask(pdf=str(pdf), size=size, how=how, save=str(path))
        with np.load(path) as pages:
            return [Image.fromarray(pages[name]) for name in pages.files]


def best_move(ours: Image.Image, theirs: Image.Image) -> tuple[int, int]:
    """By how many pixels a page must be moved to be most like ours: (0, 0), if they are alike.

    How edges and hairlines are shaded is each renderer's own way; what stands where is not.
    """
    moves = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    return min(moves, key=lambda move: difference(ours, ImageChops.offset(theirs, *move)))


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.asarray(ImageChops.difference(one, other.convert("RGB"))).mean())


def text_pdf(num_pages: int) -> bytes:
    """Pages of 55 lines in two columns, with headings and rules as in a table."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4_PT, invariant=1)
    for page in range(num_pages):
        for line in range(55):
            y = 800 - 14 * line
            canvas.setFont("Helvetica-Bold" if line % 9 == 0 else "Helvetica", 10)
            canvas.drawString(
                40, y, f"{page + 1}.{line} Item no. {7919 * line + page} of the order"
            )
            canvas.drawRightString(550, y, f"{line * 17 % 90} x {line * 1.37 + page:.2f} EUR")
            if line % 9 == 0:
                canvas.line(40, y - 3, 550, y - 3)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def scan_pdf(text: Path, num_pages: int) -> bytes:
    """The same pages as grey noise-laden pictures of 200 dpi, one JPEG a page."""
    pictures: list[Image.Image] = []
    noise = np.random.default_rng(0)
    with open_pdf(text, RenderPolicy()) as document:
        for index in range(num_pages):
            page = document.render_for_reading(index).convert("L").resize((1654, 2339))
            grey = np.asarray(page, dtype=np.float32) + noise.normal(0, 6, page.size[::-1])
            pictures.append(Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)))
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, format="PDF", save_all=True, append_images=pictures[1:], resolution=200
    )
    return buffer.getvalue()
