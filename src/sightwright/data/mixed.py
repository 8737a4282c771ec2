"""Several files of records as one: each place of an epoch is filled as the mixture draws it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sightwright.data.dataset import RecordDataset, Sample, TrainingRecords
from sightwright.data.encode import Encoded
from sightwright.sampling.measures import Measures
from sightwright.sampling.mixture import Mixture
from sightwright.sampling.plan import Pick


class MixedRecords(TrainingRecords):
    """See the module.

    Args:
        sets: one for each pool of the mixture, in its order; None for one without rows.
        handling: what else is done to the records of the sets, for the digest.
    """

    def __init__(
        self, sets: Sequence[RecordDataset | None], mixture: Mixture, handling: str = ""
    ) -> None:
        sizes = [0 if records is None else len(records) for records in sets]
        for pool, quota, size in zip(mixture.pools, mixture.quotas, sizes, strict=True):
            assert not quota or pool.size == size, f"{pool.name}: {size} records, not {pool.size}"
        self._sets = tuple(sets)
        self._mixture = mixture
        self._handling = hashlib.blake2b(handling.encode(), digest_size=16).hexdigest()

    @property
    def digest(self) -> str:
        """Of the draw, of every set that rows are drawn from, and of what is done to them."""
        used = [records.digest for records in self._sets if records is not None]
        return "+".join((self._mixture.digest, self._handling, *used))

    def __len__(self) -> int:
        return self._mixture.num_rows

    def __getitem__(self, pick: Pick | int) -> Sample:
        """A number alone is a row of epoch 0, as evaluation sees its record."""
        if isinstance(pick, int):
            records, index = self.at(pick, 0)
            return records[index]
        records, index = self.at(pick.index, pick.epoch)
        return records[replace(pick, index=index)]

    def encode(self, index: int) -> Encoded:
        """A row of epoch 0."""
        records, own = self.at(index, 0)
        return records.encode(own)

    def measures(self, epoch: int) -> Measures:
        return _measures(self, epoch)

    def longest(self) -> tuple[int, str]:
        return max(records.longest() for records in self._sets if records is not None)

    def measured(self, epoch: int) -> Measures:
        """The measures of the records that an epoch draws."""
        rows = self._mixture.rows(epoch)
        tokens, vision = np.zeros((2, len(rows)), dtype=np.int64)
        for which, records in enumerate(self._sets):
            drawn = rows[:, 0] == which
            if records is not None:
                of_set = records.measures(epoch)[rows[drawn, 1]]
                tokens[drawn], vision[drawn] = of_set.tokens, of_set.vision
        return Measures(tokens, vision)

    def at(self, index: int, epoch: int) -> tuple[RecordDataset, int]:
        """The set of a row, and the record in it."""
        which, record = self._mixture.rows(epoch)[index].tolist()
        records = self._sets[which]
        assert records is not None
        return records, record


# Asked for at every step, and while an epoch's last batches are loaded the next begins.
@lru_cache(maxsize=2)
def _measures(records: MixedRecords, epoch: int) -> Measures:
    return records.measured(epoch)
