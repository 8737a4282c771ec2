"""The numbers of T5, T6, T7 and T11 of the facts, and what they leave open."""

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright import canonical
from sightwright.metrics.summary import (
    SummaryGold,
    facts,
    read_answer,
    summary_content,
    summary_content_f1,
    summary_dataset,
    summary_format,
    summary_header,
    summary_no_dup_keys,
    summary_objects_total,
    summary_parse,
    whole_number,
)

HEADER = "<DOMAIN=BBU>, <TASK=SUMMARY>"
SCORES = (
    *(summary_format, summary_header, summary_parse, summary_dataset),
    *(summary_objects_total, summary_content_f1, summary_content),
)
EVERY = (*SCORES, summary_no_dup_keys)
BBU = {
    "dataset": "BBU",
    "objects_total": 3,
    "统计": [{"类别": "标签", "文本": {"A 1": 2}}, {"类别": "BBU设备", "品牌": {"华为": 1}}],
}
RRU = {
    "dataset": "RRU",
    "objects_total": 3,
    "统计": [{"类别": "站点距离", "站点距离": {"51米": 1}}, {"类别": "标签", "组": {"01": 2}}],
    "分组统计": {"1": 2},
}
OF_BBU, OF_RRU = SummaryGold("BBU", BBU), SummaryGold("RRU", RRU)
IRRELEVANT = SummaryGold("BBU", None, irrelevant=True)


def answer(value: Any, token: str = "BBU") -> str:
    return f"<DOMAIN={token}>, <TASK=SUMMARY>\n{canonical.dumps(value, 'spaced')}"


def bbu(*entries: dict[str, Any], **more: Any) -> str:
    return answer({"dataset": "BBU", "objects_total": 3, "统计": list(entries), **more})


LABELS, DEVICE = {"类别": "标签", "文本": {"A1": 2}}, {"类别": "BBU设备", "品牌": {"华为": 1}}


@pytest.mark.parametrize(
    ("text", "f1"),
    [
        (bbu(LABELS, DEVICE), 1.0),
        (bbu(DEVICE, LABELS), 1.0),
        (bbu({"类别": "标签", "文本": {"A1": 1}}, DEVICE), 0.8),
        (bbu({"类别": "BBU设备", "品牌": {"华为": 1, "中兴": 1}}), 0.4),
        (bbu(), 0.0),
        (bbu(LABELS, DEVICE, 分组统计={"1": 2}), 0.0),
        # The same fact in two entries adds up; 异常 says nothing.
        (bbu({"类别": "标签", "文本": ["A1", "A 1"], "异常": {"x": 9}}, DEVICE), 1.0),
        # A count that is none counts nothing.
        (bbu(LABELS, {"类别": "BBU设备", "品牌": {"华为": 1, "中兴": 0, "A": -2, "B": 1.5}}), 1.0),
    ],
)
def test_t5_facts_of_a_bbu_summary(text: str, f1: float) -> None:
    assert summary_content_f1(text, OF_BBU) == pytest.approx(f1)


def test_t6_facts_of_an_rru_summary() -> None:
    entries = [{"类别": "站点距离", "站点距离": "051"}, {"类别": "标签", "组": {"1": 2}}]
    without = {"dataset": "RRU", "objects_total": 3, "统计": entries}
    assert summary_content_f1(answer(without, "RRU"), OF_RRU) == 0.75
    whole = {**without, "分组统计": {"01": 2}}
    assert summary_content_f1(answer(whole, "RRU"), OF_RRU) == 1.0
    assert summary_content_f1(answer({**whole, "备注": ["x"]}, "RRU"), OF_RRU) == 0.0


@pytest.mark.parametrize(
    ("total", "score"),
    [(3, 1), (4, 0.5), (0, 0.25), (6, 0.25), ("3", 1), (True, 0), (None, 0), (3.0, 0), ("x", 0)],
)
def test_t7_the_total(total: Any, score: float) -> None:
    assert summary_objects_total(answer({**BBU, "objects_total": total}), OF_BBU) == score


def test_t7_a_total_that_is_missing() -> None:
    assert summary_objects_total(answer({"dataset": "BBU", "统计": []}), OF_BBU) == 0
    without = SummaryGold("BBU", {"dataset": "BBU", "统计": []})
    assert summary_objects_total(answer(BBU), without) == 0


