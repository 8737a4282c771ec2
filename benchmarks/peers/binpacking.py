"""Bins by binpacking's to_constant_volume, a thousand records at a time, as ms-swift 4.6 calls it.
Runs in an environment of its own."""

import sys
from importlib import metadata
from pathlib import Path

# This file has the name of what it measures.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
import binpacking  # noqa: E402  # pyright: ignore

sys.path.append(str(Path(__file__).parent))
from planning import answer_all  # noqa: E402  # pyright: ignore

AT_ONCE = 1000


def plan(lengths: list[int], budget: int) -> list[list[int]]:
    """The last bin of each thousand goes on with the next. All of a million at once would take
    hours: each record is compared with every bin."""
    bins: list[list[tuple[int, int]]] = []
    left: list[tuple[int, int]] = []
    records = list(enumerate(lengths))
    for start in range(0, len(records), AT_ONCE):
        some = left + records[start : start + AT_ONCE]
        *full, left = binpacking.to_constant_volume(some, budget, weight_pos=1)
        bins += full
    return [[number for number, _ in each] for each in [*bins, left]]


answer_all(metadata.version("binpacking"), plan)
