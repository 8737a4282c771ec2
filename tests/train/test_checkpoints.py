"""Which checkpoints a run folder keeps, which it goes on from, and what an exact resume refuses."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sightwright import canonical
from sightwright.config.load import load_text
from sightwright.config.resolved import dump_resolved
from sightwright.errors import ConfigError
from sightwright.model.checkpoints import MARKER
from sightwright.train import checkpoints, progress
from sightwright.train.changed import changed_settings
from sightwright.train.flow import EvalSampler, randomness_kept

Folder = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    """A run folder with checkpoints of these steps, those of `torn` without their marker."""

    def make(*steps: int, torn: tuple[int, ...] = ()) -> Path:
        for step in (*steps, *torn):
            folder = tmp_path / f"checkpoint-{step}"
            folder.mkdir()
            (folder / "weights").write_bytes(b"12345")
            if step not in torn:
                checkpoints.mark_complete(folder, step)
        return tmp_path

    return make


def left(run_folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in run_folder.glob("checkpoint-*"))


@pytest.mark.parametrize(
    ("limit", "best", "kept"),
    [
        (None, None, [2, 4, 6, 10]),
        (0, None, [2, 4, 6, 10]),
        (2, None, [6, 10]),
        (2, 2, [2, 10]),
        (2, 10, [6, 10]),
        (1, None, [10]),
        (1, 4, [4, 10]),
        (9, 4, [2, 4, 6, 10]),
    ],
)
def test_the_newest_and_the_best_are_kept(
    run: Folder, limit: int | None, best: int | None, kept: list[int]
) -> None:
    folder = run(10, 2, 4, 6)
    checkpoints.rotate(folder, limit, None if best is None else folder / f"checkpoint-{best}")
    assert left(folder) == kept


def test_a_torn_checkpoint_counts_for_nothing_in_the_rotation(run: Folder) -> None:
    folder = run(2, 4, torn=(6,))
    checkpoints.rotate(folder, 1, None)
    assert left(folder) == [4, 6]


def test_what_a_killed_save_left_behind_is_removed_and_named(
    run: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run(2, torn=(3, 5))
    assert checkpoints.clear_left_overs(folder) == ["checkpoint-3", "checkpoint-5"]
    assert left(folder) == [2]
    assert "cut off left behind: checkpoint-3, checkpoint-5" in caplog.text
    assert checkpoints.clear_left_overs(folder) == []


def test_a_checkpoint_loses_its_marker_before_anything_else(
    run: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(2) / "checkpoint-2"
    monkeypatch.setattr(checkpoints.shutil, "rmtree", lambda *_, **__: None)
    checkpoints.remove(folder)
    assert [path.name for path in folder.iterdir()] == ["weights"]


def test_the_size_is_that_of_the_files(run: Folder) -> None:
    folder = run(torn=(2,)) / "checkpoint-2"
    (folder / "below").mkdir()
    (folder / "below" / "more").write_bytes(b"678")
    assert checkpoints.size_of(folder) == 8


def test_latest_is_the_newest_that_is_whole(run: Folder) -> None:
    folder = run(2, 10, torn=(12,))
    assert checkpoints.to_resume_from("latest", folder) == folder / "checkpoint-10"
    named = str(folder / "checkpoint-10")
    assert checkpoints.to_resume_from(named, folder) == folder / "checkpoint-10"


def test_a_fresh_run_needs_a_fresh_folder(run: Folder, tmp_path: Path) -> None:
    assert checkpoints.to_resume_from(None, tmp_path) is None
    assert checkpoints.to_resume_from("latest", tmp_path) is None
    with pytest.raises(ConfigError) as caught:
        checkpoints.to_resume_from(None, run(2))
    assert str(caught.value) == (
        f"{tmp_path}: the run folder already holds checkpoints\n"
        "  remedy: choose another training.run_name, delete the folder, or go on with "
        "training.resume_from_checkpoint: latest"
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("checkpoint-12", "this checkpoint was not written to its end"),
        ("checkpoint-3", "no such folder"),
        ("checkpoint-2", "checkpoint-10 is newer, and this run would write over what led to it"),
    ],
)
def test_a_checkpoint_that_cannot_be_gone_on_from_is_refused(
    run: Folder, name: str, says: str
) -> None:
    folder = run(2, 10, torn=(12,))
    with pytest.raises(ConfigError, match=says):
        checkpoints.to_resume_from(str(folder / name), folder)
    assert not (folder / "checkpoint-12" / MARKER).exists()


def test_another_run_may_go_on_from_any_checkpoint(run: Folder) -> None:
    folder = run(2, 10)
    other = folder / "other"
    wanted = folder / "checkpoint-2"
    assert checkpoints.to_resume_from(str(wanted), other) == wanted


FACTS = progress.RunFacts(
    records="ab", num_records=9, batch_size=2, batches_per_step=2, seed=7, drop_last=False,
    learning={"llm": 100}, world_size=1,
)  # fmt: skip


def test_the_same_run_may_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    progress.write_facts(tmp_path, FACTS)
    progress.require_same_run(tmp_path, FACTS)
    assert caplog.text == ""
    progress.require_same_run(tmp_path, replace(FACTS, world_size=2))
    assert "resumed by 2 processes what 1 ran: the same steps, but other dropout" in caplog.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"records": "cd"},
            "custom.train_jsonl or custom.fusion_config, whose records are others, or handled "
            "otherwise",
        ),
        ({"batch_size": 4}, "training.per_device_train_batch_size: 2 there, 4 here"),
        (
            {"seed": 1, "drop_last": True},
            "training.data_seed or training.seed: 7 there, 1 here; data.dataloader_drop_last: "
            "False there, True here",
        ),
        ({"learning": {"llm": 100, "vit": 5}}, "what learns (tuner): {'llm': 100} there, {'llm': "
            "100, 'vit': 5} here"),
        (
            {"batches_per_step": 8},
            "the micro-batches of a step (training.effective_batch_size): 2 there, 8 here",
        ),
    ],
)  # fmt: skip
def test_another_run_may_not(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    progress.write_facts(tmp_path, FACTS)
    with pytest.raises(ConfigError) as caught:
        progress.require_same_run(tmp_path, replace(FACTS, **changes))  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"training.resume_from_checkpoint {str(tmp_path)!r}: an exact resume is not possible: "
        f"{says}\n  remedy: restore it, or start a new run from these weights: "
        "tuner.resume_from_checkpoint"
    )


def test_weights_alone_are_no_place_to_go_on_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds weights alone.*\n.*save_only_model false"):
        progress.require_same_run(tmp_path, FACTS)


def test_sums_come_back_to_the_last_digit(tmp_path: Path) -> None:
    sums = progress.Sums(0.1 + 0.2, 4, 1e-17, {"bbu": [0.1 + 0.2, 9.0, 5.0]})
    assert progress.read_sums(tmp_path, 0, 3) is None
    for rank, each in enumerate((replace(sums, loss=0.1), sums, replace(sums, loss=0.7))):
        progress.write_sums(tmp_path, rank, each)
    assert progress.read_sums(tmp_path, 1, 3) == sums


def test_sums_of_other_ranks_are_taken_over(tmp_path: Path) -> None:
    """Three processes wrote them, whose mean loss is 4; two, or four, go on."""
    for rank, loss in enumerate((3.0, 4.0, 5.0)):
        sums = progress.Sums(loss, 7, 2.5, {"bbu": [loss, 1.0]}, {"images": 10 * (rank + 1)})
        progress.write_sums(tmp_path, rank, sums)
    for world_size in (1, 2, 4):
        found = [progress.read_sums(tmp_path, rank, world_size) for rank in range(world_size)]
        given = [each for each in found if each is not None]
        assert sum(each.loss for each in given) / world_size == pytest.approx(4.0)
        assert {(each.logged_step, each.run_loss) for each in given} == {(7, 2.5)}
        assert len(given) == world_size
        tables = [each.answers["bbu"] for each in given if each.answers]
        assert [sum(column) for column in zip(*tables, strict=True)] == [12.0, 3.0]
        assert sum(each.changes.get("images", 0) for each in given) == 60


def test_a_checkpoint_from_before_data_sets_were_told_apart_is_read(tmp_path: Path) -> None:
    older = {"loss": 1.0, "logged_step": 4, "run_loss": 2.0, "correct": 5, "answer_tokens": 9}
    canonical.write_json(tmp_path / "sums-0.json", older)
    assert progress.read_sums(tmp_path, 0, 1) == progress.Sums(1.0, 4, 2.0)


def test_changed_handling_of_the_records_is_named(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-3"
    dump_resolved(load_text("custom: {train_jsonl: a.jsonl, emit_norm: norm1000}"), checkpoint)
    now = load_text(
        "custom: {train_jsonl: b.jsonl, emit_norm: norm100, dump_conversation_text: true, "
        "augmentation: {enabled: true, ops: [{name: hflip}]}}\nprompts: {system: Look.}\n"
    ).config
    assert changed_settings(checkpoint, now) == [
        "prompts.system: None → Look.",
        "custom.emit_norm: norm1000 → norm100",
        "custom.augmentation.enabled: – → True",
        "custom.augmentation.bypass_prob: – → 0.0",
        "custom.augmentation.ops: – → [{'name': 'hflip', 'params': {'prob': 0.5}}]",
    ]


def test_changed_settings_are_named(tmp_path: Path) -> None:
    text = "training: {learning_rate: 1e-4, max_steps: 6, logging_steps: 1, output_dir: a}\n"
    checkpoint = tmp_path / "checkpoint-3"
    dump_resolved(load_text(text), checkpoint)
    now = load_text(
        "training: {learning_rate: 2e-4, max_steps: 7, logging_steps: 5, output_dir: b}\n"
        "template: {max_pixels: 65536}\ndata: {dataloader_num_workers: 2}\n"
    ).config
    assert changed_settings(checkpoint, now) == [
        "template.max_pixels: None → 65536",
        "training.max_steps: 6 → 7",
        "training.learning_rate: 0.0001 → 0.0002",
    ]
    assert changed_settings(checkpoint, load_text(text).config) == []
    (checkpoint / "resolved.yaml").write_text("of: [another, version]\n")
    assert changed_settings(checkpoint, now) == []
    assert changed_settings(tmp_path / "checkpoint-4", now) == []


def draws() -> list[float]:
    return [random.random(), np.random.rand(), torch.rand(()).item()]


def test_what_is_drawn_meanwhile_changes_nothing() -> None:
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # type: ignore[func-returns-value]
    expected = draws()
    random.seed(0), np.random.seed(0), torch.manual_seed(0)  # type: ignore[func-returns-value]
    with randomness_kept():
        draws()
    assert draws() == expected


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_every_held_out_record_is_looked_at_once(world_size: int) -> None:
    samplers = [EvalSampler(7, 2, rank, world_size) for rank in range(world_size)]
    batches = [list(sampler) for sampler in samplers]
    # All do as many forwards; a repeated batch, the last of a rank, does not count.
    assert {len(own) for own in batches} == {math.ceil(4 / world_size)}
    seen = [
        index
        for sampler, own in zip(samplers, batches, strict=True)
        for batch in own[: sampler.num_own]
        for index in batch
    ]
    assert sorted(seen) == list(range(7))
