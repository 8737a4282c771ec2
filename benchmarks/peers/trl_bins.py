"""Bins by TRL's best fit decreasing, as `pack_dataset(strategy="bfd_split")` makes them. Runs in an
environment of its own.

TRL packs a table of token ids; of a million records these would be gigabytes. Here the lists are of
nulls, none is long enough to be split, and the two places where tokens are moved leave them where
they are: what is timed is the plan alone.
"""

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

# Beside this file stands one with the name of what it measures.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
import pyarrow as pa  # noqa: E402  # pyright: ignore
from trl import data_utils  # noqa: E402  # pyright: ignore

sys.path.append(str(Path(__file__).parent))
from planning import answer_all  # noqa: E402  # pyright: ignore


class Unmoved:
    """pyarrow's functions without those that move tokens; keeps the order they would have."""

    def __init__(self, functions: Any) -> None:
        self._functions = functions
        self.order: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)

    def filter(self, column: Any, is_kept: Any) -> Any:
        assert self._functions.all(is_kept).as_py()
        return column

    def take(self, table: Any, order: list[int]) -> Any:
        self.order = order
        return table.combine_chunks()


def plan(lengths: list[int], budget: int) -> list[list[int]]:
    offsets = np.cumsum([0, *lengths]).astype(np.int32)
    ids = pa.ListArray.from_arrays(pa.array(offsets), pa.nulls(int(offsets[-1])))
    packed = data_utils._pack_bfd(pa.table({"input_ids": ids}), budget, "split")
    ends = np.cumsum([len(each) for each in packed["seq_lengths"]])
    return np.split(np.array(unmoved.order), ends[:-1])


unmoved = data_utils.pc = Unmoved(data_utils.pc)
answer_all(metadata.version("trl"), plan)
