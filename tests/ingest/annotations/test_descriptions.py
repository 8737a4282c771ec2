from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.ingest.annotations import descriptions
from sightwright.ingest.annotations.descriptions import WordRules, describe, tidied, with_groups
from sightwright.ingest.annotations.found import Attribute
from sightwright.inspection_records import untidy
from sightwright.metrics.descriptions import read_description
from sightwright.tasks.domains import DOMAINS, DomainName

ALL_ON = WordRules()


def said(
    domain: DomainName, label: str, *attributes: Attribute, rules: WordRules = ALL_ON
) -> tuple[str, list[str], list[str]]:
    found = describe(label, attributes, DOMAINS[domain], rules)
    return found.desc, found.changes, [reason for reason, _ in found.faults]


@pytest.mark.parametrize(
    ("domain", "label", "attributes", "desc", "changes"),
    [
        (
            "rru",
            "尾纤",
            {"标签": "有标签", "套管保护": "无套管"},
            "类别=尾纤,标签=有标签,套管保护=无套管",
            [],
        ),
        # The order is the domain's, whatever the source's is; 组 comes before free text.
        (
            "rru",
            "尾纤",
            {"套管保护": "无套管", "标签": "有标签", "组": "1"},
            "类别=尾纤,标签=有标签,套管保护=无套管,组=1",
            [],
        ),
        ("rru", "标签", {"组": "2", "文本": "5G"}, "类别=标签,组=2,文本=5G", []),
        # NFKC on structured values: full-width letters and figures become plain ones.
        ("bbu", "BBU设备", {"品牌": "ＨＵＡＷＥＩ"}, "类别=BBU设备,品牌=HUAWEI", []),
        # Separators within a structured value become full-width.
        ("bbu", "BBU设备", {"品牌": "a,b=c|d"}, "类别=BBU设备,品牌=a，b＝c｜d", []),
        # The domain's short spellings.
        ("bbu", "挡风板", {"可见性": "显示完整"}, "类别=挡风板,可见性=完整", ["value-shortened"]),
        (
            "bbu",
            "光纤",
            {"弯曲半径": "弯曲半径不合理（弯曲半径<4cm或者成环）"},
            "类别=光纤,弯曲半径=半径不合理<4cm或成环",
            ["value-shortened"],
        ),
        # A distance is its first number.
        (
            "rru",
            "站点距离",
            {"站点距离": "约51.5米"},
            "类别=站点距离,站点距离=51",
            ["distance-to-digits"],
        ),
        (
            "rru",
            "站点距离",
            {"站点距离": "５１"},
            "类别=站点距离,站点距离=51",
            ["distance-to-digits"],
        ),
        ("rru", "站点距离", {"站点距离": "51"}, "类别=站点距离,站点距离=51", []),
        # What a label says keeps its signs, and loses its white space.
        (
            "bbu",
            "标签",
            {"文本": "A 1 - B/C,D|E=F"},
            "类别=标签,文本=A1-B/C,D|E=F",
            ["description-tidied"],
        ),
        ("bbu", "标签", {"文本": "Ａ（1）"}, "类别=标签,文本=Ａ（1）", []),
        ("bbu", "标签", {"可读性": "不可读"}, "类别=标签,可读性=不可读", []),
        (
            "bbu",
            "标签",
            {"文本": "5G", "可读性": "可读"},
            "类别=标签,文本=5G",
            ["readable-dropped"],
        ),
        ("bbu", "标签", {}, "类别=标签,可读性=不可读", ["label-standardised"]),
        ("bbu", "标签", {"文本": "看不清"}, "类别=标签,可读性=不可读", ["label-standardised"]),
        # Words about occlusion and the annotator's frame.
        (
            "bbu",
            "BBU设备",
            {"品牌": "华为", "备注": "被线遮挡"},
            "类别=BBU设备,品牌=华为",
            ["occlusion-dropped"],
        ),
        # Whole descriptions, and levels.
        (
            "bbu",
            "类别=BBU设备,品牌=华为,有灰尘",
            {},
            "类别=BBU设备,品牌=华为,备注=有灰尘",
            ["folded-into-note"],
        ),
        ("bbu", "类别=BBU设备,备注=a,b,品牌=x", {}, "类别=BBU设备,备注=a,b,品牌=x", []),
        ("bbu", "类别=BBU安装螺丝,问题=松动|生锈", {}, "类别=BBU安装螺丝,问题=松动|生锈", []),
        (
            "bbu",
            "BBU安装螺丝/显示完整,不符合要求/生锈",
            {},
            "类别=BBU安装螺丝,可见性=完整,符合性=不符合,备注=生锈",
            ["value-shortened", "folded-into-note"],
        ),
        ("bbu", "标签/5G-BBU-（接地线）/x", {}, "类别=标签,文本=5G-BBU-（接地线）/x", []),
    ],
)
def test_descriptions_of_the_equipment(
    domain: DomainName, label: str, attributes: dict[str, str], desc: str, changes: list[str]
) -> None:
    pairs = [(key, (value,)) for key, value in attributes.items()]
    found = said(domain, label, *pairs)
    assert found[0] == desc and found[2] == []
    assert sorted(found[1]) == sorted(changes)


