"""A diagnosis in numbers: for JSON, for the page, for the console. Nothing in it tells the time."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sightwright.doctor.checks.classes import evenness
from sightwright.doctor.checks.leakage import layouts
from sightwright.doctor.corpus import Corpus
from sightwright.doctor.diagnosis import CHECKS, Diagnosis
from sightwright.doctor.finding import SEVERITIES
from sightwright.ingest.sources import printable
from sightwright.ingest.spread import Spread

# Rows of a table of names; the others are counted.
MOST_ROWS = 40
_MOST_BARS = 24


def to_json(found: Diagnosis) -> dict[str, Any]:
    """Counts of everything, and the findings that are listed."""
    corpus, setup = found.corpus, found.corpus.setup
    return {
        "ok": not found.total("error"),
        "records": corpus.num_records,
        "splits": [
            {"name": split.name, "files": list(map(printable, split.files)), "records": count}
            for split, count in zip(corpus.splits, _records_of(corpus), strict=True)
        ],
        "settings": {
            "max_pixels": setup.max_pixels, "min_pixels": setup.min_pixels,
            "config": None if setup.config is None else printable(setup.config),
            "min_text_px": setup.min_text_px, "min_object_px": setup.min_object_px,
            "ocr": setup.ocr, "group_by": list(setup.group_by),
        },
        "errors": found.total("error"),
        "warnings": found.total("warning"),
        "checks": {check: _check(found, check) for check in CHECKS},
        "facts": facts(corpus),
    }  # fmt: skip


def _check(found: Diagnosis, check: str) -> dict[str, Any]:
    listed = found.findings.get(check, [])
    counts = {f"{severity}s": found.counts[check, severity] for severity in SEVERITIES}
    return {**counts, "listed": [finding.to_json() for finding in listed]}


def facts(corpus: Corpus) -> dict[str, Any]:
    """What the records hold, whether anything is wrong with it or not."""
    return {
        "kinds": dict(sorted(corpus.kinds.items())),
        "images": {
            "all": len(corpus.images), "not_opened": corpus.num_unopened,
            "behind_a_url": corpus.num_away,
            "empty": _num_empty(corpus),
        },
        "pages": {"all": corpus.num_pages, "with_words": corpus.num_read_pages},
        "fields": fields(corpus),
        "classes": classes(corpus),
        "layouts": layout_facts(corpus),
        "lengths": Spread(corpus.lengths).value(),
        "smallest_px": {key: value / 10 for key, value in Spread(corpus.smallest).value().items()},
        "names_not_counted": corpus.num_untracked,
    }  # fmt: skip


def _records_of(corpus: Corpus) -> list[int]:
    counts = Counter[int](corpus.split.tolist())
    return [counts[index] for index in range(len(corpus.splits))]


def _num_empty(corpus: Corpus) -> int:
    """Images that were opened and show nothing."""
    unknown = len(corpus.images) - sum(corpus.images.has_look)
    return unknown - corpus.num_unopened - corpus.num_away


def fields(corpus: Corpus) -> list[dict[str, Any]]:
    """Of each field how many values were looked for on the pages, the least found first."""
    rows = [
        {"field": path, "values": count, "missing": corpus.missing[path]}
        for path, count in corpus.seen.items()
    ]
    return sorted(rows, key=lambda row: (-row["missing"] / row["values"], row["field"]))


def classes(corpus: Corpus) -> dict[str, Any]:
    """Objects of each class by split, the commonest first, and how even the classes are."""
    totals: Counter[str] = Counter()
    for (_, label), count in corpus.classes.items():
        totals[label] += count
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    train = {label: corpus.classes[0, label] for label in totals if corpus.classes[0, label]}
    rows = [
        {"class": label, "objects": count,
         "by_split": [corpus.classes[split, label] for split in range(len(corpus.splits))]}
        for label, count in ranked[:MOST_ROWS]
    ]  # fmt: skip
    return {
        "count": len(totals), "objects": totals.total(),
        "evenness": round(evenness(train), 4) if len(train) > 1 else None,
        "commonest": rows, "left_out": len(ranked) - len(rows),
    }  # fmt: skip


def layout_facts(corpus: Corpus) -> dict[str, Any]:
    """How many documents of the later splits look, from afar, like one of the first."""
    records, labels = layouts(corpus)
    splits = corpus.split[records]
    known = set(labels[splits == 0].tolist())
    later = labels[splits > 0].tolist()
    return {
        "documents": len(records), "layouts": len(set(labels.tolist())),
        "of_later_splits": len(later), "seen_in_first": sum(label in known for label in later),
    }  # fmt: skip


def histogram(counts: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """(from, to, how many) in steps of a round width, both ends included.

    >>> histogram({1: 2, 2: 1, 9: 4})[:2]
    [(1, 1, 2), (2, 2, 1)]
    """
    if not counts:
        return []
    low, high = min(counts), max(counts)
    width = _round_width((high - low + 1) / _MOST_BARS)
    first = low // width
    bars = [0] * (high // width - first + 1)
    for number, count in counts.items():
        bars[number // width - first] += count
    return [
        ((first + i) * width, (first + i + 1) * width - 1, count) for i, count in enumerate(bars)
    ]


def _round_width(least: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, …"""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10
