"""A font is found for a text, or said to be missing."""

from pathlib import Path

import pytest
from PIL import ImageFont

from sightwright.draw import fonts


def test_pillows_own_font_has_no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fonts.VARIABLE, raising=False)
    monkeypatch.setattr(fonts, "_NAMES", ())
    assert fonts.font_for("screw 1, loose …", 20) is not None
    assert fonts.font_for("", 20) is not None
    assert fonts.font_for("标", 20) is None
    assert fonts.font_for("\U0010fffe", 20) is None


def test_a_font_named_in_the_environment_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vera = Path(pytest.importorskip("reportlab").__file__).parent / "fonts" / "Vera.ttf"
    monkeypatch.setenv(fonts.VARIABLE, str(vera))
    found = fonts.font_for("abc", 20)
    assert isinstance(found, ImageFont.FreeTypeFont)
    assert found.getname()[0] == "Bitstream Vera Sans" and found.size == 20
    # A file that is no font, or is not there, is passed by.
    for name in (tmp_path / "missing.ttf", Path(__file__)):
        monkeypatch.setenv(fonts.VARIABLE, str(name))
        assert fonts.font_for("abc", 20) is not None
