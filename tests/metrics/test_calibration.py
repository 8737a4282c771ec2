"""Calibration: by hand, against brute force, and by what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.metrics import calibration
from sightwright.metrics.calibration import Calibrator, Case, Floats


def case(document: str, confidence: float, is_right: bool, field: str = "total") -> Case:
    return Case(document, field, confidence, is_right)


def test_isotonic_regression_by_hand() -> None:
    # 0.2 wrong | 0.4 right, 0.6 wrong pool to 1/2 | 0.8 right | 0.9 right: knots at block ends.
    knots = calibration.fit_knots([0.9, 0.2, 0.6, 0.4, 0.8], [True, False, False, True, True])
    assert knots == ((0.2, 0.0), (0.4, 0.5), (0.6, 0.5), (0.8, 1.0), (0.9, 1.0))
    told = [0.0, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0]
    assert calibration.apply_knots(knots, told) == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, 1])


def test_cases_of_equal_confidence_are_one_point() -> None:
    right = [True, False, True, True]
    assert calibration.fit_knots([0.5] * 4, right) == ((0.5, 0.75),)
    assert calibration.apply_knots(((0.5, 0.75),), [0.1, 0.9]) == pytest.approx([0.75, 0.75])
    with pytest.raises(ValueError, match="no cases"):
        calibration.fit_knots([], [])


_judged = st.lists(st.tuples(st.sampled_from([n / 8 for n in range(9)]), st.booleans()), min_size=1)


@settings(deadline=None)
@given(_judged)
def test_isotonic_regression_is_the_least_squares_one(judged: list[tuple[float, bool]]) -> None:
    told = sorted({confidence for confidence, _ in judged})
    rights = [[hit for confidence, hit in judged if confidence == x] for x in told]

    def mean(first: int, last: int) -> float:
        hits = [hit for group in rights[first : last + 1] for hit in group]
        return sum(hits) / len(hits)

    # The closed form: the largest of the smallest means over runs that hold the point.
    size = len(told)
    wanted = [
        max(min(mean(j, k) for k in range(i, size)) for j in range(i + 1)) for i in range(size)
    ]
    knots = calibration.fit_knots([c for c, _ in judged], [hit for _, hit in judged])
    assert calibration.apply_knots(knots, told) == pytest.approx(wanted)
    assert len(knots) <= size
    assert list(knots) == sorted(knots)


def test_a_field_with_cases_enough_has_its_own_knots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_MIN_FIELD_CASES", 3)
    monkeypatch.setattr(calibration, "_MIN_FIELD_WRONG", 1)
    cases = [case("a", 0.5, False, "x"), case("a", 0.6, True, "x"), case("b", 0.7, True, "x")]
    cases += [case("a", 0.5, True, "y"), case("b", 0.6, True, "y"), case("c", 0.7, True, "y")]
    calibrator = calibration.fit(cases)
    assert set(calibrator.per_field) == {"x"}
    assert calibrator.apply("x", [0.5]) == pytest.approx([0.0])
    # Of both fields together: half of those told 0.5 are right.
    assert calibrator.apply("y", [0.5]) == pytest.approx([0.5])
    assert calibration.calibrated(calibrator, cases) == pytest.approx([0, 1, 1, 0.5, 1, 1])


def test_calibration_error_by_hand() -> None:
    told = [0.1, 0.3, 0.6, 0.8, 0.9, 1.0]
    right = [False, True, False, True, True, True]
    # Bins of two: |0.5 - 0.2|, |0.5 - 0.7|, |1 - 0.95|, a third of the cases each.
    assert calibration.calibration_error(told, right, 3) == pytest.approx((0.3 + 0.2 + 0.05) / 3)
    assert calibration.calibration_error(told, right, 1) == pytest.approx(4 / 6 - 3.7 / 6)
    bins = calibration.reliability(told, right, 3)
    assert [(part.count, part.right) for part in bins] == [(2, 0.5), (2, 0.5), (2, 1.0)]
    assert [part.confidence for part in bins] == pytest.approx([0.2, 0.7, 0.95])
    # Two of two right: the 97.5 % lower bound p has p² = 0.025.
    assert (bins[2].low, bins[2].high) == pytest.approx((0.025**0.5, 1.0))
    assert calibration.brier(told, right) == pytest.approx(
        (0.01 + 0.49 + 0.36 + 0.04 + 0.01 + 0) / 6
    )


def test_equal_confidences_stay_in_one_bin() -> None:
    told = [0.2, 0.9, 0.9, 0.9, 0.9, 1.0]
    bins = calibration.reliability(told, [False, True, True, False, True, True], 3)
    assert [part.count for part in bins] == [5, 1]
    assert sum(part.count for part in calibration.reliability(told, [True] * 6, 15)) == 6
    assert len(calibration.reliability([0.5] * 4, [True] * 4)) == 1


@settings(deadline=None)
@given(_judged, st.integers(1, 20))
def test_bins_hold_every_case_once_in_order(
    judged: list[tuple[float, bool]], num_bins: int
) -> None:
    bins = calibration.reliability([c for c, _ in judged], [hit for _, hit in judged], num_bins)
    assert 1 <= len(bins) <= num_bins
    assert sum(part.count for part in bins) == len(judged)
    means = [part.confidence for part in bins]
    assert means == sorted(means)
    hits = sum(part.count * part.right for part in bins)
    assert hits == pytest.approx(sum(hit for _, hit in judged))


def test_risk_and_coverage_by_hand() -> None:
    curve = calibration.risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, False])
    assert curve.coverage == pytest.approx((0.25, 0.5, 0.75, 1.0))
    assert curve.risk == pytest.approx((0, 1 / 2, 1 / 3, 1 / 2))
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidences_are_kept_together() -> None:
    curve = calibration.risk_coverage([0.5, 0.5, 0.9], [False, True, True])
    assert curve.coverage == pytest.approx((1 / 3, 1.0))
    assert curve.risk == pytest.approx((0, 1 / 3))
    # Keeping two, the wrong one is among them in half of the orders.
    assert curve.area == pytest.approx((0 + 0.5 / 2 + 1 / 3) / 3)


def test_the_bound_by_hand() -> None:
    # None wrong of n: (1 - p)^n = 5 %.
    assert calibration.upper_bound(0, 299) == pytest.approx(1 - 0.05 ** (1 / 299))
    assert calibration.upper_bound(0, 299) < 0.01 < calibration.upper_bound(0, 298)
    # One wrong of two: (1 - p)² + 2p(1 - p) = 1 - p² = 5 %.
    assert calibration.upper_bound(1, 2) == pytest.approx(0.95**0.5)
    assert calibration.upper_bound(3, 3) == 1.0


def test_correlation_by_hand() -> None:
    together = [case(name, 0.5, hit) for name, hit in (("a", True), ("b", False))] * 2
    # Shares 0 and 1 of 2 cases each: spread 2·(1 + 1)/16 = 1/4, binomial 1/16; (4 - 1)/(2 - 1).
    assert calibration.correlation(together) == 1.0
    apart = [case(name, 0.5, hit) for name in "ab" for hit in (True, False)]
    assert calibration.correlation(apart) == 0.0
    assert calibration.correlation([case("a", 0.5, True), case("b", 0.5, False)]) == 0.0
    assert calibration.correlation([case("a", 0.5, True)] * 3) == 0.0


def _certain(num_documents: int, wrong: int = 0) -> list[Case]:
    """One case a document: 0.9 and right; before them `wrong` of 0.1."""
    cases = [case(f"w{n}", 0.1, False) for n in range(wrong)]
    return cases + [case(f"r{n}", 0.9, True) for n in range(num_documents)]


def _threshold(cases: list[Case], target: float) -> calibration.Threshold | None:
    scores = np.array([case.confidence for case in cases])
    return calibration.choose_threshold(cases, scores, scores, target)


def test_the_threshold_keeps_the_most_that_the_bound_allows() -> None:
    # Two candidates, 0 and 0.5, so each is bounded at 97.5 %: 0.025^(1/n) > 0.99 from n = 368 on.
    found = _threshold(_certain(368, wrong=40), 0.01)
    assert found is not None
    assert (found.value, found.risk) == (0.5, 0.0)
    assert found.coverage == pytest.approx(368 / 408)
    assert found.risk_bound == pytest.approx(1 - 0.025 ** (1 / 368))
    assert _threshold(_certain(367, wrong=40), 0.01) is None
    # Where all may be wrong, all are kept; one candidate alone needs 299 for 1 %.
    assert _threshold(_certain(20, wrong=10), 0.9) == calibration.Threshold(
        0.0, 1.0, 1 / 3, calibration.upper_bound(10, 30, 0.975)
    )
    assert _threshold(_certain(299), 0.01) is not None
    assert _threshold(_certain(298), 0.01) is None


def test_documents_that_fail_together_promise_less() -> None:
    apart = [case(f"{n}", 0.9, n % 50 > 0) for n in range(2000)]
    together = [case(f"{n // 10}", 0.9, n % 500 >= 10) for n in range(2000)]
    loose, strict = _threshold(apart, 1.0), _threshold(together, 1.0)
    assert loose is not None and strict is not None
    assert loose.risk == strict.risk == 0.02
    # Documents wholly right or wholly wrong: as if there were 200 cases and 4 wrong.
    assert strict.risk_bound == pytest.approx(calibration.upper_bound(4, 200), rel=0.02)
    assert loose.risk_bound == pytest.approx(calibration.upper_bound(40, 2000), rel=0.02)


def test_the_honest_score_decides() -> None:
    cases = _certain(400, wrong=40)
    scores = np.array([case.confidence for case in cases])
    # The fitted scores look perfect; judged by others, all the wrong ones are kept.
    assert calibration.choose_threshold(cases, scores, np.full(440, 0.9), 0.01) is None


def test_no_document_is_split_over_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [case(f"d{n % 11}", (n * 37 % 100) / 100, n % 3 > 0) for n in range(99)]
    seen: list[set[str]] = []

    def fit(group: list[Case]) -> Calibrator:
        seen.append({case.document for case in group})
        # Says which fit it was, so that the score of a case tells by whom it was judged.
        return Calibrator(((0.0, float(len(seen) - 1)),))

    monkeypatch.setattr(calibration, "fit", fit)
    scores = calibration.cross_fitted(cases)
    assert len(seen) == 5
    for judged, score in zip(cases, scores, strict=True):
        assert judged.document not in seen[int(score)]
    # Eleven documents by five: no fold holds more than three.
    assert all(len(documents) >= 8 for documents in seen)
    with pytest.raises(ValueError, match="two documents"):
        calibration.cross_fitted([case("a", 0.5, True)])


def _drawn(
    rng: np.random.Generator, documents: int, per_document: int
) -> tuple[list[Case], Floats]:
    """Cases that boast: told with odds e^(3 + 1.5 z), right with odds e^(2.5 + 2 z + document)."""
    z = rng.normal(size=(documents, per_document))
    told = 1 / (1 + np.exp(-(3 + 1.5 * z)))
    true = 1 / (1 + np.exp(-(2.5 + 2 * z + rng.normal(size=(documents, 1)))))
    right = rng.random(z.shape) < true
    cases = [
        case(str(d), float(told[d, n]), bool(right[d, n]))
        for d in range(documents)
        for n in range(per_document)
    ]
    return cases, true.ravel()


def test_calibration_holds_on_documents_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    cases, _ = _drawn(rng, 150, 10)
    others, _ = _drawn(rng, 1000, 10)
    told, right = [c.confidence for c in others], [c.is_right for c in others]
    before = calibration.calibration_error(told, right)
    after = calibration.calibration_error(
        calibration.calibrated(calibration.fit(cases), others), right
    )
    own = [c.is_right for c in cases]
    honest = calibration.calibration_error(calibration.cross_fitted(cases), own)
    assert before > 0.07
    assert after < 0.03
    assert honest < 0.04


def test_the_promised_risk_is_kept() -> None:
    rng = np.random.default_rng(1)
    kept, broken = 0, 0
    for _ in range(30):
        cases, _ = _drawn(rng, 150, 10)
        calibrator = calibration.fit(cases)
        scores = calibration.calibrated(calibrator, cases)
        found = calibration.choose_threshold(cases, scores, calibration.cross_fitted(cases), 0.05)
        if found is None:
            continue
        others, true = _drawn(rng, 300, 10)
        accepted = calibration.calibrated(calibrator, others) >= found.value
        kept += 1
        broken += bool((1 - true[accepted]).mean() > 0.05)
    assert kept >= 15
    # 5 % of 30 are 1.5; the sharing among the candidates makes it less.
    assert broken <= 1
