import base64
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightwright import images
from sightwright.errors import ImageError

BUDGET = {"factor": 32, "min_pixels": 4 * 32 * 32, "max_pixels": 1024 * 1024}


def png(size: tuple[int, int] = (4, 2), colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def test_sides_go_to_the_nearest_multiple() -> None:
    # T24: 532/32 = 16.6 → 17, 728/32 = 22.75 → 23: 17 x 23 = 391 tokens.
    assert images.smart_resize(532, 728, **BUDGET) == (17 * 32, 23 * 32)


def test_a_large_page_is_scaled_into_the_budget() -> None:
    # A4 at 200 dpi: sqrt(2339*1654/1048576) = 1.9208; 1217.7 → 38*32, 861.1 → 26*32.
    assert images.smart_resize(2339, 1654, **BUDGET) == (38 * 32, 26 * 32)


def test_a_small_image_is_scaled_up_to_the_budget() -> None:
    assert images.smart_resize(20, 20, **BUDGET) == (64, 64)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_every_size_lands_on_the_grid_inside_the_budget(height: int, width: int) -> None:
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(ImageError, match="over 200 times"):
            images.smart_resize(height, width, **BUDGET)
        return
    resized = images.smart_resize(height, width, **BUDGET)
    assert all(side % 32 == 0 and side > 0 for side in resized)
    # A very long strip may have to exceed the budget by less than one row of tokens.
    assert resized[0] * resized[1] <= BUDGET["max_pixels"] or min(resized) == 32


def test_it_agrees_with_transformers() -> None:
    reference = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    for height, width in [(532, 728), (2339, 1654), (20, 20), (33, 4000), (1, 150), (784, 784)]:
        expected = reference.smart_resize(height, width, **BUDGET)
        assert images.smart_resize(height, width, **BUDGET) == tuple(expected)


def test_bytes_data_urls_and_paths_open_alike(tmp_path: Path) -> None:
    data = png()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").write_bytes(data)
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    opened = [
        images.open_image(data),
        images.open_image(url),
        images.open_image("sub/a.png", root=tmp_path),
        images.open_image("sub\\a.png", root=tmp_path),
        images.open_image(images.encode_data_url(Image.new("RGB", (4, 2), "red"))),
    ]
    assert {(image.mode, image.size, image.getpixel((0, 0))) for image in opened} == {
        ("RGB", (4, 2), (255, 0, 0))
    }


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (4, 2), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", exif=exif)
    assert images.open_image(buffer.getvalue()).size == (2, 4)


def test_root_image_dir_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(tmp_path / "there"))
    assert images.resolve_path("a.png", tmp_path / "here") == tmp_path / "there" / "a.png"
    assert images.resolve_path("/abs/a.png", tmp_path) == Path("/abs/a.png")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (b"not an image", "not an image"),
        (png((64, 64))[:60], "broken image"),
        ("data:text/plain;base64,QQ==", "not an image data URL"),
        ("data:image/png;base64,@@@", "broken base64"),
        ("https://example.com/a.png", "cannot be fetched"),
        ("nowhere.png", "no such image file"),
    ],
)
def test_what_cannot_be_opened_is_an_image_error(source: str | bytes, complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        images.open_image(source)


def test_an_image_over_the_limit_is_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "MAX_IMAGE_PIXELS", 7)
    with pytest.raises(ImageError, match="4x2 pixels, over the limit of 7"):
        images.open_image(png())
