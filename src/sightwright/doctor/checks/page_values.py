"""Labelled values that the text of their pages does not have."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding
from sightwright.doctor.page_text import PageText
from sightwright.schema import DocumentSchema, Node


@dataclass(frozen=True, slots=True)
class FieldSeen:
    """One value of a label: `path` is dotted, `[]` for the rows of an array."""

    path: str
    value: object
    is_there: bool


def check_page_values(exam: Exam) -> Iterator[Finding]:
    """One finding a value that is on none of its pages. Pages that nothing has read are passed."""
    for seen in fields_seen(exam):
        if not seen.is_there:
            yield exam.finding(
                "page_values", "warning",
                f"{seen.path}: {str(seen.value)[:120]!r} is not in the text of its pages",
                "compare label and page; a value that no page shows teaches the model to invent",
            )  # fmt: skip


def fields_seen(exam: Exam) -> list[FieldSeen]:
    """Every value of a label beside the text of its pages; none where a page has no words."""
    if exam.answer is None or not exam.words or any(words is None for words in exam.words):
        return []
    page = PageText(word.text for words in exam.words if words for word in words.words)
    chosen = _chosen_from(exam.tools.schema)
    return [
        FieldSeen(path, value, page.holds(value))
        for path, value in leaves(exam.answer)
        if value is not None and not isinstance(value, bool) and path not in chosen
    ]


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The scalars of a JSON value with their places: `lines[].price`."""
    match value:
        case dict():
            for key, held in cast("dict[str, Any]", value).items():
                yield from leaves(held, f"{path}.{key}" if path else key)
        case list():
            for held in cast("list[Any]", value):
                yield from leaves(held, f"{path}[]")
        case _:
            yield path, value


def _chosen_from(schema: DocumentSchema | None) -> frozenset[str]:
    """Fields whose value is one of a list: they say what is meant, not what is printed."""
    if schema is None:
        return frozenset()
    return frozenset(leaf.path for leaf in schema.root.leaves() if _is_choice(leaf))


def _is_choice(leaf: Node) -> bool:
    written = [leaf.schema, *leaf.schema.get("anyOf", ())]
    return any("enum" in part or "const" in part for part in written)
