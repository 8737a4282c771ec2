"""The records that a mixture draws from, as lines of their files."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sightwright import jsonl
from sightwright.config.fusion import FusedSet, Fusion
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record, read_any_record

Pools = Mapping[str, tuple[jsonl.Line, ...]]
"""Name of a set → its records."""


def read_pools(fusion: Fusion) -> Pools:
    """Read the lines of every set of a ratio above 0; a file that two sets share is read once.

    Raises:
        DataError: a file that is not there, or cannot be read.
    """
    files: dict[Path, tuple[jsonl.Line, ...]] = {}
    pools: dict[str, tuple[jsonl.Line, ...]] = {}
    for each in fusion.sets:
        if each.ratio == 0:
            continue
        file = each.train_jsonl.resolve()
        if file not in files:
            files[file] = tuple(_lines(each))
        pools[each.name] = files[file]
    return pools


def _lines(each: FusedSet) -> Iterator[jsonl.Line]:
    try:
        yield from jsonl.read_lines(each.train_jsonl)
    except DataError as error:
        remedy = error.remedy or f"train_jsonl of {each.name} is looked up beside the mixture"
        raise DataError(error.message, where=error.where, remedy=remedy) from None


def record_of(line: jsonl.Line, each: FusedSet) -> Record:
    """One record, checked for what its set learns of it.

    Raises:
        DataError: a broken line; a conversation among photographs, or the reverse; no objects, or
            no summary.
    """
    try:
        record = read_any_record(line.value())
        require_learnable(record, each)
    except DataError as error:
        raise DataError(error.message, where=line.where, remedy=error.remedy) from None
    return record


def require_learnable(record: Record, each: FusedSet) -> None:
    """Raises:
    DataError: the record holds nothing of what its set learns.
    """
    is_photograph = isinstance(record, InspectionRecord)
    if is_photograph == (each.learns == "chat"):
        found = "a photograph with objects" if is_photograph else "a conversation"
        raise DataError(
            f"{found}, and {each.name} is of dataset: {each.kind}",
            remedy="dataset: chat is of conversations, every other of photographs",
        )
    if not isinstance(record, InspectionRecord):
        return
    if each.learns == "dense" and not record.objects:
        raise DataError(
            f"no objects, which {each.name} learns",
            remedy="leave the record out, or give the entry a summary template",
        )
    if each.learns == "summary" and record.summary is None:
        raise DataError(
            f"no 'summary', which {each.name} learns",
            remedy="leave the record out, or give the entry a dense template",
        )
