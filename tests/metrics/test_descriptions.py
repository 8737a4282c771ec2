import pytest

from sightwright.metrics.descriptions import Description, label_of, read_description


def said(desc: str) -> tuple[str, dict[str, set[str]]]:
    read = read_description(desc)
    return read.label, {key: set(values) for key, values in read.attributes.items()}


@pytest.mark.parametrize(
    ("desc", "label", "attributes"),
    [
        ("类别=BBU设备,品牌=华为", "BBU设备", {"品牌": {"华为"}}),
        ("类别=光纤,保护细节=蛇形管|铠装", "光纤", {"保护细节": {"蛇形管", "铠装"}}),
        # A text that was read keeps its commas and strokes, and loses its blanks.
        ("类别=标签,文本=A 1,B|C/2", "标签", {"文本": {"A1,B|C/2"}}),
        (
            "类别=标签,组=2,文本=A,备注=旧,破",
            "标签",
            {"组": {"2"}, "文本": {"A"}, "备注": {"旧,破"}},
        ),
        ("类别=标签,文本=A,组=2", "标签", {"文本": {"A"}, "组": {"2"}}),
        ("类别=标签,可读性=不可读", "标签", {"可读性": {"不可读"}}),
        # The class need not come first.
        ("品牌=华为,类别=挡风板", "挡风板", {"品牌": {"华为"}}),
        # A piece without a key is a note.
        ("类别=电线,松散", "电线", {"备注": {"松散"}}),
        ("类别=电线,捆扎=整齐,捆扎=乱", "电线", {"捆扎": {"整齐", "乱"}}),
        ("类别=电线,捆扎=", "电线", {}),
        # One object is of one class: what is named beside the first is not hidden.
        ("类别=电线,类别=标签,类别=电线", "电线", {"类别": {"标签"}}),
        # Levels of the first contract.
        ("BBU设备/华为,部分/有风挡", "BBU设备", {"1": {"华为", "部分"}, "2": {"有风挡"}}),
        ("traffic light", "traffic light", {}),
        ("dog,brown", "dog,brown", {}),
        ("", "", {}),
        ("类别=", "", {}),
    ],
)
def test_descriptions(desc: str, label: str, attributes: dict[str, set[str]]) -> None:
    assert said(desc) == (label, attributes)
    assert label_of(desc) == label


def test_the_style_is_told() -> None:
    assert read_description("类别=电线") == Description("电线", {}, "pairs")
    assert read_description("电线/松散").style == "levels"