@pytest.mark.parametrize(
    ("domain", "label", "attributes", "reason"),
    [
        ("bbu", "螺丝", {}, "unknown-category"),
        ("bbu", "尾纤", {}, "unknown-category"),
        ("bbu", "电线", {"品牌": "x"}, "unknown-attribute"),
        ("rru", "接地线", {"备注": "x"}, "unknown-attribute"),
        ("bbu", "挡风板", {"可见性": "一半"}, "unknown-value"),
        ("bbu", "标签", {"组": "1"}, "group"),
        ("rru", "站点距离", {"站点距离": "远"}, "no-distance"),
        ("bbu", "标签", {"文本": "5G", "可读性": "不可读"}, "unknown-value"),
    ],
)
def test_faults_are_named(
    domain: DomainName, label: str, attributes: dict[str, str], reason: str
) -> None:
    assert reason in said(domain, label, *((k, (v,)) for k, v in attributes.items()))[2]


def test_two_values_that_exclude_each_other() -> None:
    assert said("bbu", "挡风板", ("可见性", ("完整", "部分")))[2] == ["contradiction"]
    assert said("rru", "站点距离", ("站点距离", ("51米", "52")))[2] == ["contradiction"]
    assert said("rru", "站点距离", ("站点距离", ("51米", "51")))[2] == []
    assert said("bbu", "BBU安装螺丝", ("问题", ("松动", "生锈")))[0].endswith("问题=松动|生锈")


def test_switches() -> None:
    off = WordRules(strip_occlusion=False, sanitize_text=False, standardize_labels=False)
    note = ("备注", ("被遮挡",))
    assert said("bbu", "BBU设备", note, rules=off)[0] == "类别=BBU设备,备注=被遮挡"
    assert said("bbu", "标签", rules=off)[0] == "类别=标签"
    assert said("bbu", "标签", ("文本", ("看不清",)), rules=off)[0] == "类别=标签,文本=看不清"


def named(label: str, *attributes: Attribute, rules: WordRules = ALL_ON) -> Any:
    return describe(label, attributes, None, rules)


def test_a_class_name_is_the_description() -> None:
    found = named("traffic light", ("colour", ("red",)))
    assert (found.desc, found.category, found.changes) == ("traffic light", "traffic light", [])
    assert found.attributes == {"colour": ["red"]}


def test_attributes_are_appended_when_asked() -> None:
    found = named("cat", ("colour", ("black", "a,b")), rules=WordRules(attributes=True))
    assert found.desc == "cat,colour=black|a，b" and not found.faults


def test_a_name_is_tidied() -> None:
    found = named(" pot ,  pan /\tlid\n")
    assert (found.desc, found.changes) == ("pot,pan/lid", [descriptions.TIDIED])
    assert tidied("a\u200bb") == "ab"


def test_a_name_of_nothing_is_a_fault() -> None:
    assert [reason for reason, _ in named("\u200b").faults] == ["untidy"]


def test_other_groups() -> None:
    assert with_groups("类别=标签,组=1|2,文本=5G", []) == "类别=标签,文本=5G"
    assert with_groups("类别=标签,组=1|\\2,文本=5G,组=3", ["\\2"]) == (
        "类别=标签,组=\\2,文本=5G,组=3"
    )
    assert with_groups("类别=标签,文本=5G", []) == "类别=标签,文本=5G"


WORDS = st.text(alphabet="ab ,|=/组　（\n\t\u200b中", max_size=8)


@settings(deadline=None)
@given(st.sampled_from(DOMAINS["bbu"].categories), WORDS, WORDS)
def test_what_is_written_is_tidy_and_read_back(category: Any, text: str, value: str) -> None:
    given_attributes = (("文本", (text,)), ("品牌", (value,)), ("备注", (value,)))
    found = describe(category.name, given_attributes, DOMAINS["bbu"], ALL_ON)
    if "untidy" not in [reason for reason, _ in found.faults]:
        assert not untidy(found.desc)
    assert read_description(found.desc).label == category.name
