"""The batch plan: every record once an epoch, and step N from seed and epoch alone."""

import math
from itertools import chain
from typing import Any

import numpy as np
import pytest

from sightwright.sampling.measures import Measures
from sightwright.sampling.plan import (
    BatchPlan,
    Share,
    Step,
    begun_steps,
    epoch_order,
    grouped_order,
    steps_for,
)

GROUPED_OF_SEED_7 = [5, 3, 6, 8, 1, 7, 2, 4, 0]
ORDER_OF_SEED_7 = [[6, 3, 4, 0, 2, 7, 5, 1], [1, 3, 2, 7, 4, 5, 0, 6]]


def plan(**changes: Any) -> BatchPlan:
    numbers = {"num_records": 9, "batch_size": 2, "batches_per_step": 2, "seed": 7, "num_steps": 9}
    return BatchPlan(**{**numbers, **changes})  # type: ignore[arg-type]


def test_an_epoch_ends_in_a_short_step_and_drops_nothing() -> None:
    steps = [plan().step(index) for index in range(6)]
    assert [[len(batch) for batch in step.batches] for step in steps] == [[2, 2], [2, 2], [1]] * 2
    assert [step.ends_epoch for step in steps] == [False, False, True] * 2
    assert [step.epoch for step in steps] == [0, 0, 0, 1, 1, 1]
    assert [step.epochs_done for step in steps] == [0.4, 0.8, 1.0, 1.4, 1.8, 2.0]
    for epoch in (steps[:3], steps[3:]):
        seen = list(chain.from_iterable(batch for step in epoch for batch in step.batches))
        assert sorted(seen) == list(range(9))
    assert steps[0].batches != steps[3].batches


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("records", "size", "per_step"), [(1, 1, 1), (1, 4, 3), (23, 3, 4)])
def test_every_record_is_learnt_from_once_an_epoch(
    records: int, size: int, per_step: int, seed: int
) -> None:
    one = plan(num_records=records, batch_size=size, batches_per_step=per_step, seed=seed)
    for epoch in range(3):
        steps = range(epoch * one.steps_per_epoch, (epoch + 1) * one.steps_per_epoch)
        seen = [index for step in steps for batch in one.step(step).batches for index in batch]
        assert sorted(seen) == list(range(records))


def test_the_order_is_the_same_on_every_machine_and_in_every_version() -> None:
    # What numpy promises of PCG64 (NEP 19); a checkpoint of today must be resumed tomorrow.
    assert epoch_order(8, 7, 0).tolist() == ORDER_OF_SEED_7[0]
    assert epoch_order(8, 7, 1).tolist() == ORDER_OF_SEED_7[1]
    assert epoch_order(8, -1, 0).tolist() != epoch_order(8, 1, 0).tolist()


def test_the_last_smaller_batch_may_be_left_out() -> None:
    dropping = plan(drop_last=True)
    assert [len(dropping.step(index).batches) for index in range(2)] == [2, 2]
    assert dropping.steps_per_epoch == 2
    assert all(len(batch) == 2 for batch in dropping.step(1).batches)
    alone = plan(num_records=1, drop_last=True)
    assert alone.step(0).batches == ((0,),)


def test_a_run_goes_on_where_it_is_told_to() -> None:
    whole = list(plan().picks(0, 0, 1))
    assert list(plan().picks(4, 0, 1)) == whole[7:]
    assert len(whole) == 15
    assert list(plan().picks(9, 0, 1)) == []


@pytest.mark.parametrize("world_size", [2, 3, 4, 7])
def test_ranks_share_a_step_out_and_compute_alike_often(world_size: int) -> None:
    for index in range(9):
        step = plan().step(index)
        shares = [step.share(rank, world_size) for rank in range(world_size)]
        assert {len(rank) for rank in shares} == {math.ceil(len(step.batches) / world_size)}
        counted = [share.records for rank in shares for share in rank if share.counts]
        assert sorted(counted) == sorted(step.batches)
        stand_ins = [share for rank in shares for share in rank if not share.counts]
        assert all(share == Share(step.batches[0], counts=False) for share in stand_ins)


def test_the_number_of_ranks_does_not_change_what_a_step_learns_from() -> None:
    # Accumulating 4 on one process, 2 on two: four micro-batches a step either way.
    one = plan(batches_per_step=4).step(0)
    assert {share.records for rank in range(2) for share in one.share(rank, 2)} == {*one.batches}


@pytest.mark.parametrize(("epochs", "steps"), [(1, 3), (3, 9), (0.5, 2), (1.2, 4), (2.5, 8)])
def test_a_begun_step_counts_whole(epochs: float, steps: int) -> None:
    assert steps_for(epochs, 9, 2, 2) == steps


