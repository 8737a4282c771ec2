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
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sightwright.metrics.normalise import is_absent
from sightwright.schema import DocumentSchema, Node


@dataclass(frozen=True)
class WindowAnswer:
    """The answer of one window of pages.

    Attributes:
        value: a document in canonical form.
        confidence: of the whole answer; any number that is larger for the surer one.
        by_field: of single fields where known, instead of `confidence`; keys are dotted paths, an
            array has one as a whole.
    """

    value: Mapping[str, Any]
    confidence: float = 1.0
    by_field: Mapping[str, float] = field(default_factory=dict[str, float])

    def confidence_of(self, path: str) -> float:
        return self.by_field.get(path, self.confidence)


_Place = tuple[object, WindowAnswer]


def merge_windows(schema: DocumentSchema, answers: Sequence[WindowAnswer]) -> dict[str, Any]:
    """One document in canonical form out of those of the windows, given in page order.

    Raises:
        ValueError: no windows.
    """
    if not answers:
        raise ValueError("no windows to merge")
    places = [(dict(answer.value), answer) for answer in answers]
    return _members(schema.root, places)


def _merge(node: Node, places: Sequence[_Place]) -> object:
    filled = [place for place in places if _holds_something(place[0])]
    if not filled:
        # Nothing anywhere: what a window wrote for it (null, "" or []) fits the schema.
        return places[0][0]
    match node.merge:
        case "first":
            return filled[0][0]
        case "last":
            return filled[-1][0]
        case "concat":
            return [row for value, _ in filled for row in cast("list[object]", value)]
        case "best" if node.kind == "object":
            return _members(node, filled)
        case "best":
            # max keeps the first of equals: the earlier pages.
            return max(filled, key=lambda place: place[1].confidence_of(node.path))[0]


def _members(node: Node, places: Sequence[_Place]) -> dict[str, Any]:
    objects = [(cast("dict[str, object]", value), answer) for value, answer in places]
    return {
        key: _merge(child, [(value.get(key), answer) for value, answer in objects])
        for key, child in node.properties.items()
    }


def _holds_something(value: object) -> bool:
    match value:
        case dict():
            return any(map(_holds_something, cast("dict[str, object]", value).values()))
        case list():
            return bool(cast("list[object]", value))
        case _:
            return not is_absent(value)
