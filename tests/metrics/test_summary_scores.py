import math

import pytest

from sightwright import canonical
from sightwright.metrics.fields import Counts
from sightwright.metrics.shares import Share
from sightwright.metrics.summary import SummaryGold
from sightwright.metrics.summary_scores import FactDifference, mark_summary, summarise

SUMMARY = {
    "dataset": "BBU",
    "objects_total": 3,
    "统计": [{"类别": "标签", "文本": {"A1": 2}}, {"类别": "BBU设备", "品牌": {"华为": 1}}],
    "备注": ["未贴"],
}
GOLD = SummaryGold("BBU", SUMMARY)
IRRELEVANT = SummaryGold("BBU", None, irrelevant=True)
RIGHT = f"<DOMAIN=BBU>, <TASK=SUMMARY>\n{canonical.dumps(SUMMARY)}"
# One label too few, another brand, no note: facts in common 1, too many 1, missing 3.
WRONG = RIGHT.replace('"A1":2', '"A1":1').replace("华为", "中兴").replace(',"备注":["未贴"]', "")


def test_the_label_itself_is_wholly_right() -> None:
    mark = mark_summary(GOLD, RIGHT, cut=False)
    assert mark.exact and mark.content and mark.well_formed and mark.header and mark.dataset
    assert (mark.f1, mark.facts, mark.error, mark.differences) == (1, Counts(tp=4), "", ())


def test_what_differs_is_said_fact_by_fact() -> None:
    mark = mark_summary(GOLD, WRONG, cut=False)
    assert not mark.exact and mark.well_formed and mark.objects_total == 1
    assert mark.facts == Counts(tp=1, fp=1, fn=3)
    assert mark.f1 == pytest.approx(2 / 6)
    assert mark.differences == (
        FactDifference(("备注", "未贴"), 1, 0),
        FactDifference(("统计", "BBU设备", "品牌", "中兴"), 0, 1),
        FactDifference(("统计", "BBU设备", "品牌", "华为"), 1, 0),
        FactDifference(("统计", "标签", "文本", "A1"), 2, 1),
    )
    assert mark.per_attribute == {
        "备注": Counts(fn=1),
        "BBU设备.品牌": Counts(fp=1, fn=1),
        "标签.文本": Counts(tp=1, fn=1),
    }


@pytest.mark.parametrize(
    ("text", "cut", "error"),
    [
        (RIGHT, True, "cut by the output limit"),
        ("", False, "0 of 2 lines"),
        ("无关图片", False, "called an irrelevant picture"),
        (RIGHT.replace(">, <", "> <"), False, "not a header line and a line of JSON"),
        (RIGHT[:-1], False, "not JSON"),
        (RIGHT[:-1] + ',"分组统计":{"1":2}}', False, "the part that BBU summaries do not have"),
    ],
)
def test_an_answer_that_is_not_taken_misses_every_fact(text: str, cut: bool, error: str) -> None:
    mark = mark_summary(GOLD, text, cut=cut)
    assert error in mark.error
    assert (mark.f1, mark.facts, mark.exact) == (0, Counts(fn=4), False)
    assert (mark.dataset, mark.objects_total, mark.content) == (False, 0, False)


def test_an_empty_label_gives_nothing_to_an_answer_that_is_none() -> None:
    gold = SummaryGold("BBU", {"dataset": "BBU", "objects_total": 0, "统计": []})
    assert mark_summary(gold, "x", cut=False).f1 == 0


def test_an_irrelevant_picture() -> None:
    right = mark_summary(IRRELEVANT, "无关图片", cut=False)
    assert right.exact and right.well_formed and right.f1 == 1
    wrong = mark_summary(IRRELEVANT, RIGHT, cut=False)
    assert not wrong.exact and wrong.f1 == 0 and "was not called so" in wrong.error
    assert wrong.facts == Counts()


def test_an_answer_without_a_header_where_none_is_wanted() -> None:
    gold = SummaryGold("BBU", SUMMARY, header_format=None)
    mark = mark_summary(gold, canonical.dumps(SUMMARY), cut=False)
    assert mark.exact and mark.header is None
    assert summarise([mark], bootstrap_samples=0).header == Share(0, 0)


def test_scores_say_of_how_many_they_are() -> None:
    asked = [
        *((GOLD, RIGHT), (GOLD, WRONG), (GOLD, "无关图片")),
        *((IRRELEVANT, "无关图片"), (IRRELEVANT, RIGHT)),
    ]
    scores = summarise([mark_summary(gold, text, cut=False) for gold, text in asked])
    assert scores.num_records == 5
    assert scores.exact == Share(2, 5)
    assert scores.well_formed == Share(3, 5)
    assert (scores.header, scores.valid_json, scores.dataset) == (Share(2, 3),) * 3
    assert scores.content == Share(1, 3)
    assert scores.content_f1.of == 3 and scores.content_f1.count == pytest.approx(1 + 2 / 6)
    assert scores.irrelevant == Share(1, 2)
    assert scores.wrongly_irrelevant == Share(1, 3)
    assert scores.facts == Counts(tp=5, fp=1, fn=7)
    assert scores.per_attribute["备注"] == Counts(tp=1, fn=2)
    assert set(scores.intervals) == {"exact", "content_f1", "fact_f1"}
    for interval in scores.intervals.values():
        assert 0 <= interval.low <= interval.high <= 1 and not math.isnan(interval.low)


def test_irrelevant_pictures_alone_have_no_facts_to_score() -> None:
    scores = summarise([mark_summary(IRRELEVANT, "无关图片", cut=False)])
    assert scores.content_f1.value is None and str(scores.content_f1) == "– (of 0)"
    assert set(scores.intervals) == {"exact"}
    with pytest.raises(ValueError, match="no summaries"):
        summarise([])


def test_shares() -> None:
    assert Share(1, 4).value == 0.25
    assert str(Share(1, 4)) == "25.0% (1 of 4)"
