"""A LoRA step of Qwen3-VL on one GPU, against the peers that are installed.

    python -m benchmarks.gpu --sizes 4b 8b --json figures.json
    python -m benchmarks.gpu --sizes tiny --device cpu --tokens 400 --steps 2    # proves the script

Every way trains on the same samples from the same random weights; their first losses must agree
before anything is timed. MFU is the work of `sightwright.train.flops` (forward and backward of real
tokens: no padding, no recomputation) over seconds and the rate of a matrix product measured in the
same run.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.gpu import steps
from benchmarks.gpu.models import SIZES, config_of
from benchmarks.gpu.samples import SMALL, Pages, draw_samples
from benchmarks.gpu.timing import matmul_rate, seconds_of, wait_for
from benchmarks.gpu.vit import compare_vits
from sightwright.data.dataset import Sample
from sightwright.train.flops import Flops

NUM_BATCHES = 4


def main() -> None:
    asked = _arguments()
    device = torch.device(asked.device)
    print(f"{_name(device)}, torch {torch.__version__}, transformers {transformers.__version__}")
    found: dict[str, Any] = {"device": _name(device), "torch": torch.__version__, "sizes": {}}
    for size in asked.sizes:
        found["sizes"][size] = {
            "steps": measure_steps(size, asked, device),
            "vit": compare_vits(size, _pages(size), device, asked.compile),
        }
        _print_vit(found["sizes"][size]["vit"])
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["4b", "8b"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tokens", type=int, default=8192, help="of a batch, images included")
    parser.add_argument("--steps", type=int, default=8, help="timed, of each way and round")
    parser.add_argument(
        "--rounds", type=int, default=2, help="each way is built and timed so often"
    )
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _pages(size: str) -> Pages:
    return SMALL if size == "tiny" else Pages()


def measure_steps(size: str, asked: argparse.Namespace, device: torch.device) -> list[dict]:
    """A row for each way and round; printed as they come."""
    config = config_of(size)
    batches = [
        draw_samples(_pages(size), asked.tokens, config, seed) for seed in range(NUM_BATCHES)
    ]
    rows: list[dict] = []
    for _ in range(asked.rounds):
        for name, build in _ways(size, device, asked.compile).items():
            rows.append({"way": name} | _measure(build, batches, asked.steps, device))
            _free(device)
            _print_step(size, rows[-1], rows[0])
    return rows


def _ways(size: str, device: torch.device, compiled: bool) -> dict[str, Callable[[], Any]]:
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: steps.ours(size, device, compiled),
        "transformers + PEFT, padded": lambda: steps.padded(size, device),
    }
    if importlib.util.find_spec("liger_kernel") and device.type == "cuda":
        ways["the same with Liger"] = lambda: steps.padded(size, device, liger=True)
    return ways


def _measure(
    build: Callable[[], steps.Way],
    batches: Sequence[Sequence[Sample]],
    num_steps: int,
    device: torch.device,
) -> dict[str, Any]:
    rate = matmul_rate(device)
    way = build()
    turns = steps.Turns(way, batches)
    first = turns.loss().item()
    for _ in batches:
        turns.step()  # Kernels are chosen, layers compiled.
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with turns.steady():
        seconds = seconds_of(turns.step, device, num_steps)
    work = Flops.of(way.model)
    tokens = sum(sample.encoded.length for samples in batches for sample in samples) / len(batches)
    operations = sum(_operations(work, samples) for samples in batches) / len(batches)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    return {
        "first_loss": first,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
        "mfu": operations / seconds / rate,
        "matmul_tflops": rate / 1e12,
        "peak_gib": peak,
    }


def _operations(work: Flops, samples: Sequence[Sample]) -> float:
    encoded = [sample.encoded for sample in samples]
    answers = sum(sum(each.supervised) for each in encoded)
    return work.of_batch(
        [each.length for each in encoded], [each.grids for each in encoded], answers
    )


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    wait_for(device)


def _print_step(size: str, row: dict, ours: dict) -> None:
    tolerance = 1e-4 if row["peak_gib"] is None else 2e-2
    difference = abs(row["first_loss"] - ours["first_loss"]) / ours["first_loss"]
    assert difference <= tolerance, f"another loss: {row['first_loss']} and {ours['first_loss']}"
    peak = "" if row["peak_gib"] is None else f", {row['peak_gib']:.1f} GiB"
    print(
        f"{size:>4} {row['way']:<28} {1000 * row['seconds']:9.1f} ms a step, "
        f"{row['tokens_per_second']:9.0f} tokens/s, MFU {100 * row['mfu']:.1f} % of "
        f"{row['matmul_tflops']:.2f} TFLOP/s{peak}, "
        f"{row['seconds'] / ours['seconds']:.2f} times ours"
    )


def _print_vit(rows: Sequence[dict]) -> None:
    for row in rows:
        ratio = row["transformers"] / row["ours"]
        print(
            f"     ViT, {row['pages']:>2} pages of {row['tokens_a_page']} tokens: "
            f"{row['ours']:.2f} ms a page, transformers {row['transformers']:.2f} "
            f"({ratio:.2f} times ours; least cosine {row['least_cosine']:.5f})"
        )


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    main()
