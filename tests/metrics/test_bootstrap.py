import numpy as np
import pytest

from sightwright.metrics import bootstrap
from sightwright.metrics.bootstrap import Interval, resampled_sums


def test_percentiles_by_hand() -> None:
    # Ranks 0 to 40: the 2.5th percentile is the value of rank 1, the 97.5th that of rank 39.
    assert Interval.of(np.arange(41.0)[::-1]) == Interval(1.0, 39.0)
    # Between ranks it is linear: 2.5 % of the way from 0 to 1.
    assert Interval.of(np.array([0.0, 1.0])) == Interval(0.025, 0.975)


def test_each_resample_draws_as_many_documents_as_there_are() -> None:
    values = np.stack([np.ones(7), np.arange(7.0)], axis=1)
    sums = resampled_sums(values, samples=50, seed=1)
    assert sums.shape == (50, 2)
    assert (sums[:, 0] == 7).all()
    assert len(np.unique(sums[:, 1])) > 10


def test_drawing_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(12.0).reshape(6, 2)
    whole = resampled_sums(values, samples=9, seed=5)
    monkeypatch.setattr(bootstrap, "_NUMBERS_AT_ONCE", 12)
    assert (resampled_sums(values, samples=9, seed=5) == whole).all()


def test_the_seed_decides() -> None:
    values = np.arange(20.0)[:, None]
    assert (resampled_sums(values, 10, 3) == resampled_sums(values, 10, 3)).all()
    assert (resampled_sums(values, 10, 3) != resampled_sums(values, 10, 4)).any()


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        exact = (rng.random(60) < 0.7).astype(float)[:, None]
        interval = Interval.of(resampled_sums(exact, 400, trial)[:, 0] / 60)
        covered += interval.low <= 0.7 <= interval.high
    # 95 % of 200 is 190; binomial noise and the method's small-sample bias leave this much.
    assert covered >= 180
