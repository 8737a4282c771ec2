"""The batch plan of a whole run: which records make up step N, from seed and epoch alone.

`BatchPlan` has micro-batches of so many records; `token_plan.TokenPlan` of so many tokens.

    plan = BatchPlan(num_records=10, batch_size=2, batches_per_step=2, seed=17, num_steps=9)
    plan.step(2).batches      # ((7, 3),): the short last step of epoch 0
    plan.step(2).share(0, 1)  # those that rank 0 of 1 takes

A run that was killed after step N asks for step N and gets what it would have got: no loader is
wound forward, and nothing is dropped where an epoch ends. Ranks share a step out among them, so the
plan does not depend on their number.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sightwright.sampling.measures import MeasuresOf

Strategy = Literal["random", "sequential", "group_by_length"]

# Micro-batches that are sorted by length together: more of them are more alike inside, and the same
# records meet again in every epoch.
_BATCHES_SORTED = 50

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


class PlannedStep(Protocol):
    """What one step of the optimiser learns from, over all ranks.

    Attributes:
        epoch: the pass over the records that it belongs to, from 0.
        ends_epoch: the last step of its epoch.
        epochs_done: passes over the records once the step is done, as 1.25.
    """

    @property
    def epoch(self) -> int: ...
    @property
    def ends_epoch(self) -> bool: ...
    @property
    def epochs_done(self) -> float: ...

    def share(self, rank: int, world_size: int) -> tuple[Share, ...]:
        """What `rank` computes of it: as many micro-batches as every other rank, stand-ins
        included. Where weights or gradients are sharded, every forward and every backward is done
        by all."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """A step of micro-batches that are given (see `PlannedStep`).

    Attributes:
        batches: fewer than usual at the end of an epoch.
        tokens: of each batch, so that ranks get equally much; () deals them out as they come.
    """

    batches: tuple[Batch, ...]
    epoch: int
    ends_epoch: bool
    epochs_done: float
    tokens: tuple[int, ...] = ()

    def share(self, rank: int, world_size: int) -> tuple[Share, ...]:
        """See `PlannedStep`.

        >>> Step(((0, 1), (2, 3), (4,)), 0, True, 1.0).share(1, 2)
        (Share(records=(2, 3), counts=True), Share(records=(0, 1), counts=False))
        """
        own = [Share(self.batches[batch]) for batch in self._dealt(world_size)[rank]]
        most = math.ceil(len(self.batches) / world_size)
        stand_ins = [Share(self.batches[0], counts=False)] * (most - len(own))
        return (*own, *stand_ins)

    def _dealt(self, world_size: int) -> list[list[int]]:
        """The batches of each rank, by number: round by round, the longest that are left to those
        who have least so far."""
        order = range(len(self.batches))
        if not self.tokens:
            return [list(order[rank::world_size]) for rank in range(world_size)]
        order = sorted(order, key=lambda batch: -self.tokens[batch])
        hands: list[list[int]] = [[] for _ in range(world_size)]
        loads = [0] * world_size
        for start in range(0, len(order), world_size):
            ranks = sorted(range(world_size), key=loads.__getitem__)
            for rank, batch in zip(ranks, order[start : start + world_size], strict=False):
                hands[rank].append(batch)
                loads[rank] += self.tokens[batch]
        return hands


class RunPlan(ABC):
    """Step by step what a whole run learns from.

    Attributes:
        num_steps: of the whole run.
    """

    __slots__ = ()

    num_records: int
    seed: int
    num_steps: int

    @property
    @abstractmethod
    def records_per_step(self) -> int:
        """Of every step but an epoch's last."""

    @property
    @abstractmethod
    def records_per_epoch(self) -> int: ...

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.records_per_epoch / self.records_per_step)

    @abstractmethod
    def step(self, index: int) -> PlannedStep:
        """Step `index`, from 0; also beyond `num_steps`."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What a step follows from, for an exact resume (fields of `progress.RunFacts`)."""

    def picks(self, first_step: int, rank: int, world_size: int) -> Iterator[list[Pick]]:
        """The micro-batches of `rank` from step `first_step` to the end of the run: of each record
        its place in the run."""
        for index in range(first_step, self.num_steps):
            step, progress = self.step(index), index / self.num_steps
            for share in step.share(rank, world_size):
                yield [Pick(record, step.epoch, index, progress) for record in share.records]

    def num_records_seen(self) -> int:
        """Records over the whole run, counted as often as they are learnt from."""
        epochs, rest = divmod(self.num_steps, self.steps_per_epoch)
        epoch = self.records_per_epoch
        return epochs * epoch + min(rest * self.records_per_step, epoch)


