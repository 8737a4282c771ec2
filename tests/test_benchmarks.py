"""The arithmetic of the benchmarks, and their command; the measurements themselves are no tests."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.alternating import Comparison, compare_turns
from benchmarks.cpu import batch_planner, doctor, inspection_jsonl
from benchmarks.cpu.pages import best_move, draw, scan_pdf, text_pdf
from PIL import Image, ImageChops

from sightwright.ingest.render import RenderPolicy
from sightwright.sampling.bins import fill

ROOT = Path(__file__).parents[1]


def taking(*seconds: float) -> Callable[[], float]:
    turns = iter(seconds)
    return lambda: next(turns)


def test_medians_ratios_and_losses(capsys: pytest.CaptureFixture[str]) -> None:
    turns = {"ours": taking(9, 2, 4, 3), "slow": taking(9, 6, 8, 6), "quick": taking(9, 1, 1.5, 7)}
    seen = compare_turns("work", turns, 3, "the same bytes", "page", num_items=2)
    # The first turn is the warm-up; medians 3, 6 and 1.5 seconds for two pages.
    assert [seen.median(name) for name in turns] == [1.5, 3.0, 0.75]
    assert seen.ratio("slow") == 2 and seen.ratio("quick") == 0.5
    printed = capsys.readouterr().out
    assert "checked: the same bytes" in printed
    assert "2.00 times ours\n" in printed
    assert "0.50 times ours: the peer is faster here" in printed
    assert json.loads(json.dumps(seen.to_json()))["results"]["quick"] == {
        "median_ms": 750.0, "lowest_ms": 500.0, "highest_ms": 3500.0, "ratio": 0.5,
    }  # fmt: skip


def test_turns_alternate() -> None:
    order: list[str] = []

    def turn(name: str) -> Callable[[], float]:
        return lambda: order.append(name) or 1.0

    seen = compare_turns("work", {"ours": turn("a"), "peer": turn("b")}, 2)
    assert order == ["a", "b"] * 3
    assert isinstance(seen, Comparison) and len(seen.seconds["peer"]) == 2


def test_a_page_that_is_a_pixel_off_is_noticed(tmp_path: Path) -> None:
    pdf = tmp_path / "text.pdf"
    pdf.write_bytes(text_pdf(num_pages=1))
    page = draw(pdf, RenderPolicy())[0]
    assert page.size == (960, 1344)
    blurred = page.resize((1653, 2339)).resize(page.size, Image.Resampling.BICUBIC)
    assert best_move(page, blurred) == (0, 0)
    assert best_move(page, ImageChops.offset(blurred, 1, -1)) == (-1, 1)
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(scan_pdf(pdf, num_pages=1))
    assert best_move(page, draw(scan, RenderPolicy())[0]) == (0, 0)


def test_an_unknown_benchmark_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "pagez"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert "no such benchmark: pagez; there are " in result.stderr
    assert "pages" in result.stderr and "patches" in result.stderr


def test_the_doctor_finds_the_copies_of_its_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "WORKERS", 0)
    found = doctor.examine(doctor.write_records(tmp_path, 100))
    assert found.corpus.num_records == 100
    assert dict(found.counts) == {("copies", "warning"): 2}


def test_all_ways_of_checking_inspection_records_agree(tmp_path: Path) -> None:
    file = inspection_jsonl.write_records(tmp_path / "a.jsonl", 150, share_bad=0.2)
    bad = inspection_jsonl.our_check(file)
    assert 10 < len(bad) < 60
    assert bad == inspection_jsonl.our_check(file, closely=True)
    for schema in inspection_jsonl.SCHEMAS.values():
        assert inspection_jsonl.peer_check(schema)(file) == bad
    good = inspection_jsonl.write_records(tmp_path / "b.jsonl", 3)
    assert len(inspection_jsonl.read(good)) == 3 * inspection_jsonl.NUM_OBJECTS


def test_the_plans_of_the_planners_benchmark_are_whole() -> None:
    records = batch_planner.draw(4 * batch_planner.STEP)
    assert 1000 < records.tokens.mean() < 2000 and records.tokens.max() < batch_planner.BUDGET
    bins = fill(records.tokens, records.vision, batch_planner.BUDGET)
    batch_planner.require_a_plan(bins, records.tokens)
    assert batch_planner.fill_share(bins, records.tokens) > 0.95
    over = bins.copy()
    over[over == 1] = 0
    with pytest.raises(AssertionError):
        batch_planner.require_a_plan(over, records.tokens)
    for way in (batch_planner.by_our_plan, batch_planner.by_their_sampler):
        ranks = [way(records, rank, 5) for rank in range(batch_planner.RANKS)]
        learnt = [record for own in ranks for step in own for record in step]
        assert sorted(learnt) == list(range(len(records)))
        assert 1 <= batch_planner.over_average(ranks, records.tokens) < 1.5
