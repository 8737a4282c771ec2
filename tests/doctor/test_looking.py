"""One look at an image: size upright, hash, fingerprint; what is wrong is told."""

import io
from pathlib import Path

import pytest
from PIL import Image

from sightwright.doctor.looking import look_at
from sightwright.images import encode_data_url

from .conftest import picture


def test_the_size_is_the_upright_image_s(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = picture(1, 300).resize((400, 300))
    lying = upright.rotate(90, expand=True)
    lying.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright.save(tmp_path / "upright.png")
    turned = look_at("turned.jpg", tmp_path)
    assert (turned.stored, turned.size) == ((300, 400), (400, 300))
    other = look_at("upright.png", tmp_path)
    assert turned.look is not None and other.look is not None
    differing = int.from_bytes(turned.look.bits, "big") ^ int.from_bytes(other.look.bits, "big")
    assert differing.bit_count() <= 8


def test_a_large_photograph_is_decoded_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(1, 256).resize((2048, 2048)).save(tmp_path / "large.jpg")
    decoded: list[tuple[int, int]] = []
    load = Image.Image.convert

    def noted(self: Image.Image, *args: object, **kwargs: object) -> Image.Image:
        decoded.append(self.size)
        return load(self, *args, **kwargs)  # pyright: ignore

    monkeypatch.setattr(Image.Image, "convert", noted)
    assert look_at("large.jpg", tmp_path).size == (2048, 2048)
    # The least of the codec's sizes that has 256 pixels a side.
    assert max(decoded) <= (256, 256)


def test_a_data_url_has_the_same_look_as_its_file(tmp_path: Path) -> None:
    picture(2).save(tmp_path / "a.png")
    assert look_at(encode_data_url(picture(2)), tmp_path).look == look_at("a.png", tmp_path).look


def test_transparent_print_is_print_on_white(tmp_path: Path) -> None:
    page = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    page.paste((0, 0, 0, 255), (50, 50, 90, 160))
    page.save(tmp_path / "clear.png")
    white = Image.new("RGB", (200, 200), "white")
    white.paste((0, 0, 0), (50, 50, 90, 160))
    white.save(tmp_path / "white.png")
    assert look_at("clear.png", tmp_path).look == look_at("white.png", tmp_path).look


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    buffer = io.BytesIO()
    picture(1).save(buffer, "PNG")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:600])
    problems = {name: look_at(name, tmp_path).problem
                for name in ("none.png", "empty.png", "text.png", "cut.png", "a\0b")}  # fmt: skip
    assert look_at("/dev/zero", tmp_path).problem == "not an image file"
    assert problems["none.png"] == "no such image file"
    assert problems["empty.png"] == "an empty file"
    assert problems["text.png"].startswith("not an image")
    assert problems["cut.png"].startswith("broken image")
    assert problems["a\0b"].startswith("no such image file: a NUL")


def test_an_image_on_the_web_is_left_alone(tmp_path: Path) -> None:
    looked = look_at("https://example.org/a.png", tmp_path)
    assert looked.is_away and looked.size is None and not looked.problem
