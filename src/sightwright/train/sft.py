"""A supervised fine-tuning run, from a YAML to a folder of checkpoints.

    result = train(Path("configs/demo/extract.yaml"))
    result.best_checkpoint        # output/demo/checkpoint-40

The run folder holds `resolved.yaml` (every setting and where it came from), `run.json` (what ran,
and the outcome), `logging.jsonl`, TensorBoard's files, and `checkpoint-N` with the adapter,
`sightwright.json` and the settings that led to it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import canonical, logs
from sightwright.config.load import Loaded, load_config
from sightwright.config.resolved import dump_resolved
from sightwright.config.schema import Config
from sightwright.config.support import require_trainable
from sightwright.model.checkpoints import is_complete, latest_complete, step_of
from sightwright.train import checkpoints, full_disk
from sightwright.train.changed import changed_settings
from sightwright.train.precision import Precision, choose_precision, device_half_precision
from sightwright.train.sharding import sharding_of

if TYPE_CHECKING:
    from sightwright.sampling.token_plan import TokenBatches
    from sightwright.train.adalora import AdaLoraRanks
    from sightwright.train.setup import Prepared
    from sightwright.train.sft_parts import MarkAnswers, SftParts
    from sightwright.train.trainer import SftTrainer

log = logs.get_logger(__name__)

RUN_NAME = "run.json"
_FREE_SPACE = f"free space, and go on with {checkpoints.AGAIN}"
_RECORDED_PACKAGES = ("torch", "transformers", "peft", "accelerate")


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Attributes:
        folder: the run's.
        best_checkpoint: by `metric_for_best_model`; the last one where nothing was evaluated; None
            where nothing was saved.
        metrics: the last value of every logged metric, as `train/loss`, `eval/field_f1`.
        num_steps: optimiser steps of the whole run.
        seconds: wall time of this call's training.
    """

    folder: Path
    best_checkpoint: Path | None
    metrics: dict[str, float]
    num_steps: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        from sightwright.train.callbacks import without_nan

        best = self.best_checkpoint
        return {
            "folder": str(self.folder),
            "best_checkpoint": None if best is None else str(best),
            "metrics": without_nan(self.metrics),
            "num_steps": self.num_steps,
            "seconds": round(self.seconds, 3),
        }


def train(
    config_path: Path | str, base_config: Path | str | None = None, debug: bool = False
) -> RunResult:
    """Run a configuration to its end.

    Args:
        base_config: a YAML of lowest precedence, under the file and what it extends.
        debug: also print the whole configuration and one sample as the model sees it, and write
            that sample into the run's folder.

    Raises:
        ConfigError: a file that is wrong, or something this version cannot run; named.
        DataError: a record that breaks a rule, or reaches the length limit.
        DiskFullError: the disk filled up; the last complete checkpoint is intact.
        MissingExtraError: something that the YAML asks for is of a package that is not installed.
        OutOfMemoryError: a batch that the device has no room for; it is named.
        ModelError: a base model, pattern or checkpoint that does not fit.
    """
    loaded = load_config(Path(config_path), None if base_config is None else Path(base_config))
    for note in (*loaded.notes, *loaded.warnings):
        log.warning("%s", note)
    require_trainable(loaded)
    sharding_of(loaded.config)  # What it lacks is named before a record is read.
    folder, wanted = run_folder(loaded.config), loaded.config.training.resume_from_checkpoint
    if loaded.config.training.add_version:
        folder = checkpoints.version_of(folder, wanted)
    resume = checkpoints.to_resume_from(wanted, folder)
    if os.environ.get("RANK", "0") == "0":
        checkpoints.clear_left_overs(folder)
    if resume is not None and (changed := changed_settings(resume, loaded.config)):
        log.warning("not the run that %s is of: %s", resume.name, "; ".join(changed))
    device_half = None if loaded.config.training.use_cpu else device_half_precision()
    precision = choose_precision(loaded.config, device_half)
    if precision.reason:
        log.warning("%s", precision.reason)
    return _run(loaded, folder, resume, precision, debug)


def run_folder(config: Config) -> Path:
    """`output_dir/run_name`; a name that ends `output_dir` already is not repeated."""
    training = config.training
    output = Path(training.output_dir or "output")
    if training.run_name is None or output.name == training.run_name:
        return output
    return output / training.run_name


