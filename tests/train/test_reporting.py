"""What the lines of the log say: data sets that add up to the whole, speeds, one prefix."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import TrainerControl, TrainerState

from sightwright.data.collate import Batch
from sightwright.data.dataset import RecordDataset, Sample
from sightwright.data.sources import Source
from sightwright.sampling.plan import Pick
from sightwright.train.callbacks import JsonlLog
from sightwright.train.reporting import ReportingTrainer
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

ANSWERS = [
    "a", '{"total":"12.50"}', "yes", '{"date":"2024-01-31","total":null}', "no",
    '{"name":"North Pier Supplies","total":"7.00"}',
]  # fmt: skip
NAMES = ("bbu", "rru", "lvis")


class Named(RecordDataset):
    """Records in turn of two data sets; none is of lvis."""

    @classmethod
    def of(cls, records: RecordDataset) -> "Named":
        named = cls.__new__(cls)
        named.__dict__.update(vars(records))
        return named

    def __getitem__(self, pick: Pick | int) -> Sample:
        index = pick if isinstance(pick, int) else pick.index
        return replace(super().__getitem__(pick), source=Source(NAMES[index % 2]))


@pytest.fixture
def named(make_trainer: MakeTrainer) -> MakeTrainer:
    """A trainer over records of two data sets."""

    def make(**arguments: Any) -> SftTrainer:
        plain = make_trainer(ANSWERS, **arguments)
        parts = plain._parts
        records = Named.of(cast("RecordDataset", parts.train))
        changed = {
            "train": records,
            "held_out": records,
            "collator": replace(parts.collator, sources=NAMES),
        }
        return make_trainer(ANSWERS, prepare=False, base=plain.model, parts=changed, **arguments)

    return make


def tokens_of(batches: list[Batch]) -> dict[str, int]:
    counted = dict.fromkeys(NAMES, 0)
    for batch in batches:
        for index in batch["answer_sources"].tolist():
            counted[NAMES[index]] += 1
    return counted


@pytest.mark.parametrize("layout", ["padding_free", "padded"])
def test_the_data_sets_of_a_step_add_up_to_its_loss(named: MakeTrainer, layout: str) -> None:
    trainer = named(layout=layout, per_device_train_batch_size=2, gradient_accumulation_steps=3)
    tokens = tokens_of(list(trainer.get_train_dataloader()))
    trainer.train()
    line = trainer.state.log_history[0]
    whole = sum(tokens.values())
    for key in ("loss", "token_acc"):
        parts = sum(line[f"{name}_{key}"] * tokens[name] for name in ("bbu", "rru"))
        assert parts / whole == pytest.approx(line[key], rel=1e-6), key
    assert "lvis_loss" not in line


def test_between_two_lines_too(named: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over steps of different sizes: each step's loss times its tokens, against the sums."""
    steps: list[tuple[float, int]] = []
    trainer = named(per_device_train_batch_size=2, gradient_accumulation_steps=2, max_steps=2,
                    logging_steps=2)  # fmt: skip
    step = SftTrainer.training_step

    def kept(self: SftTrainer, model: Any, inputs: Any, count: Any = None) -> torch.Tensor:
        loss = step(self, model, inputs, count)
        steps.append((loss.item(), int(count)))
        return loss

    tables: list[torch.Tensor] = []
    line = ReportingTrainer._since_last_line
    monkeypatch.setattr(SftTrainer, "training_step", kept)
    monkeypatch.setattr(
        SftTrainer,
        "_since_last_line",
        lambda self: (tables.append(self._answers.table.clone()), line(self))[1],
    )
    trainer.train()
    assert len(steps) == 2
    (table,) = tables
    assert table[:, 0].sum().item() == pytest.approx(sum(loss * n for loss, n in steps), rel=1e-6)
    assert table[:, 1].sum().item() == sum(n for _, n in steps)


def test_an_evaluation_adds_up(named: MakeTrainer) -> None:
    trainer = named(per_device_eval_batch_size=4)
    metrics = trainer.evaluate()
    tokens = tokens_of(list(trainer.get_eval_dataloader()))
    parts = sum(metrics[f"eval_{name}_loss"] * tokens[name] for name in ("bbu", "rru"))
    assert parts / sum(tokens.values()) == pytest.approx(metrics["eval_loss"], rel=1e-9)
    assert "eval_lvis_loss" not in metrics


