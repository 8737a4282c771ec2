"""Streaming JSON Lines: one record in memory at a time, every bad line named with its place."""

import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from sightwright import canonical
from sightwright.errors import DataError

# One line of a chat record with its images as data URLs is large; a file with no line breaks at
# all must not fill the memory.
MAX_LINE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One non-empty line of a file: `number` counts from 1."""

    path: Path
    number: int
    data: bytes

    @property
    def where(self) -> str:
        return f"{self.path}:{self.number}"


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the non-empty lines of a file.

    Raises:
        DataError: no such file, or a line over 256 MiB.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError("no such file", where=str(path)) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from None
    with file:
        number = 0
        while data := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(data) > MAX_LINE_BYTES:
                raise DataError(f"a line of over {MAX_LINE_BYTES} bytes", where=f"{path}:{number}")
            if data.strip():
                yield Line(path, number, data)


def read_values(path: Path) -> Iterator[tuple[Line, Any]]:
    """Yield each line with its JSON value.

    Raises:
        DataError: a line that is not strict JSON, with its place.
    """
    for line in read_lines(path):
        try:
            yield line, canonical.loads(line.data)
        except ValueError as error:
            raise DataError(f"not JSON: {error}", where=line.where) from None


class Writer:
    """Writes a JSONL file atomically: nothing stands at `path` before all of it does.

    Use as a context manager; an exception inside leaves an older file untouched.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        self._file: BinaryIO | None = None
        self.num_records = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._partial.open("xb")
        return self

    def write(self, value: Any) -> None:
        """Append one record in canonical compact JSON."""
        assert self._file is not None, "a Writer writes inside its with-block"
        self._file.write(canonical.dumps(value).encode("utf-8") + b"\n")
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
