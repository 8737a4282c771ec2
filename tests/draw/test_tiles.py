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


def test_a_caption_of_several_lines_is_broken_at_its_spaces() -> None:
    picture = Image.new("RGB", (200, 50), "red")
    words = "rotate, scale, gamma, color_jitter, resize_by_scale, expand_to_fit_affine"
    sheet = laid_out([picture], [words], lines=2)
    assert sheet.size == (220, 50 + 2 * 14 + 10 + 20)

    def ink(top: int) -> int:
        rows = sheet.crop((10, top, 210, top + 14)).convert("L")
        return sum(level < 200 for level in rows.tobytes())

    assert ink(10) > 50 and ink(24) > 50
    short = laid_out([picture], ["rotate"], lines=2)
    assert set(short.crop((10, 26, 210, 48)).tobytes()) == {255}
