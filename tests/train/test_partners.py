"""A process that waits in vain for another says where to look."""

import subprocess
import sys

import pytest
import torch

from sightwright.train import partners

# The documents' case: one process goes into a barrier, and the other decided not to.
WAITS = """
import sys, time
from datetime import timedelta
import torch.distributed as dist
from sightwright.train import partners

rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
if rank == 1:
    time.sleep(6)
else:
    with partners.told():
        dist.monitored_barrier(timeout=timedelta(seconds=2))
"""


def test_a_barrier_that_one_process_does_not_reach(tmp_path: object) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", WAITS, str(rank), f"{tmp_path}/store"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = runs[0].communicate(timeout=120)[1]
    runs[1].communicate(timeout=120)
    assert runs[0].returncode == 1
    assert "SightwrightError: another process of this run did not come:" in said
    assert "monitoredBarrier" in said
    assert "training.metric_for_best_model: loss" in said


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="Timed out waiting by itself"), partners.told():
        # No group of processes is here, so it is none of theirs.
        raise RuntimeError("Timed out waiting by itself")
    assert not torch.distributed.is_initialized()