@dataclass(frozen=True, slots=True)
class BatchPlan(RunPlan):
    """Micro-batches of so many records.

    Attributes:
        batch_size: records of a micro-batch.
        batches_per_step: micro-batches of a step, over all ranks: accumulation times ranks.
        drop_last: leave out an epoch's last, smaller micro-batch.
        strategy: the order of the records: anew in each epoch; as they stand; or anew, with those
            of a micro-batch alike in length.
        measures: of an epoch; only `group_by_length` asks.
    """

    num_records: int
    batch_size: int
    batches_per_step: int
    seed: int
    num_steps: int
    drop_last: bool = False
    strategy: Strategy = "random"
    measures: MeasuresOf | None = None

    @property
    def batches_per_epoch(self) -> int:
        whole, rest = divmod(self.num_records, self.batch_size)
        return max(whole, 1) if self.drop_last else whole + (rest > 0)

    @property
    def records_per_step(self) -> int:
        return self.batch_size * self.batches_per_step

    @property
    def records_per_epoch(self) -> int:
        return min(self.batches_per_epoch * self.batch_size, self.num_records)

    def step(self, index: int) -> Step:
        epoch, position = divmod(index, self.steps_per_epoch)
        start = position * self.batches_per_step
        end = min(start + self.batches_per_step, self.batches_per_epoch)
        order = _order(self, epoch)
        batches = [
            order[batch * self.batch_size : (batch + 1) * self.batch_size]
            for batch in range(start, end)
        ]
        is_last = end == self.batches_per_epoch
        done = epoch + end / self.batches_per_epoch
        as_tuples = tuple(tuple(batch.tolist()) for batch in batches)
        return Step(as_tuples, epoch, is_last, done, self._tokens(batches, epoch))

    def facts(self) -> dict[str, Any]:
        by_length = self.measures if self.strategy == "group_by_length" else None
        return {
            "num_records": self.num_records,
            "batch_size": self.batch_size,
            "batches_per_step": self.batches_per_step,
            "seed": self.seed,
            "drop_last": self.drop_last,
            "strategy": self.strategy,
            "lengths": "" if by_length is None else by_length(0).digest,
        }

    def _tokens(self, batches: Sequence[NDArray[np.intp]], epoch: int) -> tuple[int, ...]:
        if self.strategy != "group_by_length":
            return ()
        assert self.measures is not None
        tokens = self.measures(epoch).tokens
        return tuple(int(tokens[batch].sum()) for batch in batches)


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


@lru_cache(maxsize=2)
def _order(plan: BatchPlan, epoch: int) -> NDArray[np.intp]:
    match plan.strategy:
        case "random":
            return epoch_order(plan.num_records, plan.seed, epoch)
        case "sequential":
            return np.arange(plan.num_records)
        case "group_by_length":
            assert plan.measures is not None
            tokens = plan.measures(epoch).tokens
            return grouped_order(tokens, plan.batch_size, plan.seed, epoch)


def grouped_order(
    tokens: NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> NDArray[np.intp]:
    """An order whose micro-batches hold records of similar length, and come in random order; the
    epoch's last, smaller one stays the last.

    The random order is sorted by length within pieces of 50 micro-batches.
    """
    order = epoch_order(len(tokens), seed, epoch)
    piece = np.arange(len(order)) // (_BATCHES_SORTED * batch_size)
    order = order[np.lexsort((-tokens[order], piece))]
    num_whole = len(order) // batch_size
    whole = order[: num_whole * batch_size].reshape(num_whole, batch_size)
    # A stream beside that of the records' order.
    keys = np.random.PCG64([seed % 2**64, epoch, 1]).random_raw(num_whole)
    shuffled = whole[np.argsort(keys, kind="stable")].reshape(-1)
    return np.concatenate([shuffled, order[num_whole * batch_size :]])
