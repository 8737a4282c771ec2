import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.geometry import Box
from sightwright.inspection_records import DenseObject
from sightwright.metrics.summary import SummaryGold, facts, summary_content, summary_content_f1
from sightwright.tasks.domains import DOMAINS, FREE_TEXT, VALUES, DomainName
from sightwright.tasks.summaries import IRRELEVANT, build_summary, summary_text


def objects(*descs: str) -> list[DenseObject]:
    return [DenseObject(desc, Box(0, 0, 9, 9)) for desc in descs]


def test_a_bbu_summary() -> None:
    found = build_summary(
        "bbu",
        objects(
            "类别=标签,文本=5G-BBU,A/1",
            "类别=BBU设备,品牌=华为,可见性=部分,备注=无法判断品牌",
            "类别=光纤,保护措施=有保护,保护细节=蛇形管|铠装,弯曲半径=半径合理",
            "类别=标签,文本=5G-BBU, A/1",
            "类别=标签,可读性=不可读",
            "类别=BBU设备,品牌=中兴,备注=无法判断品牌",
            "类别=电线,捆扎=整齐,备注=未贴标签",
        ),
    )
    assert summary_text(found) == (
        '{"dataset": "BBU", "objects_total": 7, "统计": ['
        '{"类别": "BBU设备", "可见性": {"部分": 1}, "品牌": {"中兴": 1, "华为": 1}}, '
        '{"类别": "光纤", "保护措施": {"有保护": 1}, "保护细节": {"蛇形管": 1, "铠装": 1}, '
        '"弯曲半径": {"半径合理": 1}}, '
        '{"类别": "标签", "可读性": {"不可读": 1}, "文本": {"5G-BBU,A/1": 2}}, '
        '{"类别": "电线", "捆扎": {"整齐": 1}}], '
        '"备注": ["无法判断品牌", "未贴标签"]}'
    )


def test_an_rru_summary() -> None:
    found = build_summary(
        "rru",
        objects(
            "类别=RRU设备",
            "类别=尾纤,标签=有标签,套管保护=有套管,组=1",
            "类别=标签,组=1,文本=RRU尾纤",
            "类别=站点距离,站点距离=51",
        ),
    )
    assert found == {
        "dataset": "RRU",
        "objects_total": 4,
        "统计": [
            {"类别": "RRU设备"},
            {
                "类别": "尾纤",
                "套管保护": {"有套管": 1},
                "标签": {"有标签": 1},
                "组": {"1": 1},
            },
            {"类别": "标签", "文本": {"RRU尾纤": 1}, "组": {"1": 1}},
            {"类别": "站点距离", "站点距离": {"51": 1}},
        ],
        "分组统计": {"1": 2},
    }


@pytest.mark.parametrize(
    ("domain", "descs", "error"),
    [
        ("bbu", [], "a summary needs objects"),
        ("bbu", ["类别=标签,文本=A", "  "], r"object 2 \('  '\): names no 类别"),
        ("bbu", ["类别=尾纤"], "BBU has no 类别 '尾纤'"),
        ("rru", ["类别=BBU设备"], "RRU has no 类别 'BBU设备'"),
        ("bbu", ["标签/5G"], "is not 类别=…,key=value"),
        ("bbu", ["类别=标签,组=1,文本=A", "类别=标签,组=1,文本=B"], "BBU has no 组"),
        ("rru", ["类别=RRU设备,备注=x"], "RRU has no 备注"),
        ("bbu", ["类别=光纤,保护措施=有保护|无保护"], "保护措施 cannot be 无保护 and 有保护"),
        (
            "rru",
            ["类别=紧固件,安装状态=合格,安装状态=不合格"],
            "安装状态 cannot be 不合格 and 合格",
        ),
        ("rru", ["类别=标签,组=2,文本=A", "类别=RRU设备"], "组=2 has one member"),
    ],
)
def test_what_cannot_be_summarised_is_said(
    domain: DomainName, descs: list[str], error: str
) -> None:
    with pytest.raises(DataError, match=error):
        build_summary(domain, objects(*descs))


def test_every_object_at_fault_is_named() -> None:
    with pytest.raises(DataError) as caught:
        build_summary("bbu", objects("类别=尾纤", "类别=电线", "类别=站点距离"))
    assert re.findall(r"object (\d)", str(caught.value)) == ["1", "3"]


def test_the_irrelevant_picture() -> None:
    assert IRRELEVANT == "无关图片"


@st.composite
def described(draw: st.DrawFn) -> list[DenseObject]:
    descs: list[str] = []
    for _ in range(draw(st.integers(1, 12))):
        category = draw(st.sampled_from(DOMAINS["bbu"].categories))
        pairs = [f"类别={category.name}"]
        for key in category.attributes:
            # A text is one value, strokes and all.
            open_values = ("甲", "乙") if key in FREE_TEXT else ("甲", "乙", "甲|乙")
            said = draw(st.sampled_from(VALUES.get(key, open_values)))
            pairs += [f"{key}={said}"] if draw(st.booleans()) else []
        descs.append(",".join(pairs))
    return objects(*descs)


@given(described(), st.randoms())
def test_a_summary_does_not_depend_on_the_order_of_the_objects(
    listed: list[DenseObject], random: Random
) -> None:
    summary = build_summary("bbu", listed)
    shuffled = random.sample(listed, len(listed))
    other = build_summary("bbu", shuffled)
    text = f"<DOMAIN=BBU>, <TASK=SUMMARY>\n{summary_text(other)}"
    gold = SummaryGold("BBU", summary)
    assert summary_content(text, gold) == 1 == summary_content_f1(text, gold)
    # As many facts as values were said of the objects, notes once each.
    said = [
        value
        for each in listed
        for pair in each.desc.split(",")[1:]
        for value in ([] if pair.startswith("备注") else pair.split("=")[1].split("|"))
    ]
    assert facts(summary).total() == len(said) + len(summary.get("备注", []))
    assert canonical.loads(summary_text(summary)) == summary


def test_an_object_of_two_categories_is_refused() -> None:
    with pytest.raises(DataError, match="names more than one 类别"):
        build_summary("bbu", objects("类别=电线,类别=标签"))
