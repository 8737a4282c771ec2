"""Micro-batches by tokens: every record once, none over the budget, the same for any ranks."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.sampling.measures import Measures
from sightwright.sampling.token_plan import TokenPlan, TokenStep

BUDGET = 100


class Drawn:
    """Lengths that are others in each epoch, as a mixture's are."""

    def __init__(self, num_records: int, seed: int) -> None:
        self._num_records = num_records
        self._seed = seed

    def __call__(self, epoch: int) -> Measures:
        rng = np.random.default_rng([self._seed, epoch])
        tokens = rng.integers(1, BUDGET + 1, self._num_records)
        return Measures(tokens, rng.integers(0, 50, self._num_records))


def plan_of(num_records: int, batch: int, seed: int = 3, num_steps: int = 9) -> TokenPlan:
    measures = Drawn(num_records, seed)
    return TokenPlan(num_records, batch, BUDGET, seed, num_steps, measures)


def counted(step: TokenStep, ranks: int) -> list[int]:
    shares = chain.from_iterable(step.share(rank, ranks) for rank in range(ranks))
    return sorted(chain.from_iterable(share.records for share in shares if share.counts))


PLANS = st.tuples(st.integers(1, 60), st.integers(1, 24), st.integers(0, 5))


@settings(deadline=None, max_examples=40)
@given(PLANS, st.integers(1, 7))
def test_every_record_of_an_epoch_once_in_full_steps(
    numbers: tuple[int, int, int], ranks: int
) -> None:
    num_records, batch, seed = numbers
    plan = plan_of(num_records, batch, seed)
    for epoch in (0, 1):
        first = epoch * plan.steps_per_epoch
        steps = [plan.step(first + at) for at in range(plan.steps_per_epoch)]
        sizes = [len(step.records) for step in steps]
        assert sizes[:-1] == [batch] * (len(steps) - 1)
        assert sizes[-1] == num_records - batch * (len(steps) - 1)
        assert [step.ends_epoch for step in steps] == [False] * (len(steps) - 1) + [True]
        assert steps[-1].epochs_done == epoch + 1
        seen = chain.from_iterable(counted(step, ranks) for step in steps)
        assert sorted(seen) == list(range(num_records))


@settings(deadline=None, max_examples=40)
@given(PLANS, st.integers(1, 7))
def test_no_micro_batch_is_over_the_budget_and_ranks_compute_alike_often(
    numbers: tuple[int, int, int], ranks: int
) -> None:
    plan = plan_of(*numbers)
    for index in range(plan.steps_per_epoch + 1):
        step = plan.step(index)
        tokens = plan.measures(step.epoch).tokens
        shares = [step.share(rank, ranks) for rank in range(ranks)]
        assert len({len(own) for own in shares}) == 1
        for share in chain.from_iterable(shares):
            assert share.records and tokens[list(share.records)].sum() <= BUDGET
        for own in shares:
            # Stand-ins come last, and the micro-batches before them by falling size.
            assert sorted(own, key=lambda share: not share.counts) == list(own)
            sizes = [tokens[list(share.records)].sum() for share in own if share.counts]
            assert sizes == sorted(sizes, reverse=True)


@settings(deadline=None, max_examples=40)
@given(PLANS)
def test_what_a_step_learns_is_the_same_for_any_number_of_ranks(
    numbers: tuple[int, int, int],
) -> None:
    plan = plan_of(*numbers)
    for index in range(plan.steps_per_epoch):
        step = plan.step(index)
        assert {tuple(counted(step, ranks)) for ranks in (1, 2, 3, 8)} == {
            tuple(sorted(step.records))
        }


def test_ranks_have_alike_many_tokens() -> None:
    plan = plan_of(256, 64)
    for index in range(4):
        step = plan.step(index)
        tokens = plan.measures(0).tokens
        held = [
            sum(tokens[list(share.records)].sum() for share in step.share(rank, 4) if share.counts)
            for rank in range(4)
        ]
        assert max(held) - min(held) <= max(step.tokens)
        assert max(held) <= 1.03 * np.mean(held)


def test_a_run_goes_on_where_it_is_told_to() -> None:
    for ranks in (1, 3):
        for rank in range(ranks):
            whole = list(plan_of(20, 8).picks(0, rank, ranks))
            rest = list(plan_of(20, 8).picks(4, rank, ranks))
            assert rest == whole[-len(rest) :]
            assert {pick.step for pick in chain.from_iterable(rest)} == set(range(4, 9))


def test_worked_by_hand() -> None:
    tokens = [60, 50, 40, 30, 20, 90]
    measures = Measures.of(tokens, [0] * 6)
    plan = TokenPlan(6, 6, BUDGET, 0, 1, lambda epoch: measures, strategy="sequential")
    step = plan.step(0)
    # 290 tokens: three micro-batches on one rank, two each on two, of 150 and 140 tokens.
    alone = step.share(0, 1)
    assert sorted(sum(tokens[record] for record in share.records) for share in alone) == [
        90, 100, 100,
    ]  # fmt: skip
    held = [
        sum(tokens[record] for share in step.share(rank, 2) for record in share.records)
        for rank in range(2)
    ]
    assert sorted(held) == [140, 150]
    assert [len(step.share(rank, 2)) for rank in range(2)] == [2, 2]
    # Of eight ranks two have nothing of their own, and compute the shortest.
    eight = [step.share(rank, 8) for rank in range(8)]
    assert sorted(share.counts for own in eight for share in own) == [False] * 2 + [True] * 6
    assert {own[0].records for own in eight if not own[0].counts} == {(4,)}


def test_the_order_of_the_steps_is_that_of_plans_by_number() -> None:
    measures = Measures.of([1] * 8, [0] * 8)
    plan = TokenPlan(8, 8, BUDGET, 7, 2, lambda epoch: measures)
    # What numpy promises of PCG64 (NEP 19); see test_plan.
    assert plan.step(0).records == (6, 3, 4, 0, 2, 7, 5, 1)
    assert plan.step(1).records == (1, 3, 2, 7, 4, 5, 0, 6)


def test_how_full_an_epoch_is_told() -> None:
    measures = Measures.of([50] * 10, [0] * 10)
    plan = TokenPlan(10, 4, BUDGET, 0, 3, lambda epoch: measures)
    fill = plan.fill_of(0, 1)
    # Steps of 2, 2 and 1 micro-batches, all full.
    assert (fill.num_steps, fill.of_steps, fill.num_batches) == (3, 3, 5)
    assert (fill.records_per_batch, fill.tokens_per_batch, fill.share) == (2, 100, 1)
    assert str(fill) == (
        "3 steps of 1.7 micro-batches; a micro-batch has 2.0 samples and 100 of 100 tokens (100%)"
    )
    # Two ranks: a micro-batch each in every step.
    assert plan.fill_of(0, 2).num_batches == 6


def test_of_a_long_epoch_some_steps_are_looked_at() -> None:
    measures = Measures.of([50] * 1000, [0] * 1000)
    plan = TokenPlan(1000, 2, BUDGET, 0, 500, lambda epoch: measures)
    fill = plan.fill_of(1, 1)
    assert (fill.num_steps, fill.of_steps) == (167, 500)
    assert "500 steps of 1.0 micro-batches, from 167 of them" in str(fill)


@pytest.mark.parametrize(("steps", "seen"), [(1, 8), (2, 16), (3, 20), (4, 28)])
def test_records_are_counted_as_often_as_they_are_seen(steps: int, seen: int) -> None:
    assert plan_of(20, 8, num_steps=steps).num_records_seen() == seen
