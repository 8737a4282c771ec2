"""The demo keeps its promise, and refuses to touch a folder that is not its own."""

import json
from pathlib import Path

import pytest

from sightwright.demo import tour
from sightwright.errors import DataError


def no_verb(arguments: list[str]) -> None:
    raise AssertionError(f"nothing should run, but {arguments} does")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.tex"
    kept.write_text("years of work")
    run = tour.Tour(tmp_path, documents=40, seed=0, run_verb=no_verb)
    with pytest.raises(DataError, match="holds something already"):
        run.run(overwrite=False)
    with pytest.raises(DataError, match="not the folder of a demo"):
        run.run(overwrite=True)
    assert kept.read_text() == "years of work"


@pytest.mark.slow
def test_the_demo_keeps_its_promise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sightwright.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["demo", "--out", str(tmp_path / "run"), "--json"])
    assert ended.value.code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["tuned"]["micro_f1"] >= 0.90
    assert summary["tuned"]["micro_f1"] - summary["base"]["micro_f1"] >= 0.30
    assert summary["tuned"]["json_valid"] == 1.0
    assert summary["kept"] is True
