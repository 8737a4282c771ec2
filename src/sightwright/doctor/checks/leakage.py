"""Documents, vendors and templates that stand in two splits."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from sightwright.doctor.corpus import Corpus, Ints
from sightwright.doctor.finding import Finding, Severity, Subject
from sightwright.doctor.fingerprint import LAYOUT_BITS
from sightwright.doctor.matching import groups, near_pairs
from sightwright.ingest.sources import printable

DOCUMENT = "meta.document"
LAYOUT = "layout"
"""In the place of a key: pages whose masses lie alike are one template."""

ALWAYS = (DOCUMENT, "meta.vendor", "meta.template")
"""Keys that are looked at in any case, where records have them."""

_LAYOUT_PART_BITS = 16


def check_leakage(corpus: Corpus) -> Iterator[Finding]:
    """One finding for each value of a key that is in two splits, at its first record in the later.

    A document cut by the split is an error; a vendor, a template or a layout a warning: whether
    known vendors are to be read, or new ones, is for you to say.
    """
    for key in corpus.setup.group_by:
        if key not in (*ALWAYS, LAYOUT, *corpus.groups):
            file = printable(corpus.files[0])
            what, remedy = f"no record has {key!r} to go by", "give a key as meta.vendor"
            yield Finding("leakage", "warning", file, 0, "", what, remedy)
    if len(corpus.splits) < 2:
        return
    for key in sorted(corpus.groups):
        values = np.array(corpus.groups[key], dtype=np.uint64).reshape(-1, 2)
        severity: Severity = "error" if key == DOCUMENT else "warning"
        records = values[:, 1].astype(np.int64)
        for members in _shared(corpus, records, np.unique(values[:, 0], return_inverse=True)[1]):
            name = corpus.names.get(int(values[members[0], 0]), "…")
            yield _finding(corpus, severity, f"{key} {name!r}", records[members])
    if LAYOUT in corpus.setup.group_by:
        records, labels = layouts(corpus)
        for members in _shared(corpus, records, labels):
            yield _finding(corpus, "warning", "this page's layout", records[members])


def layouts(corpus: Corpus) -> tuple[Ints, Ints]:
    """The documents whose first page is known, and of each a number for its layout."""
    images = corpus.images
    is_first = np.array(images.place, dtype=np.int64) == 0
    is_document = np.array(corpus.is_document, dtype=np.int64)[corpus.image_record] == 1
    known = np.flatnonzero(is_first & is_document & (np.array(images.has_look) == 1))
    pairs = near_pairs(corpus.layout_rows[known], LAYOUT_BITS, _LAYOUT_PART_BITS)
    return corpus.image_record[known], groups(len(known), pairs)


def _shared(corpus: Corpus, records: Ints, labels: Ints) -> Iterator[Ints]:
    """Of each label in two splits, where its records stand in `records`, in their order."""
    if not len(labels):
        return
    splits = corpus.split[records]
    order = np.argsort(labels, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    shared = [part for part in parts if len(np.unique(splits[part])) > 1]
    yield from sorted(shared, key=lambda part: int(part[0]))


def _finding(corpus: Corpus, severity: Severity, called: str, records: Ints) -> Finding:
    splits = corpus.split[records]
    first = int(records[0])
    later = int(records[np.flatnonzero(splits != splits[0])[0]])
    counts = ", ".join(
        f"{corpus.splits[split].name} ({count})"
        for split, count in Counter[int](splits.tolist()).items()
    )
    return corpus.finding(
        "leakage", severity, f"{called} is in {counts}; first at {corpus.where(first)}",
        "`sightwright data split --group-by KEY` keeps those alike in one split",
        Subject(later), Subject(first),
    )  # fmt: skip
