"""The batch plan of a whole run: which records make up step N, from seed and epoch alone.

    plan = BatchPlan(num_records=10, batch_size=2, batches_per_step=2, seed=17, num_steps=9)
    plan.step(2).batches      # ((7, 3),): the short last step of epoch 0
    plan.step(2).share(0, 1)  # those that rank 0 of 1 takes

A run that was killed after step N asks for step N and gets what it would have got: no loader is
wound forward, and nothing is dropped where an epoch ends. Ranks share a step out among them, so the
plan does not depend on their number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Batch = tuple[int, ...]
"""Indices of the records that are computed together."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One record as one step of a run learns it: all that its sample depends on.

    Attributes:
        index: its place in the epoch, which a mixture fills anew each time.
        epoch: the pass over the records, from 0.
        step: of the whole run, from 0.
        progress: share of the run that is done when the step begins, 0 to 1.
    """

    index: int
    epoch: int
    step: int
    progress: float


@dataclass(frozen=True, slots=True)
class Share:
    """One micro-batch of one rank.

    Attributes:
        records: indices of its records.
        counts: False for a stand-in: a rank without a batch of its own computes one of another,
            whose loss is multiplied by 0, because gradients are exchanged by all.
    """

    records: Batch
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of the optimiser learns from, over all ranks.

    Attributes:
        batches: its micro-batches; fewer than usual at the end of an epoch.
        epoch: the pass over the records that it belongs to, from 0.
        ends_epoch: the last step of its epoch.
        epochs_done: passes over the records once the step is done, as 1.25.
    """

    batches: tuple[Batch, ...]
    epoch: int
    ends_epoch: bool
    epochs_done: float

    def share(self, rank: int, world_size: int) -> tuple[Share, ...]:
        """What `rank` computes of it: every `world_size`-th batch, a stand-in where none is left.

        >>> Step(((0, 1), (2, 3), (4,)), 0, True, 1.0).share(1, 2)
        (Share(records=(2, 3), counts=True),)
        """
        own = self.batches[rank::world_size]
        if own:
            return tuple(Share(batch) for batch in own)
        return (Share(self.batches[0], counts=False),)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """See the module.

    Attributes:
        batch_size: records of a micro-batch.
        batches_per_step: micro-batches of a step, over all ranks: accumulation times ranks.
        num_steps: of the whole run.
        drop_last: leave out an epoch's last, smaller micro-batch.
    """

    num_records: int
    batch_size: int
    batches_per_step: int
    seed: int
    num_steps: int
    drop_last: bool = False

    @property
    def batches_per_epoch(self) -> int:
        whole, rest = divmod(self.num_records, self.batch_size)
        return max(whole, 1) if self.drop_last else whole + (rest > 0)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.batches_per_epoch / self.batches_per_step)

    def step(self, index: int) -> Step:
        """Step `index`, from 0; also beyond `num_steps`."""
        epoch, position = divmod(index, self.steps_per_epoch)
        start = position * self.batches_per_step
        end = min(start + self.batches_per_step, self.batches_per_epoch)
        order = epoch_order(self.num_records, self.seed, epoch)
        batches = tuple(
            tuple(order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist())
            for batch in range(start, end)
        )
        is_last = end == self.batches_per_epoch
        return Step(batches, epoch, is_last, epoch + end / self.batches_per_epoch)

    def shares(self, first_step: int, rank: int, world_size: int) -> Iterator[Share]:
        """The micro-batches of `rank` from step `first_step` to the end of the run."""
        for index in range(first_step, self.num_steps):
            yield from self.step(index).share(rank, world_size)

    def picks(self, first_step: int, rank: int, world_size: int) -> Iterator[list[Pick]]:
        """The records of the same micro-batches, each with its place in the run."""
        for index in range(first_step, self.num_steps):
            step, progress = self.step(index), index / self.num_steps
            for share in step.share(rank, world_size):
                yield [Pick(record, step.epoch, index, progress) for record in share.records]

    def num_records_seen(self) -> int:
        """Records over the whole run, counted as often as they are learnt from."""
        epochs, rest = divmod(self.num_steps, self.steps_per_epoch)
        epoch = min(self.batches_per_epoch * self.batch_size, self.num_records)
        return epochs * epoch + min(rest * self.batches_per_step * self.batch_size, epoch)


def steps_for(epochs: float, num_records: int, batch_size: int, batches_per_step: int) -> int:
    """Steps of so many passes over the records, the last begun step counted whole."""
    one = BatchPlan(num_records, batch_size, batches_per_step, seed=0, num_steps=0)
    return begun_steps(epochs, one.steps_per_epoch)


def begun_steps(share: float, num_steps: int) -> int:
    """Steps in a share of `num_steps`, at least 1, the last begun one counted whole.

    >>> begun_steps(0.1, 70)  # 0.1 * 70 is 7.000000000000001
    7
    """
    return max(1, math.ceil(round(share * num_steps, 6)))


@lru_cache(maxsize=2)
def epoch_order(num_records: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The order of the records in an epoch.

    Records are sorted by raw random numbers, because numpy promises the stream of a bit generator
    to stay as it is from version to version, and that of `permutation` not (NEP 19).
    """
    keys = np.random.PCG64([seed % 2**64, epoch]).random_raw(num_records)
    return np.argsort(keys, kind="stable")
