"""Two keys that hold the same text, again and again: one of them is labelled from the other."""

from collections.abc import Iterator

from sightwright.doctor.corpus import Corpus
from sightwright.doctor.finding import Finding, Subject

_LEAST_RECORDS = 10
_LEAST_SHARE = 0.2


def check_twin_keys(corpus: Corpus) -> Iterator[Finding]:
    """One finding a pair of keys, for texts that name something: no amounts, dates or rows."""
    for (first, second), count in sorted(corpus.alike.items()):
        filled = min(corpus.texts[first], corpus.texts[second])
        if count >= _LEAST_RECORDS and count >= _LEAST_SHARE * filled:
            yield corpus.finding(
                "twin_keys", "warning",
                f"{first} and {second} hold the same text in {count} of {filled} records",
                "look whether each page shows both: a model cannot tell which of two keys is meant",
                Subject(corpus.first["alike", first, second]),
            )  # fmt: skip
