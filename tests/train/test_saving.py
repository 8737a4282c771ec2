"""When a checkpoint is written, and which one is the best."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from transformers import TrainerControl, TrainerState
from whole_runs import checkpoints_of

from sightwright.config.load import load_text
from sightwright.train.saving import SaveInTime, SaveTimes
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

EVERY_STEP = {"save_strategy": "steps", "save_steps": 1, "max_steps": 5}
BEST = {
    "save_strategy": "best", "eval_strategy": "steps", "eval_steps": 1, "max_steps": 6,
    "metric_for_best_model": "score", "greater_is_better": True,
}  # fmt: skip


def marking(scores: list[float]) -> Callable[[Any], dict[str, float]]:
    given: Iterator[float] = iter(scores)
    return lambda model: {"score": next(given)}


def test_no_checkpoint_before_its_step(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    make_trainer(["a"], parts={"saves": SaveTimes(delay_steps=3)}, **EVERY_STEP).train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-3", "checkpoint-4", "checkpoint-5"]


def test_no_checkpoint_before_its_epoch(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    # Two steps an epoch: one and a half epochs are done after step 3.
    parts = {"saves": SaveTimes(delay_epochs=1.5)}
    make_trainer(["a", "b"], parts=parts, per_device_train_batch_size=1, **EVERY_STEP).train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-3", "checkpoint-4", "checkpoint-5"]


def test_an_early_best_does_not_block_later_ones(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    scores = [0.9, 0.8, 0.2, 0.3, 0.1, 0.4]
    trainer = make_trainer(
        ["a"],
        parts={"saves": SaveTimes(delay_steps=3), "mark_answers": marking(scores)},
        **BEST,
    )
    trainer.train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-3", "checkpoint-4", "checkpoint-6"]
    assert (trainer.state.best_metric, trainer.state.best_global_step) == (0.4, 6)


def test_without_a_delay_it_does(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    scores = [0.9, 0.8, 0.2, 0.3, 0.1, 0.4]
    make_trainer(["a"], parts={"mark_answers": marking(scores)}, **BEST).train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-1"]


def test_the_last_step_is_saved_though_it_is_not_the_best(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    parts = {"saves": SaveTimes(saves_last=True), "mark_answers": marking([0.9, 0.8, 0.7] * 2)}
    trainer = make_trainer(["a"], parts=parts, **BEST)
    trainer.train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-1", "checkpoint-6"]
    best = trainer.state.best_model_checkpoint
    assert best is not None
    assert Path(best).name == "checkpoint-1"


def test_a_delay_beyond_the_run_leaves_the_last_step(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    times = SaveTimes(delay_steps=100, saves_last=True)
    make_trainer(["a"], parts={"saves": times}, **EVERY_STEP).train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-5"]


def test_the_last_is_kept_by_rotation(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    parts = {
        "saves": SaveTimes(saves_last=True),
        "mark_answers": marking([0.1, 0.9, 0.5] + [0.2] * 3),
    }
    make_trainer(["a"], parts=parts, **{**BEST, "save_total_limit": 1}).train()
    assert checkpoints_of(tmp_path / "run") == ["checkpoint-2", "checkpoint-6"]


def test_a_resumed_run_holds_back_as_the_whole_one(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    scores = [0.9, 0.5, 0.6, 0.4, 0.7, 0.1]
    parts = {"saves": SaveTimes(delay_steps=3), "mark_answers": marking(scores)}
    whole = make_trainer(["a"], parts=parts, **BEST)
    whole.train()
    again = make_trainer(
        ["a"],
        prepare=False,
        base=whole.model,
        parts={**parts, "mark_answers": marking(scores[3:])},
        output_dir=str(tmp_path / "again"),
        **BEST,
    )
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-3"))
    assert checkpoints_of(tmp_path / "again") == ["checkpoint-5"]
    assert again.state.best_metric == whole.state.best_metric == 0.7


def test_the_times_of_a_yaml() -> None:
    def times(text: str) -> SaveTimes:
        return SaveTimes.of(load_text(f"training: {{{text}}}").config.training)

    assert times("") == SaveTimes(saves_last=True)
    assert times("save_delay_steps: 1800") == SaveTimes(1800, 0.0, True)
    assert times("save_delay_epochs: 0.5, save_last_epoch: false") == SaveTimes(0, 0.5, False)
    assert times("save_strategy: 'no'") == SaveTimes()


def test_the_last_step_overrules_a_delay() -> None:
    control, state = TrainerControl(), TrainerState(global_step=4, max_steps=4, epoch=1.0)
    callback = SaveInTime(SaveTimes(delay_steps=9, saves_last=True))
    callback.on_step_end(None, state, control)  # type: ignore[arg-type]
    assert control.should_save
    state.global_step = 3
    callback.on_step_end(None, state, control)  # type: ignore[arg-type]
    assert not control.should_save


def test_the_summary_says_the_best(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    parts = {"mark_answers": marking([0.1, 0.9, 0.5, 0.2, 0.3, 0.4])}
    make_trainer(["a"], parts=parts, **BEST).train()
    state = json.loads((tmp_path / "run" / "checkpoint-2" / "trainer_state.json").read_text())
    assert (state["best_global_step"], state["best_metric"]) == (2, 0.9)
