"""Whether an answer ran into a loop: it reached its limit, or says the same thing over and over.

"A 4-gram repeated 8 times and more" is read as: a block of at least 4 tokens stands at least 8
times in a row, with nothing between. A 4-gram that merely occurs 8 times proves nothing, since the
keys of a table (`","price":`) do so in any table of 8 rows; in a row, all values are equal too.

    ab ab ab … (32 tokens)      a loop: the block `abab`, 8 times
    {"n":1},{"n":2},{"n":3}, …  none: the numbers differ
    {"n":1},{"n":1},{"n":1}, …  a loop from the 8th on, unless the label holds them too

So a form whose eight rows are equal is no false alarm, as long as it is read right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MIN_BLOCK = 4
MIN_TIMES = 8

# JSON without blanks is one word by white space, so marks stand for themselves.
_WORDS = re.compile(r"\w+|[^\w\s]")

Loop = Literal["limit", "repeats"]


@dataclass(frozen=True)
class Repeats:
    """A block of tokens that stands `times` times in a row.

    Attributes:
        start: number of its first token.
        length: tokens of one block.
    """

    start: int
    length: int
    times: int


def find_loop(
    text: str, tokens: Sequence[bytes], *, reached_limit: bool, label: str
) -> Loop | None:
    """Why an answer counts as a loop; None when it is none.

    Args:
        tokens: the bytes of each token of the answer; where the engine tells none, the words and
            marks of `text` stand for them.
        label: the answer that was wanted: what it repeats as often may be repeated.
    """
    if reached_limit:
        return "limit"
    parts = list(tokens) or [word.encode() for word in _WORDS.findall(text)]
    found = find_repeats(parts)
    if found is None:
        return None
    block = b"".join(parts[found.start : found.start + found.length])
    return None if _bare(block) * found.times in _bare(label.encode()) else "repeats"


def find_repeats(tokens: Sequence[bytes]) -> Repeats | None:
    """The shortest block of at least 4 tokens that stands at least 8 times in a row."""
    numbers: dict[bytes, int] = {}
    ids = np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64)
    for length in range(MIN_BLOCK, len(ids) // MIN_TIMES + 1):
        # A run of n tokens that each equal the one a block earlier is n / block more blocks.
        start, run = _longest_run(ids[length:] == ids[:-length])
        times = run // length + 1
        if times >= MIN_TIMES:
            return Repeats(start, length, times)
    return None


def _longest_run(true_T: NDArray[np.bool_]) -> tuple[int, int]:
    """Where the longest run of True begins, and how long it is."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true_T, [False]]).astype(np.int8)))
    if not edges.size:
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    longest = int(np.argmax(lengths))
    return int(edges[2 * longest]), int(lengths[longest])


def _bare(text: bytes) -> bytes:
    return b"".join(text.split())
