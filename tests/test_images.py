import base64
import io
import os
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loopback_web import Web, send
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
        ("https://user:word@example.com/a.png", "user name or password"),
        ("data:image/png;base64,é", "broken base64"),
        ("nowhere.png", "no such image file"),
        ("no\0where.png", "a NUL in its path"),
        ("/", "cannot be read: Is a directory"),
        ("/dev/zero", "a device or a pipe"),
    ],
)
def test_what_cannot_be_opened_is_an_image_error(source: str | bytes, complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        images.open_image(source)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for read in (images.open_image, images.image_size):
        with pytest.raises(ImageError, match="a device or a pipe"):
            read("a.png", tmp_path)


def test_an_image_over_the_limit_is_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "MAX_IMAGE_PIXELS", 7)
    with pytest.raises(ImageError, match="4x2 pixels, over the limit of 7"):
        images.open_image(png())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "CMYK"])
def test_pillows_own_images_are_made_rgb(mode: str) -> None:
    given = Image.new("RGB", (4, 2), "white").convert(mode)
    opened = images.open_image(given)
    assert (opened.mode, opened.size) == ("RGB", (4, 2))
    assert opened.getpixel((1, 1)) == (255, 255, 255)
    assert opened is not given


def test_pillow_does_not_judge_what_is_under_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    # It warns of 8 pixels then, and refuses 9.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    assert images.open_image(png()).size == (4, 2)
    with pytest.raises(images.ImageTooLargeError):
        images.open_image(png((3, 3)))


def test_pillows_own_images_are_turned_and_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Image.new("RGB", (4, 2), "red")
    given.getexif()[0x0112] = 6
    assert images.open_image(given).size == (2, 4)
    assert given.size == (4, 2)
    monkeypatch.setattr(images, "MAX_IMAGE_PIXELS", 7)
    with pytest.raises(ImageError, match="the image given: 4x2 pixels, over the limit of 7"):
        images.open_image(given)


def test_a_broken_image_of_pillows_is_an_image_error() -> None:
    half = png((64, 64))
    with (
        Image.open(io.BytesIO(half[: len(half) - 30])) as given,
        pytest.raises(ImageError, match="broken image"),
    ):
        images.open_image(given)


def test_an_image_on_the_web_is_fetched_once(web: Web) -> None:
    url = web.serve("/a.png", png())
    assert images.open_image(url).size == (4, 2)
    assert images.open_image("HTTP" + url[4:]).size == (4, 2)
    assert web.asked == ["/a.png"]


def test_images_on_the_web_are_fetched_ahead_several_at_a_time(web: Web) -> None:
    begun = threading.Barrier(4, timeout=20)

    def together(handler: BaseHTTPRequestHandler) -> None:
        begun.wait()
        send(handler, 200, png())

    urls = [f"{web.url}/{number}.png" for number in range(4)]
    web.answers.update({f"/{number}.png": together for number in range(4)})
    images.prefetch(["a.png", *urls, urls[0], "data:image/png;base64,"])
    assert sorted(web.asked) == [f"/{number}.png" for number in range(4)]
    assert images.open_image(urls[3]).size == (4, 2)
    images.prefetch(urls)
    assert len(web.asked) == 4


def test_fetching_ahead_stops_at_a_failure_and_leaves_it_to_the_reader(web: Web) -> None:
    urls = [f"{web.url}/{number}.png" for number in range(200)]
    images.prefetch(urls)
    assert len(web.asked) < 200
    images.prefetch(["http://user:word@127.0.0.1/a.png", *urls])


def test_what_is_no_image_on_the_web_is_named_without_its_query(web: Web) -> None:
    url = web.serve("/page.html", b"<html>sign in</html>")
    with pytest.raises(ImageError, match="not an image") as caught:
        images.open_image(url + "?key=SECRET")
    assert caught.value.where == url
    with pytest.raises(ImageError, match="the server answers 404"):
        images.open_image(web.url + "/none.png")


def test_places_for_messages(tmp_path: Path) -> None:
    assert images.place_of("data:image/png;base64,AAAA") == "a data URL"
    assert images.place_of("https://h/a.png?key=SECRET") == "https://h/a.png"
    assert images.place_of("http://user:SECRET@h/a.png") == "an http(s) address"
    assert images.place_of("sub\\a.png", tmp_path) == str(tmp_path / "sub" / "a.png")


def test_what_is_transparent_is_paper() -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    opened = images.open_image(image)
    assert (opened.getpixel((0, 0)), opened.getpixel((3, 3))) == ((0, 0, 0), (255, 255, 255))


def test_sixteen_bits_of_grey_become_the_upper_eight() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (4, 4), 128 << 8).save(buffer, format="PNG")
    assert images.open_image(buffer.getvalue()).getpixel((0, 0)) == (128, 128, 128)


def test_numbers_without_a_scale_are_no_picture() -> None:
    buffer = io.BytesIO()
    Image.new("F", (4, 4), 0.5).save(buffer, format="TIFF")
    with pytest.raises(ImageError, match="mode F"):
        images.open_image(buffer.getvalue())


def test_a_tiff_of_several_pages_is_no_one_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pages = [Image.new("L", (40, 20), shade) for shade in (0, 255)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    for read in (images.open_image, images.image_size):
        with pytest.raises(ImageError, match="several frames"):
            read(str(path))
    pages[0].save(path)
    assert images.open_image(path).size == images.image_size(str(path)) == (40, 20)
