"""One record under examination: read, its images opened once, its words found beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sightwright import canonical, images, jsonl
from sightwright.doctor.finding import Finding, Severity, Shown
from sightwright.doctor.looking import Looked, look_at
from sightwright.errors import DataError
from sightwright.geometry import Geometry, faults
from sightwright.geometry_json import read_geometry
from sightwright.ingest.sources import printable
from sightwright.ingest.words import PageWords, read_words, words_path
from sightwright.inspection_records import DenseObject, InspectionRecord, is_inspection
from sightwright.record_formats import Record, read_any_record
from sightwright.records import ChatRecord
from sightwright.schema import DocumentSchema

if TYPE_CHECKING:
    from sightwright.doctor.trained import Trained
    from sightwright.ingest.ocr import WordReader

# Of one record, so that a hostile one cannot fill a report; the others are counted.
MOST_OF_ONE = 20


@dataclass(frozen=True)
class Setup:
    """What an examination goes by. It travels to worker processes.

    Attributes:
        max_pixels, min_pixels: the budget that images will be resized to.
        factor: side of an image token, in pixels.
        min_text_px: the least height of a letter at that budget, in pixels.
        min_object_px: the least side of an object at that budget, in pixels.
        config: the YAML of a training run, for lengths in tokens and the schema of answers.
        ocr: language in which an OCR engine reads pages without a text layer; None for no engine.
        group_by: dotted keys whose values should not stand in two splits.
    """

    max_pixels: int
    min_pixels: int
    factor: int = 32
    min_text_px: float = 6.0
    min_object_px: float = 8.0
    config: str | None = None
    ocr: str | None = None
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tools:
    """What examinations share within one process."""

    setup: Setup
    trained: Trained | None = None
    reader: WordReader | None = None

    @property
    def schema(self) -> DocumentSchema | None:
        return None if self.trained is None else self.trained.schema


@dataclass(frozen=True)
class FaultyShape:
    """An object whose geometry cannot be: its number from 1, what it is called, what is wrong."""

    number: int
    desc: str
    geometry: Geometry | None
    faults: tuple[str, ...]


@dataclass
class Exam:
    """One line of a file, and what is found out about it, each thing when it is first asked for."""

    line: jsonl.Line
    tools: Tools

    @property
    def root(self) -> Path:
        return self.line.path.parent

    @cached_property
    def value(self) -> object:
        """The JSON value; None for a line that is none."""
        try:
            return canonical.loads(self.line.data)
        except ValueError:
            return None

    @cached_property
    def faulty_shapes(self) -> tuple[FaultyShape, ...]:
        """Objects of inspection data whose geometry is off the image or degenerate."""
        if not is_inspection(self.value):
            return ()
        raw = cast("Mapping[str, Any]", self.value)
        objects = raw.get("objects")
        if not isinstance(objects, list):
            return ()
        size = [side if type(side := raw.get(key)) is int and side > 0 else None
                for key in ("width", "height")]  # fmt: skip
        found = (
            _faulty_shape(number, entry, *size)
            for number, entry in enumerate(cast("list[object]", objects), start=1)
        )
        return tuple(shape for shape in found if shape is not None)

    @cached_property
    def _read(self) -> Record | DataError:
        """The record, or what is wrong with it; shapes told apart in `faulty_shapes` left out."""
        try:
            value = self.line.value() if self.value is None else self.value
            return read_any_record(self._without_faulty(value))
        except DataError as error:
            return error
        except RecursionError:
            return DataError("nested too deep")

    def _without_faulty(self, value: object) -> object:
        if not self.faulty_shapes:
            return value
        raw = dict(cast("Mapping[str, Any]", value))
        faulty = {shape.number for shape in self.faulty_shapes}
        kept = [each for i, each in enumerate(raw["objects"], start=1) if i not in faulty]
        # What is left must not read as a record that says nothing.
        return {**raw, "objects": kept, **({} if kept else {"summary": raw.get("summary") or "-"})}

    @property
    def record(self) -> Record | None:
        """None for a line that breaks the contract."""
        return None if isinstance(self._read, DataError) else self._read

    @property
    def breach(self) -> DataError | None:
        return self._read if isinstance(self._read, DataError) else None

    @property
    def inspection(self) -> InspectionRecord | None:
        return self.record if isinstance(self.record, InspectionRecord) else None

    @cached_property
    def numbered_objects(self) -> tuple[tuple[int, DenseObject], ...]:
        """The objects of a photograph but the faulty ones, each with its number in the line."""
        if self.inspection is None:
            return ()
        faulty = {shape.number for shape in self.faulty_shapes}
        numbers = (number for number in count(1) if number not in faulty)
        return tuple(zip(numbers, self.inspection.objects, strict=False))

    @cached_property
    def id(self) -> str:
        """As written, whatever else is wrong with the line; inspection data may go by its image."""
        value = self.value
        if not isinstance(value, dict):
            return ""
        written = cast("dict[str, object]", value).get("id")
        return written if isinstance(written, str) else ""

    @cached_property
    def answer(self) -> dict[str, Any] | None:
        """The JSON object that a document's record is to be answered with."""
        if not isinstance(self.record, ChatRecord) or not self.answer_text:
            return None
        try:
            value = canonical.loads(self.answer_text)
        except ValueError:
            return None
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None

    @property
    def answer_text(self) -> str:
        if not isinstance(self.record, ChatRecord) or self.record.messages[-1].role != "assistant":
            return ""
        return self.record.messages[-1].text

    @cached_property
    def images(self) -> tuple[Looked, ...]:
        if self.record is None:
            return ()
        return tuple(look_at(reference, self.root) for reference in self.record.images)

    @cached_property
    def words(self) -> tuple[PageWords | None, ...]:
        """Of each image the words of its page; None where nothing has read it."""
        return tuple(self._words_of(image) for image in self.images)

    def _words_of(self, image: Looked) -> PageWords | None:
        if image.size is None or images.is_elsewhere(image.reference):
            return None
        path = Path(words_path(str(images.resolve_path(image.reference, self.root))))
        if path.is_file():
            try:
                found = read_words(path)
            except DataError:
                found = None
            if found is not None and found.source != "none":
                return found
        return None if self.tools.reader is None else self._read_by_ocr(image)

    def _read_by_ocr(self, image: Looked) -> PageWords | None:
        assert self.tools.reader is not None
        try:
            picture = images.open_image(image.reference, self.root)
            words = tuple(self.tools.reader.reads(picture))
        except DataError:
            return None
        return PageWords(picture.width, picture.height, f"ocr:{self.tools.reader.name}", words)

    def finding(
        self,
        check: str,
        severity: Severity,
        what: str,
        remedy: str,
        *,
        marks: tuple[Geometry, ...] = (),
        size: tuple[int, int] | None = None,
        image: int | None = 0,
    ) -> Finding:
        """A finding at this record.

        Args:
            marks: shapes on its image, in pixels of an image of `size`.
            image: which of its images shows it; None for no picture.
        """
        shown: tuple[Shown, ...] = ()
        if image is not None and image < len(self.images) and self.images[image].size is not None:
            picture = self.images[image]
            shown = (Shown(picture.reference, str(self.root), "", marks, size or picture.size),)
        # One line per finding, whatever its values hold.
        told = " ".join(what.split())
        place = (printable(self.line.path), self.line.number, self.id)
        return Finding(check, severity, *place, told, remedy, shown)


def _faulty_shape(
    number: int, entry: object, width: int | None, height: int | None
) -> FaultyShape | None:
    if not isinstance(entry, Mapping):
        return None
    raw = cast("Mapping[str, Any]", entry)
    desc = raw.get("desc")
    called = desc if isinstance(desc, str) else ""
    try:
        geometry = read_geometry(raw)
    except DataError as error:
        return FaultyShape(number, called, None, (error.message,))
    found = faults(geometry, width, height)
    return FaultyShape(number, called, geometry, tuple(found)) if found else None
