"""Classes and fields that are rare, that one kind crowds out, or that training never sees."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from sightwright.doctor.corpus import Corpus
from sightwright.doctor.finding import Finding, Subject

# A share says nothing of fewer.
_ENOUGH = 100
_LEAST_OF_A_CLASS = 5
_LEAST_SHARE = 0.01
_LEAST_EVENNESS = 0.5


def check_classes(corpus: Corpus) -> Iterator[Finding]:
    """Classes of objects, values of their attributes, and filled fields of documents."""
    yield from _unseen(corpus, "class", corpus.classes)
    yield from _unseen(corpus, "field", corpus.filled)
    train = _of_split(corpus.classes, 0)
    yield from _rare(corpus, train)
    yield from _crowded(corpus, train)
    yield from _rare_values(corpus)


def evenness(counts: Mapping[str, int]) -> float:
    """The entropy of a distribution over its greatest: 1 when all are equally common, 0 for one.

    >>> evenness({"a": 5, "b": 5}), evenness({"a": 10})
    (1.0, 0.0)
    """
    total = sum(counts.values())
    if len(counts) < 2:
        return 0.0
    shares = [count / total for count in counts.values() if count]
    return -sum(share * math.log(share) for share in shares) / math.log(len(counts))


def _of_split(counts: Mapping[tuple[int, str], int], split: int) -> Counter[str]:
    return Counter({name: count for (of, name), count in counts.items() if of == split})


def _unseen(corpus: Corpus, kind: str, counts: Mapping[tuple[int, str], int]) -> Iterator[Finding]:
    known = {name for split, name in counts if split == 0}
    if len(corpus.splits) < 2 or not known:
        return
    for split, name in sorted(key for key in counts if key[0] and key[1] not in known):
        where = corpus.splits[split].name
        yield corpus.finding(
            "classes", "warning",
            f"{kind} {name!r} is in {where} ({counts[split, name]}) and never in "
            f"{corpus.splits[0].name}",
            f"add records of it to {corpus.splits[0].name}, or take it out of {where}",
            Subject(corpus.first[kind, name]),
        )  # fmt: skip


def _rare(corpus: Corpus, train: Counter[str]) -> Iterator[Finding]:
    total = train.total()
    for name, count in sorted(train.items(), key=lambda item: (item[1], item[0])):
        if _is_rare(count, total):
            yield corpus.finding(
                "classes", "warning", f"class {name!r} has {count} of {total} objects",
                "a handful teaches little: add some, or join it with another class",
                Subject(corpus.first["class", name]),
            )  # fmt: skip


def _is_rare(count: int, total: int) -> bool:
    return total >= _ENOUGH and count < _LEAST_OF_A_CLASS and count < _LEAST_SHARE * total


def _crowded(corpus: Corpus, train: Counter[str]) -> Iterator[Finding]:
    even = evenness(train)
    if len(train) > 1 and train.total() >= _ENOUGH and even < _LEAST_EVENNESS:
        name, count = min(train.items(), key=lambda item: (-item[1], item[0]))
        yield corpus.finding(
            "classes", "warning",
            f"{count / train.total():.0%} of the objects are {name!r}; evenness of the "
            f"{len(train)} classes {even:.2f} of 1",
            "weigh the rarer classes (several records of them, or a ratio in the fusion)",
            Subject(corpus.first["class", name]),
        )  # fmt: skip


def _rare_values(corpus: Corpus) -> Iterator[Finding]:
    values: Counter[tuple[str, str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    for (split, label, key, value), count in corpus.attributes.items():
        if split == 0:
            values[label, key, value] += count
            totals[label, key] += count
    for (label, key, value), count in sorted(values.items()):
        if _is_rare(count, totals[label, key]):
            yield corpus.finding(
                "classes", "warning",
                f"{label}: {key}={value} is said {count} of {totals[label, key]} times",
                "add some, or join it with another value",
                Subject(corpus.first["attribute", label, key, value]),
            )  # fmt: skip
