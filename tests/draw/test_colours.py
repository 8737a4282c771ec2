"""The same class has the same colour everywhere, and colours can be told apart."""

import itertools

import pytest

from sightwright.draw.colours import PALETTE, class_of, colour_of

BBU = (
    "BBU设备 挡风板 BBU安装螺丝 机柜处接地螺丝 地排处接地螺丝 "
    "BBU端光纤插头 ODF端光纤插头 光纤 电线 标签"
)
RRU = "RRU设备 站点距离 紧固件 RRU接地端 地排接地端螺丝 尾纤 接地线 标签"


def luminance(colour: str) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("desc", "name"),
    [
        ("类别=标签,文本=5G,可读性=不可读", "标签"),
        ("组=1,类别=光纤", "光纤"),
        ("文本=a,类别=光纤", "文本=a"),
        ("screw/loose,rusty", "screw"),
        ("screw,loose/rusty", "screw"),
        ("fire hydrant", "fire hydrant"),
        ("", ""),
    ],
)
def test_the_class_of_a_description(desc: str, name: str) -> None:
    assert class_of(desc) == name


def test_a_colour_is_the_names_alone() -> None:
    # Stored: another release draws yesterday's pictures in the same colours.
    assert [colour_of(name) for name in ("标签", "screw", "cable")] == [
        "#ff4053", "#00ffb3", "#00997a",
    ]  # fmt: skip


@pytest.mark.parametrize("names", [BBU.split(), RRU.split()])
def test_no_two_categories_of_a_domain_share_a_colour(names: list[str]) -> None:
    assert len({colour_of(name) for name in names}) == len(names)


def test_the_palette_can_be_told_apart_and_read() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == 24
    for colour in PALETTE:
        # WCAG's contrast of the black text on it.
        assert (luminance(colour) + 0.05) / 0.05 >= 4.5, colour
    for one, other in itertools.combinations(PALETTE, 2):
        apart = sum(
            abs(int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) for at in (1, 3, 5)
        )
        assert apart >= 48, (one, other)