def test_t11_a_third_line_is_not_the_form() -> None:
    text = answer(BBU) + "\n以上"
    assert summary_format(text, OF_BBU) == 0
    assert summary_header(text, OF_BBU) == 1
    # The JSON is looked for in the second line alone.
    assert summary_parse(text, OF_BBU) == 0
    for score in (summary_dataset, summary_objects_total, summary_content_f1, summary_content):
        assert score(text, OF_BBU) == 0


def test_t11_an_irrelevant_picture_has_no_header() -> None:
    assert summary_header(answer(BBU), IRRELEVANT) == -1
    assert summary_header("<TASK=SUMMARY> 无关图片", IRRELEVANT) == -1
    assert summary_header("无关图片", IRRELEVANT) == 0
    assert summary_header("其他", IRRELEVANT) == 0
    own = SummaryGold("BBU", None, irrelevant=True, header_format="[{domain}|{task}]")
    assert summary_header("[BBU|SUMMARY]\n无关图片", own) == -1


def test_t11_tokens_that_end_a_text_are_no_part_of_it() -> None:
    text = answer(BBU) + "<|im_end|><|endoftext|>\n"
    assert [score(text, OF_BBU) for score in SCORES] == [1, 1, 0, 1, 1, 1, 1]
    assert summary_format("无关图片<|eot_id|>", IRRELEVANT) == 1


@pytest.mark.parametrize(
    ("line", "score"),
    [
        ('{"dataset": "BBU", "dataset": "BBU"}', -1),
        ('{"统计": [{"类别": "标签", "文本": {"A": 1, "A": 2}}]}', -1),
        ('{"统计": [{"类别": "标签"}, {"类别": "标签"}]}', 0),
        ('{"dataset": "BBU"', 0),
    ],
)
def test_t12_a_key_that_stands_twice(line: str, score: float) -> None:
    assert summary_no_dup_keys(f"{HEADER}\n{line}", OF_BBU) == score
    # Such an answer is no JSON to the others either.
    assert score == 0 or summary_parse(f"{HEADER}\n{line}", OF_BBU) == -1
    assert summary_no_dup_keys(f"{HEADER}\n{line}", IRRELEVANT) == 0


@pytest.mark.parametrize(
    ("text", "form", "header", "parse"),
    [
        (answer(BBU), 1, 1, 0),
        (answer(BBU, "RRU"), 1, 0, 0),
        (f"<DOMAIN=BBU>, <TASK=DETECTION>\n{json.dumps(BBU)}", 1, 0, 0),
        (f"<DOMAIN=bbu>, <TASK=SUMMARY>\n{json.dumps(BBU)}", 0, 0, 0),
        (json.dumps(BBU), 0, 0, -1),
        (f"{HEADER}\n{{}}×1", 0, 1, -1),
        (f"{HEADER}\n{{'dataset': 'BBU'}}", 1, 1, -1),
        (f"{HEADER}\n[1]", 0, 1, -1),
        (f'{HEADER}\n{{"dataset": "BBU", "dataset": "BBU"}}', 1, 1, -1),
        (f'{HEADER}\n{{"objects_total": NaN}}', 1, 1, -1),
        (f'{HEADER}\n{{"统计": {"[" * 900 + "]" * 900}}}', 1, 1, -1),
        (f"{HEADER}\n\n{json.dumps(BBU)}", 0, 1, -1),
        (f"{HEADER}\r\n  {json.dumps(BBU)}  ", 1, 1, 0),
        (HEADER, 0, 1, -1),
        ("无关图片", 0, 0, -1),
        ("", 0, 0, -1),
    ],
)
def test_form_header_and_json(text: str, form: float, header: float, parse: float) -> None:
    found = [score(text, OF_BBU) for score in (summary_format, summary_header, summary_parse)]
    assert found == [form, header, parse]


def test_an_irrelevant_picture_is_called_so_and_nothing_else_counts() -> None:
    assert [score("无关图片", IRRELEVANT) for score in SCORES] == [1, 0, 0, 0, 0, 0, 0]
    assert [score(answer(BBU), IRRELEVANT) for score in SCORES] == [0, -1, 0, 0, 0, 0, 0]
    assert summary_format("无关图片。", IRRELEVANT) == 0


