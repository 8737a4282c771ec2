"""The inspection demo: what it draws, which verbs it runs, and that it keeps its promise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightwright import jsonl
from sightwright.config.fusion import load_fusion
from sightwright.config.load import load_config
from sightwright.demo.inspection_tour import INSPECTION_DEMOS, InspectionDemo, InspectionTour
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord, read_inspection_record


def _records(path: Path) -> list[InspectionRecord]:
    return [read_inspection_record(value) for _, value in jsonl.read_values(path)]


def _pretending(
    out: Path, task: InspectionDemo, f1: dict[str, float]
) -> tuple[InspectionTour, list[list[str]]]:
    """A tour whose verbs leave behind what the next steps read, and do nothing."""
    told: list[list[str]] = []

    def run_verb(arguments: list[str]) -> None:
        told.append(arguments)
        if arguments[0] == "train":
            run = out / "training" / task
            run.mkdir(parents=True)
            (run / "run.json").write_text(json.dumps({"num_steps": 7}))
        elif arguments[0] == "eval":
            folder = Path(arguments[arguments.index("--out") + 1])
            folder.mkdir(parents=True)
            found = f1[folder.name]
            report = {"facts": {"f1": found}, "place_and_class": {"all": {"f1_50": found}}}
            (folder / "report.json").write_text(json.dumps(report))

    tour = InspectionTour(out, run_verb, task=task, scenes=10, seed=3)
    return tour, told


@pytest.mark.parametrize("task", INSPECTION_DEMOS)
def test_the_verbs_and_the_files(tmp_path: Path, task: InspectionDemo) -> None:
    out = tmp_path / "run"
    tour, told = _pretending(out, task, {"base": 0.0, "tuned": 0.9})
    summary = tour.run(overwrite=False)
    verbs = [" ".join(a[:2]) if a[0] == "data" else a[0] for a in told]
    assert verbs == ["data validate", "data doctor", "eval", "train", "eval"]
    assert summary["kept"] is True
    assert json.loads((out / "summary.json").read_text()) == summary
    train, val = (_records(out / "scenes" / f"{name}.jsonl") for name in ("train", "val"))
    assert (len(train), len(val)) == (10, 60)
    assert not {record.objects for record in train} & {record.objects for record in val}
    tuned = told[-1][told[-1].index("--model") + 1]
    assert tuned == str(out / "training" / task / "checkpoint-7")


@pytest.mark.parametrize("task", INSPECTION_DEMOS)
def test_the_run_learns_from_the_scenes_that_were_drawn(
    tmp_path: Path, task: InspectionDemo
) -> None:
    out = tmp_path / "run"
    tour, _ = _pretending(out, task, {"base": 0.0, "tuned": 0.9})
    tour.run(overwrite=False)
    config = load_config(out / "train.yaml").config
    assert config.task.type == task
    assert config.training.output_dir == str(out / "training")
    assert config.custom.fusion_config == str(out / "mixture.yaml")
    for each in load_fusion(out / "mixture.yaml").sets:
        assert each.train_jsonl.parent == out / "scenes"
        assert each.train_jsonl.is_file()
        assert each.val_jsonl is None or each.val_jsonl.is_file()


def test_a_base_that_can_do_it_already_is_no_promise_kept(tmp_path: Path) -> None:
    tour, _ = _pretending(tmp_path / "a", "dense", {"base": 0.3, "tuned": 0.9})
    assert tour.run(overwrite=False)["kept"] is False
    tour, _ = _pretending(tmp_path / "b", "summary", {"base": 0.0, "tuned": 0.4})
    assert tour.run(overwrite=False)["kept"] is False


def test_the_command_line_ends_with_2_when_the_promise_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sightwright.cli.main import main
    from sightwright.demo import inspection_tour

    def run(tour: InspectionTour, *, overwrite: bool) -> dict[str, object]:
        return {"task": tour.task, "scenes": tour.scenes, "kept": False}

    monkeypatch.setattr(inspection_tour.InspectionTour, "run", run)
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--task", "summary", "--scenes", "100", "--out", str(tmp_path), "--json"])
    assert ended.value.code == 2
    assert json.loads(capsys.readouterr().out) == {"task": "summary", "scenes": 100, "kept": False}


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.tex"
    kept.write_text("years of work")
    tour, _ = _pretending(tmp_path, "dense", {})
    with pytest.raises(DataError, match="not the folder of a demo"):
        tour.run(overwrite=True)
    assert kept.read_text() == "years of work"


@pytest.mark.slow
@pytest.mark.parametrize("task", INSPECTION_DEMOS)
def test_the_demo_keeps_its_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: InspectionDemo
) -> None:
    from sightwright.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["demo", "--task", task, "--out", str(tmp_path / "run"), "--json"])
    assert ended.value.code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["base_f1"] < 0.05
    assert summary["tuned_f1"] >= (0.20 if task == "dense" else 0.50)
    assert summary["kept"] is True