def _run(
    loaded: Loaded, folder: Path, resume: Path | None, precision: Precision, debug: bool
) -> RunResult:
    from sightwright.train import opening
    from sightwright.train.batch_report import tell_counts
    from sightwright.train.buildable import require_buildable
    from sightwright.train.setup import prepare

    require_buildable(loaded.config)
    prepared = prepare(loaded.config, precision)
    opening.show(loaded, prepared, debug)
    started = time.monotonic()
    with ExitStack() as stack:
        # The log is written between the checkpoints, which tell of a full disk by themselves.
        stack.enter_context(full_disk.told("the log of the run", folder, lambda: _FREE_SPACE))
        trainer = _trainer(loaded, folder, precision, prepared, stack, resume)
        if trainer.args.should_save:
            opening.write_files(loaded.config, prepared, folder, debug)
        output = trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    best = _best(trainer.state.best_model_checkpoint, folder)
    result = RunResult(
        folder=folder,
        best_checkpoint=best,
        metrics=_last_values(trainer.state.log_history),
        num_steps=output.global_step,
        seconds=time.monotonic() - started,
    )
    changes = trainer.changes_of_all_ranks()
    if trainer.args.should_save:
        tell_counts(changes)
        _write_outcome(result, loaded.config, precision, prepared, changes)
    if trainer.args.world_size > 1:
        # A rank that leaves while another still talks to it makes that one abort.
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()
    return result


def _trainer(
    loaded: Loaded,
    folder: Path,
    precision: Precision,
    prepared: Prepared,
    stack: ExitStack,
    resume: Path | None,
) -> SftTrainer:
    from sightwright.train.adalora import rank_callbacks
    from sightwright.train.arguments import trainer_arguments, trainer_callbacks
    from sightwright.train.trainer import SftTrainer

    config = loaded.config
    mark_answers = _mark_answers(config, prepared)
    marked = None if mark_answers is None else prepared.sets.marked_kind(config.task.type)
    sharding = sharding_of(config)
    args = trainer_arguments(config, folder, precision, marked=marked, sharding=sharding)
    ranks = rank_callbacks(config, sharding, resume)
    parts = _parts(loaded, prepared, mark_answers, ranks)
    first_step = 1 if resume is None else (step_of(resume) or 0) + 1
    callbacks = [*trainer_callbacks(config, folder, stack, first_step), *ranks]
    return SftTrainer(prepared.model, args, parts, callbacks)


def _parts(
    loaded: Loaded,
    prepared: Prepared,
    mark_answers: MarkAnswers | None,
    ranks: Sequence[AdaLoraRanks],
) -> SftParts:
    from sightwright.train.opening import make_collator
    from sightwright.train.optimizer import Rates
    from sightwright.train.saving import SaveTimes
    from sightwright.train.sft_parts import SftParts

    def stamp(place: Path) -> None:
        dump_resolved(loaded, place)
        prepared.stamp(place)
        for each in ranks:
            each.write(place)

    config = loaded.config
    return SftParts(
        spec=prepared.spec,
        collator=make_collator(config, prepared),
        train=prepared.sets.train,
        held_out=prepared.sets.judged,
        mark_answers=mark_answers,
        stamp=stamp,
        augments=config.custom.augments,
        rates=Rates.of(config),
        saves=SaveTimes.of(config.training),
        tokens=_token_batches(config),
    )


def _token_batches(config: Config) -> TokenBatches | None:
    from sightwright.sampling.token_plan import TokenBatches

    batching = config.data.batching
    if batching.type != "tokens":
        return None
    return TokenBatches(batching.budget, config.training.effective_batch_size)


def _mark_answers(config: Config, prepared: Prepared) -> MarkAnswers | None:
    from sightwright.train.generation import MarkSets, mark_answers_of

    if not config.eval.generate:
        return None
    marks = {
        held.records.source.name: mark
        for held in prepared.sets.held_out
        if (mark := mark_answers_of(held, config, prepared.tokenizer, prepared.spec)) is not None
    }
    return MarkSets(marks) if marks else None


def _best(recorded: str | None, folder: Path) -> Path | None:
    if recorded is not None and is_complete(Path(recorded)):
        return Path(recorded)
    return latest_complete(folder)


def _last_values(history: list[dict[str, float]]) -> dict[str, float]:
    from sightwright.train.callbacks import namespaced

    last: dict[str, float] = {}
    for entry in history:
        last |= {key: value for key, value in entry.items() if key not in ("step", "epoch")}
    return namespaced(last)


def _write_outcome(
    result: RunResult,
    config: Config,
    precision: Precision,
    prepared: Prepared,
    changes: dict[str, int],
) -> None:
    from sightwright.train.callbacks import without_nan

    best = result.best_checkpoint
    outcome = {
        "base_model": config.model.model,
        "best_checkpoint": None if best is None else best.name,
        "metrics": without_nan(result.metrics),
        "num_steps": result.num_steps,
        "seconds": round(result.seconds, 3),
        "changes": changes,
        "precision": {"weights": precision.weights, "half": precision.half},
        "notes": list(prepared.notes),
        "versions": {name: metadata.version(name) for name in _RECORDED_PACKAGES},
    }
    canonical.write_json(result.folder / RUN_NAME, outcome)
