import random
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightwright.ingest.image_pages import ImagePolicy, read_pages
from sightwright.ingest.render import DocumentError
from sightwright.vision import PixelPolicy

POLICY = ImagePolicy(PixelPolicy(32 * 32, 64 * 64))
ORIENTATION = 274


def half(size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Black above, white below."""
    image = Image.new("RGB", size, "white")
    image.paste("black", (0, 0, size[0], size[1] // 2))
    return image


def pages(path: Path, policy: ImagePolicy = POLICY) -> list[Image.Image]:
    return [page.on_grid(policy.pixels) for page in read_pages(path)]


def top_and_bottom(image: Image.Image) -> tuple[int, int]:
    grey = np.asarray(image.convert("L"))
    return int(grey[2].mean()), int(grey[-3].mean())


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
def test_a_page_stands_on_the_models_grid(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    half((200, 120)).save(path)
    (page,) = pages(path)
    # 24,000 pixels in a budget of 4,096: 82 x 49 fit, the grid below is 64 x 32.
    assert (page.mode, page.size) == ("RGB", (64, 32))
    top, bottom = top_and_bottom(page)
    assert top < 8 and bottom > 247


def test_a_page_on_the_grid_keeps_its_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(pages(tmp_path / "a.png")[0]), pixels)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_turned_photograph_is_set_upright(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    half().rotate(180).save(path, exif=exif)
    assert top_and_bottom(pages(path)[0])[0] < 8
    exif[ORIENTATION] = 6
    half((64, 32)).rotate(90, expand=True).save(path, exif=exif)
    (page,) = pages(path)
    assert page.size == (64, 32)
    assert top_and_bottom(page)[0] < 8


def test_a_tiff_has_all_its_pages_in_order(tmp_path: Path) -> None:
    frames = [Image.new(mode, (64, 64), colour) for mode, colour in
              [("RGB", (10, 10, 10)), ("L", 20), ("RGB", (30, 30, 30)), ("1", 1)]]  # fmt: skip
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert [np.asarray(page)[0, 0, 0] for page in pages(tmp_path / "a.tif")] == [10, 20, 30, 255]


def test_a_thumbnail_in_a_tiff_is_no_page(tmp_path: Path) -> None:
    from PIL import TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1
    buffer = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer, new=True) as writer:
        Image.new("L", (64, 64), 7).save(writer, format="TIFF")
        writer.newFrame()
        Image.new("L", (32, 32), 9).save(writer, format="TIFF", tiffinfo=tags)
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    assert [page.size for page in pages(tmp_path / "a.tif")] == [(64, 64)]


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    # Black print on nothing, where nothing is black too.
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 64, 32))
    image.save(tmp_path / "a.png")
    assert top_and_bottom(pages(tmp_path / "a.png")[0]) == (0, 255)
    palette = image.convert("P")
    palette.info["transparency"] = palette.getpixel((40, 40))
    palette.save(tmp_path / "b.png")
    assert top_and_bottom(pages(tmp_path / "b.png")[0])[1] == 255


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_keeps_its_shades(tmp_path: Path, suffix: str) -> None:
    grey = np.full((64, 64), 128 << 8, dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}")
    assert np.asarray(pages(tmp_path / f"a.{suffix}")[0])[0, 0].tolist() == [128, 128, 128]


def make_animation(path: Path) -> None:
    half().save(
        path.with_suffix(".webp"), save_all=True, append_images=[Image.new("RGB", (64, 64))]
    )
    path.with_suffix(".webp").rename(path)


def make_strip(path: Path) -> None:
    Image.new("L", (1, 300)).save(path)


def make_float(path: Path) -> None:
    Image.new("F", (64, 64)).save(path, format="TIFF")


def make_text(path: Path) -> None:
    path.write_text("no image")


def make_gif(path: Path) -> None:
    half().save(path, format="GIF")


def make_bomb(path: Path) -> None:
    Image.new("1", (20_000, 10_000)).save(path, format="PNG")


def make_cut(path: Path) -> None:
    buffer = BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, format="PNG")
    path.write_bytes(buffer.getvalue()[:1000])


@pytest.mark.parametrize(
    ("make", "status", "why"),
    [
        (make_animation, "broken", "an animation of 2 frames"),
        (make_strip, "page-size", "over 200 times"),
        (make_float, "broken", "whose black and white nobody knows"),
        (make_text, "broken", r"not an image \(PNG, "),
        (make_gif, "broken", "not an image"),
        (make_bomb, "page-size", "over the limit of 100000000 pixels"),
        (make_cut, "broken", "broken image"),
    ],
)
def test_what_is_no_page_says_why(
    tmp_path: Path, make: Callable[[Path], None], status: str, why: str
) -> None:
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(DocumentError, match=rf"a\.png: .*{why}") as caught:
        pages(path)
    assert caught.value.status == status


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        pages(tmp_path / "a.png")
    assert caught.value.status == "unreadable"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
def test_damaged_files_are_pages_or_errors(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(suffix)
    path = tmp_path / f"a.{suffix}"
    Image.effect_noise((48, 40), 60).convert("RGB").save(path)
    whole = path.read_bytes()
    for _ in range(120):
        data = bytearray(whole[: rng.choice([len(whole), rng.randrange(len(whole))])])
        for _ in range(rng.randint(0, 6) if data else 0):
            data[rng.randrange(min(len(data), 400))] = rng.randrange(256)
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                made = pages(path)
            except DocumentError as error:
                assert error.message.startswith("a.")
            else:
                assert all(page.mode == "RGB" and page.width % 32 == 0 for page in made)
