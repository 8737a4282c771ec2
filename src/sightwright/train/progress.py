"""What a checkpoint says for an exact resume, beside transformers' own files.

progress.json      what the batch plan follows from, and what learns: a resume with others is
                   refused, because its next batch would not be the next batch
sums-RANK.json     what this rank has added up since the last line of the log
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sightwright import canonical, logs
from sightwright.errors import ConfigError

log = logs.get_logger(__name__)

NAME = "progress.json"
_WEIGHTS_ONLY = "start a new run from these weights: tuner.resume_from_checkpoint"


@dataclass(frozen=True)
class RunFacts:
    """What makes step N of two runs the same step.

    Attributes:
        records: digest of the training records, in their order.
        learning: parameters that learn, by part.
    """

    records: str
    num_records: int
    batch_size: int
    batches_per_step: int
    seed: int
    drop_last: bool
    learning: dict[str, int]
    world_size: int


_KEYS = {
    "records": "custom.train_jsonl or custom.fusion_config, whose records are others, or handled "
    "otherwise",
    "num_records": "the number of records of an epoch",
    "batch_size": "training.per_device_train_batch_size",
    "batches_per_step": "the micro-batches of a step (training.effective_batch_size)",
    "seed": "training.data_seed or training.seed",
    "drop_last": "data.dataloader_drop_last",
    "learning": "what learns (tuner)",
}


@dataclass(frozen=True)
class Sums:
    """Added up since the last line of the log, and over the run.

    Attributes:
        loss: sum of the losses of the steps since then.
        logged_step: the step of that line.
        run_loss: sum of the losses of the steps before it.
        correct, answer_tokens: of the token accuracy.
        changes: what was done to the records of this rank, counted, since the run began.
    """

    loss: float
    logged_step: int
    run_loss: float
    correct: int
    answer_tokens: int
    changes: dict[str, int] = field(default_factory=dict[str, int])


def write_facts(folder: Path, facts: RunFacts) -> None:
    canonical.write_json(folder / NAME, asdict(facts))


def require_same_run(folder: Path, now: RunFacts) -> None:
    """Refuse a resume that would not be exact.

    Raises:
        ConfigError: the checkpoint holds weights alone, or what differs, by its keys.
    """
    where = f"training.resume_from_checkpoint {str(folder)!r}"
    if not (folder / NAME).is_file():
        raise ConfigError(
            f"this checkpoint holds weights alone: it has no {NAME}",
            where=where,
            remedy=f"leave training.save_only_model false, or {_WEIGHTS_ONLY}",
        )
    there: dict[str, Any] = canonical.loads((folder / NAME).read_text(encoding="utf-8"))
    here = asdict(now)
    differing = [_difference(key, there.get(key), here[key]) for key in _KEYS
                 if there.get(key) != here[key]]  # fmt: skip
    if differing:
        raise ConfigError(
            f"an exact resume is not possible: {'; '.join(differing)}",
            where=where,
            remedy=f"restore it, or {_WEIGHTS_ONLY}",
        )
    if there.get("world_size") != now.world_size:
        log.warning(
            "resumed by %d processes what %s ran: the same batches, but other dropout",
            now.world_size,
            there.get("world_size"),
        )


def _difference(key: str, there: object, here: object) -> str:
    return _KEYS[key] if key == "records" else f"{_KEYS[key]}: {there} there, {here} here"


def write_sums(folder: Path, rank: int, sums: Sums) -> None:
    canonical.write_json(_sums_file(folder, rank), asdict(sums))


def read_sums(folder: Path, rank: int) -> Sums | None:
    """What `write_sums` wrote; None where this rank did not exist then."""
    path = _sums_file(folder, rank)
    if not path.is_file():
        return None
    value = canonical.loads(path.read_text(encoding="utf-8"))
    # An older checkpoint counts no changes.
    return Sums(**{each.name: value[each.name] for each in fields(Sums) if each.name in value})


def _sums_file(folder: Path, rank: int) -> Path:
    return folder / f"sums-{rank}.json"
