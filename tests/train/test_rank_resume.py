"""Two processes, one of them killed with SIGKILL, started again: the run that nobody killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from photograph_runs import mixture, write_photographs
from rank_runs import KILLED, NUM_RANKS, in_ranks
from whole_runs import Kill, WriteRun, checkpoints_of, log_of

from sightwright.errors import ConfigError
from sightwright.train import progress

Sections = dict[str, dict[str, Any]]

STEPS = {"max_steps": 5, "save_steps": 2, "logging_steps": 2, "eval_steps": 4, "use_cpu": True}
CASES: dict[str, Sections] = {
    "whole": {},
    "fsdp2": {"training": {"fsdp": "full_shard auto_wrap"}},
    "zero2": {"deepspeed": {"enabled": True, "config": "zero2"}},
    "zero3": {"deepspeed": {"enabled": True, "config": "zero3"}},
    "full": {
        "tuner": {"train_type": "full", "freeze_aligner": False},
        "training": {"learning_rate": 1e-4},
    },
    "zero2 full": {
        "tuner": {"train_type": "full", "freeze_aligner": False},
        "training": {"learning_rate": 1e-4},
        "deepspeed": {"enabled": True, "config": "zero2"},
    },
    "tokens": {"data": {"batching": {"type": "tokens", "budget": 128}}},
}
QUICK = "whole"


@pytest.fixture(scope="module")
def sections_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sections]:
    def of(case: str) -> Sections:
        if case == "mixture under augmentation":
            folder = tmp_path_factory.mktemp("photographs")
            write_photographs(folder)
            parts = mixture(folder)
            return {**parts, "training": {**parts["training"], "use_cpu": True}}
        parts = CASES[case]
        return {
            "eval": {"generate": False},
            **parts,
            "training": {**STEPS, **parts.get("training", {})},
        }

    return of


NAMES = [*CASES, "mixture under augmentation"]


@pytest.mark.parametrize(
    "case",
    [pytest.param(each, marks=[] if each == QUICK else [pytest.mark.slow]) for each in NAMES],
)
def test_two_processes_go_on_as_if_none_had_been_killed(
    case: str, write_run: WriteRun, sections_of: Callable[[str], Sections]
) -> None:
    parts = sections_of(case)
    whole, killed = write_run(**parts), write_run(**parts)
    assert in_ranks(whole) == [0, 0]
    assert in_ranks(killed, Kill(4, "step"), killed_rank=1)[1] == KILLED
    # In the middle of a checkpoint: one process has written its share, the other not.
    assert in_ranks(killed, Kill(4, "optimizer"), killed_rank=0)[0] == KILLED
    assert in_ranks(killed) == [0, 0]
    runs = [config.parent / "out" for config in (whole, killed)]
    assert log_of(runs[0]) == log_of(runs[1])
    assert checkpoints_of(runs[0]) == checkpoints_of(runs[1])
    for name in checkpoints_of(runs[0]):
        assert weights_of(runs[0] / name) == weights_of(runs[1] / name)
        for rank in range(NUM_RANKS):
            assert sums_of(runs[0] / name, rank) == sums_of(runs[1] / name, rank)


def weights_of(checkpoint: Path) -> bytes:
    (path,) = checkpoint.glob("*model.safetensors")
    return path.read_bytes()


def sums_of(checkpoint: Path, rank: int) -> progress.Sums:
    sums = progress.read_sums(checkpoint, rank, NUM_RANKS)
    assert sums is not None
    return sums


def test_a_state_in_shards_is_not_read_by_another_number_of_processes(tmp_path: Path) -> None:
    def facts(world_size: int, state: str) -> progress.RunFacts:
        return progress.RunFacts("r", 9, 1, {"llm": 3}, world_size, state=state)

    progress.write_facts(tmp_path, facts(2, "ZeRO-2"))
    progress.require_same_run(tmp_path, facts(2, "ZeRO-2"))
    with pytest.raises(ConfigError, match=r"number of processes.*: 2 there, 4 here"):
        progress.require_same_run(tmp_path, facts(4, "ZeRO-2"))
    with pytest.raises(ConfigError, match=r"optimiser's state.*: ZeRO-2 there, whole here"):
        progress.require_same_run(tmp_path, facts(2, "whole"))
    progress.write_facts(tmp_path, facts(2, "FSDP"))
    progress.require_same_run(tmp_path, facts(4, "FSDP"))
