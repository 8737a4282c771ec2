"""What is said of lines of the log while a run goes on."""

from collections.abc import Iterable

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from sightwright.train.watch import Watch


@pytest.fixture
def arguments(tmp_path: object) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), use_cpu=True, dataloader_num_workers=2)


def warnings_of(
    lines: Iterable[dict[str, float]],
    arguments: TrainingArguments,
    caplog: pytest.LogCaptureFixture,
) -> list[str]:
    watch = Watch()
    for number, line in enumerate(lines):
        state = TrainerState(global_step=10 * number)
        watch.on_log(arguments, state, TrainerControl(), logs=line)
    return [record.getMessage() for record in caplog.records]


def test_a_loss_that_jumps_is_told(
    arguments: TrainingArguments, caplog: pytest.LogCaptureFixture
) -> None:
    losses = [3.0, 1.0, 0.9, 1.1, 1.0, 2.4, 1.0]
    (told,) = warnings_of([{"loss": loss} for loss in losses], arguments, caplog)
    assert told.startswith("the loss jumped to 2.4 at step 50, from 1 (the median")
    for remedy in ("learning_rate", "effective_batch_size", "warmup_steps: 0.1", "data doctor"):
        assert remedy in told


@pytest.mark.parametrize(
    "losses",
    [
        [0.5, 3.0],  # nothing to compare with yet
        [1.0] * 6 + [1.9],
        [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
    ],
)
def test_ordinary_losses_are_not_told(
    losses: list[float], arguments: TrainingArguments, caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings_of([{"loss": loss} for loss in losses], arguments, caplog) == []


def test_jumps_are_told_three_times_at_most(
    arguments: TrainingArguments, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [{"loss": 1.0}] * 20 + [{"loss": 5.0}] * 5
    assert len(warnings_of(lines, arguments, caplog)) == 3


def test_a_device_that_waits_is_told_once(
    arguments: TrainingArguments, caplog: pytest.LogCaptureFixture
) -> None:
    shares = [0.9, 0.2, 0.63, 0.8]  # the first is that of workers that start
    lines = [{"loss": 1.0, "data_wait_share": share} for share in shares]
    (told,) = warnings_of(lines, arguments, caplog)
    assert told.startswith("the device waits for records 63 % of the time: raise data.dataloader_")
    for remedy in ("dataloader_num_workers (2 now; 16", "pin_memory: true", "data.patch_cache"):
        assert remedy in told


def test_evaluations_are_no_training_lines(
    arguments: TrainingArguments, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [{"eval_loss": 1.0}] * 6 + [{"eval_loss": 9.0, "data_wait_share": 1.0}]
    assert warnings_of(lines, arguments, caplog) == []
