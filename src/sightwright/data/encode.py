"""Records → token ids with their supervised mask, checked before anything is trained on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Literal, Protocol

from sightwright.chat import ChatTokenizer, Rendered, render
from sightwright.data.sizes import Grid, grid_of, grid_tokens
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record
from sightwright.records import ChatRecord, Message, Text
from sightwright.tasks.dense import DenseTask, GroupMode, require_objects
from sightwright.tasks.token_kinds import TokenKind, kinds_of_tokens
from sightwright.tasks.verdict import VerdictTask
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from sightwright.tasks.extract import ExtractTask
    from sightwright.tasks.inspection import InspectionTask


class Arrange(Protocol):
    """What a task makes of a record: the conversation to learn, its answer last."""

    def __call__(self, record: Record, epoch: int | None = None, /) -> tuple[Message, ...]:
        """
        Args:
            epoch: of the run; None outside training. A few records are asked differently in each.

        Raises:
            DataError: a record that the task cannot learn from.
        """
        ...


class ArrangeGroup(Protocol):
    """What legacy pairing makes of several photographs: one question, one answer."""

    def __call__(
        self, records: Sequence[InspectionRecord], mode: GroupMode, /
    ) -> tuple[Message, ...]: ...


@dataclass(frozen=True)
class Place:
    """Where a record stands, for messages: `train.jsonl` record 7 (invoice-12)."""

    dataset: str
    index: int
    id: str = ""

    def __str__(self) -> str:
        return f"{self.dataset} record {self.index}" + (f" ({self.id})" if self.id else "")


@dataclass(frozen=True)
class Encoded:
    """A conversation ready for a batch, its images not yet decoded.

    Attributes:
        ids: token ids, every image expanded to its number of pads.
        supervised: for each id, whether the loss falls on predicting it.
        image_starts: index of the first pad of each image.
        grids: patches of each image.
        images: their references, in the same order.
    """

    ids: list[int]
    supervised: list[bool]
    image_starts: list[int]
    grids: tuple[Grid, ...]
    images: tuple[str, ...]
    place: Place

    @property
    def length(self) -> int:
        return len(self.ids)


class OverLengthError(DataError):
    """A record that reaches the length limit."""


@dataclass(frozen=True)
class Encoder:
    """How this run turns records into tokens.

    Attributes:
        arrange: the task's conversation of a record.
        max_length: a record that *reaches* it is an error: no truncation, no silent drop.
        supervise: the last assistant turn, or every one.
    """

    tokenizer: ChatTokenizer
    spec: VisionSpec
    arrange: Arrange
    max_length: int
    supervise: Literal["last", "all_turns"] = "last"

    def messages(
        self, record: Record, place: Place, epoch: int | None = None
    ) -> tuple[Message, ...]:
        """The conversation to learn.

        Raises:
            DataError: the task finds no answer in the record, or a wrong one.
        """
        try:
            return self.arrange(record, epoch)
        except DataError as error:
            raise _at(place, error) from None

    def encode(
        self, messages: Sequence[Message], sizes: Sequence[tuple[int, int]], place: Place
    ) -> Encoded:
        """Token ids of a conversation whose images have these (width, height) in pixels.

        Raises:
            DataError: nothing to learn, or image placeholders that are not the image tokens.
            OverLengthError: the length reaches `max_length`.
        """
        images = tuple(image for message in messages for image in message.images)
        try:
            grids = tuple(grid_of(width, height, self.spec) for width, height in sizes)
            tokens = [grid_tokens(grid, self.spec) for grid in grids]
            rendered = render(messages, self.tokenizer, tokens, supervise=self.supervise)
        except DataError as error:
            raise _at(place, error) from None
        self._check(rendered, tokens, place)
        starts = rendered.image_starts
        return Encoded(rendered.ids, rendered.supervised, starts, grids, images, place)

    def _check(self, rendered: Rendered, image_tokens: Sequence[int], place: Place) -> None:
        pads = rendered.ids.count(self.tokenizer.image_pad)
        if pads != sum(image_tokens) or len(rendered.image_starts) != len(image_tokens):
            raise DataError(
                f"{pads} image placeholders for {sum(image_tokens)} image tokens", where=str(place)
            )
        if not any(rendered.supervised):
            raise DataError(
                "no assistant turn, so there is nothing to learn",
                where=str(place),
                remedy="end every training record with an assistant message",
            )
        if len(rendered.ids) >= self.max_length:
            raise OverLengthError(
                f"{len(rendered.ids)} tokens ({pads} of them image tokens) reach the limit of "
                f"{self.max_length}",
                where=str(place),
                remedy="raise global_max_length (or template.max_length), or lower "
                "template.max_pixels: fewer pixels are fewer image tokens",
            )


def answer_kinds(encoded: Encoded, tokenizer: ChatTokenizer) -> list[TokenKind]:
    """What each supervised token writes, in order; each answer is read for itself."""
    found: list[TokenKind] = []
    tokens = zip(encoded.ids, encoded.supervised, strict=True)
    for supervised, answer in groupby(tokens, key=lambda token: token[1]):
        if supervised:
            found += kinds_of_tokens(tokenizer.token_bytes([token for token, _ in answer]))
    return found


def arrange_extraction(task: "ExtractTask") -> Arrange:
    """The served prompt of a document, and its label as the decoder would write it."""
    return partial(_extraction, task)


def arrange_inspection(task: "InspectionTask") -> Arrange:
    """The question about a record's photographs, and the answer that the task wants."""
    return partial(_inspection, task)


