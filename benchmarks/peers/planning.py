"""A planner's side of the talk: runs in the peer's environment, imports nothing of ours."""

import json
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

Plan = Callable[[list[int], int], Iterable[Iterable[int]]]
"""Lengths and the most that a bin holds → the numbers of the records of each bin."""


def answer_all(version: str, plan: Plan) -> None:
    """Plan as each line of stdin asks; save the bin of each record."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        lengths = np.load(question["lengths"]).tolist()
        started = time.perf_counter()
        bins = plan(lengths, question["budget"])
        seconds = time.perf_counter() - started
        found = np.full(len(lengths), -1)
        for number, records in enumerate(bins):
            found[list(records)] = number
        np.save(question["save"], found)
        print(json.dumps({"seconds": seconds}), flush=True)
