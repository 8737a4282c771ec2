"""Files in portions of some lines, each found again by its place: what a worker is handed."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightwright import jsonl
from sightwright.errors import DataError

LINES, BYTES = 32, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of a file.

    Attributes:
        file: its index among the files.
        line, offset: number and place in bytes of the first line.
        count: of lines, empty ones too.
    """

    file: int
    path: str
    line: int
    offset: int
    count: int

    def lines(self) -> Iterator[tuple[int, jsonl.Line]]:
        """Each line that is not empty, with its place in bytes."""
        path = Path(self.path)
        with path.open("rb") as file:
            file.seek(self.offset)
            for number in range(self.line, self.line + self.count):
                offset = file.tell()
                data = file.readline(jsonl.MAX_LINE_BYTES + 1)
                if number == 1:
                    data = data.removeprefix(codecs.BOM_UTF8)
                if data.strip():
                    yield offset, jsonl.Line(path, number, data)

    def singles(self) -> Iterator["Chunk"]:
        """Each line by itself."""
        for offset, line in self.lines():
            yield Chunk(self.file, self.path, line.number, offset, 1)


def chunks_of(files: Sequence[Path]) -> Iterator[Chunk]:
    """All lines of all files, in order.

    Raises:
        DataError: no such file, one JSON list in place of lines, a line over 256 MiB, no records.
    """
    for index, path in enumerate(files):
        if next(jsonl.read_lines(path), None) is None:
            raise DataError("no records in it", where=str(path))
        yield from _chunks_of_one(index, path)


def _chunks_of_one(index: int, path: Path) -> Iterator[Chunk]:
    with path.open("rb") as file:
        start, first, number, end = 0, 1, 0, 0
        while data := file.readline(jsonl.MAX_LINE_BYTES + 1):
            number, end = number + 1, end + len(data)
            if len(data) > jsonl.MAX_LINE_BYTES:
                raise DataError(
                    f"a line of over {jsonl.MAX_LINE_BYTES} bytes", where=f"{path}:{number}"
                )
            if number - first + 1 >= LINES or end - start >= BYTES:
                yield Chunk(index, str(path), first, start, number - first + 1)
                start, first = end, number + 1
        if number >= first:
            yield Chunk(index, str(path), first, start, number - first + 1)
