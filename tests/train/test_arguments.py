"""Which score picks the best checkpoint, and which way it runs."""

from pathlib import Path

import pytest
from transformers import TrainingArguments

from sightwright.config.load import load_text
from sightwright.config.sections.task import TaskType
from sightwright.errors import ConfigError
from sightwright.train.arguments import as_installed, trainer_arguments
from sightwright.train.precision import Precision
from sightwright.train.preconditions import require_best_metric

FULL = Precision(weights="float32", half=None)


def arguments(
    tmp_path: Path, training: str = "", marked: TaskType | None = None
) -> TrainingArguments:
    config = load_text(f"training: {{eval_strategy: epoch, use_cpu: true, {training}}}").config
    return trainer_arguments(config, tmp_path, FULL, marked=marked)


@pytest.mark.parametrize(
    ("training", "marked", "metric", "greater"),
    [
        ("", None, "loss", False),
        ("", "dense", "object_f1", True),
        ("", "summary", "fact_f1", True),
        ("metric_for_best_model: count_error", "dense", "count_error", False),
        ("metric_for_best_model: eval_bbu_count_error", "dense", "bbu_count_error", False),
        ("metric_for_best_model: false_pass_rate", "verdict", "false_pass_rate", False),
        ("metric_for_best_model: loop_rate", "extract", "loop_rate", False),
        (
            "metric_for_best_model: count_error, greater_is_better: true",
            "dense",
            "count_error",
            True,
        ),
    ],
)
def test_what_picks_the_best(
    tmp_path: Path, training: str, marked: TaskType | None, metric: str, greater: bool
) -> None:
    found = arguments(tmp_path, training, marked)
    assert (found.metric_for_best_model, found.greater_is_better) == (metric, greater)


def test_a_score_that_evaluation_does_not_give_is_named(tmp_path: Path) -> None:
    args = arguments(tmp_path, marked="summary")
    require_best_metric(args, {"eval_loss": 1.0, "eval_fact_f1": 0.5})
    with pytest.raises(ConfigError, match="gives no fact_f1") as error:
        require_best_metric(args, {"eval_loss": 1.0, "eval_summary_exact": 0.5})
    assert error.value.remedy == "name one of loss, summary_exact"


def test_an_older_transformers_is_told_by_its_own_names() -> None:
    told = {"activation_checkpointing": True, "seed": 3}
    assert as_installed(told, {"activation_checkpointing", "seed"}) == told
    older = as_installed(told, {"gradient_checkpointing", "seed"})
    assert older == {"gradient_checkpointing": True, "seed": 3}
    with pytest.raises(ConfigError, match="does not know it") as error:
        as_installed(told, {"gradient_checkpointing"})
    assert error.value.where == "training.seed"
