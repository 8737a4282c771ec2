from typing import Any

import pytest

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.metrics.fields import Counts
from sightwright.metrics.header import DEFAULT_FORMAT
from sightwright.records import ImageRef, Message, Text
from sightwright.tasks.prompts import Prompt, prompt_of
from sightwright.tasks.summary import SummaryTask, says_irrelevant

SUMMARY = {
    "dataset": "BBU",
    "objects_total": 3,
    "统计": [{"类别": "标签", "文本": {"A1": 2}}, {"类别": "BBU设备", "品牌": {"华为": 1}}],
}
LINE = canonical.dumps(SUMMARY, "spaced")
HEADER = "<DOMAIN=BBU>, <TASK=SUMMARY>"
TASK = SummaryTask(Prompt("汇总。", "请汇总。"), domain="bbu", header_format=DEFAULT_FORMAT)


def record(summary: str | None) -> InspectionRecord:
    return InspectionRecord("cab-7", "cab-7.jpg", 640, 480, summary=summary)


def test_what_is_asked() -> None:
    system = Message("system", (Text("汇总。"),))
    user = Message("user", (ImageRef("cab-7.jpg"), Text("请汇总。")))
    assert TASK.prompt_of(record(LINE)) == (system, user)
    turned = SummaryTask(Prompt(None, "请汇总。"), order="instruction_first")
    asked = Message("user", (Text("请汇总。"), ImageRef("cab-7.jpg")))
    assert turned.prompt_of(record(LINE)) == (asked,)


def test_the_answer_to_learn_is_the_header_and_the_summary_as_it_stands() -> None:
    compact = canonical.dumps(SUMMARY)
    assert TASK.target(record(compact)) == f"{HEADER}\n{compact}"
    assert SummaryTask(TASK.prompt).target(record(LINE)) == LINE
    # Without a domain of its own, the task takes it from the summary.
    of_both = SummaryTask(TASK.prompt, header_format=DEFAULT_FORMAT)
    rru = canonical.dumps({**SUMMARY, "dataset": "RRU"})
    assert of_both.target(record(rru)).splitlines()[0] == "<DOMAIN=RRU>, <TASK=SUMMARY>"


def test_an_irrelevant_pictures_answer_has_no_header() -> None:
    assert TASK.target(record("无关图片")) == "无关图片"
    gold = TASK.gold(record("无关图片"))
    assert gold.irrelevant and gold.summary is None
    assert TASK.mark(gold, "无关图片", cut=False).exact
    assert not TASK.mark(gold, f"{HEADER}\n{LINE}", cut=False).exact


@pytest.mark.parametrize(
    ("summary", "error"),
    [
        (None, "no summary to learn"),
        ("  ", "no summary to learn"),
        ("标签×2", "not JSON"),
        ("[]", "not an object"),
        (LINE.replace("BBU", "RRU", 1), "'dataset' is 'RRU', not BBU"),
        ('{"objects_total": 1}', "'dataset' is None, not BBU"),
        (LINE[:-1] + ', "分组统计": {"1": 2}}', "holds what BBU summaries do not have"),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deep"),
    ],
)
def test_a_record_that_cannot_be_learnt_is_refused_by_name(summary: str | None, error: str) -> None:
    for use in (TASK.target, TASK.gold):
        with pytest.raises(DataError, match=error) as caught:
            use(record(summary))
        assert caught.value.where == "record 'cab-7'"


def test_every_target_is_read_back_and_wholly_right() -> None:
    for task in (TASK, SummaryTask(TASK.prompt, header_format=None)):
        for summary in (LINE, canonical.dumps(SUMMARY)):
            given = record(summary)
            mark = task.mark(task.gold(given), task.target(given), cut=False)
            assert mark.exact and mark.f1 == 1 and mark.facts == Counts(tp=3)
            assert task.parse(task.target(given)).value == SUMMARY


def test_an_answer_that_was_cut_counts_as_none() -> None:
    gold = TASK.gold(record(LINE))
    mark = TASK.mark(gold, f"{HEADER}\n{LINE}", cut=True)
    assert mark.cut and not mark.exact and mark.f1 == 0


@pytest.mark.parametrize(
    ("text", "taken", "error"),
    [
        (f"{HEADER}\n{LINE}", True, None),
        (f"{HEADER}\n{LINE}\n<|im_end|>", True, None),
        (f"<DOMAIN=RRU>, <TASK=SUMMARY>\n{LINE}", True, None),
        (f"{HEADER}\n{LINE}×1", False, "not JSON"),
        (f"{HEADER} {LINE}", False, "1 of 2 lines"),
        (LINE, False, "1 of 2 lines"),
        ("无关图片", False, "1 of 2 lines"),
    ],
)
def test_an_answer_is_split_strictly(text: str, taken: bool, error: str | None) -> None:
    answer = TASK.parse(text)
    assert (answer.content is not None) is taken
    assert error is None or error in (answer.error or "")


def test_who_says_irrelevant() -> None:
    assert says_irrelevant(" 无关图片<|im_end|>\n")
    assert not says_irrelevant("无关图片。") and not says_irrelevant(f"{HEADER}\n无关图片")


def test_the_shipped_prompts_go_with_the_task() -> None:
    for name in ("summary_bbu", "summary_rru"):
        domain: Any = name.removeprefix("summary_")
        task = SummaryTask(prompt_of(name), domain=domain)
        system, user = task.prompt_of(record(LINE))
        assert (system.role, user.role) == ("system", "user") and user.images == ("cab-7.jpg",)
