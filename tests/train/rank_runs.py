"""Whole runs on several processes of this machine, which die where they are told to."""

import os
import signal
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from torch.distributed import TCPStore
from whole_runs import Kill, train_until

from forking import context

NUM_RANKS = 2
_SECONDS = 200


def in_ranks(
    config: Path,
    kill: Kill | None = None,
    *,
    killed_rank: int = 0,
    environment: Mapping[str, str] | None = None,
) -> list[int]:
    """Train on two processes; their exit codes. As under torchrun, where one dies the others are
    ended."""
    store = meeting_place()
    ranks = [
        _start(config, kill if rank == killed_rank else None, rank, store.port, environment or {})
        for rank in range(NUM_RANKS)
    ]
    end = time.monotonic() + _SECONDS
    while any(rank.is_alive() for rank in ranks) and time.monotonic() < end:
        if any(rank.exitcode for rank in ranks):
            break
        time.sleep(0.02)
    for rank in ranks:
        if rank.is_alive():
            rank.terminate()
        rank.join(30)
        assert rank.exitcode is not None
    return [rank.exitcode or 0 for rank in ranks]


def meeting_place() -> TCPStore:
    """Where processes meet, as at torchrun: its port is taken all the time."""
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def variables_of(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells a process."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(NUM_RANKS),
        "LOCAL_WORLD_SIZE": str(NUM_RANKS),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "OMP_NUM_THREADS": "1",
    }


def _start(
    config: Path, kill: Kill | None, rank: int, port: int, environment: Mapping[str, str]
) -> BaseProcess:
    variables = {**variables_of(rank, port), **environment}
    process = context().Process(target=rank_until, args=(config, kill, variables))
    process.start()
    return process


def rank_until(config: Path, kill: Kill | None, variables: dict[str, str]) -> None:
    os.environ.update(variables)
    train_until(config, kill)


KILLED = -signal.SIGKILL
