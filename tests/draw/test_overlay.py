"""Objects on pictures: what is drawn where, in which colour, and that nothing breaks it."""

import pytest
from PIL import Image, ImageChops

from sightwright.draw import fonts
from sightwright.draw.colours import colour_of
from sightwright.draw.overlay import LegendEntry, can_write, draw_objects, legend, shown
from sightwright.geometry import Box, Line, Polygon
from sightwright.inspection_records import DenseObject

CHINESE = DenseObject("类别=标签,文本=5G", Box(40, 40, 80, 80))


def rgb(name: str) -> tuple[int, int, int]:
    colour = colour_of(name)
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def blank(width: int = 200, height: int = 100) -> Image.Image:
    return Image.new("RGB", (width, height), "white")


def test_outlines_are_where_the_objects_are() -> None:
    objects = [
        DenseObject("box", Box(20, 20, 60, 80)),
        DenseObject("poly", Polygon(((100, 10), (150, 90), (80, 90)))),
        DenseObject("line", Line(((160, 10), (160, 90)))),
    ]
    picture = draw_objects(blank(), objects, labels=False)
    assert picture.size == (200, 100)
    for place in ((20, 50), (60, 50), (40, 20), (40, 80), (20, 20), (60, 80)):
        assert picture.getpixel(place) == rgb("box")
    assert picture.getpixel((115, 90)) == rgb("poly")
    assert picture.getpixel((160, 50)) == rgb("line")
    # Inside, a box shows what is under it, a polygon nearly so.
    assert picture.getpixel((40, 50)) == (255, 255, 255)
    inside = picture.getpixel((115, 70))
    assert inside != (255, 255, 255) and isinstance(inside, tuple) and min(inside) > 200
    # A dark halo beside each line, for light pictures.
    beside = picture.getpixel((162, 50))
    assert isinstance(beside, tuple) and max(beside) < 120


def test_the_image_given_is_left_as_it_is() -> None:
    image = blank()
    draw_objects(image, [DenseObject("box", Box(1, 1, 90, 90))])
    assert image.tobytes() == blank().tobytes()


def test_the_label_stands_at_the_reference_point() -> None:
    picture = draw_objects(blank(), [DenseObject("box", Box(50, 50, 150, 90))])
    plain = draw_objects(blank(), [DenseObject("box", Box(50, 50, 150, 90))], labels=False)
    changed = ImageChops.difference(picture, plain)
    left, top, right, bottom = changed.getbbox() or (0, 0, 0, 0)
    assert (left, bottom) == (50, 50)
    assert 30 <= top < 50 and right < 100


def test_every_label_is_drawn_however_many_there_are() -> None:
    objects = [DenseObject("a", Box(90, 40, 110, 60)), DenseObject("b", Box(90, 40, 110, 60))]
    one = draw_objects(blank(), objects[:1])
    both = draw_objects(blank(), objects)
    assert one.tobytes() != both.tobytes()
    crowd = [DenseObject(f"thing {n % 7}", Box(90, 40, 110, 60)) for n in range(300)]
    assert draw_objects(blank(), crowd).size == (200, 100)


def test_what_lies_outside_is_labelled_at_the_border() -> None:
    picture = draw_objects(blank(), [DenseObject("far", Box(1e9, 1e9, 2e9, 2e9))])
    assert picture.getpixel((199, 99)) != (255, 255, 255)
    unlabelled = draw_objects(blank(), [DenseObject("far", Box(1e9, 1e9, 2e9, 2e9))], labels=False)
    assert unlabelled.tobytes() == blank().tobytes()


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3), (33, 17), (2500, 40)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    width, height = size
    objects = [
        DenseObject("类别=标签,文本=" + "长" * 30, Box(0, 0, width, height)),
        DenseObject("b" * 100, Polygon(((0, 0), (width, 0), (width, height)))),
        DenseObject("c", Line(((0, 0), (width, height)))),
        DenseObject("d", Line(((0, 0), (0, 0)))),
    ]
    assert draw_objects(blank(width, height), objects).size == size


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "LA"])
def test_any_usual_kind_of_picture_will_do(mode: str) -> None:
    picture = draw_objects(blank().convert(mode), [CHINESE])
    assert picture.mode == "RGB"


def test_smaller_and_larger_copies_have_their_objects_in_place() -> None:
    item = DenseObject("box", Box(50, 20, 100, 80))
    small = draw_objects(blank(), [item], labels=False, max_side=100)
    assert small.size == (100, 50)
    assert small.getpixel((25, 25)) == rgb("box") == small.getpixel((50, 25))
    large = draw_objects(blank(), [item], labels=False, min_side=500)
    assert large.size == (600, 300)
    assert large.getpixel((150, 150)) == rgb("box") == large.getpixel((300, 150))
    assert draw_objects(blank(), [], max_side=300, min_side=100).size == (200, 100)


def test_lines_are_thicker_on_larger_pictures() -> None:
    def thickness(width: int) -> int:
        item = DenseObject("line", Line(((width / 2, 0), (width / 2, 50))))
        picture = draw_objects(blank(width, 50), [item], labels=False)
        return sum(picture.getpixel((x, 25)) == rgb("line") for x in range(width))

    assert thickness(400) == 2
    assert 10 <= thickness(4000) <= 12


def test_hostile_descriptions_are_cut_visibly() -> None:
    assert shown("a\nb\x00c\u202ed\ud800\u3000") == r"a\nb\x00c\u202ed\ud800\u3000"
    assert shown("x" * 10_000) == "x" * 47 + "…"
    assert len(shown("\n" * 10_000)) == 48
    assert shown("x" * 48) == "x" * 48
    objects = [
        DenseObject(text, Box(10, 30, 60, 60)) for text in ("\n" * 10_000, "\ud800", "", " ")
    ]
    assert draw_objects(blank(), objects).size == (200, 100)


def test_the_legend_counts_the_classes() -> None:
    objects = [CHINESE, DenseObject("screw/loose", Box(0, 0, 1, 1)), CHINESE]
    assert legend(objects) == [
        LegendEntry(colour_of("标签"), "标签", 2),
        LegendEntry(colour_of("screw"), "screw", 1),
    ]
    assert legend([]) == []


@pytest.fixture
def no_chinese_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fonts.VARIABLE, raising=False)
    monkeypatch.setattr(fonts, "_NAMES", ())


def test_without_a_font_for_it_the_label_is_the_number(no_chinese_font: None) -> None:
    assert not can_write([CHINESE])
    assert can_write([DenseObject("5G screw, loose…", Box(0, 0, 1, 1))])
    alone = draw_objects(blank(), [CHINESE])
    # The chip of the number stands at the corner, and ends soon after it.
    assert alone.getpixel((42, 30)) != (255, 255, 255)
    assert alone.getpixel((90, 30)) == (255, 255, 255)