def test_the_dataset_is_the_domain_in_any_case() -> None:
    assert summary_dataset(answer({**BBU, "dataset": "bbu"}), OF_BBU) == 1
    assert summary_dataset(answer({**BBU, "dataset": "RRU"}), OF_BBU) == 0
    assert summary_dataset(answer({**BBU, "dataset": 1}), OF_BBU) == 0
    assert summary_dataset(answer(BBU), SummaryGold(None, BBU)) == 0
    assert summary_header(answer(BBU), SummaryGold(None, BBU)) == 0


def test_content_is_equal_whatever_the_order() -> None:
    turned = {
        "统计": [{"品牌": {"华为": 1}, "类别": "BBU设备"}, {"文本": {"A 1": 2}, "类别": "标签"}],
        "objects_total": 3,
        "异常": {"冲突": 1},
        "dataset": "BBU",
    }
    assert summary_content(answer(turned), OF_BBU) == 1
    assert summary_content(answer({**turned, "objects_total": 4}), OF_BBU) == 0
    # Equal to the letter, where the facts are equal to the meaning.
    assert summary_content(bbu(LABELS, DEVICE), OF_BBU) == 0
    noted = SummaryGold("BBU", {**BBU, "备注": ["a", "b"]})
    assert summary_content(answer({**BBU, "备注": ["b", "a"]}), noted) == 1
    assert summary_content(answer({**BBU, "备注": ["b", "a", "a"]}), noted) == 0
    banned = SummaryGold("BBU", {**BBU, "分组统计": {}})
    assert summary_content(answer({**BBU, "分组统计": {}}), banned) == 0


def test_facts_one_by_one() -> None:
    summary = {
        "备注": ["未贴 标签", "未贴标签", ""],
        "统计": [
            {"类别": "光纤", "弯曲半径": "半径合理", "组": ["a", "b1", "b1"]},
            {"类别": "光纤", "弯曲半径": {"半径合理": 2}},
            "光纤",
        ],
    }
    assert facts(summary) == Counter(
        {
            ("备注", "未贴标签"): 1,
            ("统计", "光纤", "弯曲半径", "半径合理"): 3,
            ("统计", "光纤", "组", "a"): 1,
            ("统计", "光纤", "组", "1"): 2,
        }
    )


def test_two_empty_summaries_agree_and_one_alone_does_not() -> None:
    empty = SummaryGold("BBU", {"统计": []})
    assert summary_content_f1(bbu(), empty) == 1
    assert summary_content_f1(bbu(DEVICE), empty) == 0
    assert summary_content_f1(bbu(), OF_BBU) == 0


def test_another_header_format_or_none() -> None:
    other = SummaryGold("BBU", BBU, header_format="[{task}|{domain}]")
    text = f"[SUMMARY|BBU]\n{json.dumps(BBU)}"
    assert [score(text, other) for score in SCORES] == [1, 1, 0, 1, 1, 1, 1]
    assert summary_format(answer(BBU), other) == 0
    alone = SummaryGold("BBU", BBU, header_format=None)
    assert [score(json.dumps(BBU), alone) for score in SCORES] == [1, 0, 0, 1, 1, 1, 1]
    assert summary_format(answer(BBU), alone) == 0


def test_whole_numbers() -> None:
    assert [whole_number(v) for v in (3, "3", "03", 0, -1)] == [3, 3, 3, 0, -1]
    none = (True, 3.0, "-3", "³", "９", "", "9" * 5000, 10**400, None, [3])
    assert [whole_number(value) for value in none] == [None] * len(none)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["dataset", "objects_total", "统计", "备注", "分组统计", "类别", "组"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([OF_BBU, OF_RRU, IRRELEVANT, SummaryGold(None, None)]))
def test_every_text_has_a_number(value: Any, gold: SummaryGold) -> None:
    for text in (f"{HEADER}\n{json.dumps(value)}", json.dumps(value), str(value)):
        for score in EVERY:
            assert -1 <= score(text, gold) <= 1 and not math.isnan(score(text, gold))


@given(JSON)
def test_a_summary_is_like_itself(value: Any) -> None:
    text = f"{HEADER}\n{json.dumps({'统计': value}, allow_nan=False)}" if _is_finite(value) else ""
    gold = SummaryGold("BBU", read_answer(text, OF_BBU).value)
    if gold.summary is not None:
        assert summary_content_f1(text, gold) == 1 == summary_content(text, gold)


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
