"""Groups of a run's `legacy_pairing` that reach its length limit."""

from __future__ import annotations

from collections.abc import Iterator

from sightwright.doctor.corpus import Corpus
from sightwright.doctor.finding import Finding, Subject
from sightwright.doctor.work import tools_of


def check_group_lengths(corpus: Corpus) -> Iterator[Finding]:
    """As training counts before its first step: the longest records, should they meet."""
    trained = tools_of(corpus.setup).trained
    if trained is None or trained.grouped is None:
        return
    for column in corpus.grouped.values():
        alone = zip(column[::2], column[1::2], strict=True)
        # What reaches the limit by itself is told as such.
        kept = [(-length, record) for length, record in alone if length < trained.max_length]
        longest = sorted(kept)[: trained.grouped.size]
        total = -sum(length for length, _ in longest)
        if total >= trained.max_length:
            yield corpus.finding(
                "group_lengths", "error",
                f"the {len(longest)} longest records together have {total} tokens, and a group of "
                f"them would reach the limit of {trained.max_length}",
                "raise global_max_length, or lower legacy_pairing.group_size or "
                "template.max_pixels",
                *(Subject(record) for _, record in longest),
            )  # fmt: skip