def test_the_best_may_be_picked_by_a_data_set(named: MakeTrainer, tmp_path: Path) -> None:
    trainer = named(
        eval_strategy="steps", eval_steps=1, save_strategy="best", max_steps=2,
        metric_for_best_model="rru_token_acc", greater_is_better=True,
    )  # fmt: skip
    trainer.train()
    values = [e["eval_rru_token_acc"] for e in trainer.state.log_history if "eval_loss" in e]
    assert trainer.state.best_metric == max(values)


def test_a_run_without_names_has_no_keys_of_data_sets(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(ANSWERS)
    trainer.train()
    line = trainer.state.log_history[0]
    assert set(line) == {
        "loss", "grad_norm", "learning_rate", "token_acc", "tokens_per_second",
        "answer_tokens_per_second", "data_wait_share", "epoch", "step",
    }  # fmt: skip


def test_tokens_are_counted_without_padding(make_trainer: MakeTrainer) -> None:
    seconds = {}
    for layout in ("padding_free", "padded"):
        trainer = make_trainer(ANSWERS, layout=layout, max_steps=1)
        counted = []
        own = trainer._speed.counts
        trainer._speed.counts = lambda own=own, counted=counted: counted.append(own()) or own()
        trainer.train()
        seconds[layout] = counted[0][:3]
    assert seconds["padding_free"] == seconds["padded"]
    lengths = [trainer.train_dataset.encode(i).length for i in range(len(ANSWERS))]
    assert seconds["padded"][0] == sum(lengths)


def test_input_tokens_are_counted_with_or_without_padding(make_trainer: MakeTrainer) -> None:
    seen: dict[str, list[float]] = {}
    for kind in ("all", "non_padding"):
        trainer = make_trainer(
            ANSWERS, layout="padded", per_device_train_batch_size=3, max_steps=4, logging_steps=2,
            include_num_input_tokens_seen=kind,
        )  # fmt: skip
        whole = [batch["input_ids"].numel() for batch in trainer.get_train_dataloader()]
        trainer.train()
        lines = [line for line in trainer.state.log_history if "loss" in line]
        seen[kind] = [line["num_input_tokens_seen"] for line in lines]
    lengths = sum(trainer.train_dataset.encode(i).length for i in range(len(ANSWERS)))
    assert seen["non_padding"] == [lengths, 2 * lengths]
    assert seen["all"] == [sum(whole[:2]), sum(whole)]


def test_what_is_no_number_is_null_in_the_log(tmp_path: Path) -> None:
    """The gradients of an fp16 run overflow until the scale has settled."""
    log = JsonlLog(tmp_path)
    logs = {"loss": 1.5, "grad_norm": float("inf"), "eval_loss": float("nan")}
    log.on_log(cast("Any", None), TrainerState(), TrainerControl(), logs)
    (line,) = log.path.read_text().splitlines()
    written = {key: value for key, value in json.loads(line).items() if "/" in key}
    assert written == {"train/loss": 1.5, "train/grad_norm": None, "eval/loss": None}


def test_operations_of_the_whole_run_are_in_the_summary(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(ANSWERS, per_device_train_batch_size=3, gradient_accumulation_steps=2)
    batches = list(trainer.get_train_dataloader())
    trainer.train()
    summary = trainer.state.log_history[-1]
    wanted = sum(int(trainer.operations(batch)) for batch in batches)
    assert summary["total_flos"] == wanted > 0


def test_one_prefix_and_nothing_else(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(
        ANSWERS, max_steps=2, eval_strategy="steps", eval_steps=2,
        include_num_input_tokens_seen="all",
    )  # fmt: skip
    (tmp_path / "log").mkdir()
    trainer.add_callback(JsonlLog(tmp_path / "log"))
    trainer.train()
    lines = [json.loads(t) for t in (tmp_path / "log" / "logging.jsonl").read_text().splitlines()]
    keys = {key for line in lines for key in line} - {"step", "epoch", "seconds"}
    assert {"train/num_input_tokens_seen", "train/tokens_per_second", "eval/loss"} <= keys
    for key in keys:
        space, _, name = key.partition("/")
        assert space in ("train", "eval")
        assert not name.startswith(("train", "eval"))


def test_marks_are_those_of_the_first_process(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU may round otherwise than its neighbour; were the best decided by each, they would part
    before a checkpoint that all must write."""
    trainer = make_trainer(ANSWERS, parts={"mark_answers": lambda model: {"score": 0.25}})
    monkeypatch.setattr(
        "sightwright.train.reporting.broadcast_object_list", lambda found: [{"score": 0.75}]
    )
    assert trainer.evaluate()["eval_score"] == 0.75
