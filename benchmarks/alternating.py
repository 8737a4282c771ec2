"""Several ways of doing one thing, timed in turns so that a busy machine slows all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "ours"


@dataclass(frozen=True)
class Comparison:
    """What was seen.

    Attributes:
        equality: in what sense the results are the same, as checked before.
        num_items: in one turn; times are told per item.
        seconds: of each turn, by who took it; `ours` among them.
    """

    title: str
    equality: str
    item: str
    num_items: int
    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Seconds per item."""
        return statistics.median(self.seconds[name]) / self.num_items

    def ratio(self, name: str) -> float:
        """Over 1: ours is faster than `name`."""
        return self.median(name) / self.median(OURS)

    def to_json(self) -> dict[str, Any]:
        peers = {
            name: {
                "median_ms": 1000 * self.median(name),
                "lowest_ms": 1000 * min(seconds) / self.num_items,
                "highest_ms": 1000 * max(seconds) / self.num_items,
                "ratio": self.ratio(name),
            }
            for name, seconds in self.seconds.items()
        }
        return {
            "title": self.title,
            "equality": self.equality,
            "per": self.item,
            "num_items": self.num_items,
            "turns": len(self.seconds[OURS]),
            "results": peers,
        }

    def print(self) -> None:
        print(f"\n{self.title} ({len(self.seconds[OURS])} turns each, ms per {self.item})")
        if self.equality:
            print(f"  checked: {self.equality}")
        width = max(36, *map(len, self.seconds))
        for name, values in self.seconds.items():
            low, high = (1000 * end(values) / self.num_items for end in (min, max))
            line = f"  {name:<{width}} {1000 * self.median(name):9.2f}  ({low:.2f} to {high:.2f})"
            print(line if name == OURS else f"{line}  {_verdict(self.ratio(name))}")


def compare(
    title: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str,
    repeats: int,
    equality: str = "",
) -> Comparison:
    """Time two functions of this process in turns, and print the medians and their ratio."""
    return compare_turns(title, {OURS: timed(ours), peer_name: timed(peer)}, repeats, equality)


def compare_turns(
    title: str,
    turns: Mapping[str, Callable[[], float]],
    repeats: int,
    equality: str = "",
    item: str = "turn",
    num_items: int = 1,
) -> Comparison:
    """Let everybody in `turns` do the work again and again; each says how many seconds it took."""
    for turn in turns.values():
        turn()  # Warm-up.
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(repeats):
        for name, turn in turns.items():
            seconds[name].append(turn())
    comparison = Comparison(title, equality, item, num_items, seconds)
    comparison.print()
    return comparison


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work as a turn."""

    def turn() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return turn


def _verdict(ratio: float) -> str:
    return f"{ratio:.2f} times ours" + ("" if ratio >= 1 else ": the peer is faster here")
