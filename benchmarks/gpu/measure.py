"""Every way's LoRA step on the same batches, in rounds, checked to be the same work first."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers.models.qwen3_vl import modeling_qwen3_vl

from benchmarks.gpu.timing import matmul_rate, seconds_of, wait_for
from benchmarks.gpu.turns import Start, Turns, require_same
from benchmarks.gpu.ways import OURS, Build, Ways, put_back
from sightwright.data.dataset import Sample
from sightwright.train.flops import Flops

WARM_CYCLES = 2
Row = dict[str, Any]


class Measurement:
    """Of one size.

    Args:
        num_steps: timed on each batch, of each way and round.
        report: told of each row as it comes.
    """

    def __init__(
        self,
        batches: Sequence[Sequence[Sample]],
        device: torch.device,
        num_steps: int,
        report: Callable[[Row], None],
    ) -> None:
        self.batches, self.device, self.num_steps = batches, device, num_steps
        self.rows: list[Row] = []
        self._report = report
        self._expected: Start | None = None

    def round(self, ways: Ways) -> None:
        """Build and time each way, one after the other: two do not fit on a GPU together. A peer
        that cannot run is left out from then on.

        Raises:
            AssertionError: a peer does other work.
        """
        for name, build in list(ways.run.items()):
            free(self.device)
            try:
                with put_back(modeling_qwen3_vl):
                    row = {"way": name} | self._measure(name, build)
            except (torch.OutOfMemoryError, ImportError) as error:
                if name == OURS:
                    raise
                ways.leave_out(name, str(error).splitlines()[0])
                continue
            self.rows.append(row)
            self._report(row)
        free(self.device)

    def _measure(self, name: str, build: Build) -> Row:
        rate = matmul_rate(self.device)
        way = build()
        turns = Turns(way, self.batches)
        apart = self._checked(name, turns)
        for _ in range(WARM_CYCLES):
            turns.cycle()  # Kernels are chosen, layers compiled.
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        with turns.steady():
            cycle = seconds_of(turns.cycle, self.device, self.num_steps, warm=0)
        seconds = cycle / len(self.batches)
        operations, tokens = mean_work(Flops.of(way.model), self.batches)
        return apart | {
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "mfu": operations / seconds / rate,
            "matmul_tflops": rate / 1e12,
            "peak_gib": _peak(self.device),
        }

    def _checked(self, name: str, turns: Turns) -> Row:
        start = turns.start()
        if self._expected is None:
            self._expected = start
        require_same(name, start, self._expected, next(turns.way.model.parameters()).dtype)
        loss_apart, gradients_apart = start.apart_from(self._expected)
        return {
            "first_loss": start.loss,
            "loss_apart": loss_apart,
            "gradients_apart": gradients_apart,
        }


def mean_work(work: Flops, batches: Sequence[Sequence[Sample]]) -> tuple[float, float]:
    """Operations and tokens of a batch, padding left out."""
    operations = tokens = 0.0
    for samples in batches:
        encoded = [sample.encoded for sample in samples]
        lengths = [each.length for each in encoded]
        answers = sum(sum(each.supervised) for each in encoded)
        operations += work.of_batch(lengths, [each.grids for each in encoded], answers)
        tokens += sum(lengths)
    return operations / len(batches), tokens / len(batches)


def free(device: torch.device) -> None:
    """Nothing of the way before is left: no memory, no compiled layer."""
    torch._dynamo.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    wait_for(device)


def _peak(device: torch.device) -> float | None:
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