def arrange_chat(system: str | None) -> Arrange:
    """The record's own turns; `system` (template.system) opens those that bring none."""
    return partial(_chat, system)


# Functions of the module, so that a loader's process may be spawned with them.
def _extraction(
    task: "ExtractTask", record: Record, epoch: int | None = None, /
) -> tuple[Message, ...]:
    record = conversation(record)
    if not record.id:
        raise DataError("an extraction record needs an 'id'")
    return (*task.prompt_of(record), _answer(task.target(task.gold(record))))


def _chat(system: str | None, record: Record, epoch: int | None = None, /) -> tuple[Message, ...]:
    record = conversation(record)
    if system is None or record.messages[0].role == "system":
        return record.messages
    return (Message("system", (Text(system),)), *record.messages)


def _inspection(
    task: "InspectionTask", record: Record, epoch: int | None = None, /
) -> tuple[Message, ...]:
    if isinstance(task, VerdictTask):
        group = conversation(record)
        return (*task.prompt_of(group), _answer(task.target(group)))
    photograph = photograph_of(record)
    if epoch is None and isinstance(task, DenseTask):
        # In an epoch, augmentation may have moved them all off the image.
        require_objects(photograph)
    return (*task.prompt_of(photograph), _answer(task.target(photograph)))


def _answer(text: str) -> Message:
    return Message("assistant", (Text(text),))


def photograph_of(record: Record) -> InspectionRecord:
    """A record that is a photograph with its annotations.

    Raises:
        DataError: it is a conversation.
    """
    if not isinstance(record, InspectionRecord):
        raise DataError(
            "a conversation, where inspection data is wanted",
            remedy="task.type: extract or chat learns from it; a mixture takes both",
        )
    return record


def conversation(record: Record) -> ChatRecord:
    """A record that is a conversation.

    Raises:
        DataError: it is a photograph with objects.
    """
    if not isinstance(record, ChatRecord):
        raise DataError(
            "inspection data, where a conversation is wanted",
            remedy="task.type: dense (or summary) learns from it",
        )
    return record


def _at(place: Place, error: DataError) -> DataError:
    where = f"{place}: {error.where}" if error.where else str(place)
    return DataError(error.message, where=where, remedy=error.remedy)
