"""A long document is read window by window; this puts the answers together.

Each place says how (`x-merge` in its schema):

    best    the value with the highest confidence; among equals, of the earlier window
    first   the value of the first window that has one
    last    the value of the last window that has one
    concat  the rows of every window, in page order

A window has a value where it is neither null, `""` nor an empty list. Windows share no page, so
`concat` keeps every row: two equal rows are two lines on paper. An object is merged key by key,
unless it says `first` or `last`: then it comes whole from one window (an address is not to be put
together from two). Joined arrays may be longer than `maxItems`, which bounds a single answer.

Labels written page by page are put together by the same rules. They have not met the schema yet, so
keys outside it and values of another type are kept, for the check that follows to name.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sightwright.metrics.normalise import is_absent
from sightwright.metrics.rows import member_of, rows_of
from sightwright.schema import DocumentSchema, Node


@dataclass(frozen=True)
class WindowAnswer:
    """The answer of one window of pages.

    Attributes:
        value: a document.
        confidence: of the whole answer; any number that is larger for the surer one.
        by_place: of single values where known, instead of `confidence`: `lines[0].price` → 0..1.
    """

    value: Mapping[str, Any]
    confidence: float = 1.0
    by_place: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Merged:
    """One document, and how sure its values are.

    Attributes:
        confidences: place in the document → confidence of the value at the place it came from, as
            far as the windows told. Where no window has a value, the least of them all: each must
            be right about that.
    """

    value: dict[str, Any]
    confidences: dict[str, float]


def merge_windows(schema: DocumentSchema, answers: Sequence[WindowAnswer]) -> Merged:
    """One document out of those of the windows, given in page order.

    Raises:
        ValueError: no windows.
    """
    if not answers:
        raise ValueError("no windows to merge")
    merger = _Merger({})
    found = [_Found(answer, "", answer.value) for answer in answers]
    return Merged(merger.members(schema.root, found, ""), merger.confidences)


@dataclass(frozen=True)
class _Found:
    """What a window says at one place."""

    window: WindowAnswer
    place: str
    value: object

    def member(self, key: str) -> "_Found":
        value = cast("Mapping[str, object]", self.value).get(key)
        return _Found(self.window, _member_place(self.place, key), value)

    @property
    def is_filled(self) -> bool:
        return _holds_something(self.value)

    def confidence(self, node: Node) -> float:
        """Of all values here together: their geometric mean, so that more rows are not less sure.

        Of the whole answer where it is not known by value.
        """
        by_place = self.window.by_place
        known = [
            by_place[place]
            for place, _ in _scalar_places(node, self.value, self.place)
            if place in by_place
        ]
        if not known:
            return self.window.confidence
        if min(known) <= 0:
            return 0.0
        return math.exp(math.fsum(map(math.log, known)) / len(known))


@dataclass(frozen=True)
class _Merger:
    """Writes the merged document; `confidences` grows with it."""

    confidences: dict[str, float]

    def members(self, node: Node | None, found: Sequence[_Found], place: str) -> dict[str, Any]:
        """An object, key by key: the schema's keys, then others in order of appearance."""
        described = node.properties if node is not None else {}
        written = (cast("Mapping[str, object]", one.value) for one in found)
        keys = dict.fromkeys([*described, *(key for value in written for key in value)])
        return {
            key: self._merge(
                described.get(key), [one.member(key) for one in found], _member_place(place, key)
            )
            for key in keys
        }

    def _merge(self, node: Node | None, found: Sequence[_Found], place: str) -> object:
        filled = [one for one in found if one.is_filled]
        if not filled:
            return self._nothing(node, found, place)
        if node is None:
            return filled[0].value
        match node.merge:
            case "last":
                return self._take(node, filled[-1], place)
            case "concat" if all(isinstance(one.value, list) for one in filled):
                return self._join(node, filled, place)
            case "best" if node.kind == "object":
                if all(isinstance(one.value, Mapping) for one in filled):
                    return self.members(node, filled, place)
                return self._take(node, filled[0], place)
            case "best":
                # max keeps the first of equals: the earlier pages.
                best = max(filled, key=lambda one: one.confidence(node))
                return self._take(node, best, place)
            case _:
                return self._take(node, filled[0], place)

    def _take(self, node: Node, one: _Found, place: str) -> object:
        """The value of one window, with its confidences."""
        for inner, rest in _scalar_places(node, one.value, one.place):
            if inner in one.window.by_place:
                self.confidences[place + rest] = one.window.by_place[inner]
        return one.value

    def _join(self, node: Node, filled: Sequence[_Found], place: str) -> list[object]:
        rows: list[object] = []
        assert node.items is not None
        for one in filled:
            for number, row in enumerate(rows_of(one.value)):
                inner = _Found(one.window, f"{one.place}[{number}]", row)
                rows.append(self._take(node.items, inner, f"{place}[{len(rows)}]"))
        return rows

    def _nothing(self, node: Node | None, found: Sequence[_Found], place: str) -> object:
        """What the first window wrote for nothing (null, "" or []): it fits the schema."""
        for _, rest in _scalar_places(node, None, "") if node is not None else ():
            by_window = (one.window.by_place.get(one.place + rest) for one in found)
            if told := [confidence for confidence in by_window if confidence is not None]:
                self.confidences[place + rest] = min(told)
        return found[0].value


def _member_place(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _scalar_places(node: Node, value: object, place: str) -> Iterator[tuple[str, str]]:
    """The places of the scalars that a value decides, whole and from `place` on."""

    def walk(node: Node, value: object, rest: str) -> Iterator[tuple[str, str]]:
        if node.kind == "scalar":
            yield place + rest, rest
        for key, child in node.properties.items():
            yield from walk(child, member_of(value, key), f"{rest}.{key}")
        for number, row in enumerate(rows_of(value) if node.items is not None else ()):
            yield from walk(cast("Node", node.items), row, f"{rest}[{number}]")

    return walk(node, value, "")


def _holds_something(value: object) -> bool:
    match value:
        case Mapping():
            return any(map(_holds_something, cast("Mapping[str, object]", value).values()))
        case list():
            return bool(cast("list[object]", value))
        case _:
            return not is_absent(value)
