"""What a checkpoint says for an exact resume, beside transformers' own files.

progress.json      what the batch plan follows from, and what learns: a resume with others is
                   refused, because its next batch would not be the next batch
sums-RANK.json     what this rank has added up since the last line of the log
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import Any

from sightwright import canonical, logs
from sightwright.errors import ConfigError

log = logs.get_logger(__name__)

NAME = "progress.json"
WHOLE_STATE = "whole"
_WEIGHTS_ONLY = "start a new run from these weights: tuner.resume_from_checkpoint"


@dataclass(frozen=True)
class RunFacts:
    """What makes step N of two runs the same step.

    Attributes:
        records: digest of the training records, in their order.
        batch_size, batches_per_step, drop_last: of micro-batches of so many records.
        budget, effective_batch_size: of micro-batches of so many tokens.
        strategy: training.train_sampling_strategy.
        lengths: digest of the lengths that the batches follow from; "" where they follow from none.
        learning: parameters that learn, by part.
        state: who wrote the optimiser's state (`processes.GroupTrainer.state_kind`).
    """

    records: str
    num_records: int
    seed: int
    learning: dict[str, int]
    world_size: int
    batch_size: int | None = None
    batches_per_step: int | None = None
    drop_last: bool = False
    budget: int | None = None
    effective_batch_size: int | None = None
    strategy: str = "random"
    lengths: str = ""
    state: str = WHOLE_STATE


# What a checkpoint of before they existed means by leaving them out.
_EARLIER = {"budget": None, "effective_batch_size": None, "strategy": "random", "lengths": "",
            "state": WHOLE_STATE}  # fmt: skip
_OF_ONE_KIND = ("batch_size", "batches_per_step", "drop_last", "effective_batch_size", "lengths")
_KEYS = {
    "records": "custom.train_jsonl or custom.fusion_config, whose records are others, or handled "
    "otherwise",
    "num_records": "the number of records of an epoch",
    "budget": "data.batching, the budget of tokens",
    "effective_batch_size": "training.effective_batch_size",
    "batch_size": "training.per_device_train_batch_size",
    "batches_per_step": "the micro-batches of a step (training.effective_batch_size)",
    "seed": "training.data_seed or training.seed",
    "drop_last": "data.dataloader_drop_last",
    "strategy": "training.train_sampling_strategy",
    "lengths": "the lengths of the records (template.max_pixels, how they are asked)",
    "learning": "what learns (tuner)",
    "state": "how the optimiser's state lies on the processes (deepspeed, or accelerate's file)",
    "world_size": "the number of processes, which ZeRO's state follows",
}


@dataclass(frozen=True)
class Sums:
    """Added up since the last line of the log, and over the run.

    Attributes:
        loss: sum of the losses of the steps since then.
        logged_step: the step of that line.
        run_loss: sum of the losses of the steps before it.
        answers: data set → its sums over answer tokens (`telemetry.AnswerSums`).
        changes: what was done to the records of this rank, counted, since the run began.
    """

    loss: float
    logged_step: int
    run_loss: float
    answers: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
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
    there: dict[str, Any] = _EARLIER | canonical.loads((folder / NAME).read_text(encoding="utf-8"))
    here = asdict(now)
    # Micro-batches of the other kind have none of these numbers.
    other_kind = (there["budget"] is None) != (here["budget"] is None)
    skipped = _OF_ONE_KIND if other_kind else ()
    # Whole or gathered state is read by any number of processes.
    skipped = skipped if now.state.startswith("ZeRO") else (*skipped, "world_size")
    keys = [key for key in _KEYS if key not in skipped]
    differing = [_difference(key, there.get(key), here[key]) for key in keys
                 if there.get(key) != here[key]]  # fmt: skip
    if differing:
        raise ConfigError(
            f"an exact resume is not possible: {'; '.join(differing)}",
            where=where,
            remedy=f"restore it, or {_WEIGHTS_ONLY}",
        )
    if there.get("world_size") != now.world_size:
        log.warning(
            "resumed by %d processes what %s ran: the same steps, but other dropout",
            now.world_size,
            there.get("world_size"),
        )


def _difference(key: str, there: object, here: object) -> str:
    if key in ("records", "lengths"):
        return _KEYS[key]
    return f"{_KEYS[key]}: {there} there, {here} here"


def write_sums(folder: Path, rank: int, sums: Sums) -> None:
    canonical.write_json(_sums_file(folder, rank), asdict(sums))


def read_sums(folder: Path, rank: int, world_size: int) -> Sums | None:
    """What all ranks wrote, shared out among those that there are now; None where none did."""
    written = list(_written_sums(folder))
    if not written:
        return None
    own = written[rank::world_size]
    added: dict[str, list[float]] = {}
    for each in own:
        for name, values in each.answers.items():
            before = added.get(name, [0.0] * len(values))
            added[name] = [one + other for one, other in zip(before, values, strict=True)]
    return Sums(
        # The log has the mean over the ranks.
        loss=sum(each.loss for each in own) * (world_size / len(written)),
        logged_step=written[0].logged_step,
        run_loss=written[0].run_loss,
        answers=added,
        changes=dict(sum((Counter(each.changes) for each in own), Counter[str]())),
    )


def _written_sums(folder: Path) -> Iterator[Sums]:
    """Of each rank, in their order."""
    for rank in count():
        path = _sums_file(folder, rank)
        if not path.is_file():
            return
        value = canonical.loads(path.read_text(encoding="utf-8"))
        # An older checkpoint counts no changes, and its answers by other names.
        yield Sums(**{each.name: value[each.name] for each in fields(Sums) if each.name in value})


def _sums_file(folder: Path, rank: int) -> Path:
    return folder / f"sums-{rank}.json"
