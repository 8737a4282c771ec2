"""Extraction: page images in, one strict JSON document out.

The only place that says what is asked, what is expected, and how it is marked: labels are written,
training text is made, requests are sent and answers are scored through this class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.metrics.fields import DocumentMark, mark_document
from sightwright.records import ChatRecord, ImageRef, Item, Message, Text
from sightwright.schema import DocumentSchema

Order = Literal["image_first", "instruction_first"]

DEFAULT_PROMPT = "Extract the document as JSON."


@dataclass(frozen=True)
class Parsed:
    """An answer as read.

    Attributes:
        value: the document in canonical form; None when `error` says why it is none.
        valid_json: it was JSON at least, whatever the schema says.
    """

    value: dict[str, Any] | None
    valid_json: bool
    error: str | None = None


@dataclass(frozen=True)
class ExtractTask:
    """How one kind of document is read.

    Attributes:
        schema: what a document holds.
        prompt: the instruction of a new request.
        order: whether a user turn begins with its images or with its instruction.
        prompt_has_schema: write the schema after the instruction. The decoder follows the schema
            either way.
        replace_prompt: ask stored records by `prompt` too; else each keeps its own instruction.
    """

    schema: DocumentSchema
    prompt: str = DEFAULT_PROMPT
    order: Order = "image_first"
    prompt_has_schema: bool = False
    replace_prompt: bool = False

    def messages(self, images: Sequence[str]) -> tuple[Message, ...]:
        """What is sent for a document of these page images, in page order."""
        return (self._arranged(Message("user", _images_then(images, self.prompt))),)

    def prompt_of(self, record: ChatRecord) -> tuple[Message, ...]:
        """A stored record's turns before its last answer, arranged as `messages` arranges them.

        The texts of a turn keep their order, and so do its images.
        """
        turns = record.messages
        if turns[-1].role == "assistant":
            turns = turns[:-1]
        return tuple(
            self._arranged(self._asked(turn)) if turn.role == "user" else turn for turn in turns
        )

    def target(self, label: Mapping[str, Any]) -> str:
        """The answer to learn: the label in canonical form, compact, on one line.

        Raises:
            SchemaError: a label against the schema.
        """
        return canonical.dumps(self.schema.conform(label).value)

    def gold(self, record: ChatRecord) -> dict[str, Any]:
        """The label that a stored record carries as its last answer, in canonical form.

        Raises:
            DataError: no answer, or one that is no document of the schema; names the record.
        """
        where = f"record {record.id!r}"
        answer = record.messages[-1]
        if answer.role != "assistant":
            raise DataError(
                "no label: the last message is not the assistant's",
                where=where,
                remedy="end the record with an assistant message that holds the JSON",
            )
        parsed = self.parse(answer.text)
        if parsed.value is None:
            raise DataError(f"the label cannot be used: {parsed.error}", where=where)
        return parsed.value

    def record(
        self,
        record_id: str,
        images: Sequence[str],
        label: Mapping[str, Any],
        meta: Mapping[str, Any] | None = None,
    ) -> ChatRecord:
        """A training record: images, then the instruction, then the label.

        It is stored so whatever `order` and `prompt_has_schema` say: they are applied when it is
        used, so the same file serves runs that ask differently.

        Raises:
            SchemaError: a label against the schema.
        """
        user = Message("user", _images_then(images, self.prompt))
        answer = Message("assistant", (Text(self.target(label)),))
        return ChatRecord(record_id, (user, answer), dict(meta or {}))

    def parse(self, text: str) -> Parsed:
        """Read an answer. Nothing is repaired; a key left out is null, as in labels."""
        try:
            value = canonical.loads(text)
            # Half of a surrogate pair ("\ud800") is JSON by its grammar, and no text anywhere else.
            canonical.dumps(value).encode("utf-8")
        except (ValueError, RecursionError) as error:
            return Parsed(None, valid_json=False, error=f"not JSON: {error}")
        try:
            return Parsed(self.schema.conform(value).value, valid_json=True)
        except (DataError, RecursionError) as error:
            why = error.message if isinstance(error, DataError) else "nested too deep"
            return Parsed(None, valid_json=True, error=f"against the schema: {why}")

    def mark(self, gold: Mapping[str, Any], text: str, *, cut: bool) -> DocumentMark:
        """Mark one answer.

        Args:
            cut: generation ended at the output limit; the answer counts as none, even if it is
                JSON by luck.
        """
        parsed = self.parse(text)
        return mark_document(self.schema, gold, parsed.value, valid_json=parsed.valid_json, cut=cut)

    def _asked(self, turn: Message) -> Message:
        if not self.replace_prompt:
            return turn
        return Message("user", _images_then(turn.images, self.prompt))

    def _arranged(self, turn: Message) -> Message:
        images = [item for item in turn.content if isinstance(item, ImageRef)]
        texts = [item for item in turn.content if isinstance(item, Text)]
        if self.prompt_has_schema:
            texts.append(Text(f"\nJSON Schema: {canonical.dumps(self.schema.json_schema)}"))
        in_order = (*images, *texts) if self.order == "image_first" else (*texts, *images)
        return Message("user", in_order)


def _images_then(images: Sequence[str], prompt: str) -> tuple[Item, ...]:
    return (*map(ImageRef, images), Text(prompt))
