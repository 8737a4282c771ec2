"""Check extraction records before anything is trained on them: every bad line, with its place."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sightwright import canonical, images, jsonl
from sightwright.errors import DataError, ImageError, SchemaError
from sightwright.records import ChatRecord, read_chat_record
from sightwright.schema import DocumentSchema


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
        check_images: whether image files must exist (they are not opened).
    """

    schema: DocumentSchema | None = None
    check_images: bool = True
    num_records: int = 0
    num_bad: int = 0
    _first_place: dict[bytes, tuple[int, int]] = field(default_factory=dict[bytes, tuple[int, int]])
    _files: list[Path] = field(default_factory=list[Path])

    def check(self, files: Sequence[Path]) -> Iterator[Problem]:
        """Yield one problem per bad line; ids are unique across all the files.

        Raises:
            DataError: a file that cannot be read at all.
        """
        for file in files:
            self._files.append(file)
            before = self.num_records
            for line in jsonl.read_lines(file):
                self.num_records += 1
                if (problem := self._check_line(line)) is not None:
                    self.num_bad += 1
                    yield problem
            if self.num_records == before:
                self.num_bad += 1
                yield Problem(str(file), 0, "", "no records in it")

    def _check_line(self, line: jsonl.Line) -> Problem | None:
        record_id = ""
        try:
            value = canonical.loads(line.data)
            record_id = _id_as_written(value)
            record = read_chat_record(value)
            whys = [*self._id_problems(record, line), *self._answer_problems(record)]
            whys += self._image_problems(record, line.path.parent)
        except DataError as error:
            whys = [error.message]
        except ValueError as error:
            whys = [f"not JSON: {error}"]
        # One line per bad record, whatever its values hold.
        why = " ".join("; ".join(whys).split())
        return Problem(str(line.path), line.number, record_id, why) if whys else None

    def _id_problems(self, record: ChatRecord, line: jsonl.Line) -> Iterator[str]:
        if not record.id:
            yield "no 'id'"
            return
        key = hashlib.blake2b(record.id.encode("utf-8", "replace"), digest_size=16).digest()
        here = (len(self._files) - 1, line.number)
        file, number = self._first_place.setdefault(key, here)
        if (file, number) != here:
            yield f"duplicate id, first at {self._files[file]}:{number}"

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
        elif image.startswith(("http://", "https://")):
            raise ImageError("http(s) images cannot be fetched by this version", where=image[:200])
        elif self.check_images:
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
