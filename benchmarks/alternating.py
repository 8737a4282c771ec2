"""Two ways of doing one thing, timed in turns so that a busy machine slows both alike."""

import statistics
import time
from collections.abc import Callable


def compare(
    title: str, ours: Callable[[], object], peer: Callable[[], object], peer_name: str, repeats: int
) -> None:
    """Print the medians and their ratio: over 1, ours is faster."""
    ours(), peer()  # Warm-up.
    seconds: dict[str, list[float]] = {"ours": [], peer_name: []}
    for _ in range(repeats):
        for name, work in (("ours", ours), (peer_name, peer)):
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"\n{title} ({repeats} turns each)")
    for name, median in medians.items():
        low, high = min(seconds[name]), max(seconds[name])
        print(f"  {name:<28} {1000 * median:9.2f} ms  ({1000 * low:.2f} to {1000 * high:.2f})")
    ratio = medians[peer_name] / medians["ours"]
    print(f"  ratio {ratio:.2f}{'' if ratio >= 1 else ': the peer is faster here'}")
