"""Several files of records one after another: what a run is judged on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from sightwright.data.dataset import RecordDataset, Sample, TrainingRecords
from sightwright.data.encode import Encoded
from sightwright.sampling.measures import Measures
from sightwright.sampling.plan import Pick


class JoinedRecords(TrainingRecords):
    """See the module."""

    def __init__(self, sets: Sequence[RecordDataset]) -> None:
        self._sets = sets
        self._ends = list(accumulate(len(each) for each in sets))

    @property
    def digest(self) -> str:
        return "+".join(each.digest for each in self._sets)

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, pick: Pick | int) -> Sample:
        index = pick if isinstance(pick, int) else pick.index
        records, own = self._at(index)
        return records[own if isinstance(pick, int) else replace(pick, index=own)]

    def encode(self, index: int) -> Encoded:
        records, own = self._at(index)
        return records.encode(own)

    def measures(self, epoch: int) -> Measures:
        return Measures.joined([each.measures(epoch) for each in self._sets])

    def longest(self) -> tuple[int, str]:
        return max(each.longest() for each in self._sets)

    def _at(self, index: int) -> tuple[RecordDataset, int]:
        which = bisect_right(self._ends, index)
        return self._sets[which], index - (self._ends[which - 1] if which else 0)
