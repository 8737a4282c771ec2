"""Check records before anything is trained on them: every bad line, with its place.

A good line is recognised fast (`quick_check`, `quick_inspection`); every other is looked at
closely, for what is wrong. A line is told by its keys: a photograph with objects (`dense`) or with
a summary alone (`summary`), or a conversation (`chat`). Conversations are checked as records of
extraction, with an id, page images and a JSON answer; but in a file whose first record is a
photograph they are what keeps a model's language, and any answer will do.
"""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from msgspec import UNSET

from sightwright import canonical, images, jsonl
from sightwright.errors import DataError, ImageError, SchemaError
from sightwright.ingest.inspection_check import Shown, image_fault, problems_of
from sightwright.ingest.quick_check import QuickCheck
from sightwright.ingest.quick_inspection import QuickInspection
from sightwright.inspection_records import (
    InspectionLine,
    InspectionRecord,
    is_inspection,
    read_inspection_record,
)
from sightwright.record_formats import read_record
from sightwright.records import ChatRecord
from sightwright.schema import DocumentSchema
from sightwright.web.address import is_web_address

Kind = Literal["dense", "summary", "chat", "unreadable"]

_LINES_A_STEP = 1000
_MOST_LINES = 10**12
_NO_ANSWER = "the last message is the {}'s, not the assistant's answer"


@dataclass(frozen=True)
class Problem:
    """A bad line: `line` counts from 1 and is 0 where the whole file is meant."""

    file: str
    line: int
    id: str
    why: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.id}): {self.why}" if self.id else f"{place}: {self.why}"


