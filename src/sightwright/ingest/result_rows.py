"""`results.json`: a table of bills of lading with one row per container, read into documents.

Each row repeats what its document says and adds one container:

    {"Filename": "a.pdf", "consignee_name": …, "bl_number": …, "port_of_loading": …,
     "port_of_discharge": …, "vessel_name": …, "detention_free_days": …, "demurrage_free_days": …,
     "combined_free_days": …, "Container_Number": …, "Container_Size": …, "Container_Type": …}
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sightwright import canonical
from sightwright.errors import DataError

FILENAME = "Filename"
# In the order of the answer; `total_expected_containers` and `container_details` follow.
HEADER = (
    "consignee_name", "bl_number", "port_of_loading", "port_of_discharge", "vessel_name",
    "detention_free_days", "demurrage_free_days", "combined_free_days",
)  # fmt: skip
# Key of a row → key of the answer's container.
CONTAINER = {
    "Container_Number": "container_number",
    "Container_Size": "container_size",
    "Container_Type": "container_type",
}
_KEYS = (FILENAME, *HEADER, *CONTAINER)
_MAX_FILE_BYTES = 512 * 1024**2
_SHOWN = 50

# What a printed port holds → the name that is learnt. The first that fits counts.
_PORTS = (
    (re.compile("KLANG"), "Port Klang"),
    (re.compile("PASIR GUDANG"), "Pasir Gudang"),
    (re.compile(r"TANJUNG PELEPAS|\bPTP\b"), "Port Tanjung Pelepas"),
    (re.compile("PENANG"), "Penang"),
)


@dataclass
class BillOfLading:
    """One document of the table.

    Attributes:
        filename: as the table writes it.
        row: its first row, counted from 1.
        header: its fields, each a string, "" where the table has none.
        containers: in the order of the rows, each number once.
    """

    filename: str
    row: int
    header: dict[str, str]
    containers: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def label(self) -> dict[str, Any]:
        """The answer to learn, its keys in the documented order."""
        containers = list(self.containers.values())
        return {
            **self.header,
            "port_of_discharge": canonical_port(self.header["port_of_discharge"]),
            "total_expected_containers": len(containers) or None,
            "container_details": containers,
        }


@dataclass
class RowsReport:
    """What of the table is not in the documents, or was settled in a way worth knowing.

    Attributes:
        num_rows: of the table.
        without_filename: rows that belong to no document, counted from 1.
        repeated_containers: rows whose container their document has already.
        without_number: rows with a container's size or type, and no number.
        other_headers: rows that say something else of their document than its first row does.
        unread_keys: keys that are none of a row's, with how many rows have them.
        absent_keys: keys that no row has; their values are "" in every document.
    """

    num_rows: int = 0
    without_filename: list[int] = field(default_factory=list[int])
    repeated_containers: int = 0
    without_number: list[int] = field(default_factory=list[int])
    other_headers: list[int] = field(default_factory=list[int])
    unread_keys: Counter[str] = field(default_factory=Counter[str])
    absent_keys: list[str] = field(default_factory=list[str])

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "unread_keys": dict(self.unread_keys)}


def read_results(path: Path) -> tuple[list[BillOfLading], RowsReport]:
    """The documents of a results file, in the order of their first rows.

    A document's header is its first row's. Values become strings: null and a missing key "", 14
    and 14.0 "14"; spaces around them go.

    Raises:
        DataError: no such file, not a JSON list of objects, or values that are no text or number;
            every bad row in one message, with its number and Filename.
    """
    rows = _rows(path)
    report = RowsReport(num_rows=len(rows))
    documents: dict[str, BillOfLading] = {}
    problems: list[str] = []
    for number, value in enumerate(rows, start=1):
        try:
            _take(number, value, documents, report)
        except DataError as error:
            problems.append(f"row {number}{_of_file(value)}: {error.message}")
    if problems:
        hidden = len(problems) - _SHOWN
        shown = problems[:_SHOWN] + ([f"… and {hidden} more"] if hidden > 0 else [])
        raise DataError("\n  ".join([f"{len(problems)} bad rows:", *shown]), where=str(path))
    if not documents:
        raise DataError(
            "no row has a Filename", where=str(path),
            remedy='a row is {"Filename": "a.pdf", "bl_number": …, "Container_Number": …, …}',
        )  # fmt: skip
    present = {key for row in rows for key in cast("Mapping[str, object]", row)}
    report.absent_keys = [key for key in _KEYS if key not in present]
    return list(documents.values()), report


def canonical_port(printed: str) -> str:
    """The name of a port of discharge: one of four where it is one of them, else as printed.

    >>> canonical_port("PORT KLANG (WESTPORT), MALAYSIA"), canonical_port("Busan")
    ('Port Klang', 'Busan')
    """
    upper = " ".join(printed.upper().split())
    return next((name for pattern, name in _PORTS if pattern.search(upper)), printed)


def _rows(path: Path) -> list[object]:
    content = _read(path)
    try:
        value = canonical.loads(content)
    except canonical.DuplicateKeyError as error:
        raise DataError(f"{_place_of_repeat(content)}{error}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"not JSON: {why}", where=str(path)) from None
    if not isinstance(value, list):
        raise DataError(
            f"a list of rows is expected, not {_kind(value)}", where=str(path),
            remedy="write it as [{…}, {…}], one object per container",
        )  # fmt: skip
    return cast("list[object]", value)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise DataError(
                f"{size} bytes, over the limit of {_MAX_FILE_BYTES}", where=str(path),
                remedy="split it, whole documents together, and join the JSONL files",
            )  # fmt: skip
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), remedy="give --results") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _place_of_repeat(content: bytes) -> str:
    """The row in which a key stands twice: read again, leniently, by who has hit an error."""

    def pairs_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        repeated = len(members) < len(pairs) or any(
            isinstance(value, dict) and "\0" in value for value in members.values()
        )
        # No honest key holds a NUL.
        return {**members, "\0": True} if repeated else members

    try:
        rows = json.loads(content, object_pairs_hook=pairs_of)
    except (ValueError, RecursionError):
        # Broken further down as well: the repeated key is the first thing to mend.
        return ""
    for number, row in enumerate(cast("list[object]", rows) if isinstance(rows, list) else [], 1):
        if isinstance(row, dict) and "\0" in row:
            return f"row {number}{_of_file(cast('dict[str, Any]', row))}: "
    return ""


def _take(
    number: int, value: object, documents: dict[str, BillOfLading], report: RowsReport
) -> None:
    if not isinstance(value, Mapping):
        raise DataError(f"an object is expected, not {_kind(value)}")
    row = cast("Mapping[str, object]", value)
    report.unread_keys.update(key for key in row if key not in _KEYS)
    texts, bad = _texts(row)
    if bad:
        raise DataError("; ".join(bad))
    filename = texts[FILENAME]
    if not filename:
        report.without_filename.append(number)
        return
    header = {key: texts[key] for key in HEADER}
    document = documents.setdefault(filename, BillOfLading(filename, number, header))
    if any(text and text != document.header[key] for key, text in header.items()):
        report.other_headers.append(number)
    _take_container(number, texts, document, report)


def _take_container(
    number: int, texts: Mapping[str, str], document: BillOfLading, report: RowsReport
) -> None:
    container = {ours: texts[theirs] for theirs, ours in CONTAINER.items()}
    key = container["container_number"]
    if not key:
        if any(container.values()):
            report.without_number.append(number)
    elif key in document.containers:
        report.repeated_containers += 1
    else:
        document.containers[key] = container


def _texts(row: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    texts: dict[str, str] = {}
    bad: list[str] = []
    for key in _KEYS:
        try:
            texts[key] = _text(row.get(key))
        except DataError as error:
            bad.append(f"{key}: {error.message}")
    return texts, bad


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            raise DataError(f"text or a number is expected, not {_kind(value)}")
        case int():
            return str(value)
        case float():
            # A column of whole numbers with gaps comes out of a table as 14.0.
            return re.sub(r"(?<=\d)\.0+$", "", canonical.dumps(value))
        case _:
            raise DataError(f"text or a number is expected, not {_kind(value)}")


def _of_file(value: object) -> str:
    name = cast("Mapping[str, object]", value).get(FILENAME) if isinstance(value, Mapping) else None
    return f" ({name[:120]!r})" if isinstance(name, str) else ""


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def shown_rows(numbers: list[int]) -> Iterator[str]:
    """Row numbers for a message, the first of many."""
    yield from map(str, numbers[:_SHOWN])
    if len(numbers) > _SHOWN:
        yield f"… {len(numbers) - _SHOWN} more"
