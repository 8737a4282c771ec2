from PIL import Image

from sightwright.draw.tiles import laid_out


def test_pictures_stand_in_rows() -> None:
    colours = ["red", "green", "blue", "yellow", "black"]
    sheet = laid_out([Image.new("RGB", (100, 50), name) for name in colours], colours)
    # Five make two rows of three; a cell is the picture, its gap and its caption.
    assert sheet.size == (3 * 110 + 10, 2 * 84 + 10)
    for number, name in enumerate(colours):
        x, y = 10 + number % 3 * 110 + 50, 10 + number // 3 * 84 + 24 + 25
        assert sheet.getpixel((x, y)) == Image.new("RGB", (1, 1), name).getpixel((0, 0))
    assert sheet.getpixel((10 + 2 * 110 + 50, 10 + 84 + 24 + 25)) == (255, 255, 255)


def test_captions_stay_in_their_cells() -> None:
    captions = ["a" * 500, "标签\n\ud800"]
    sheet = laid_out([Image.new("RGB", (60, 60), "red")] * 2, captions)
    # The gap between the two cells is paper.
    assert {sheet.getpixel((74, y)) for y in range(sheet.height)} == {(255, 255, 255)}
    assert any(sheet.getpixel((x, 20)) != (255, 255, 255) for x in range(10, 70))
