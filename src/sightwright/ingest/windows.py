"""Labels of long documents, written page by page, and the windows of pages they are joined into.

A label by page is `{"pages": {"1": {...}, "3": {...}}}`: what each page says, pages counted from 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sightwright.errors import DataError
from sightwright.schema import DocumentSchema
from sightwright.tasks.windows import WindowAnswer, merge_windows

PageLabels = dict[int, Mapping[str, Any]]


def is_by_page(label: Mapping[str, Any], schema: DocumentSchema) -> bool:
    """Whether a label is written page by page: "pages" is its one key, and no key of the schema."""
    return set(label) == {"pages"} and "pages" not in schema.root.properties


def page_labels(label: Mapping[str, Any], num_pages: int) -> PageLabels:
    """The label of each page that has one.

    Raises:
        DataError: a key that is no page of the document, or a page whose label is no object.
    """
    by_page = label["pages"]
    if not isinstance(by_page, Mapping):
        raise DataError('"pages" is an object: {"1": {…}, "2": {…}}')
    labels: PageLabels = {}
    for key, value in cast("Mapping[str, Any]", by_page).items():
        if not (key.isdecimal() and 1 <= int(key) <= num_pages):
            raise DataError(f"page {key!r} is none of the document's {num_pages} pages")
        if not isinstance(value, Mapping):
            raise DataError(f"the label of page {key} is an object, not {type(value).__name__}")
        labels[int(key)] = cast("Mapping[str, Any]", value)
    return labels


def windows_of(num_pages: int, max_pages: int | None) -> list[range]:
    """Runs of at most `max_pages` pages, counted from 1: 5 pages by 2 are 1-2, 3-4, 5."""
    step = max_pages or num_pages
    return [
        range(first, min(first + step, num_pages + 1)) for first in range(1, num_pages + 1, step)
    ]


def merge_labels(schema: DocumentSchema, labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the labels of several pages, in page order, as the answers of windows are joined.

    `best` goes by confidence; labels are equally certain, so it takes the first.
    """
    if not labels:
        return {}
    return merge_windows(schema, [WindowAnswer(label) for label in labels]).value
