"""Which records make up an epoch of a mixture: quotas, and a draw that seed and epoch decide.

    mixture = Mixture.of(fusion, {"bbu": 200, "lvis": 5000}, seed=17)
    mixture.quotas      # (200, 20)
    mixture.rows(3)     # [[0, 0], [0, 1], …, [1, 4711]]: data set, record

A target of ratio 1 is covered: every record once an epoch. Of ratio 2.5, every record twice and a
half of them, each epoch another half, a third time. A source is drawn anew in every epoch. An epoch
has always the same number of rows, and row i is always of the same data set.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sightwright.config.fusion import Domain, FusedSet, Fusion
from sightwright.errors import DataError

Rows = NDArray[np.int64]
"""Shape [rows, 2]: the index of a data set, and that of a record in it."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What the draw needs to know of one data set.

    Attributes:
        size: records that can be drawn.
        ratio: for a target, times its records are learnt in an epoch; for a source, its rows as a
            share of all targets' rows.
        seed: of the data set, over that of the run.
        without_replacement: draw no record of a source twice while there are enough.
    """

    name: str
    domain: Domain
    size: int
    ratio: float
    seed: int = 0
    without_replacement: bool = False


@dataclass(frozen=True, slots=True)
class Mixture:
    """See the module. Make it with `of`, or of pools whose ratio above 0 goes with records."""

    pools: tuple[Pool, ...]
    seed: int

    @classmethod
    def of(cls, fusion: Fusion, sizes: Mapping[str, int], seed: int) -> "Mixture":
        """The mixture of a file, given the number of records of each set it draws from.

        Args:
            sizes: name → records. A set of ratio 0 need not be there: it is not read.

        Raises:
            DataError: no record in a set that shall be drawn from, or no row at all.
        """
        mixture = cls(tuple(_pool(each, sizes.get(each.name, 0)) for each in fusion.sets), seed)
        for each, pool in zip(fusion.sets, mixture.pools, strict=True):
            if pool.ratio > 0 and not pool.size:
                raise DataError(
                    f"{pool.name} has ratio {pool.ratio:g} and no records",
                    where=str(each.train_jsonl),
                    remedy="give it records, or ratio: 0",
                )
        if not mixture.num_rows:
            ratios = ", ".join(f"{pool.ratio:g} of {pool.size}" for pool in mixture.pools)
            raise DataError(
                f"the mixture has no row: {ratios}", remedy="raise the ratio of a target"
            )
        return mixture

    @property
    def quotas(self) -> tuple[int, ...]:
        """Rows of each pool in an epoch.

        Targets of 100, 200 and 300 records with the ratios .5, 1 and 1.5 have 50, 200 and 450
        rows; a source of ratio .1 beside them has round(.1 * 700) = 70. Python's round: ties go
        to the even number.
        """
        of_targets = [round(p.size * p.ratio) for p in self.pools if p.domain == "target"]
        total = sum(of_targets)
        left = iter(of_targets)
        return tuple(
            next(left) if pool.domain == "target" else round(pool.ratio * total)
            for pool in self.pools
        )

    @property
    def num_rows(self) -> int:
        return sum(self.quotas)

    def repeats(self, index: int) -> bool:
        """Whether a pool that shall be drawn without replacement is too small for it."""
        pool = self.pools[index]
        return pool.without_replacement and self.quotas[index] > pool.size

    def rows(self, epoch: int) -> Rows:
        """The rows of an epoch, pool by pool; not to be written to."""
        return _rows(self, epoch)

    def shuffled(self, epoch: int) -> Rows:
        """The same rows in an order drawn for the epoch."""
        keys = _raw(self.num_rows, "shuffle", self.seed, epoch, 0, "")
        return self.rows(epoch)[np.argsort(keys, kind="stable")]

    @property
    def digest(self) -> str:
        """Of everything that decides the rows, for an exact resume."""
        text = repr((self.seed, [_told(pool) for pool in self.pools]))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _pool(each: FusedSet, size: int) -> Pool:
    return Pool(
        each.name, each.domain, size, each.ratio, each.seed, each.sample_without_replacement
    )


def _told(pool: Pool) -> tuple[object, ...]:
    return (
        pool.name, pool.domain, pool.size, pool.ratio, pool.seed, pool.without_replacement,
    )  # fmt: skip


# An epoch is asked for row by row, and while its last batches are loaded the next begins.
@lru_cache(maxsize=2)
def _rows(mixture: Mixture, epoch: int) -> Rows:
    parts = [
        np.stack([np.full(quota, index), _drawn(pool, quota, mixture.seed, epoch)], axis=1)
        for index, (pool, quota) in enumerate(zip(mixture.pools, mixture.quotas, strict=True))
    ]
    rows = np.concatenate(parts).astype(np.int64)
    rows.flags.writeable = False
    return rows


def _drawn(pool: Pool, quota: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Indices of the records drawn from one pool."""
    if pool.domain == "source" and not (pool.without_replacement and quota <= pool.size):
        raw = _raw(quota, "source", seed, epoch, pool.seed, pool.name)
        # The records drawn a little more often for the remainder are so by size / 2^64.
        return (raw % np.uint64(max(pool.size, 1))).astype(np.int64)
    times, rest = divmod(quota, max(pool.size, 1))
    raw = _raw(pool.size, pool.domain, seed, epoch, pool.seed, pool.name)
    extra = np.sort(np.argsort(raw, kind="stable")[:rest])
    return np.concatenate([np.tile(np.arange(pool.size), times), extra])


def _raw(
    count: int, what: str, seed: int, epoch: int, dataset_seed: int, name: str
) -> NDArray[np.uint64]:
    """Random numbers of a stream of its own for each of the arguments.

    numpy promises the raw stream of a bit generator from version to version, and that of `choice`
    not (NEP 19); Python's `hash` of a text differs from process to process.
    """
    text = f"{what}|{seed}|{epoch}|{dataset_seed}|{name}"
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.PCG64(int.from_bytes(key, "big")).random_raw(count)
