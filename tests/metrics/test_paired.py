from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from sightwright.metrics import paired
from sightwright.metrics.paired import Difference, differences, sign_test, swap_test


def mean_and_ratio(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """One score that is linear in the documents, one that is not (as F1)."""
    return {"mean": sums_SK[:, 0] / 8, "ratio": sums_SK[:, 0] / np.maximum(sums_SK[:, 1], 1)}


def random_pair(seed: int, documents: int = 8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (2, documents, 2)).astype(np.float64)
    b[: documents // 4] = a[: documents // 4]
    return a, b


def test_the_interval_is_that_of_a_plain_loop() -> None:
    a, b = random_pair(1)
    found = differences(a, b, mean_and_ratio, samples=300, seed=4)
    gains: list[float] = []
    for drawn in np.random.default_rng(4).integers(0, 8, (300, 8)):
        of_a = sum(a[i, 0] for i in drawn) / max(sum(a[i, 1] for i in drawn), 1)
        of_b = sum(b[i, 0] for i in drawn) / max(sum(b[i, 1] for i in drawn), 1)
        gains.append(of_b - of_a)
    low, high = np.percentile(gains, [2.5, 97.5])
    interval = found["ratio"].interval
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert found["ratio"].a == pytest.approx(a[:, 0].sum() / a[:, 1].sum())
    assert found["mean"].difference == pytest.approx((b - a)[:, 0].sum() / 8)


def plain_swap_test(a: NDArray[np.float64], b: NDArray[np.float64], name: str) -> float:
    """All 2^8 ways, one document after the other."""

    def gain(ways: tuple[int, ...]) -> float:
        first = sum((b if swap else a)[i] for i, swap in enumerate(ways))
        second = sum((a if swap else b)[i] for i, swap in enumerate(ways))
        return float(mean_and_ratio(second[None])[name][0] - mean_and_ratio(first[None])[name][0])

    seen = abs(gain((0,) * len(a)))
    ways = list(product((0, 1), repeat=len(a)))
    return sum(abs(gain(way)) >= seen - 1e-9 for way in ways) / len(ways)


@pytest.mark.parametrize("seed", range(5))
def test_the_chance_is_that_of_trying_all_swaps_by_hand(seed: int) -> None:
    a, b = random_pair(seed)
    found = swap_test(a, b, mean_and_ratio)
    for name in ("mean", "ratio"):
        assert found[name] == pytest.approx(plain_swap_test(a, b, name))


def test_chances_by_hand() -> None:
    # Four documents got better by 1, none worse: of 16 ways, all one way or all the other.
    a, b = np.zeros((6, 1)), np.array([[1.0], [1], [1], [1], [0], [0]])
    assert swap_test(a, b, lambda sums: {"sum": sums[:, 0]}) == {"sum": 2 / 16}
    assert swap_test(a, a, lambda sums: {"sum": sums[:, 0]}) == {"sum": 1.0}
    assert sign_test(4, 0) == 2 / 16
    # 10 changed, at most 2 on one side: 2·(1 + 10 + 45) / 1024.
    assert sign_test(8, 2) == sign_test(2, 8) == pytest.approx(112 / 1024)
    assert sign_test(0, 0) == sign_test(3, 3) == 1.0


def test_many_documents_are_swapped_at_random_and_agree_with_the_sign_test() -> None:
    a, b = np.zeros((30, 1)), np.zeros((30, 1))
    b[:20], a[20:] = 1, 1

    def total(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {"sum": sums_SK[:, 0]}

    found = swap_test(a, b, total, samples=20_000, seed=1)["sum"]
    # For differences of 1 each the permutation test is the sign test; 20,000 draws leave this much.
    assert found == pytest.approx(sign_test(20, 10), abs=0.01)
    assert found == swap_test(a, b, total, samples=20_000, seed=1)["sum"]
    assert found != swap_test(a, b, total, samples=20_000, seed=2)["sum"]


def test_random_swaps_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = random_pair(9, documents=12)
    exact = swap_test(a, b, mean_and_ratio)
    monkeypatch.setattr(paired, "_MAX_SWAPPED_EXACTLY", 2)
    drawn = swap_test(a, b, mean_and_ratio, samples=20_000)
    for name, chance in exact.items():
        assert drawn[name] == pytest.approx(chance, abs=0.015)


def test_alike_models_are_called_different_as_often_as_the_test_says() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        a, b = (rng.random((2, 40, 1)) < 0.6).astype(np.float64)
        found = swap_test(a, b, lambda sums: {"sum": sums[:, 0]}, samples=400)
        alarms += found["sum"] <= 0.05
    # At most 5 % of 200, with binomial noise; whole numbers of documents make it fewer.
    assert alarms <= 18


def test_a_difference_is_b_less_a() -> None:
    a, b = np.full((5, 1), 0.5), np.full((5, 1), 0.75)
    found = differences(a, b, lambda sums: {"mean": sums[:, 0] / 5}, samples=50)["mean"]
    assert isinstance(found, Difference)
    assert (found.a, found.b, found.difference) == (0.5, 0.75, 0.25)
    assert (found.interval.low, found.interval.high) == (0.25, 0.25)
    assert found.p == 2 / 32
