"""The batch plan: every record once an epoch, and step N from seed and epoch alone."""

from itertools import chain

import pytest

from sightwright.sampling.plan import (
    BatchPlan,
    Share,
    Step,
    begun_steps,
    epoch_order,
    steps_for,
)

ORDER_OF_SEED_7 = [[6, 3, 4, 0, 2, 7, 5, 1], [1, 3, 2, 7, 4, 5, 0, 6]]


def plan(**changes: int | bool) -> BatchPlan:
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
    whole = [share.records for share in plan().shares(0, 0, 1)]
    assert [share.records for share in plan().shares(4, 0, 1)] == whole[7:]
    assert len(whole) == 15
    assert list(plan().shares(9, 0, 1)) == []


@pytest.mark.parametrize("world_size", [2, 3, 4, 7])
def test_ranks_share_a_step_out_and_none_is_idle(world_size: int) -> None:
    for index in range(9):
        step = plan().step(index)
        shares = [step.share(rank, world_size) for rank in range(world_size)]
        assert all(shares)
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
    assert step.share(3, 4) == (Share((0, 1), counts=False),)


def test_a_pick_says_where_in_the_run_its_record_is_learnt() -> None:
    plan = BatchPlan(num_records=3, batch_size=2, batches_per_step=1, seed=5, num_steps=4)
    picks = [pick for batch in plan.picks(0, 0, 1) for pick in batch]
    records = [record for share in plan.shares(0, 0, 1) for record in share.records]
    assert [pick.index for pick in picks] == records
    # Two steps an epoch: of two records, and of one.
    assert [(p.epoch, p.step, p.progress) for p in picks] == [
        (0, 0, 0.0), (0, 0, 0.0), (0, 1, 0.25),
        (1, 2, 0.5), (1, 2, 0.5), (1, 3, 0.75),
    ]  # fmt: skip
    assert list(plan.picks(2, 0, 1)) == list(plan.picks(0, 0, 1))[2:]
