"""Several photographs to one sample, as the documents of 2025-10 had it (`custom.legacy_pairing`).

Every epoch shuffles the records anew and cuts them into groups; a group is one user turn with all
its images, answered in one text. Seed and epoch alone decide which records meet, and whether the
group learns their objects or their summaries.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from sightwright.data.augment.pipeline import Pipeline
from sightwright.data.dataset import (
    RecordDataset,
    Sample,
    Shown,
    TrainingRecords,
    sample_of,
)
from sightwright.data.encode import ArrangeGroup, Encoded, OverLengthError, Place, photograph_of
from sightwright.data.measure import cost_of
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.logs import progress
from sightwright.records import Message
from sightwright.sampling.measures import Measures
from sightwright.sampling.plan import Pick, epoch_order
from sightwright.tasks.dense import GroupMode, group_modes

# Keeps the shuffle that makes groups apart from the one that orders them.
_STREAM = 0x9E3779B1


@dataclass(frozen=True)
class Alone:
    """Every record as a group by itself: its tokens, and what it may cost.

    A group asks once what its members ask each: it is shorter than they together.
    """

    lengths: list[int]
    measures: Measures


class PairedRecords(TrainingRecords):
    """See the module.

    Args:
        records: of one file, with what training does to each.
        group_size: records of a group; the last of an epoch may be smaller.
        summary_ratio: share of the groups, on average, that learn their summaries.
        pipeline: that training sends the images through, which may make them larger.
    """

    def __init__(
        self,
        records: RecordDataset,
        arrange: ArrangeGroup,
        *,
        group_size: int,
        summary_ratio: float,
        seed: int,
        pipeline: Pipeline | None = None,
    ) -> None:
        self._records = records
        self._arrange = arrange
        self._group_size = group_size
        self._summary_ratio = summary_ratio
        self._seed = seed
        self._pipeline = pipeline
        self._alone: dict[GroupMode, Alone] = {}

    @property
    def digest(self) -> str:
        return f"{self._records.digest}-{self._group_size}-{self._summary_ratio}-{self._seed}"

    def __len__(self) -> int:
        return math.ceil(len(self._records) / self._group_size)

    def group(self, index: int, epoch: int) -> tuple[int, ...]:
        """Which records make up group `index` of an epoch."""
        order = epoch_order(len(self._records), self._seed ^ _STREAM, epoch)
        start = index * self._group_size
        return tuple(order[start : start + self._group_size].tolist())

    def mode(self, index: int, epoch: int) -> GroupMode:
        """What group `index` of an epoch learns."""
        raw = np.random.PCG64([(self._seed ^ _STREAM) % 2**64, epoch, index]).random_raw()
        return "summary" if raw / 2**64 < self._summary_ratio else "dense"

    def __getitem__(self, pick: Pick | int) -> Sample:
        if isinstance(pick, int):
            pick = Pick(pick, epoch=0, step=0, progress=0.0)
        members = self.group(pick.index, pick.epoch)
        shown = [self._records.changed(replace(pick, index=member)) for member in members]
        images = [image for each in shown for image in each.images]
        messages, place = self._conversation(shown, pick.index, pick.epoch)
        changes = sum((each.changes for each in shown), Counter[str]())
        return sample_of(messages, images, place, self._records, changes)

    def encode(self, index: int) -> Encoded:
        return self[index].encoded

    def require_room(self) -> None:
        """Make sure beforehand that no group of any epoch can reach the length limit, and that
        every record has a summary where groups learn them.

        Raises:
            DataError: a record without a summary.
            OverLengthError: the longest records, should they meet, would.
        """
        limit = self._records.encoder.max_length
        for mode in group_modes(self._summary_ratio):
            alone = self._measured(mode).lengths
            longest = sum(sorted(alone, reverse=True)[: self._group_size])
            if longest >= limit:
                raise OverLengthError(
                    f"the {self._group_size} longest records together have {longest} tokens, and a "
                    f"group of them would reach the limit of {limit}",
                    where="custom.legacy_pairing.group_size",
                    remedy="raise global_max_length, or lower group_size or template.max_pixels",
                )

    def measures(self, epoch: int) -> Measures:
        return _measures(self, epoch)

    def measured(self, epoch: int) -> Measures:
        """Of each group of an epoch what its members cost together."""
        costs: list[tuple[int, int]] = []
        for index in range(len(self)):
            members = np.array(self.group(index, epoch))
            own = self._measured(self.mode(index, epoch)).measures[members]
            costs.append((int(own.tokens.sum()), int(own.vision.sum())))
        return Measures.of_pairs(costs)

    def longest(self) -> tuple[int, str]:
        modes = group_modes(self._summary_ratio)
        every = [self._measured(mode).measures.tokens for mode in modes]
        longest = max(int(np.sort(tokens)[-self._group_size :].sum()) for tokens in every)
        return longest, f"the {self._group_size} longest records as a group"

    def _measured(self, mode: GroupMode) -> Alone:
        if mode not in self._alone:
            spec = self._records.encoder.spec
            every = progress(range(len(self._records)), f"measuring groups ({mode})")
            encoded = [self._encoded_alone(index, mode) for index in every]
            costs = [cost_of(each, spec, self._pipeline) for each in encoded]
            lengths = [each.length for each in encoded]
            self._alone[mode] = Alone(lengths, Measures.of_pairs(costs))
        return self._alone[mode]

    def _encoded_alone(self, index: int, mode: GroupMode) -> Encoded:
        record = photograph_of(self._records.record(index))
        place = Place(self._records.name, index, record.id)
        try:
            messages = self._arrange([record], mode)
        except DataError as error:
            raise DataError(error.message, where=str(place), remedy=error.remedy) from None
        return self._records.encoder.encode(messages, [(record.width, record.height)], place)

    def _conversation(
        self, shown: Sequence[Shown], index: int, epoch: int
    ) -> tuple[tuple[Message, ...], Place]:
        name = " + ".join(str(each.place) for each in shown)
        place = Place(f"group {index} of epoch {epoch}: {name}", index)
        try:
            records = [_inspection(each) for each in shown]
            return self._arrange(records, self.mode(index, epoch)), place
        except DataError as error:
            where = f"{place}: {error.where}" if error.where else str(place)
            raise DataError(error.message, where=where, remedy=error.remedy) from None


def _inspection(shown: Shown) -> InspectionRecord:
    if not isinstance(shown.record, InspectionRecord):
        raise DataError(
            "a conversation, where legacy_pairing groups inspection records", where=str(shown.place)
        )
    return shown.record


# Asked for at every step, and while an epoch's last batches are loaded the next begins.
@lru_cache(maxsize=2)
def _measures(records: PairedRecords, epoch: int) -> Measures:
    return records.measured(epoch)
