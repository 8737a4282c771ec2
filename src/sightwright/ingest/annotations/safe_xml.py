"""XML of strangers: no document type, no entities, no more than a bounded depth and size.

What a document type can do (entities that multiply, files that are pulled in) annotations never
need, so a file that has one is refused before it is acted on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from sightwright.errors import DataError
from sightwright.ingest.sources import printable

MAX_XML_BYTES = 1024**3
_MAX_DEPTH = 32
_MAX_TEXT = 1024**2
_MAX_ELEMENTS = 500_000
_CHUNK = 256 * 1024


@dataclass
class Element:
    """One element: its text is what stands before its first child and between them."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    children: "list[Element]" = field(default_factory=list["Element"])
    texts: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def all(self, name: str) -> "list[Element]":
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> "Element | None":
        return next(iter(self.all(name)), None)

    def text_of(self, name: str) -> str:
        """The text of the first child so named; "" where there is none."""
        child = self.first(name)
        return "" if child is None else child.text.strip()


def read_elements(path: Path, name: str, depth: int) -> Iterator[Element]:
    """Every element of that name at that depth (0 is the root), one at a time.

    Raises:
        DataError: no XML, a document type or entity, nested or long beyond reason.
    """
    try:
        with path.open("rb") as file:
            yield from _elements(file, printable(path), name, depth)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=printable(path)) from None


def _elements(file: BinaryIO, where: str, name: str, depth: int) -> Iterator[Element]:
    builder = _Builder(name, depth, where)
    parser = builder.parser()
    num_bytes = 0
    while True:
        chunk = file.read(_CHUNK)
        num_bytes += len(chunk)
        if num_bytes > MAX_XML_BYTES:
            raise DataError(f"over the limit of {MAX_XML_BYTES} bytes", where=where)
        try:
            parser.Parse(chunk, not chunk)
        except DataError:
            raise
        except expat.ExpatError as error:
            raise DataError(f"not XML: {error}", where=where) from None
        except (LookupError, ValueError) as error:
            # Of the encoding that its first line states.
            raise DataError(
                f"cannot be decoded: {error}", where=where, remedy="write it as UTF-8"
            ) from None
        ready, builder.ready = builder.ready, []
        yield from ready
        if not chunk:
            return


class _Builder:
    """Builds the wanted elements alone; the rest of the tree is passed over."""

    def __init__(self, name: str, depth: int, where: str) -> None:
        self._name, self._depth, self._where = name, depth, where
        self._level = 0
        self._open: list[Element] = []
        self._num_letters = self._num_elements = 0
        self.ready: list[Element] = []

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        return parser

    def _refuse(self, *_: object) -> int:
        raise DataError(
            "a document type or an entity in it, which annotations never have",
            where=self._where,
            remedy="export it anew, or remove the <!DOCTYPE …>",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._level >= _MAX_DEPTH:
            raise DataError(f"nested over {_MAX_DEPTH} deep", where=self._where)
        if self._open or (self._level == self._depth and name == self._name):
            element = Element(name, attributes)
            if self._open:
                self._open[-1].children.append(element)
            else:
                self._num_letters = self._num_elements = 0
            self._num_elements += 1
            if self._num_elements > _MAX_ELEMENTS:
                raise DataError(f"over {_MAX_ELEMENTS} elements in one", where=self._where)
            self._open.append(element)
        self._level += 1

    def _end(self, name: str) -> None:
        self._level -= 1
        if self._open:
            element = self._open.pop()
            if not self._open:
                self.ready.append(element)

    def _characters(self, text: str) -> None:
        if not self._open:
            return
        self._num_letters += len(text)
        if self._num_letters > _MAX_TEXT:
            raise DataError(f"over {_MAX_TEXT} letters in one element", where=self._where)
        self._open[-1].texts.append(text)