@pytest.mark.parametrize(
    ("share", "num_steps", "steps"), [(0.1, 70, 7), (1.1, 10, 11), (0.13, 17, 3), (1e-9, 10, 1)]
)
def test_a_share_is_not_rounded_up_by_binary_fractions(
    share: float, num_steps: int, steps: int
) -> None:
    assert begun_steps(share, num_steps) == steps


@pytest.mark.parametrize(("steps", "seen"), [(1, 4), (2, 8), (3, 9), (4, 13), (9, 27)])
def test_records_are_counted_as_often_as_they_are_seen(steps: int, seen: int) -> None:
    assert plan(num_steps=steps).num_records_seen() == seen


def test_a_step_alone_is_shared() -> None:
    step = Step(((0, 1), (2, 3), (4,)), 0, True, 1.0)
    assert step.share(0, 2) == (Share((0, 1)), Share((4,)))
    assert step.share(1, 2) == (Share((2, 3)), Share((0, 1), counts=False))
    assert step.share(3, 4) == (Share((0, 1), counts=False),)


def test_a_pick_says_where_in_the_run_its_record_is_learnt() -> None:
    plan = BatchPlan(num_records=3, batch_size=2, batches_per_step=1, seed=5, num_steps=4)
    picks = [pick for batch in plan.picks(0, 0, 1) for pick in batch]
    steps = [plan.step(index).batches for index in range(4)]
    records = [record for (batch,) in steps for record in batch]
    assert [pick.index for pick in picks] == records
    # Two steps an epoch: of two records, and of one.
    assert [(p.epoch, p.step, p.progress) for p in picks] == [
        (0, 0, 0.0), (0, 0, 0.0), (0, 1, 0.25),
        (1, 2, 0.5), (1, 2, 0.5), (1, 3, 0.75),
    ]  # fmt: skip
    assert list(plan.picks(2, 0, 1)) == list(plan.picks(0, 0, 1))[2:]


LENGTHS = np.array([5, 90, 7, 80, 6, 85, 9, 88, 8])


def measured(epoch: int) -> Measures:
    return Measures(LENGTHS, np.zeros_like(LENGTHS))


def grouped(**changes: Any) -> BatchPlan:
    return plan(strategy="group_by_length", measures=measured, **changes)


def test_a_micro_batch_holds_records_of_similar_length() -> None:
    for epoch in range(4):
        steps = [grouped().step(3 * epoch + at) for at in range(3)]
        batches = [batch for step in steps for batch in step.batches]
        assert sorted(chain.from_iterable(batches)) == list(range(9))
        # Four long records, five short ones; the one that is left over is the shortest.
        assert [len(batch) for batch in batches] == [2, 2, 2, 2, 1]
        lengths = [sorted(LENGTHS[list(batch)].tolist()) for batch in batches]
        assert sorted(lengths[:4]) == [[6, 7], [8, 9], [80, 85], [88, 90]]
        assert lengths[4] == [5]
        tokens = [LENGTHS[list(batch)].sum() for batch in steps[0].batches]
        assert list(steps[0].tokens) == tokens


def test_the_order_of_the_groups_is_random_and_always_the_same() -> None:
    orders = [[grouped().step(3 * epoch + at).batches for at in range(3)] for epoch in range(4)]
    assert len({tuple(order) for order in orders}) > 1
    assert grouped(seed=8).step(0) != grouped().step(0)
    # What numpy promises of PCG64 (NEP 19).
    assert grouped_order(LENGTHS, 2, 7, 0).tolist() == GROUPED_OF_SEED_7


def test_ranks_get_micro_batches_of_like_length_at_the_same_time() -> None:
    step = Step(((0,), (1,), (2,), (3,)), 0, True, 1.0, tokens=(10, 40, 20, 30))
    # 40 and 30 first; then 20 to the one that had 30, 10 to the other.
    assert step.share(0, 2) == (Share((1,)), Share((0,)))
    assert step.share(1, 2) == (Share((3,)), Share((2,)))
    assert step.share(0, 3) == (Share((1,)), Share((0,), counts=False))


def test_groups_are_made_within_pieces_so_that_the_same_records_do_not_always_meet() -> None:
    lengths = np.arange(400)
    meet = [
        {
            tuple(sorted(pair))
            for pair in grouped_order(lengths, 2, 7, epoch).reshape(-1, 2).tolist()
        }
        for epoch in range(2)
    ]
    assert len(meet[0] & meet[1]) < 100
    # A piece is 50 micro-batches of 2: a record's neighbour is near, not next.
    assert max(high - low for low, high in meet[0]) < 40


def test_records_may_come_as_they_stand() -> None:
    steps = [plan(strategy="sequential").step(index) for index in range(4)]
    assert steps[0].batches == ((0, 1), (2, 3))
    assert steps[2].batches == ((8,),)
    assert steps[3].batches == steps[0].batches and steps[3].epoch == 1
