"""A LoRA step of Qwen3-VL on one GPU, against the peers that are installed.

    python -m benchmarks.gpu --sizes 4b 8b --json figures.json
    python -m benchmarks.gpu --sizes tiny --device cpu --tokens 400 --steps 2    # proves the script

Every way trains on the same samples from the same random weights and adapters; its first loss and
gradients must be ours before it is timed. The peers are as their trainers run them by default:
padded and not compiled. Whoever does not run is named with the reason. (ms-swift has a trainer of
its own and no loss to call: `python -m benchmarks sft_step` measures it.)

MFU is the work of `sightwright.train.flops` (forward and backward of real tokens: no padding, no
recomputation) over seconds and the rate of a matrix product measured in the same run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.measure import Measurement, Row, free
from benchmarks.gpu.models import SIZES, config_of
from benchmarks.gpu.samples import SMALL, Pages, draw_samples
from benchmarks.gpu.steps import peers_attention
from benchmarks.gpu.verdict import judge
from benchmarks.gpu.vit import compare_vits
from benchmarks.gpu.ways import OURS, choose
from benchmarks.random_batches import padding_of
from sightwright.data.dataset import Sample

NUM_BATCHES = 4
_LIBRARIES = {"torch": "torch", "transformers": "transformers", "peft": "peft", "trl": "trl",
              "liger_kernel": "liger-kernel", "flash_attn": "flash-attn"}  # fmt: skip


def main() -> None:
    asked = _arguments()
    device = torch.device(asked.device)
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "versions": _versions(),
        "peers_attention": peers_attention(device),
        "compiled": asked.compile,
        "sizes": {},
    }
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"{found['device']}, {versions}; the peers' attention: {found['peers_attention']}")
    for size in asked.sizes:
        found["sizes"][size] = measure_size(size, asked, device)
        if asked.json:
            # After each size: the next may not fit.
            asked.json.write_text(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["4b", "8b"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tokens", type=int, default=8192, help="of a batch, images included")
    parser.add_argument(
        "--steps", type=int, default=4, help=f"timed on each of {NUM_BATCHES} batches, a round"
    )
    parser.add_argument(
        "--rounds", type=int, default=2, help="each way is built and timed so often"
    )
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _versions() -> dict[str, str]:
    """Of what is installed."""
    return {
        name: metadata.version(package)
        for name, package in _LIBRARIES.items()
        if importlib.util.find_spec(name) is not None
    }


def measure_size(size: str, asked: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """All that is known of a size, printed as it comes."""
    config, pages = config_of(size), SMALL if size == "tiny" else Pages()
    batches = [draw_samples(pages, asked.tokens, config, seed) for seed in range(NUM_BATCHES)]
    padding = _mean_padding(batches)
    print(f"{size}: {NUM_BATCHES} batches of {asked.tokens} tokens, {100 * padding:.0f} % padding")
    measured = Measurement(batches, device, asked.steps, _print_step)
    ways = choose(size, device, asked.compile)
    for _ in range(asked.rounds):
        measured.round(ways)
    for name, reason in ways.not_run.items():
        print(f"  {name:<28} not run: {reason}")
    found: dict[str, Any] = {"padding": padding, "steps": measured.rows, "not_run": ways.not_run}
    if device.type == "cuda":
        verdict = judge(measured.rows)
        print(f"  {size}: {verdict.text()}")
        found["verdict"] = asdict(verdict)
    found["vit"] = compare_vits(size, pages, device, asked.compile)
    free(device)
    _print_vit(found["vit"])
    return found


def _mean_padding(batches: Sequence[Sequence[Sample]]) -> float:
    """The share of the padded batches that is padding."""
    lengths = [[sample.encoded.length for sample in samples] for samples in batches]
    return sum(padding_of(each) for each in lengths) / len(lengths)


def _print_step(row: Row) -> None:
    peak = "" if row["peak_gib"] is None else f", {row['peak_gib']:.1f} GiB"
    checked = "" if row["way"] == OURS else (
        f"; loss {row['loss_apart']:.0e} and gradients {row['gradients_apart']:.0e} from ours"
    )  # fmt: skip
    print(
        f"  {row['way']:<28} {1000 * row['seconds']:9.1f} ms a step, "
        f"{row['tokens_per_second']:9.0f} tokens/s, MFU {100 * row['mfu']:.1f} % of "
        f"{row['matmul_tflops']:.2f} TFLOP/s{peak}{checked}"
    )


def _print_vit(rows: Sequence[Row]) -> None:
    for row in rows:
        ratio = row["transformers"] / row["ours"]
        print(
            f"  ViT, {row['pages']:>2} pages of {row['tokens_a_page']} tokens: "
            f"{row['ours']:.2f} ms a page, transformers {row['transformers']:.2f} "
            f"({ratio:.2f} times ours; least cosine {row['least_cosine']:.5f})"
        )


if __name__ == "__main__":
    main()
