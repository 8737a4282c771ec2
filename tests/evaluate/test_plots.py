"""The pictures of a calibration: points where they belong, and a page that draws them."""

import re

import numpy as np
import pytest

from sightwright import html
from sightwright.evaluate.plots import HEIGHT, WIDTH, plot_values
from sightwright.metrics.calibration import Case, Threshold

# Thirty of each: told 0.4, 0.8 and 1.0, of which 10, 24 and 30 are right.
CASES = [
    Case(f"d{number % 7}", "total", told, number < num_right)
    for told, num_right in ((0.4, 10), (0.8, 24), (1.0, 30))
    for number in range(30)
]
FRAME = (52, WIDTH - 22, 14, HEIGHT - 44)


def page(values: object) -> str:
    return html.render("calibrate.html", {"plots_values": values, "said": ["Said <so>."],
        "stored": {"base_model": "tiny", "adapter_digest": None, "data": "d", "schema_name": "s"},
        "lines": []})  # fmt: skip


def test_points_by_hand() -> None:
    values = plot_values(CASES)
    assert (values["num_cases"], values["num_wrong"], values["num_documents"]) == (90, 26, 7)
    left, right, top, bottom = FRAME
    plot = values["reliability"]
    # The lowest number drawn is the lower end of the first bar, about 0.17: axes begin at 0.1.
    dots = plot["series"][0]["dots"]
    xs = [left + (x - 0.1) / 0.9 * (right - left) for x in (0.4, 0.8, 1.0)]
    ys = [bottom - (y - 0.1) / 0.9 * (bottom - top) for y in (1 / 3, 0.8, 1.0)]
    assert [dot["x"] for dot in dots] == pytest.approx(xs, abs=0.01)
    assert [dot["y"] for dot in dots] == pytest.approx(ys, abs=0.01)
    assert all(dot["low"] >= dot["y"] >= dot["high"] for dot in dots)
    assert dots[1]["title"].startswith("30 values told 80.0%: 80.0% right (95 %: ")
    # Kept: the surest third with no error, two thirds with 6 of 60, all with 26 of 90; up to 30 %.
    risk = values["risk"]
    assert risk["y_ticks"][-1][1] == "30%"
    points = [(1 / 3, 0.0), (2 / 3, 0.1), (1.0, 26 / 90)]
    wanted = " ".join(
        f"{round(left + x * (right - left), 2):g},{round(bottom - y / 0.3 * (bottom - top), 2):g}"
        for x, y in points
    )
    assert risk["series"][0]["path"] == wanted
    assert values["figures"][0]["ece"] == pytest.approx((0.4 - 1 / 3 + 0 + 0) / 3)


def test_everything_stays_inside_the_frame() -> None:
    rng = np.random.default_rng(0)
    cases = [
        Case(str(n // 3), "x", float(told), bool(rng.random() < told))
        for n, told in enumerate(rng.beta(8, 1, 3000))
    ]
    threshold = Threshold(0.9, 0.6, 0.02, 0.03)
    honest = np.clip([case.confidence - 0.05 for case in cases], 0, 1)
    values = plot_values(cases, honest, threshold, 0.05)
    left, right, top, bottom = FRAME
    for plot in (values["reliability"], values["risk"]):
        for line in plot["series"]:
            points = [tuple(map(float, pair.split(","))) for pair in line["path"].split()]
            assert len(points) <= 201
            assert all(left <= x <= right and top <= y <= bottom for x, y in points)
        assert 2 <= len(plot["x_ticks"]) <= 7 and 2 <= len(plot["y_ticks"]) <= 7
    assert [line["name"] for line in values["risk"]["series"]] == ["told", "calibrated"]
    text = page(values)
    assert text.count("<svg") == text.count("</svg>") == 2
    assert "Said &lt;so&gt;." in text and "target" in text


def test_a_page_without_calibration_has_one_line_and_no_threshold() -> None:
    text = page(plot_values(CASES))
    assert "as the model tells it" in text
    assert "calibrated, on documents" not in text and ">target<" not in text
    assert len(re.findall("<polyline", text)) == 3


@pytest.mark.parametrize("told", [0.0, 0.5, 1.0])
def test_one_confidence_alone_can_be_drawn(told: float) -> None:
    for is_right in (True, False):
        values = plot_values([Case("a", "x", told, is_right)])
        assert "nan" not in page(values).lower()
