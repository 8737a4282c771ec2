"""Ids that stand twice."""

from collections.abc import Iterator

import numpy as np

from sightwright.doctor.corpus import Corpus
from sightwright.doctor.finding import Finding, Subject


def check_ids(corpus: Corpus) -> Iterator[Finding]:
    """Every record after the first with an id: evaluation and splits go by it."""
    ids = np.array(corpus.id, dtype=np.uint64)
    order = np.argsort(ids, kind="stable")
    repeats = np.zeros(len(ids), dtype=bool)
    repeats[1:] = (ids[order][1:] == ids[order][:-1]) & (ids[order][1:] != 0)
    first = order.copy()
    for place in np.flatnonzero(repeats):
        first[place] = first[place - 1]
    found = sorted(zip(order[repeats].tolist(), first[repeats].tolist(), strict=True))
    for record, earlier in found:
        yield corpus.finding(
            "ids", "error", f"its id stands first at {corpus.where(earlier)}",
            "ids are unique across all files: evaluation and splits go by them", Subject(record),
        )  # fmt: skip
