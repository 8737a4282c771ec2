"""Photographs are there, and as large as their records say: by their headers alone."""

from pathlib import Path

import pytest
from PIL import Image

from sightwright.images import encode_data_url
from sightwright.ingest.inspection_check import Shown, image_fault, problems_of
from sightwright.inspection_records import InspectionRecord


def fault(image: str, width: int, height: int, root: Path, *, look: bool = True) -> str | None:
    return image_fault(Shown(image, width, height), root, check_images=look)


def test_the_size_is_the_images(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    assert fault("a.png", 40, 30, tmp_path) is None
    why = fault("a.png", 41, 30, tmp_path)
    assert why == f"{tmp_path / 'a.png'} is 40x30 pixels, and the record says 41x30"
    assert fault("a.png", 41, 30, tmp_path, look=False) is None
    assert fault(".\\a.png", 40, 30, tmp_path) is None


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_size_is_that_of_the_upright_image(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    assert fault("a.jpg", 30, 40, tmp_path) is None
    why = fault("a.jpg", 40, 30, tmp_path) or ""
    assert "is 30x40 pixels, and the record says 40x30: those are its sides before" in why


def test_an_orientation_in_xmp_counts_as_it_does_when_the_image_is_opened(tmp_path: Path) -> None:
    from sightwright.images import image_size, open_image

    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for name in ("a.jpg", "a.webp"):
        Image.new("RGB", (40, 30)).save(tmp_path / name, xmp=xmp)
        assert open_image(tmp_path / name).size == image_size(name, tmp_path) == (30, 40)


def test_no_pixel_is_decoded(tmp_path: Path) -> None:
    Image.effect_noise((400, 300), 50).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    assert fault("a.png", 400, 300, tmp_path) is None


def test_missing_and_broken_images(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    assert "no such image file" in (fault("none.png", 1, 1, tmp_path) or "")
    assert "not an image" in (fault("text.png", 1, 1, tmp_path) or "")
    assert "not an image" in (fault("empty.png", 1, 1, tmp_path) or "")
    assert "cannot be read" in (fault(".", 1, 1, tmp_path) or "")
    assert "NUL" in (fault("a\0.png", 1, 1, tmp_path) or "")


def test_data_urls_are_always_looked_at_and_web_addresses_never() -> None:
    url = encode_data_url(Image.new("RGB", (4, 3)))
    root = Path()
    assert fault(url, 4, 3, root, look=False) is None
    assert fault(url, 3, 3, root, look=False) == (
        "a data URL is 4x3 pixels, and the record says 3x3"
    )
    assert "broken base64" in (fault("data:image/png;base64,@@", 4, 3, root, look=False) or "")
    assert fault("https://pictures.invalid/a.png", 4, 3, root) is None


def test_summary_and_image_are_both_told(tmp_path: Path) -> None:
    record = InspectionRecord("a", "none.png", 4, 3, (), '{"dataset": "BBU"}')
    found = list(problems_of(record, tmp_path, check_images=True))
    assert len(found) == 3 and found[-1].endswith("no such image file")
    assert len(list(problems_of(record, tmp_path, check_images=False))) == 2
