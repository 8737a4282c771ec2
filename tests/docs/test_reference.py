"""The figures of docs/REFERENCE.md, counted again."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.gpu.models import config_of
from torch import nn
from transformers import Qwen3VLForConditionalGeneration, get_scheduler

from sightwright.model.parts import part_of
from sightwright.model.parts_table import parts_table

PAGE = (Path(__file__).parents[2] / "docs/REFERENCE.md").read_text(encoding="utf-8")
_INSIDE = r"\n((?:(?!```).*\n)*)```"
SHOWN = re.findall(rf"^```python{_INSIDE}\n\n```text{_INSIDE}$", PAGE, re.MULTILINE)


def rows(first: str) -> Iterator[list[str]]:
    """The rows of the table whose head begins so."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            yield cells(line)
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    return
                yield cells(row)


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module", params=["4b", "8b"])
def model(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    with torch.device("meta"):
        return request.param, Qwen3VLForConditionalGeneration(config_of(request.param))


def test_the_parameters_of_each_part(model: tuple[str, nn.Module]) -> None:
    size, weights = model
    head, *body = rows("parameters")
    column = head.index(size.upper())
    told = {row[0]: row[column] for row in body}
    found = {row.part: row.parameters for row in parts_table(weights)}
    counted = {name: f"{found[name]:,}" if name in found else "tied" for name in list(told)[:5]}
    assert {name: told[name] for name in counted} == counted
    assert told["all"] == f"{sum(found.values()):,}"
    config: Any = config_of(size)
    text, vision = config.text_config, config.vision_config
    assert told["language model: layers, width"] == f"{text.num_hidden_layers}, {text.hidden_size}"
    assert told["encoder: blocks, width"] == f"{vision.depth}, {vision.hidden_size}"
    after = ", ".join(map(str, vision.deepstack_visual_indexes))
    assert told["deepstack mergers, after block"] == after


def test_the_size_of_an_adapter() -> None:
    with torch.device("meta"):
        weights = Qwen3VLForConditionalGeneration(config_of("4b"))
    linear = [m for name, m in weights.named_modules()
              if isinstance(m, nn.Linear) and part_of(name) == "llm"]  # fmt: skip
    numbers = sum(32 * (each.in_features + each.out_features) for each in linear)
    assert f"{numbers / 1e6:.0f} million for 4B at rank 32: {4 * numbers / 1e6:.0f} MB" in PAGE
    assert f"{2 * weights.num_parameters() / 1e9:.1f} GB in\nbfloat16" in PAGE


def test_the_learning_rates() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=2e-4)
    schedule = get_scheduler("cosine_warmup_with_min_lr", optimizer, 10, 100, {"min_lr": 1e-6})
    rates: list[float] = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    (_, *steps), (_, *told) = rows("step")
    assert told == [f"{rates[int(step) - 1]:.3e}" for step in steps]


def test_the_bytes_of_eight_gpus() -> None:
    weight, gradient, optimizer = 2, 2, 4 + 4 + 4
    zero2 = weight + (gradient + optimizer) / 8
    zero3 = (weight + gradient + optimizer) / 8
    assert f"ZeRO-2 comes to {zero2:g} bytes of 16 and ZeRO-3 to {zero3:g}" in PAGE


@pytest.mark.parametrize(("block", "output"), SHOWN, ids=range(len(SHOWN)))
def test_a_block_prints_what_stands_below_it(block: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.rstrip() == output.rstrip()


def test_there_are_such_blocks() -> None:
    assert len(SHOWN) == 2
