"""A checkpoint that was not written to its end is refused by whoever reads weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sightwright import certificate
from sightwright.certificate import Certificate
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.export.adapter import find_adapter
from sightwright.model.adapters import load_adapter, prepare_model
from sightwright.model.checkpoints import (
    MARKER,
    all_checkpoints,
    best_of_run,
    complete_checkpoints,
    is_torn,
    latest_complete,
    refuse_torn,
    step_of,
)
from sightwright.model.load import resolve_folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with a whole checkpoint-9 and a torn checkpoint-10."""
    (tmp_path / "resolved.yaml").write_text("")
    for step in (9, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        for name in ("adapter_config.json", "adapter_model.safetensors", "config.json"):
            (folder / name).write_text("{}")
    (tmp_path / "checkpoint-9" / MARKER).write_text("{}")
    (tmp_path / "checkpoint-x").mkdir()
    return tmp_path


def test_a_finished_run_stands_for_its_best_checkpoint(run: Path) -> None:
    assert best_of_run(run) == run
    (run / "run.json").write_text('{"best_checkpoint": "checkpoint-9"}')
    assert best_of_run(run) == run / "checkpoint-9"
    assert best_of_run(run / "checkpoint-9") == run / "checkpoint-9"
    (run / "run.json").write_text('{"best_checkpoint": "/where/it/was/checkpoint-9"}')
    assert best_of_run(run) == run / "checkpoint-9"
    (run / "run.json").write_text('{"best_checkpoint": null}')
    assert best_of_run(run) == run
    (run / "run.json").write_text("{")
    with pytest.raises(ModelError, match=r"run\.json: cannot be read"):
        best_of_run(run)


def test_checkpoints_are_found_by_step(run: Path) -> None:
    assert [path.name for path in all_checkpoints(run)] == ["checkpoint-9", "checkpoint-10"]
    assert [path.name for path in complete_checkpoints(run)] == ["checkpoint-9"]
    assert latest_complete(run) == run / "checkpoint-9"
    assert step_of(Path("checkpoint-120")) == 120
    assert step_of(Path("best")) is None


READERS: dict[str, Callable[[Path], object]] = {
    "resolve_folder, of every verb's --model": resolve_folder,
    "find_adapter, of eval, merge and serve": find_adapter,
    "load_adapter": lambda folder: load_adapter(None, folder),  # type: ignore[arg-type]
    "tuner.resume_from_checkpoint": lambda folder: prepare_model(
        None,  # type: ignore[arg-type]
        Tuner(resume_from_checkpoint=str(folder)),
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_a_torn_checkpoint_is_never_read(name: str, run: Path) -> None:
    with pytest.raises(ModelError) as caught:
        READERS[name](run / "checkpoint-10")
    assert str(caught.value) == (
        f"{run}/checkpoint-10: this checkpoint was not written to its end: it has no {MARKER}\n"
        "  remedy: take checkpoint-9"
    )


def test_a_run_that_was_killed_names_its_whole_checkpoints_alone(run: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find_adapter(run)
    assert caught.value.remedy == "choose one of checkpoint-9"


def test_where_none_is_whole_that_is_said(run: Path) -> None:
    (run / "checkpoint-9" / MARKER).unlink()
    with pytest.raises(ModelError, match="train again: none is whole"):
        refuse_torn(run / "checkpoint-10")


def test_a_checkpoint_of_another_trainer_has_no_marker_and_is_read(run: Path) -> None:
    (run / "resolved.yaml").unlink()
    assert not is_torn(run / "checkpoint-10")
    assert find_adapter(run / "checkpoint-10").folder == run / "checkpoint-10"
    # Ours is known by its certificate too, where it was carried elsewhere.
    certificate.write(run / "checkpoint-10", Certificate(base_model="tiny", pixels=None, task=None))
    assert is_torn(run / "checkpoint-10")
