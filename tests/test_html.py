from pathlib import Path

import pytest
from jinja2 import UndefinedError
from PIL import Image

from sightwright import html, images
from sightwright.html import picture


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(html, "_TEMPLATES", tmp_path)
    html._environment.cache_clear()
    yield tmp_path
    html._environment.cache_clear()


def test_values_are_escaped(templates: Path) -> None:
    (templates / "one.html").write_text("<p>{{ text }}</p>")
    shown = html.render("one.html", {"text": "<script>alert(1)</script>"})
    assert shown == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"


def test_a_missing_value_is_an_error(templates: Path) -> None:
    (templates / "one.html").write_text("{{ text }}")
    with pytest.raises(UndefinedError):
        html.render("one.html", {})


def test_a_picture_is_a_data_url_of_at_most_the_size_asked_for() -> None:
    url = picture(Image.new("RGB", (400, 200), "red"), max_side=100)
    shown = images.open_image(url)
    assert shown.size == (100, 50)
    red, green, blue = shown.getpixel((50, 25))
    assert red > 240
    assert green < 15
    assert blue < 15