@dataclass
class Validator:
    """Walks files line by line; keeps counts and a hash per id, never the records.

    Attributes:
        schema: what answers must fit; without one, any JSON object will do.
        check_images: whether image files must exist, and photographs be as large as their record
            says. No pixel is decoded, and what is given by an http(s) URL is not fetched;
            `data verify-images` fetches.
        closely: look at every line closely, as if none could be recognised fast.
        chat: conversations need no id, no image and no JSON answer in any of the files.
        kinds: how many records are of each kind.
    """

    schema: DocumentSchema | None = None
    check_images: bool = True
    closely: bool = False
    chat: bool = False
    num_records: int = 0
    num_bad: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter[Kind])
    # Numbers, not pairs: the garbage collector need not walk through them.
    _first_place: dict[bytes, int] = field(default_factory=dict[bytes, int])
    _files: list[Path] = field(default_factory=list[Path])
    # Of the file that is being read: where its images are, whether its conversations are chat.
    _folder: str = ""
    _is_chat_file: bool = False
    _is_first: bool = False

    def check(
        self, files: Sequence[Path], step: Callable[[int], None] | None = None
    ) -> Iterator[Problem]:
        """Yield one problem per bad line; ids are unique across all the files.

        Args:
            step: told, now and then, how many more lines are done.

        Raises:
            DataError: a file that cannot be read at all.
        """
        glances = [] if self.closely else self._glances()
        for file in files:
            self._files.append(file)
            self._folder = os.environ.get("ROOT_IMAGE_DIR") or str(file.parent)
            self._is_chat_file, self._is_first = self.chat, True
            before = self.num_records
            for line in jsonl.read_lines(file):
                self.num_records += 1
                if step is not None and self.num_records % _LINES_A_STEP == 0:
                    step(_LINES_A_STEP)
                if self._is_good(line, glances):
                    continue
                if (problem := self.look_closely(line)) is not None:
                    self.num_bad += 1
                    yield problem
            if self.num_records == before:
                self.num_bad += 1
                yield Problem(str(file), 0, "", "no records in it")

    def _glances(self) -> list[Callable[[jsonl.Line], Kind | None]]:
        """Fast looks, each of which knows the good lines of one contract."""
        quick_chat, quick_inspection = QuickCheck(self.schema), QuickInspection()

        def at_conversation(line: jsonl.Line) -> Kind | None:
            found = quick_chat.read(line.data)
            if found is None or not self._is_new_and_whole(*found, line):
                return None
            return "chat"

        def at_photograph(line: jsonl.Line) -> Kind | None:
            found = quick_inspection.read(line.data)
            if found is None or not self._is_new_and_fits(found, line):
                return None
            return "dense" if found.objects else "summary"

        return [at_conversation, at_photograph]

    def _is_good(
        self, line: jsonl.Line, glances: list[Callable[[jsonl.Line], Kind | None]]
    ) -> bool:
        for index, glance in enumerate(glances):
            if (kind := glance(line)) is not None:
                # Most lines are as the one before.
                glances.insert(0, glances.pop(index))
                self._count(kind)
                return True
        return False

    def _count(self, kind: Kind) -> None:
        self.kinds[kind] += 1
        if self._is_first and kind in ("dense", "summary"):
            self._is_chat_file = True
        self._is_first = False

    def _is_new_and_whole(self, record_id: str, references: list[str], line: jsonl.Line) -> bool:
        if self._first_of(record_id, line) is not None:
            return False
        return all(self._is_there(reference, self._folder) for reference in references)

    def _is_new_and_fits(self, record: InspectionLine, line: jsonl.Line) -> bool:
        if record.id is not UNSET and self._first_of(record.id, line) is not None:
            return False
        shown = Shown(record.images[0], record.width, record.height)
        return image_fault(shown, line.path.parent, check_images=self.check_images) is None

    def _is_there(self, reference: str, folder: str) -> bool:
        """Whether the close look would find the image, as `_check_image` has it."""
        if reference.startswith("data:"):
            return False
        if not self.check_images or reference.startswith(("http://", "https://")):
            return True
        try:
            found = os.stat(os.path.join(folder, reference.replace("\\", "/")))
        except (OSError, ValueError):
            return False
        return found.st_size > 0 and stat.S_ISREG(found.st_mode)

    def look_closely(self, line: jsonl.Line) -> Problem | None:
        """What is wrong with a line, if anything is."""
        record_id, value = "", None
        try:
            value = line.value()
            record_id = _id_as_written(value)
            whys = list(self._problems_of(value, line))
        except DataError as error:
            whys = [f"{error.message} ({error.remedy})" if error.remedy else error.message]
        except RecursionError:
            whys = ["nested too deep"]
        self._count(_kind_of(value))
        # One line per bad record, whatever its values hold.
        why = " ".join("; ".join(whys).split())
        return Problem(str(line.path), line.number, record_id, why) if whys else None

    def _problems_of(self, value: object, line: jsonl.Line) -> Iterator[str]:
        folder = line.path.parent
        if is_inspection(value):
            photograph = read_inspection_record(value)
            yield from self._duplicates(photograph, line)
            yield from problems_of(photograph, folder, check_images=self.check_images)
            return
        record = read_record(value)
        if not self._is_chat_file:
            if not record.id:
                yield "no 'id'"
            yield from self._duplicates(record, line)
            yield from self._answer_problems(record)
            if not record.images:
                yield "no image"
        else:
            yield from self._duplicates(record, line)
            if record.messages[-1].role != "assistant":
                yield _NO_ANSWER.format(record.messages[-1].role)
        yield from self._image_problems(record, folder)

    def _duplicates(self, record: ChatRecord | InspectionRecord, line: jsonl.Line) -> Iterator[str]:
        if record.id and (first := self._first_of(record.id, line)) is not None:
            yield f"duplicate id, first at {first}"

    def _first_of(self, record_id: str, line: jsonl.Line) -> str | None:
        """Where the id stood first, if not here."""
        key = hashlib.blake2b(record_id.encode("utf-8", "replace"), digest_size=16).digest()
        here = (len(self._files) - 1) * _MOST_LINES + line.number
        first = self._first_place.setdefault(key, here)
        if first == here:
            return None
        file, number = divmod(first, _MOST_LINES)
        return f"{self._files[file]}:{number}"

    def _answer_problems(self, record: ChatRecord) -> Iterator[str]:
        last = record.messages[-1]
        if last.role != "assistant":
            yield _NO_ANSWER.format(last.role)
            return
        try:
            answer = canonical.loads(last.text)
        except ValueError as error:
            yield f"the answer is not JSON only: {error}"
            return
        if not isinstance(answer, dict):
            yield "the answer is JSON, but not an object"
        elif self.schema is not None:
            try:
                # As training reads it: a missing key is null.
                self.schema.conform(cast("dict[str, Any]", answer))
            except SchemaError as error:
                yield f"the answer: {error.message}"

    def _image_problems(self, record: ChatRecord, folder: Path) -> Iterator[str]:
        for image in record.images:
            try:
                self._check_image(image, folder)
            except ImageError as error:
                yield f"{error.where}: {error.message}" if error.where else error.message

    def _check_image(self, image: str, folder: Path) -> None:
        if image.startswith("data:"):
            images.decode_data_url(image)
        elif self.check_images and not is_web_address(image):
            path = images.resolve_path(image, folder)
            try:
                empty = os.stat(path).st_size == 0
            except (OSError, ValueError):
                raise ImageError("no such image file", where=str(path)) from None
            if empty or not path.is_file():
                raise ImageError("not an image file, or an empty one", where=str(path))


def _id_as_written(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    written = cast("dict[str, object]", value).get("id")
    return written if isinstance(written, str) else ""


def _kind_of(value: object) -> Kind:
    if is_inspection(value):
        return "dense" if cast("Mapping[str, object]", value).get("objects") else "summary"
    return "unreadable" if not isinstance(value, Mapping) else "chat"
