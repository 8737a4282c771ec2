"""What a file of records holds, in numbers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.images import is_elsewhere
from sightwright.ingest.inspection_stats import InspectionStats
from sightwright.ingest.spread import Spread
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import RecordFormat, format_of, read_any_record
from sightwright.records import ChatRecord

# So many bad lines are named; the others are counted.
_MOST_NAMED = 20


@dataclass
class FileStats:
    """Numbers of one file.

    Attributes:
        num_without_image: records with no image, or with an empty name in its place.
        num_unread: lines that are no record for another reason; `unread` names the first of them.
        num_without_answer: records whose last message is no JSON object of the assistant's.
        photographs: of the inspection records, which have neither prompt nor answer of their own.
        extensions: of the image files; data URLs and http(s) URLs are counted as such.
        rows: for each array of the answers, how many rows it has: `lines`, `lines[].taxes`.
        filled: for each key of the answers, in how many it is not null.
    """

    num_records: int = 0
    num_without_image: int = 0
    num_unread: int = 0
    unread: list[str] = field(default_factory=list[str])
    num_without_answer: int = 0
    styles: Counter[RecordFormat] = field(default_factory=Counter[RecordFormat])
    photographs: InspectionStats = field(default_factory=InspectionStats)
    extensions: Counter[str] = field(default_factory=Counter[str])
    pages: Spread = field(default_factory=Spread)
    prompt_characters: Spread = field(default_factory=Spread)
    answer_characters: Spread = field(default_factory=Spread)
    rows: dict[str, Spread] = field(default_factory=dict[str, Spread])
    filled: Counter[str] = field(default_factory=Counter[str])

    def value(self) -> dict[str, Any]:
        """For JSON."""
        held = {"photographs": self.photographs.value()} if self.photographs.num_records else {}
        return {
            "records": self.num_records,
            "without_image": self.num_without_image,
            "without_answer": self.num_without_answer,
            "unread": self.num_unread,
            "unread_lines": self.unread,
            "styles": dict(self.styles),
            "extensions": dict(self.extensions.most_common()),
            "pages": self.pages.value(),
            "prompt_characters": self.prompt_characters.value(),
            "answer_characters": self.answer_characters.value(),
            "rows": {path: spread.value() for path, spread in self.rows.items()},
            "filled": dict(self.filled),
            **held,
        }


def file_stats(file: Path) -> Iterator[FileStats]:
    """Count; yields the numbers so far after each line, the same object.

    Raises:
        DataError: a file that cannot be read, or without a line.
    """
    stats = FileStats()
    for line in jsonl.read_lines(file):
        _add_line(stats, line)
        yield stats
    if not stats.num_records:
        raise DataError("no records in it", where=str(file))


def _add_line(stats: FileStats, line: jsonl.Line) -> None:
    stats.num_records += 1
    value: object = None
    try:
        value = line.value()
        record = read_any_record(value)
    except DataError as error:
        if _has_empty_image(value):
            stats.num_without_image += 1
            return
        stats.num_unread += 1
        if len(stats.unread) < _MOST_NAMED:
            stats.unread.append(f"{line.where}: {error.message}")
        return
    stats.extensions.update(_extension(image) for image in record.images)
    if isinstance(record, InspectionRecord):
        stats.photographs.add(record)
        return
    stats.styles[format_of(value)] += 1
    stats.num_without_image += not record.images
    stats.pages.add(len(record.images))
    _add_texts(stats, record)


def _add_texts(stats: FileStats, record: ChatRecord) -> None:
    answer = record.messages[-1]
    asked = record.messages[:-1] if answer.role == "assistant" else record.messages
    stats.prompt_characters.add(sum(len(message.text) for message in asked))
    if answer.role != "assistant":
        stats.num_without_answer += 1
        return
    stats.answer_characters.add(len(answer.text))
    try:
        document = canonical.loads(answer.text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        stats.num_without_answer += 1
        return
    for key, held in cast("dict[str, object]", document).items():
        stats.filled[key] += held is not None
        _add_rows(stats, key, held)


def _add_rows(stats: FileStats, path: str, value: object) -> None:
    match value:
        case list():
            rows = cast("list[object]", value)
            stats.rows.setdefault(path, Spread()).add(len(rows))
            for row in rows:
                _add_rows(stats, f"{path}[]", row)
        case dict():
            for key, held in cast("dict[str, object]", value).items():
                _add_rows(stats, f"{path}.{key}", held)
        case _:
            pass


def _extension(image: str) -> str:
    if is_elsewhere(image):
        return "data URL" if image.startswith("data:") else "http(s) URL"
    return PurePosixPath(image.replace("\\", "/")).suffix.lower() or "none"


def _has_empty_image(value: object) -> bool:
    """`{"type": "image", "image": ""}`: a builder that found no file for its document."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return any(
            (key in ("image", "image_url", "url") and held == "") or _has_empty_image(held)
            for key, held in members.items()
            if key != "meta"
        )
    return isinstance(value, list) and any(map(_has_empty_image, cast("list[object]", value)))
