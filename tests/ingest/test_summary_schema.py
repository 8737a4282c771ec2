"""Facts D81 to D85: what the summary of a BBU or RRU photograph may hold."""

import json
import time
from typing import Any

import jsonschema
import pytest

from sightwright.geometry import Box
from sightwright.ingest.summary_schema import summary_problems, summary_schema
from sightwright.inspection_records import DenseObject
from sightwright.tasks.domains import DOMAINS
from sightwright.tasks.summaries import build_summary, summary_text

BBU: dict[str, Any] = {
    "dataset": "BBU",
    "objects_total": 3,
    "统计": [
        {"类别": "BBU设备", "可见性": {"部分": 1}, "品牌": {"华为": 1}},
        {"类别": "标签", "文本": {"5G": 2}},
    ],
    "备注": ["反光"],
}
RRU: dict[str, Any] = {
    "dataset": "RRU",
    "objects_total": 4,
    "统计": [{"类别": "标签", "组": {"1": 2}}, {"类别": "站点距离", "站点距离": {"51": 1}}],
    "分组统计": {"1": 2},
}


def text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    "summary",
    [
        text(BBU),
        text(RRU),
        text({key: held for key, held in BBU.items() if key != "备注"}),
        text({**RRU, "统计": [{"类别": "RRU设备"}]}),
        "无关图片",
        "BBU设备/华为/完整×1,标签/可以识别×2",
        text({"dataset": "another", "anything": 1}),
    ],
)
def test_good_summaries(summary: str) -> None:
    assert summary_problems(summary) == []


def without(value: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: held for k, held in value.items() if k != key}


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        (text(BBU) + "×1", "begins as JSON and is none: Extra data"),
        (text(BBU)[:-1], "begins as JSON and is none"),
        ('{"dataset": "BBU", "dataset": "BBU"}', "'dataset' stands twice"),
        ("<DOMAIN=BBU>, <TASK=SUMMARY>", "the header line of an answer"),
        (text(without(BBU, "objects_total")), '"objects_total" is a required property'),
        (text(without(RRU, "统计")), '"统计" is a required property'),
        (text({**BBU, "dataset": "bbu"}), "dataset: "),
        (text({**BBU, "objects_total": "3"}), "objects_total: "),
        (text({**BBU, "objects_total": 0}), "objects_total: "),
        (text({**BBU, "分组统计": {"1": 2}}), "分组统计"),
        (text({**RRU, "备注": ["x"]}), "备注"),
        (text({**BBU, "备注": []}), "备注: "),
        (text({**BBU, "备注": ["x", "x"]}), "备注: "),
        (text({**BBU, "异常": []}), "异常 is of older data"),
        (text({**BBU, "统计": []}), "统计: "),
        (text({**BBU, "统计": [{"品牌": {"华为": 1}}]}), "统计.0: "),
        (text({**BBU, "统计": [{"类别": "尾纤"}]}), "统计.0.类别: "),
        (text({**BBU, "统计": [{"类别": "标签", "文本": {"5G": 0}}]}), "统计.0.文本.5G: "),
        (text({**BBU, "统计": [{"类别": "标签", "文本": {}}]}), "统计.0.文本: "),
        (text({**BBU, "统计": [{"类别": "标签", "文本": "5G"}]}), "统计.0.文本: "),
        (
            text({**BBU, "统计": [{"类别": "标签"}, {"类别": "标签"}]}),
            "标签 in two entries of 统计",
        ),
        (text({**BBU, "统计": BBU["统计"][::-1]}), "are not in the order of their categories"),
        (
            text({**BBU, "统计": [{"类别": "标签", "文本": {"5G": 1}, "可读性": {"不可读": 1}}]}),
            "标签: its keys are 类别 and then the others, sorted",
        ),
        (text({**RRU, "分组统计": {"1": "2"}}), "分组统计.1: "),
    ],
)
def test_each_breach_is_named(summary: str, why: str) -> None:
    found = summary_problems(summary)
    assert found and why in found[0]


@pytest.mark.parametrize("name", ["bbu", "rru"])
def test_what_is_built_from_objects_is_good(name: Any) -> None:
    category = DOMAINS[name].categories[0].name
    descs = [f"类别={category}", "类别=标签,可读性=不可读", "类别=标签,文本=5G"]
    objects = [DenseObject(desc, Box(0, 0, 1, 1)) for desc in descs]
    assert summary_problems(summary_text(build_summary(name, objects))) == []


def test_a_crowd_of_entries_costs_no_more_than_its_length() -> None:
    entries = [{"类别": "标签", "文本": {"5G": 1}}] * 30_000
    summary = json.dumps(BBU | {"统计": entries}, ensure_ascii=False)
    started = time.perf_counter()
    assert summary_problems(summary) == ["the summary: 标签 in two entries of 统计"]
    assert time.perf_counter() - started < 5


def test_only_the_first_faults_are_told() -> None:
    entries = [{"类别": f"x{number}"} for number in range(9)]
    found = summary_problems(text({**BBU, "统计": entries}))
    assert len(found) == 4 and found[-1] == "the summary: and 6 more faults"


@pytest.mark.parametrize("name", ["bbu", "rru"])
def test_the_schema_agrees(name: Any) -> None:
    schema = summary_schema(DOMAINS[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert [validator.is_valid(value) for value in (BBU, RRU)] == [name == "bbu", name == "rru"]
