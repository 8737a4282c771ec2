"""Turned photographs: a coloured pixel under a vertex of the source lies under it in the result."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightwright.geometry import Matrix, Point
from sightwright.ingest.annotations.frames import Frame, Picture, choose, scaled_to, turn_matrix
from sightwright.ingest.annotations.pictures import SizeRules, open_picture
from sightwright.ingest.annotations.run import Report, Settings, convert_annotations
from sightwright.ingest.annotations.sample import Rules

from .drawn import save

ORIENTATIONS = range(1, 9)
WIDTH, HEIGHT = 96, 64
# The centres of three pixels of the stored image.
MARKS: tuple[Point, ...] = ((10.5, 20.5), (70.5, 8.5), (40.5, 55.5))
COLOURS = ((250, 10, 10), (10, 250, 10), (10, 10, 250))


def photograph(
    orientation: int | None, format: str = "PNG", size: tuple[int, int] = (WIDTH, HEIGHT)
) -> bytes:
    """A black image with three coloured pixels, and a note how to turn it."""
    image = Image.new("RGB", size)
    for (x, y), colour in zip(MARKS, COLOURS, strict=True):
        image.putpixel((int(x), int(y)), colour)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    buffer = io.BytesIO()
    lossless = {"lossless": True} if format == "WEBP" else {}
    image.save(buffer, format=format, exif=exif, **lossless)
    return buffer.getvalue()


def mapped(matrix: Matrix, point: Point) -> Point:
    (a, b, c), (d, e, f), _ = matrix
    return a * point[0] + b * point[1] + c, d * point[0] + e * point[1] + f


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_matrix_goes_where_the_pixels_go(tmp_path: Path, orientation: int, format: str) -> None:
    (tmp_path / "a").write_bytes(photograph(orientation, format))
    opened = open_picture(tmp_path / "a")
    assert opened.picture == Picture(WIDTH, HEIGHT, orientation)
    assert opened.upright.size == opened.picture.upright_size
    for mark, colour in zip(MARKS, COLOURS, strict=True):
        x, y = mapped(turn_matrix(opened.picture), mark)
        assert opened.upright.getpixel((int(x), int(y))) == colour


def upright_marks(orientation: int) -> list[Point]:
    return [mapped(turn_matrix(Picture(WIDTH, HEIGHT, orientation)), mark) for mark in MARKS]


def convert(
    folder: Path, points: list[Point], stated: tuple[int, int] | None, frame: Frame, photo: bytes
) -> tuple[Report, list[Any]]:
    (folder / "a.png").write_bytes(photo)
    raw: dict[str, Any] = {"imagePath": "a.png"}
    if stated is not None:
        raw |= {"imageWidth": stated[0], "imageHeight": stated[1]}
    raw["shapes"] = [{"label": "x", "shape_type": "polygon", "points": points}]
    source = save(folder / "a.json", raw)
    settings = Settings("labelme", rules=Rules(frame=frame), val_ratio=0)
    report = convert_annotations(source, folder, folder / "out", settings, num_workers=0)
    text = "" if report.failed else (folder / "out" / "train.jsonl").read_text()
    return report, [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("frame", ["auto", "upright", "stored"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_vertex_lies_on_its_pixel(
    tmp_path: Path, orientation: int, frame: Frame, scale: int
) -> None:
    """In either frame, at the image's size or at three times it, with the image resized."""
    picture = Picture(WIDTH, HEIGHT, orientation)
    size = picture.size if frame == "stored" else picture.upright_size
    marks = list(MARKS) if frame == "stored" else upright_marks(orientation)
    stated = (size[0] * scale, size[1] * scale)
    points = [(x * scale, y * scale) for x, y in marks]
    _, (record,) = convert(tmp_path, points, stated, frame, photograph(orientation))
    written = Image.open(tmp_path / "out" / record["images"][0])
    assert (
        written.size
        == (record["width"], record["height"])
        == SizeRules().target(picture.upright_size)
    )
    assert "exif" not in written.info or written.getexif().get(0x0112, 1) == 1 or orientation == 1
    numbers = record["objects"][0]["poly"]
    vertices = list(zip(numbers[::2], numbers[1::2], strict=True))
    # The pixel nearest to where each mark was drawn is the brightest in its colour.
    for channel, mark in enumerate(upright_marks(orientation)):
        across = record["width"] / picture.upright_size[0]
        down = record["height"] / picture.upright_size[1]
        x, y = min(
            vertices, key=lambda v: abs(v[0] - mark[0] * across) + abs(v[1] - mark[1] * down)
        )
        around = [
            (np.asarray(written)[j, i, channel], (i, j))
            for i in range(max(0, x - 3), min(written.width, x + 3))
            for j in range(max(0, y - 3), min(written.height, y + 3))
        ]
        _, (i, j) = max(around)
        assert abs(i + 0.5 - x) <= 1 and abs(j + 0.5 - y) <= 1


def test_which_frame_the_size_tells() -> None:
    turned = Picture(4000, 3000, 6)
    assert choose((3000, 4000), turned, "auto").frame == "upright"
    assert choose((4000, 3000), turned, "auto").frame == "stored"
    assert choose((800, 600), turned, "auto").frame == "stored"
    assert choose((751, 1000), turned, "auto").frame == "upright"
    assert not choose((4000, 3000), turned, "auto").is_guess
    assert choose((4000, 3000), turned, "stored").frame == "stored"


@pytest.mark.parametrize(
    ("picture", "stated"),
    [
        (Picture(400, 400, 6), (400, 400)),
        (Picture(400, 300, 3), (400, 300)),
        (Picture(400, 300, 2), (200, 150)),
        (Picture(400, 300, 8), None),
    ],
)
def test_what_fits_both_frames_is_a_guess(picture: Picture, stated: tuple[int, int] | None) -> None:
    chosen = choose(stated, picture, "auto")
    assert (chosen.frame, chosen.is_guess, chosen.fault) == ("upright", True, "")
    assert not choose(stated, picture, "stored").is_guess


def test_an_image_that_is_not_turned_has_one_frame() -> None:
    chosen = choose((200, 150), Picture(400, 300), "auto")
    assert (chosen.frame, chosen.is_guess) == ("same", False)
    assert mapped(chosen.matrix, (10, 10)) == (20, 20)


def test_a_scale_says_nothing_of_the_image() -> None:
    chosen = choose((1, 1), Picture(400, 300), "auto", normalised=True)
    assert not chosen.fault and mapped(chosen.matrix, (0.5, 0.5)) == (200, 150)


@pytest.mark.parametrize("picture", [Picture(400, 300), Picture(400, 300, 6)])
def test_a_size_of_another_shape_is_a_fault(picture: Picture) -> None:
    chosen = choose((400, 400), picture, "auto")
    assert "another shape" in chosen.fault
    assert choose((300, 400), Picture(400, 300, 6), "stored").fault


def test_a_resize_comes_last() -> None:
    chosen = choose(None, Picture(100, 50, 6), "stored")
    matrix = scaled_to(chosen.matrix, (50, 100), (100, 200))
    # The top left corner of what is stored is at the top right of what is shown.
    assert mapped(matrix, (0, 0)) == (100, 0)


def test_guesses_are_counted(tmp_path: Path) -> None:
    report, _ = convert(tmp_path, list(MARKS), (WIDTH, HEIGHT), "auto", photograph(3))
    assert report.totals.frames == {"upright": 1, "guessed": 1}
