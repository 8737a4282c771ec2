from pathlib import Path

import pytest
from PIL import Image

from sightwright.errors import ImageError
from sightwright.ingest.annotations.pictures import (
    SizeRules,
    open_picture,
    padded,
    put,
    write,
    written_name,
)


def test_a_phones_jpeg_with_a_second_picture_is_a_jpeg(tmp_path: Path) -> None:
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    image.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[image])
    opened = open_picture(tmp_path / "a.jpg")
    assert opened.format == "JPEG" and opened.upright.size == (64, 64)
    assert written_name("x", opened, (64, 64)) == "x.jpg"
    assert write(opened, (32, 32), tmp_path / "b.jpg") == "resized"
    with Image.open(tmp_path / "b.jpg") as written:
        assert (written.format, written.size) == ("JPEG", (32, 32))


@pytest.mark.parametrize(
    ("format", "name"), [("BMP", "x.bmp"), ("TIFF", "x.tif"), ("PNG", "x.png")]
)
def test_other_kinds_are_copied_or_become_png(tmp_path: Path, format: str, name: str) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a", format=format)
    opened = open_picture(tmp_path / "a")
    assert written_name("x", opened, (64, 64)) == name
    assert written_name("x", opened, (32, 32)) == "x.png"
    assert write(opened, (64, 64), tmp_path / "b") == "copied"
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_transparency_is_white_paper(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "a.png")
    write(open_picture(tmp_path / "a.png"), (32, 32), tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        assert written.getpixel((3, 3)) == (255, 255, 255)


def test_animations_and_no_images_are_refused(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="several frames"):
        open_picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(ImageError, match="not an image"):
        open_picture(tmp_path / "b.png")
    with pytest.raises(ImageError, match="no such image"):
        open_picture(tmp_path / "none.png")


def test_sizes() -> None:
    assert SizeRules().target((728, 532)) == (736, 544)
    assert SizeRules(resize=False).target((728, 532)) == (728, 532)
    width, height = SizeRules(max_pixels=4096).target((4000, 3000))
    assert width * height <= 4096 and not width % 32 and not height % 32
    with pytest.raises(ImageError, match="200 times"):
        SizeRules().target((3000, 10))


def test_padding() -> None:
    image = Image.new("RGB", (33, 64), "red")
    assert padded(image, 32).size == (64, 64)
    assert padded(image, 32).getpixel((63, 0)) == (128, 128, 128)
    assert padded(image, 11).size == (33, 66)
    assert padded(padded(image, 32), 32).size == (64, 64)


def test_a_file_that_holds_just_that_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a"
    put(path, b"1")
    before = path.stat().st_mtime_ns
    put(path, b"1")
    assert path.stat().st_mtime_ns == before
    put(path, b"2")
    assert path.read_bytes() == b"2"
