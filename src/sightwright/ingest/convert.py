"""Rewrite a file of records in another program's style."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.rebase import Rebase
from sightwright.record_formats import (
    Record,
    RecordFormat,
    format_of,
    read_any_record,
    write_any_record,
    write_record,
)

# Bytes in which a list has surely begun, whatever blanks stand before it.
_BEGINNING = 4096


@dataclass
class ConvertReport:
    """What was read, and what the new style has no place for.

    Attributes:
        styles: how many records came in which style; photographs are `inspection`.
        dropped: for each key of `meta`, in how many records it was left behind.
        num_named: records that had no id and were given one.
    """

    num_records: int = 0
    styles: Counter[RecordFormat | Literal["inspection"]] = field(
        default_factory=Counter[RecordFormat | Literal["inspection"]]
    )
    dropped: Counter[str] = field(default_factory=Counter[str])
    num_named: int = 0


def convert_file(
    file: Path, out: Path, to: RecordFormat, *, ids: str | None = None
) -> ConvertReport:
    """Write every record of `file` to `out` in the style `to`: all of them, or nothing.

    Relative image paths are written as seen from `out`'s folder, with `/` whatever they had. `file`
    may also be one JSON list, as LLaVA and Qwen-VL keep theirs; an `out` called `.json` is one.

    Args:
        ids: record 7 of the file is called `<ids>-000007` if it has no id; None leaves it without.

    Raises:
        DataError: a bad record, or one that the style cannot say; no records.
    """
    if file.resolve() == out.resolve():
        raise DataError(
            "the conversion would overwrite the file it reads", where=str(file),
            remedy="choose another --out",
        )  # fmt: skip
    rebase = Rebase.between(file.parent, out.parent)
    report = ConvertReport()
    with jsonl.Writer(out, as_list=out.suffix.lower() == ".json") as writer:
        for place, value in _values(file):
            try:
                record = read_any_record(value)
                if ids is not None and not record.id:
                    record = replace(record, id=f"{ids}-{report.num_records + 1:06}")
                    report.num_named += 1
                writer.write(_written(rebase.record(record), to))
            except DataError as error:
                raise DataError(error.message, where=place, remedy=error.remedy) from None
            report.num_records += 1
            is_inspection = isinstance(record, InspectionRecord)
            report.styles["inspection" if is_inspection else format_of(value)] += 1
            if to != "sightwright":
                report.dropped.update(list(record.meta))
        if not report.num_records:
            raise DataError("no records in it", where=str(file))
    return report


def _written(record: Record, to: RecordFormat) -> dict[str, Any]:
    if to == "sightwright":
        return write_any_record(record)
    if isinstance(record, InspectionRecord):
        raise DataError(
            f"a photograph with objects has no conversation to be written in the style of {to}",
            remedy="--to sightwright rewrites it as it is; training makes the conversation "
            "(task.type: dense)",
        )
    return write_record(record, to)


def _values(file: Path) -> Iterator[tuple[str, Any]]:
    """Each record with its place and id."""
    if not _is_list(file):
        for line, value in jsonl.read_values(file):
            yield _named(line.where, value), value
        return
    try:
        values = canonical.loads(file.read_bytes())
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=str(file)) from None
    for index, value in enumerate(cast("list[Any]", values)):
        yield _named(f"{file}[{index}]", value), value


def _is_list(file: Path) -> bool:
    """By its beginning, not by its name: lines are called .json too."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return jsonl.begins_a_list(opened.read(_BEGINNING))


def _named(place: str, value: object) -> str:
    named = cast("dict[str, object]", value).get("id") if isinstance(value, dict) else None
    return f"{place} ({named})" if isinstance(named, str) and named else place
