"""Our side of a comparison of whole training steps: the trainer, the records and the loader of an
ordinary run, with a clock beside them."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.clock import Clock
from sightwright import canonical
from sightwright.config.load import load_config
from sightwright.train.arguments import trainer_arguments, trainer_callbacks
from sightwright.train.opening import make_collator
from sightwright.train.precision import choose_precision
from sightwright.train.setup import prepare
from sightwright.train.sft_parts import SftParts
from sightwright.train.trainer import SftTrainer

_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA: dict[str, Any] = {"r": 16, "lora_alpha": 16, "lora_dropout": 0.0, "target_modules": _LINEAR}
"""As PEFT takes it."""


@dataclass(frozen=True)
class SftRun:
    """A short run, as every side is told of it.

    Attributes:
        lora: an adapter on the language model's linear layers; else all weights learn that the
            records reach.
        pictures: the records have them.
        num_steps: the first is not timed.
    """

    lora: bool
    pictures: bool
    num_steps: int
    batch_size: int
    learning_rate: float = 1e-4


@dataclass(frozen=True)
class Ran:
    """
    Attributes:
        seconds: from the end of the first step to the end of the last.
        losses: of each step, the mean over its answer tokens.
        tokens: of the samples of the first step, without padding.
        num_answer_tokens: of the first step.
        timed_lengths: tokens of the samples of each step that is timed; told by us alone.
    """

    seconds: float
    losses: list[float]
    tokens: list[list[int]]
    num_answer_tokens: int
    timed_lengths: tuple[tuple[int, ...], ...] = ()


def train_ours(model: Path, file: Path, out: Path, run: SftRun) -> Ran:
    """Train from the base's weights, in a folder that is not used yet."""
    path = out.with_suffix(".json")  # JSON is YAML.
    canonical.write_json(path, _config(model, file, out, run))
    config = load_config(path).config
    precision = choose_precision(config, None)
    prepared, clock = prepare(config, precision), Clock()
    collator = make_collator(config, prepared)
    with ExitStack() as stack:
        parts = SftParts(spec=prepared.spec, collator=collator, train=prepared.sets.train)
        args = trainer_arguments(config, out, precision, marked=None)
        callbacks = [*trainer_callbacks(config, out, stack), clock]
        trainer = SftTrainer(prepared.model, args, parts, callbacks)
        trainer.train()
    history = trainer.state.log_history
    records = prepared.sets.train
    first, *timed = (
        [records.encode(index) for index in range(start, start + run.batch_size)]
        for start in range(0, run.num_steps * run.batch_size, run.batch_size)
    )
    return Ran(
        seconds=clock.ends[-1] - clock.ends[0],
        losses=[line["loss"] for line in history if "loss" in line],
        tokens=[each.ids for each in first],
        num_answer_tokens=sum(sum(each.supervised) for each in first),
        timed_lengths=tuple(tuple(each.length for each in batch) for batch in timed),
    )


def _config(model: Path, file: Path, out: Path, run: SftRun) -> dict[str, Any]:
    tuner: dict[str, Any] = {"train_type": "full"}
    if run.lora:
        own = {"lora_rank" if key == "r" else key: value for key, value in LORA.items()}
        tuner = {"train_type": "lora", **own}
    else:
        frozen = not run.pictures
        tuner |= {"freeze_vit": frozen, "freeze_aligner": frozen, "freeze_llm": False}
    return {
        "global_max_length": 4096,
        "model": {"model": str(model), "torch_dtype": "float32", "attn_impl": "sdpa"},
        "task": {"type": "chat"},
        "custom": {"train_jsonl": str(file)},
        "tuner": tuner,
        "training": {
            "output_dir": str(out),
            "max_steps": run.num_steps,
            "per_device_train_batch_size": run.batch_size,
            "train_sampling_strategy": "sequential",
            "learning_rate": run.learning_rate,
            "lr_scheduler_type": "constant",
            "logging_steps": 1,
            "eval_strategy": "no",
            "save_strategy": "no",
            "use_cpu": True,
        },
        "eval": {"generate": False},
    }
