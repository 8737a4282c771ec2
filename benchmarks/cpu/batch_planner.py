"""A million records into micro-batches of a budget of tokens, and steps shared out among ranks."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import metadata
from itertools import count
from pathlib import Path

import numpy as np
from transformers.trainer_pt_utils import BatchRebalanceSampler

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from benchmarks.peers.environments import MissingPeerError, Peer
from sightwright.sampling.bins import fill
from sightwright.sampling.measures import Ints, Measures, vision_work
from sightwright.sampling.token_plan import TokenPlan

NUM_RECORDS = 1_000_000
BUDGET = 16_384
TURNS = 3
STEP, RANKS, ACCUMULATION, NUM_STEPS = 256, 8, 4, 100
PEERS = {"binpacking": "binpacking", "trl_bins": "trl"}
"""Who plans, and the environment that he lives in."""


def run() -> list[Comparison]:
    return [compare_bins(NUM_RECORDS), compare_steps(NUM_STEPS)]


def draw(num_records: int) -> Measures:
    """Up to three page images of up to 1,280 tokens, mostly one, and a text of some hundreds."""
    rng = np.random.default_rng(0)
    num_images = rng.choice([0, 1, 1, 1, 2, 3], num_records)
    images = np.minimum(rng.integers(200, 1600, (num_records, 3)), 1280)
    images[np.arange(3) >= num_images[:, None]] = 0
    text = np.clip(rng.lognormal(5.5, 0.7, num_records), 30, 4000).astype(np.int64)
    works = np.array([vision_work(4 * tokens) for tokens in range(1281)])
    return Measures(images.sum(axis=1) + text, works[images].sum(axis=1))


def compare_bins(num_records: int) -> Comparison:
    """All at once by us, and by TRL; a thousand at a time by binpacking."""
    records = draw(num_records)
    plans: dict[str, Ints] = {}

    def ours() -> None:
        plans[OURS] = fill(records.tokens, records.vision, BUDGET)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        lengths, answer = Path(folder) / "lengths.npy", Path(folder) / "answer.npy"
        np.save(lengths, records.tokens)
        turns = {OURS: timed(ours)}
        for name, peer in installed_peers(stack):

            def ask(name: str = name, peer: Peer = peer) -> float:
                told = peer.ask(lengths=str(lengths), budget=BUDGET, save=str(answer))
                plans[name] = np.load(answer)
                require_a_plan(plans[name], records.tokens)
                return float(told["seconds"])

            turns[name] = ask
        ours()
        require_a_plan(plans[OURS], records.tokens)
        done = compare_turns(
            f"{num_records:,} records into micro-batches of {BUDGET:,} tokens",
            turns,
            TURNS,
            "every record once, no micro-batch over its budget",
        )
    print("  share of the budget; vision work of the most worked micro-batch over the average")
    for name, bins in plans.items():
        print(f"  {name:<36} {fill_share(bins, records.tokens):9.3%}  {spread(bins, records):.2f}")
    return done


def installed_peers(stack: ExitStack) -> Iterator[tuple[str, Peer]]:
    for name, environment in PEERS.items():
        try:
            peer = stack.enter_context(Peer(name, environment))
        except MissingPeerError as error:
            print(f"\nleft out: {error}")
        else:
            yield f"{environment} {peer.version}", peer


def require_a_plan(bins: Ints, tokens: Ints) -> None:
    """Every record is in a bin, and none is over the budget."""
    assert len(bins) == len(tokens) and bins.min() >= 0
    assert np.bincount(bins, tokens).max() <= BUDGET


def fill_share(bins: Ints, tokens: Ints) -> float:
    return float(tokens.sum() / (len(np.unique(bins)) * BUDGET))


def spread(bins: Ints, records: Measures) -> float:
    work = np.bincount(bins, records.vision)
    return float(work.max() / work.mean())


# Steps

OfSteps = list[list[int]]
"""The records that one rank has of each step."""


def compare_steps(num_steps: int) -> Comparison:
    """What each of eight ranks is given, by our plan and by transformers' own sampler."""
    records = draw(num_steps * STEP)
    theirs_name = f"transformers {metadata.version('transformers')} BatchRebalanceSampler"
    seeds = count()
    ways: dict[str, Callable[[int, int], OfSteps]] = {
        OURS: lambda rank, seed: by_our_plan(records, rank, seed),
        theirs_name: lambda rank, seed: by_their_sampler(records, rank, seed),
    }
    planned = {name: [way(rank, 0) for rank in range(RANKS)] for name, way in ways.items()}
    for ranks in planned.values():
        learnt = [record for own in ranks for step in own for record in step]
        assert sorted(learnt) == list(range(len(records)))
        assert [sum(map(len, step)) for step in zip(*ranks, strict=True)] == [STEP] * num_steps
    # What another turn planned must not be found again: each has a seed of its own.
    done = compare_turns(
        f"steps of {STEP} records over {RANKS} ranks, planned by one of them",
        {
            name: timed(lambda way=way: way(0, next(seeds)))  # type: ignore[misc]
            for name, way in ways.items()
        },
        TURNS,
        "every record once, steps of the same size",
        item="step",
        num_items=num_steps,
    )
    print("  the rank that has most, over the average: tokens, vision work")
    for name, ranks in planned.items():
        tokens, vision = (over_average(ranks, each) for each in (records.tokens, records.vision))
        print(f"  {name:<48} {tokens:.3f}  {vision:.3f}")
    return done


def by_our_plan(records: Measures, rank: int, seed: int) -> OfSteps:
    num_steps = len(records) // STEP
    plan = TokenPlan(len(records), STEP, BUDGET, seed, num_steps, lambda epoch: records)
    steps = (plan.step(index).share(rank, RANKS) for index in range(num_steps))
    return [[r for share in step if share.counts for r in share.records] for step in steps]


def by_their_sampler(records: Measures, rank: int, seed: int) -> OfSteps:
    lengths = records.tokens.tolist()
    sampler = BatchRebalanceSampler(lengths, STEP, RANKS, ACCUMULATION, seed=seed, rank=rank)
    batches = list(sampler)
    firsts = range(0, len(batches), ACCUMULATION)
    return [
        [r for batch in batches[first : first + ACCUMULATION] for r in batch] for first in firsts
    ]


def over_average(ranks: list[list[list[int]]], costs: Ints) -> float:
    held = np.array([[costs[step].sum() for step in own] for own in ranks], dtype=float)
    return float((held.max(axis=0) / held.mean(axis=0)).mean())
