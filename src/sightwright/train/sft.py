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

if TYPE_CHECKING:
    from sightwright.train.setup import Prepared
    from sightwright.train.trainer import MarkAnswers, SftTrainer

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
        best = self.best_checkpoint
        return {
            "folder": str(self.folder),
            "best_checkpoint": None if best is None else str(best),
            "metrics": self.metrics,
            "num_steps": self.num_steps,
            "seconds": round(self.seconds, 3),
        }


def train(
    config_path: Path | str, base_config: Path | str | None = None, debug: bool = False
) -> RunResult:
    """Run a configuration to its end.

    Args:
        base_config: a YAML of lowest precedence, under the file and what it extends.
        debug: also print one sample as the model sees it.

    Raises:
        ConfigError: a file that is wrong, or something this version cannot run; named.
        DataError: a record that breaks a rule, or reaches the length limit.
        DiskFullError: the disk filled up; the last complete checkpoint is intact.
        ModelError: a base model, pattern or checkpoint that does not fit.
    """
    loaded = load_config(Path(config_path), None if base_config is None else Path(base_config))
    for note in (*loaded.notes, *loaded.warnings):
        log.warning("%s", note)
    require_trainable(loaded)
    folder = run_folder(loaded.config)
    resume = checkpoints.to_resume_from(loaded.config.training.resume_from_checkpoint, folder)
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
    from sightwright.train.setup import prepare

    prepared = prepare(loaded.config, precision)
    _show(loaded.config, prepared, debug)
    started = time.monotonic()
    with ExitStack() as stack:
        # The log is written between the checkpoints, which tell of a full disk by themselves.
        stack.enter_context(full_disk.told("the log of the run", folder, lambda: _FREE_SPACE))
        trainer = _trainer(loaded, folder, precision, prepared, stack, resume)
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
    from sightwright.data.collate import Collator
    from sightwright.train.arguments import trainer_arguments, trainer_callbacks
    from sightwright.train.trainer import SftParts, SftTrainer

    config = loaded.config
    mark_answers = _mark_answers(config, prepared)
    marked = None if mark_answers is None else prepared.sets.marked_kind(config.task.type)
    args = trainer_arguments(config, folder, precision, marked=marked)

    def stamp(place: Path) -> None:
        dump_resolved(loaded, place)
        prepared.stamp(place)

    parts = SftParts(
        spec=prepared.spec,
        collator=Collator(
            "padded" if config.data.batching.type == "padded" else "padding_free",
            pad_id=prepared.tokenizer.end_of_text,
            merge_size=prepared.spec.merge_size,
        ),
        train=prepared.sets.train,
        held_out=prepared.sets.judged,
        mark_answers=mark_answers,
        stamp=stamp,
        augments=config.custom.augments,
    )
    first_step = 1 if resume is None else (step_of(resume) or 0) + 1
    callbacks = trainer_callbacks(config, folder, stack, first_step)
    return SftTrainer(prepared.model, args, parts, callbacks)


def _mark_answers(config: Config, prepared: Prepared) -> MarkAnswers | None:
    from sightwright.train.generation import MarkSets, mark_answers_of

    if not config.eval.generate:
        return None
    marks = {
        held.name: mark
        for held in prepared.sets.held_out
        if (mark := mark_answers_of(held, config, prepared.tokenizer, prepared.spec)) is not None
    }
    return MarkSets(marks) if marks else None


def _show(config: Config, prepared: Prepared, debug: bool) -> None:
    """The health table, and with `debug` one sample, on stderr."""
    from sightwright.model.adapters import parts_table
    from sightwright.sampling.epoch_plan import plan_table
    from sightwright.train.debug import sample_text
    from sightwright.train.health import RunFacts, checks, health_table

    if os.environ.get("RANK", "0") != "0":
        return
    facts = RunFacts(
        base_model=f"{config.model.model} ({prepared.base_folder.name})",
        train_type=config.tuner.train_type,
        modules_to_save=config.tuner.modules_to_save,
        max_length=config.template.max_length or 0,
        lengths=prepared.sets.lengths,
        notes=prepared.notes,
    )
    console = logs.console(stderr=True)
    found = checks(facts, prepared.model)
    console.print(health_table(found, parts_table(prepared.model)))
    if prepared.sets.plan:
        console.print(plan_table(prepared.sets.plan))
    if debug:
        encoded = prepared.sets.train.encode(0)
        console.print(f"\nsample 0 ({encoded.place}), {encoded.length} tokens:")
        console.print(sample_text(encoded, prepared.tokenizer), markup=False)


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
    best = result.best_checkpoint
    outcome = {
        "base_model": config.model.model,
        "best_checkpoint": None if best is None else best.name,
        "metrics": result.metrics,
        "num_steps": result.num_steps,
        "seconds": round(result.seconds, 3),
        "changes": changes,
        "precision": {"weights": precision.weights, "half": precision.half},
        "notes": list(prepared.notes),
        "versions": {name: metadata.version(name) for name in _RECORDED_PACKAGES},
    }
    canonical.write_json(result.folder / RUN_NAME, outcome)
