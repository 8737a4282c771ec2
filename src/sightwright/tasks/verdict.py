"""Verdicts: the photographs of one group in, pass or fail and the reason out.

    Verdict: 不通过
    Reason: 第2张照片中接地线未贴标签

The only place that says what is asked, what is expected, and how it is marked.
"""

import re
from dataclasses import dataclass

from sightwright.errors import DataError
from sightwright.metrics.summary import text_lines
from sightwright.metrics.verdict import VerdictMark
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.tasks.extract import Order
from sightwright.tasks.prompts import Prompt

PASS, FAIL = "通过", "不通过"
MAX_REASON = 240
# There are two verdicts; a reason with one of these speaks of a third.
THIRD_STATE_WORDS = (
    *("需复核", "待复核", "人工复核", "待审核", "待确认", "待定", "暂定", "存疑"),
    *("部分通过", "基本通过", "有条件通过", "无法判定"),
    *("need review", "needs review", "need-review", "pending"),
)

_VERDICT = re.compile(r"Verdict ?[:：] ?(.*)")
_REASON = re.compile(r"Reason ?[:：] ?(.*)")
# The traditional letters of the words that are looked for. A reason keeps its own: 覆 is simplified
# in 覆盖 too.
_SIMPLIFIED = str.maketrans("過復覆審認條無確暫", "过复复审认条无确暂")


@dataclass(frozen=True)
class Verdict:
    """Whether a group passes, and why."""

    passes: bool
    reason: str

    @property
    def text(self) -> str:
        """The two lines of an answer."""
        return f"Verdict: {PASS if self.passes else FAIL}\nReason: {self.reason}"


@dataclass(frozen=True)
class ParsedVerdict:
    """An answer as read: the verdict, or why it is none."""

    value: Verdict | None
    error: str = ""


@dataclass(frozen=True)
class VerdictTask:
    """How groups are judged.

    Attributes:
        prompt: asked in place of a record's own turns; None keeps them.
        order: whether a user turn begins with its images or with its instruction.
    """

    prompt: Prompt | None = None
    order: Order = "image_first"

    def prompt_of(self, record: ChatRecord) -> tuple[Message, ...]:
        """What is asked of a record's images."""
        turns = record.messages
        if turns[-1].role == "assistant":
            turns = turns[:-1]
        if self.prompt is not None:
            images = [image for turn in turns for image in turn.images]
            return self.prompt.messages(images, self.order)
        return tuple(self._arranged(turn) if turn.role == "user" else turn for turn in turns)

    def target(self, record: ChatRecord) -> str:
        """The answer to learn, in its two lines.

        Raises:
            DataError: as `gold`.
        """
        return self.gold(record).text

    def gold(self, record: ChatRecord) -> Verdict:
        """The verdict that a record carries as its last answer.

        Raises:
            DataError: no answer, or one that is no verdict; names the record.
        """
        # A data URL is as long as its file.
        images = ", ".join(image[:80] for image in record.images)
        where = f"record {record.id or images!r}"
        answer = record.messages[-1]
        if answer.role != "assistant":
            raise DataError(
                "no verdict: the last message is not the assistant's",
                where=where,
                remedy="end the record with an assistant message of two lines",
            )
        parsed = self.parse(answer.text)
        if parsed.value is None:
            raise DataError(
                f"the verdict cannot be used: {parsed.error}",
                where=where,
                remedy=f"write 'Verdict: {PASS}' or 'Verdict: {FAIL}', then 'Reason: …' below it",
            )
        return parsed.value

    def parse(self, text: str) -> ParsedVerdict:
        """Read an answer: exactly two lines that are not empty, a verdict and a reason.

        Runs of white space are one space, and 通過 is 通过; nothing else is repaired.
        """
        lines = [" ".join(line.split()) for line in text_lines(text) if line]
        if len(lines) != 2:
            return ParsedVerdict(None, f"{len(lines)} lines, not 2")
        said, why = _VERDICT.fullmatch(_simplified(lines[0])), _REASON.fullmatch(lines[1])
        if said is None or why is None:
            return ParsedVerdict(None, "the lines do not begin with 'Verdict:' and 'Reason:'")
        if said[1] not in (PASS, FAIL):
            return ParsedVerdict(None, f"the verdict is neither {PASS} nor {FAIL}")
        if problem := _wrong_with(why[1]):
            return ParsedVerdict(None, problem)
        return ParsedVerdict(Verdict(said[1] == PASS, why[1]))

    def mark(self, gold: Verdict, text: str, *, cut: bool) -> VerdictMark:
        """Mark one answer by its verdict; its reason must be there, and is for people to read.

        Args:
            cut: generation ended at the output limit; the answer gives no verdict then.
        """
        if cut:
            return VerdictMark(gold.passes, None, cut=True, error="cut by the output limit")
        parsed = self.parse(text)
        answer = None if parsed.value is None else parsed.value.passes
        return VerdictMark(gold.passes, answer, error=parsed.error)

    def _arranged(self, turn: Message) -> Message:
        images = [item for item in turn.content if isinstance(item, ImageRef)]
        texts = [item for item in turn.content if isinstance(item, Text)]
        in_order = (*images, *texts) if self.order == "image_first" else (*texts, *images)
        return Message("user", in_order)


def _simplified(text: str) -> str:
    return text.translate(_SIMPLIFIED)


def _holds(text: str, word: str) -> bool:
    """Whether a word is in a text; an English one whole, for `suspending` is not pending."""
    return bool(re.search(rf"\b{word}\b", text, re.ASCII)) if word.isascii() else word in text


def _wrong_with(reason: str) -> str:
    if not reason:
        return "no reason"
    if len(reason) > MAX_REASON:
        return f"a reason of {len(reason)} characters, more than {MAX_REASON}"
    letters = _simplified(reason.lower())
    third = next((word for word in THIRD_STATE_WORDS if _holds(letters, word)), None)
    return f"a third verdict, {third!r}" if third else ""
