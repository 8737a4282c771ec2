"""Dense captions: one photograph in, every object out, each with its place and description.

The only place that says what is asked, what is expected, and how it is marked: training text is
made, requests are sent and answers are scored through this class. The grid of the coordinates is
the task's; an answer is never read on the grid that would suit the label better.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.geometry import Ordering
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.metrics.geometry import ObjectsMark, Unread, mark_objects
from sightwright.metrics.header import DEFAULT_FORMAT, read_header
from sightwright.records import Message
from sightwright.tasks.extract import Order
from sightwright.tasks.object_text import (
    ReadObject,
    Written,
    WrongObject,
    in_order,
    odd_keys,
    read_objects,
    write_objects,
)
from sightwright.tasks.prompt_texts import Norm
from sightwright.tasks.prompts import Prompt

GroupMode = Literal["dense", "summary"]

# What ends a turn; a reader of raw tokens may hand it over with the answer.
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>")


@dataclass(frozen=True)
class DenseGold:
    """What is expected of an image: its objects in the order of the answer, in pixels."""

    objects: tuple[DenseObject, ...]
    width: int
    height: int


@dataclass(frozen=True)
class ParsedObjects:
    """An answer as read.

    Attributes:
        objects: those that could be read, in pixels, as written.
        wrong: those that could not, each with its reason.
        error: why the whole answer cannot be read; None when it can.
        header_right: whether its first line is the task's; None where the task has none and the
            answer neither.
        notes: what is odd and costs nothing → how often.
        json_start: where the JSON begins in the answer's text, in characters.
    """

    objects: tuple[ReadObject, ...] = ()
    wrong: tuple[WrongObject, ...] = ()
    error: str | None = None
    header_right: bool | None = None
    notes: dict[str, int] | None = None
    json_start: int = 0

    @property
    def dense_objects(self) -> tuple[DenseObject, ...]:
        return tuple(each.object for each in self.objects)


@dataclass(frozen=True)
class DenseTask:
    """How photographs are captioned.

    Attributes:
        prompt: what is asked.
        header: the first line of an answer, filled: `<DOMAIN=BBU>, <TASK=DETECTION>`; None for an
            answer of the JSON line alone.
        norm: the grid of the coordinates.
        order: whether a user turn begins with its image or with its instruction.
        ordering: by which point of them objects are sorted.
        header_format: of the first line, by which one of another domain is known for a header.
    """

    prompt: Prompt
    header: str | None = None
    norm: Norm = "norm1000"
    order: Order = "image_first"
    ordering: Ordering = "reference_point"
    header_format: str = DEFAULT_FORMAT

    def messages(self, images: Sequence[str]) -> tuple[Message, ...]:
        """What is sent for these images: a system turn, if there is one, and one question."""
        return self.prompt.messages(images, self.order)

    def prompt_of(self, record: InspectionRecord) -> tuple[Message, ...]:
        """What is asked of a record's image."""
        return self.messages(record.images)

    def target(self, record: InspectionRecord) -> str:
        """The answer to learn: the header line, if there is one, and one line of JSON.

        Raises:
            DataError: an object off its image or without extent, or more than an answer holds;
                names the record and the object.
        """
        return self._with_header(self.written(record).text)

    def written(self, record: InspectionRecord) -> Written:
        """The JSON of `target`, and which objects were too thin for the grid and are widened.

        Raises:
            DataError: as `target`.
        """
        return write_objects(record, self.norm, self.ordering)

    def gold(self, record: InspectionRecord) -> DenseGold:
        """The objects of a record in the order of its target, in their one spelling.

        Raises:
            DataError: as `target`.
        """
        return DenseGold(in_order(record, self.ordering), record.width, record.height)

    def parse(self, text: str, width: int, height: int) -> ParsedObjects:
        """Read an answer for an image of this size. Nothing is repaired.

        An answer that is no JSON, or names a key twice, is wrong as a whole. An object that is
        malformed, off the grid or without extent is wrong alone. A header that is wrong or missing
        is counted and costs no object; so do keys out of their order.
        """
        start, header_right = self._split(text)
        try:
            value = canonical.loads(_without_end(text[start:]))
        except ValueError as error:
            twice = isinstance(error, canonical.DuplicateKeyError)
            why = "a key stands twice" if twice else "not JSON"
            return ParsedObjects(error=why, header_right=header_right, json_start=start)
        if not isinstance(value, dict):
            why = "not a JSON object"
            return ParsedObjects(error=why, header_right=header_right, json_start=start)
        answered = cast("dict[str, Any]", value)
        right, wrong = read_objects(answered, self.norm, width, height)
        return ParsedObjects(
            objects=tuple(right),
            wrong=tuple(wrong),
            header_right=header_right,
            notes=dict(odd_keys(list(answered))),
            json_start=start,
        )

    def mark(
        self, gold: DenseGold, text: str, *, cut: bool, tolerance_px: float | None = None
    ) -> ObjectsMark:
        """Mark one answer.

        Args:
            cut: generation ended at the output limit; the answer counts as empty, even if it is
                JSON by luck.
            tolerance_px: how far lines may run apart; by default 8 px where the longer side of the
                image is 1024.
        """
        parsed = self.parse(text, gold.width, gold.height)
        return mark_objects(
            gold.objects,
            parsed.dense_objects,
            width=gold.width,
            height=gold.height,
            unread=_unread(parsed),
            cut=cut,
            tolerance_px=tolerance_px,
        )

    def _with_header(self, line: str) -> str:
        return line if self.header is None else f"{self.header}\n{line}"

    def _split(self, text: str) -> tuple[int, bool | None]:
        """Where the JSON begins, and whether the header is right."""
        body = len(text) - len(text.lstrip())
        line, line_break, _ = text[body:].partition("\n")
        first = line.strip()
        is_right = self.header is not None and first == self.header.strip()
        if not is_right and read_header(first, self.header_format.strip()) is None:
            return body, None if self.header is None else False
        return body + len(line) + len(line_break), is_right


