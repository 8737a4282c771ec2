"""The plan of an epoch, as values and as a table."""

from pathlib import Path

import pytest
from rich.console import Console

from sightwright.config.fusion import load_fusion
from sightwright.sampling.entry_prompts import prompt_sources
from sightwright.sampling.epoch_plan import PlanRow, epoch_plan, plan_notes, plan_table
from sightwright.sampling.mixture import Mixture

MIX = """
targets:
  - {name: bbu, train_jsonl: b, template: target_dense_bbu}
  - {name: bbu_summary, dataset: bbu, train_jsonl: b, template: summary_bbu, ratio: 0.5,
     curriculum_enabled: false}
sources:
  - {name: lvis, train_jsonl: l, template: source_dense, ratio: 0.1, max_objects_per_image: 20,
     poly_fallback: bbox_2d, poly_max_points: 12, sample_without_replacement: true}
  - {name: lang_chat, dataset: chat, train_jsonl: c, template: chatml, ratio: 0.001}
"""
SIZES = {"bbu": 100, "bbu_summary": 100, "lvis": 9, "lang_chat": 40}


def plan(folder: Path, **options: object) -> tuple[tuple[PlanRow, ...], Mixture]:
    path = folder / "mix.yaml"
    path.write_text(MIX)
    fusion = load_fusion(path)
    mixture = Mixture.of(fusion, SIZES, 1)
    return epoch_plan(fusion, mixture, prompt_sources(fusion.sets), **options), mixture  # type: ignore[arg-type]


def test_a_row_for_each_set(tmp_path: Path) -> None:
    # F24.
    rows, _ = plan(tmp_path, object_ops=("random_crop", "small_object_zoom_paste"))
    assert [row.count for row in rows] == [100, 50, 15, 0]
    assert rows[0].value() == {
        "name": "bbu",
        "domain": "target",
        "count": 100,
        "pool": 100,
        "mode": "dense",
        "template": "target_dense_bbu",
        "augmentation": True,
        "curriculum": True,
        "max_objects_per_image": None,
        "poly_max_points": None,
        "prompt_source": "domain",
        "sample_without_replacement": False,
        "fallback_to_replacement": False,
        "skipped_ops": (),
    }
    assert [row.augmentation for row in rows] == [True, True, False, False]
    assert [row.curriculum for row in rows] == [True, False, False, False]
    assert [row.max_objects_per_image for row in rows] == [None, None, 20, None]
    assert [row.prompt_source for row in rows] == ["domain", "domain", "domain", "default"]
    assert [row.sample_without_replacement for row in rows] == [False, False, True, False]
    assert [row.fallback_to_replacement for row in rows] == [False, False, True, False]
    # The text of a summary does not know that an object is gone.
    assert rows[1].skipped_ops == ("random_crop", "small_object_zoom_paste")
    assert [row.skipped_ops for row in rows if row.name != "bbu_summary"] == [()] * 3


def test_a_run_without_augmentation_has_none_in_its_plan(tmp_path: Path) -> None:
    rows, _ = plan(tmp_path, augmentation=False, object_ops=("random_crop",))
    assert not any(row.augmentation or row.curriculum or row.skipped_ops for row in rows)


def test_what_is_not_as_expected_is_told(tmp_path: Path) -> None:
    assert plan_notes(plan(tmp_path)[1]) == (
        "lvis: 15 rows of 9 records cannot be drawn without replacement: records repeat",
        "lang_chat: ratio 0.001 is less than one row, and so none",
    )


@pytest.mark.parametrize("width", [70, 80, 200])
def test_the_table_says_it_all(tmp_path: Path, width: int) -> None:
    rows, _ = plan(tmp_path, object_ops=("random_crop",))
    console = Console(width=width, record=True)
    console.print(plan_table(rows))
    text = console.export_text()
    assert "an epoch" in text
    assert "165" in text
    if width == 200:
        line = next(line for line in text.splitlines() if "bbu_summary" in line)
        assert " ".join(line.split()) == (
            "bbu_summary 50 100 summary, target as even as can be summary_bbu (domain) "
            "augmented; without random_crop"
        )
        assert "at most 20 objects; polygons over 12 points as boxes" in text
        assert "with replacement: too few to draw without" in text
