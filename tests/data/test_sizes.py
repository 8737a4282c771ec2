"""Sizes from headers are the sizes of the opened images."""

import io
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from loopback_web import Web
from sightwright.errors import ImageError
from sightwright.images import encode_data_url, image_size, open_image


def test_plain(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    assert image_size("a.png", tmp_path) == (30, 20)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (30, 20)), (6, (20, 30)), (3, (30, 20))])
def test_turned_by_exif(tmp_path: Path, name: str, orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (30, 20)).save(tmp_path / name, exif=exif)
    assert open_image(name, tmp_path).size == size
    assert image_size(name, tmp_path) == size


def test_turned_by_exif_in_a_text_of_a_png(tmp_path: Path) -> None:
    # As ImageMagick writes it: hexadecimal, under three lines of a head.
    exif = Image.Exif()
    exif[0x0112] = 6
    data = exif.tobytes()
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n", zip=True)
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png", pnginfo=info)
    assert image_size("a.png", tmp_path) == open_image("a.png", tmp_path).size == (20, 30)


@pytest.mark.parametrize("said", ["eXIf", "zTXt", "iTXt", "tEXt"])
def test_turned_by_what_stands_behind_the_pixels_of_a_png(tmp_path: Path, said: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = exif.tobytes()
    text = f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()
    content = {
        # Without the head that a JPEG has before it.
        "eXIf": data.removeprefix(b"Exif\0\0"),
        "zTXt": b"Raw profile type exif\0\0" + zlib.compress(text),
        "tEXt": b"Raw profile type exif\0" + text,
        "iTXt": b'XML:com.adobe.xmp\0\0\0\0\0<a tiff:Orientation="6"/>',
    }[said]
    path = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(path)
    whole = path.read_bytes()
    end = whole.index(b"IEND") - 4
    chunk = len(content).to_bytes(4, "big") + said.encode() + content
    checksum = zlib.crc32(chunk[4:]).to_bytes(4, "big")
    path.write_bytes(whole[:end] + chunk + checksum + whole[end:])
    assert image_size("a.png", tmp_path) == open_image("a.png", tmp_path).size == (20, 30)


def test_data_url() -> None:
    assert image_size(encode_data_url(Image.new("RGB", (5, 7)))) == (5, 7)


def test_on_the_web(web: Web) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7)).save(buffer, format="PNG")
    url = web.serve("/a.png", buffer.getvalue())
    assert image_size(url) == (9, 7)
    assert open_image(url).size == (9, 7)
    assert web.asked == ["/a.png"]
    with pytest.raises(ImageError, match="the server answers 404"):
        image_size(web.url + "/none.png")


def test_nothing_is_decoded(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    assert image_size("half.png", tmp_path) == (300, 200)


def test_a_damaged_orientation_is_an_image_error(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.new("RGB", (8, 4)).save(path, exif=exif)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\t*"))
    assert path.read_bytes() != data
    with pytest.raises(ImageError, match=r"a\.jpg: broken image"):
        image_size("a.jpg", tmp_path)


def test_missing_and_broken(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(ImageError, match="no such image file"):
        image_size("none.png", tmp_path)
    with pytest.raises(ImageError, match="not an image"):
        image_size("text.png", tmp_path)