def require_objects(record: InspectionRecord) -> None:
    """
    Raises:
        DataError: a record of a summary alone: that it names no object does not mean there is none.
    """
    if not record.objects:
        raise DataError(
            "no objects, which task.type dense is about",
            where=f"record {record.key!r}",
            remedy="leave the record out, or ask for its summary: task.type: summary",
        )


def _without_end(text: str) -> str:
    end = len(text)
    while end:
        mark = next((mark for mark in _ENDS if text.endswith(mark, 0, end)), None)
        if mark is None and not text[end - 1].isspace():
            break
        end -= 1 if mark is None else len(mark)
    return text[:end]


def _unread(parsed: ParsedObjects) -> Unread:
    faults = Counter(each.reason for each in parsed.wrong)
    if parsed.error is not None:
        faults[f"the answer: {parsed.error}"] += 1
    return Unread(
        kinds=tuple(each.kind for each in parsed.wrong),
        faults=dict(faults),
        notes=parsed.notes or {},
        readable=parsed.error is None,
        header_right=parsed.header_right,
    )


def group_modes(summary_ratio: float) -> tuple[GroupMode, ...]:
    """What groups learn, some epoch or other, if this share of them learns summaries."""
    if summary_ratio in (0, 1):
        return ("summary",) if summary_ratio else ("dense",)
    return ("dense", "summary")


def render_group(
    records: Sequence[InspectionRecord],
    mode: GroupMode,
    *,
    norm: Norm = "norm1000",
    ordering: Ordering = "reference_point",
) -> str:
    """The answer for several images in one turn, as runs of legacy pairing learn it.

        {"图片_1": {"object_1": {"desc": "…", "poly": [3, 4, 9, 4, 9, 8]}}, "图片_2": {…}}
        {"图片_1": "…", "图片_2": "…"}           summaries

    Coordinates are flat, on each image's own grid.

    Raises:
        DataError: an object that cannot be written, or a record without the summary asked for.
    """
    if mode == "dense":
        values: list[Any] = [
            write_objects(record, norm, ordering, pairs=False).value for record in records
        ]
    else:
        values = [_summary_of(record) for record in records]
    named = {f"图片_{number}": value for number, value in enumerate(values, start=1)}
    return canonical.dumps(named, "spaced")


def _summary_of(record: InspectionRecord) -> str:
    if record.summary is None:
        raise DataError(
            "no summary to learn",
            where=f"record {record.key!r}",
            remedy="give 'summary', or set legacy_pairing.summary_ratio to 0",
        )
    return record.summary
