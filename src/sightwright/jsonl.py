"""Streaming JSON Lines: one record in memory at a time, every bad line named with its place."""

import codecs
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from sightwright import canonical
from sightwright.errors import DataError

# One line of a chat record with its images as data URLs is large; a file with no line breaks at
# all must not fill the memory.
MAX_LINE_BYTES = 256 * 1024 * 1024
_LIST = re.compile(rb"\s*\[\s*(\{|$)")


class Line(NamedTuple):
    """One non-empty line of a file: `number` counts from 1."""

    path: Path
    number: int
    data: bytes

    @property
    def where(self) -> str:
        return f"{self.path}:{self.number}"

    def value(self) -> Any:
        """Its JSON value.

        Raises:
            DataError: not strict JSON; the caller adds the place.
        """
        try:
            return canonical.loads(self.data)
        except ValueError as error:
            raise DataError(f"not JSON: {error}") from None


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the non-empty lines of a file.

    Raises:
        DataError: no such file, one JSON list in place of lines, or a line over 256 MiB.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError("no such file", where=str(path)) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None
    with file:
        number, is_first = 0, True
        while data := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if number == 1:
                data = data.removeprefix(codecs.BOM_UTF8)
            if not data.strip():
                continue
            if is_first and begins_a_list(data):
                raise DataError(
                    "one JSON list, not a value on each line", where=str(path),
                    remedy="write each on a line of its own; for a list of records, "
                    "sightwright data convert FILE --to sightwright --out FILE.jsonl",
                )  # fmt: skip
            if len(data) > MAX_LINE_BYTES:
                raise DataError(f"a line of over {MAX_LINE_BYTES} bytes", where=f"{path}:{number}")
            is_first = False
            yield Line(path, number, data)


def read_values(path: Path) -> Iterator[tuple[Line, Any]]:
    """Yield each line with its JSON value.

    Raises:
        DataError: a line that is not strict JSON, with its place.
    """
    for line in read_lines(path):
        try:
            value = line.value()
        except DataError as error:
            raise DataError(error.message, where=line.where) from None
        yield line, value


def begins_a_list(data: bytes) -> bool:
    """Whether a file that begins so is one JSON list of objects, as LLaVA and Qwen-VL keep
    theirs."""
    return _LIST.match(data.removeprefix(codecs.BOM_UTF8)) is not None


class Writer:
    """Writes a JSONL file atomically: nothing stands at `path` before all of it does.

    Use as a context manager; an exception inside leaves an older file untouched.

    Args:
        as_list: write one JSON list, a record on each line of it.
    """

    def __init__(self, path: Path, *, as_list: bool = False) -> None:
        self._path = path
        self._as_list = as_list
        self._partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        self._file: BinaryIO | None = None
        self.num_records = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._partial.open("xb")
        if self._as_list:
            self._file.write(b"[\n")
        return self

    def write(self, value: Any) -> None:
        """Append one record in canonical compact JSON.

        Raises:
            DataError: nested deeper than can be written; reading goes a little deeper.
        """
        assert self._file is not None, "a Writer writes inside its with-block"
        try:
            line = canonical.dumps(value).encode("utf-8")
        except RecursionError:
            raise DataError("nested too deep to be written") from None
        if not self._as_list:
            line += b"\n"
        elif self.num_records:
            line = b",\n" + line
        self._file.write(line)
        self.num_records += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._file is not None
        if kind is not None:
            self._file.close()
            self._partial.unlink(missing_ok=True)
            return
        if self._as_list:
            self._file.write(b"\n]\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)


def write_all(path: Path, values: Iterable[Any]) -> int:
    """Write every value as a line, atomically; returns how many there were."""
    with Writer(path) as writer:
        for value in values:
            writer.write(value)
    return writer.num_records
