"""Two processes log what one process does: every data set, every kind of token, one folder."""

from typing import Any

import pytest
from photograph_runs import mixture, write_photographs
from rank_runs import in_ranks
from whole_runs import WriteRun, in_child, log_of


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("photographs")
    write_photographs(folder)
    found = mixture(folder)
    found["tuner"] = {"lora_dropout": 0.0}
    found["eval"] = {"generate": False}
    found["training"] |= {
        "use_cpu": True,
        "logging_steps": 2,
        "vit_lr": 1e-5,
        "add_version": True,
        "save_strategy": "best",
        "metric_for_best_model": "bbu_token_acc",
        "eval_steps": 2,
        "resume_from_checkpoint": None,
    }
    return found


@pytest.mark.slow
def test_two_processes_log_what_one_does(
    write_run: WriteRun, sections: dict[str, dict[str, Any]]
) -> None:
    alone, shared = write_run(**sections), write_run(**sections)
    assert in_child(alone) == 0
    assert in_ranks(shared) == [0, 0]
    runs = [path.parent / "out" / "v0" for path in (alone, shared)]
    lines, others = (log_of(run) for run in runs)
    assert [line.keys() for line in lines] == [line.keys() for line in others]
    keys = {key for line in lines for key in line}
    assert {"train/lvis_loss", "train/bbu_line_token_acc", "eval/bbu_summary_loss"} <= keys
    for line, other in zip(lines, others, strict=True):
        assert line == pytest.approx(other, rel=1e-4), line["step"]
    best = [sorted(path.name for path in run.glob("checkpoint-*")) for run in runs]
    assert best[0] == best[1] != []


SHARDED: dict[str, dict[str, Any]] = {
    "zero2": {"deepspeed": {"enabled": True, "config": "zero2"}},
    "zero3": {"deepspeed": {"enabled": True, "config": "zero3"}},
    "fsdp": {"training": {"fsdp": "full_shard"}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARDED)
def test_parts_learn_at_their_own_rates_however_they_are_sharded(
    name: str, write_run: WriteRun
) -> None:
    if "deepspeed" in SHARDED[name]:
        pytest.importorskip("deepspeed")
    rates = {"vit_lr": 1e-3, "aligner_lr": 5e-3, "weight_decay": 0.1}
    training = {
        "use_cpu": True, "logging_steps": 1, "max_steps": 3, "save_strategy": "no",
        "resume_from_checkpoint": None, **rates, **SHARDED[name].get("training", {}),
    }  # fmt: skip
    plain: dict[str, dict[str, Any]] = {
        "tuner": {
            "lora_dropout": 0.0, "lorap_lr_ratio": 4, "freeze_vit": False, "freeze_aligner": False,
        },
        "eval": {"generate": False},
        "training": {key: value for key, value in training.items() if key != "fsdp"},
    }  # fmt: skip
    alone, shared = (
        write_run(**plain),
        write_run(**{**plain, **SHARDED[name], "training": training}),
    )
    assert in_child(alone) == 0
    assert in_ranks(shared) == [0, 0]
    lines, others = (log_of(path.parent / "out") for path in (alone, shared))
    for line, other in zip(lines, others, strict=True):
        common = line.keys() & other.keys()
        assert {key: line[key] for key in common} == pytest.approx(
            {key: other[key] for key in common}, rel=1e-3
        )
    assert {"train/vit_lr", "train/aligner_lr", "train/grad_norm"} <= others[0].keys()
