"""Check extraction records before anything is trained on them: every bad line, with its place.

A good line is recognised fast (`quick_check`); every other is looked at closely, for what is wrong.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sightwright import canonical, images, jsonl
from sightwright.errors import DataError, ImageError, SchemaError
from sightwright.ingest.quick_check import QuickCheck
from sightwright.record_formats import read_record
from sightwright.records import ChatRecord
from sightwright.schema import DocumentSchema
from sightwright.web.address import is_web_address

_LINES_A_STEP = 1000
_MOST_LINES = 10**12


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
        check_images: whether image files must exist. They are not opened, and what is given by an
            http(s) URL is not fetched; `data verify-images` does both.
        closely: look at every line closely, as if none could be recognised fast.
    """

    schema: DocumentSchema | None = None
    check_images: bool = True
    closely: bool = False
    num_records: int = 0
    num_bad: int = 0
    # Numbers, not pairs: the garbage collector need not walk through them.
    _first_place: dict[bytes, int] = field(default_factory=dict[bytes, int])
    _files: list[Path] = field(default_factory=list[Path])

    def check(
        self, files: Sequence[Path], step: Callable[[int], None] | None = None
    ) -> Iterator[Problem]:
        """Yield one problem per bad line; ids are unique across all the files.

        Args:
            step: told, now and then, how many more lines are done.

        Raises:
            DataError: a file that cannot be read at all.
        """
        quick = None if self.closely else QuickCheck(self.schema)
        for file in files:
            self._files.append(file)
            before = self.num_records
            folder = os.environ.get("ROOT_IMAGE_DIR") or str(file.parent)
            for line in jsonl.read_lines(file):
                self.num_records += 1
                if step is not None and self.num_records % _LINES_A_STEP == 0:
                    step(_LINES_A_STEP)
                good = quick.read(line.data) if quick is not None else None
                if good is not None and self._is_new_and_whole(*good, line, folder):
                    continue
                if (problem := self.look_closely(line)) is not None:
                    self.num_bad += 1
                    yield problem
            if self.num_records == before:
                self.num_bad += 1
                yield Problem(str(file), 0, "", "no records in it")

    def _is_new_and_whole(
        self, record_id: str, references: list[str], line: jsonl.Line, folder: str
    ) -> bool:
        if self._first_of(record_id, line) is not None:
            return False
        return all(self._is_there(reference, folder) for reference in references)

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
        record_id = ""
        try:
            value = line.value()
            record_id = _id_as_written(value)
            record = read_record(value)
            whys = [*self._id_problems(record, line), *self._answer_problems(record)]
            whys += self._image_problems(record, line.path.parent)
        except DataError as error:
            whys = [f"{error.message} ({error.remedy})" if error.remedy else error.message]
        except RecursionError:
            whys = ["nested too deep"]
        # One line per bad record, whatever its values hold.
        why = " ".join("; ".join(whys).split())
        return Problem(str(line.path), line.number, record_id, why) if whys else None

    def _id_problems(self, record: ChatRecord, line: jsonl.Line) -> Iterator[str]:
        if not record.id:
            yield "no 'id'"
        elif (first := self._first_of(record.id, line)) is not None:
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
            yield f"the last message is the {last.role}'s, not the assistant's answer"
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
        if not record.images:
            yield "no image"
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
