from typing import Any

import pytest

from sightwright.errors import DataError
from sightwright.metrics.verdict import VerdictMark
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.tasks.prompts import VERDICT_PROMPT
from sightwright.tasks.verdict import MAX_REASON, THIRD_STATE_WORDS, Verdict, VerdictTask

TASK = VerdictTask()
IMAGES = (ImageRef("a.jpg"), ImageRef("b.jpg"), ImageRef("c.jpg"))
ASKED = Message("user", (*IMAGES, Text("请审核。")))
FAILS = Verdict(False, "第2张照片中接地线未贴标签")


def record(answer: str) -> ChatRecord:
    return ChatRecord("g-1", (ASKED, Message("assistant", (Text(answer),))))


def test_a_group_keeps_its_own_question_or_is_asked_the_tasks() -> None:
    given = record(FAILS.text)
    assert TASK.prompt_of(given) == (ASKED,)
    turned = VerdictTask(order="instruction_first").prompt_of(given)
    assert turned == (Message("user", (Text("请审核。"), *IMAGES)),)
    assert VERDICT_PROMPT.system is not None
    assert VerdictTask(VERDICT_PROMPT).prompt_of(given) == (
        Message("system", (Text(VERDICT_PROMPT.system),)),
        Message("user", (*IMAGES, Text(VERDICT_PROMPT.user))),
    )
    # A record without its answer is asked alike.
    assert TASK.prompt_of(ChatRecord("g-1", (ASKED,))) == (ASKED,)


def test_every_target_is_read_back_and_right() -> None:
    for verdict in (FAILS, Verdict(True, "各项要求均已满足"), Verdict(False, "铭牌被覆盖")):
        given = record(verdict.text)
        assert TASK.target(given) == verdict.text
        assert TASK.gold(given) == verdict
        mark = TASK.mark(verdict, TASK.target(given), cut=False)
        assert mark.exact and mark == VerdictMark(verdict.passes, verdict.passes)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Verdict: 通过\nReason: 好", True),
        ("Verdict: 不通过\nReason: 缺标签", False),
        ("  Verdict:不通過 \r\n\r\nReason：缺\u3000标签 <|im_end|>\n", False),
        ("Verdict: 通过\nReason: " + "好" * MAX_REASON, True),
    ],
)
def test_what_is_a_verdict(text: str, passes: bool) -> None:
    value = TASK.parse(text).value
    assert value is not None and value.passes is passes


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "0 lines, not 2"),
        ("Verdict: 通过", "1 lines, not 2"),
        ("Verdict: 通过\nReason: 好\n以上", "3 lines, not 2"),
        ("Reason: 好\nVerdict: 通过", "do not begin with"),
        ("结论: 通过\nReason: 好", "do not begin with"),
        ("Verdict: 需复核\nReason: 好", "neither 通过 nor 不通过"),
        ("Verdict: 通过。\nReason: 好", "neither 通过 nor 不通过"),
        ("Verdict:\nReason: 好", "neither 通过 nor 不通过"),
        ("Verdict: 通过\nReason: ", "no reason"),
        ("Verdict: 通过\nReason: " + "好" * (MAX_REASON + 1), "241 characters"),
        ("Verdict: 不通过\nReason: 建议人工複核，或人工復核", "a third verdict, '人工复核'"),
        ("Verdict: 不通过\nReason: Needs  Review", "a third verdict, 'needs review'"),
    ],
)
def test_what_is_none(text: str, error: str) -> None:
    parsed = TASK.parse(text)
    assert parsed.value is None and error in parsed.error
    assert TASK.mark(FAILS, text, cut=False) == VerdictMark(False, None, error=parsed.error)


@pytest.mark.parametrize("word", THIRD_STATE_WORDS)
def test_there_is_no_third_verdict(word: str) -> None:
    assert "third" in TASK.parse(f"Verdict: 不通过\nReason: 照片不清，{word}").error


def test_a_word_that_holds_one_is_another() -> None:
    assert TASK.parse("Verdict: 不通过\nReason: a cable suspending from the rack").value is not None
    assert TASK.parse("Verdict: 不通过\nReason: 照片不清，pending。").value is None


def test_an_answer_that_was_cut_gives_no_verdict() -> None:
    mark = TASK.mark(FAILS, FAILS.text, cut=True)
    assert mark.answer is None and mark.cut and mark.false_pass


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ((ASKED,), "the last message is not the assistant's"),
        ((ASKED, Message("assistant", (Text("通过"),))), "cannot be used: 1 lines, not 2"),
    ],
)
def test_a_record_without_a_verdict_is_refused_by_name(messages: Any, error: str) -> None:
    with pytest.raises(DataError, match=error) as caught:
        TASK.gold(ChatRecord("g-1", messages))
    assert caught.value.where == "record 'g-1'"


def test_a_record_without_an_id_is_named_by_its_images_in_short() -> None:
    images = (ImageRef("a.jpg"), ImageRef("data:image/png;base64," + "A" * 100_000))
    asked = Message("user", (*images, Text("?")))
    with pytest.raises(DataError) as caught:
        TASK.gold(ChatRecord("", (asked,)))
    assert caught.value.where is not None
    assert caught.value.where.startswith("record 'a.jpg, data:image/png;base64,AAA")
    assert len(caught.value.where) < 120
