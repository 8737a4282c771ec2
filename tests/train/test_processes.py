"""Two processes, whole or in shards: the losses, the scores and the checkpoint of one process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import whole_runs
from rank_runs import in_ranks
from safetensors.torch import load_file
from transformers import Qwen3VLForConditionalGeneration
from whole_runs import in_child, log_of

from model.tiny_moe import write_tiny_moe
from sightwright.jsonl import read_values, write_all
from sightwright.model.adapters import load_adapter
from sightwright.model.load import load_model, resolve_folder

ROOT = Path(__file__).parents[2]
STEPS = 3
KINDS: dict[str, dict[str, Any]] = {
    "ddp": {},
    "fsdp2": {"training": {"fsdp": "full_shard auto_wrap"}},
    "zero2": {"deepspeed": {"enabled": True, "config": "zero2"}},
    "zero3": {"deepspeed": {"enabled": True, "config": "zero3"}},
}
TUNERS: dict[str, dict[str, Any]] = {
    "lora": {"lora_rank": 4, "lora_dropout": 0.0},
    "full": {
        "train_type": "full",
        "freeze_vit": False,
        "freeze_aligner": False,
        "lora_dropout": 0.0,
    },
}
TUNERS["dora"] = TUNERS["lora"] | {
    "use_dora": True,
    "freeze_aligner": False,
    "modules_to_save": ["merger", "deepstack_merger_list"],
}
TUNERS["experts"] = TUNERS["lora"] | {
    "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
}
# Of the tied head and embedding, each by itself.
TUNERS["ends"] = TUNERS["lora"] | {"target_modules": ["all-embedding", "lm_head"]}
TUNERS["embedding in full"] = TUNERS["lora"] | {"modules_to_save": ["embed_tokens"]}
TUNERS["head in full"] = TUNERS["lora"] | {"modules_to_save": ["lm_head"]}
# Whole weights learn at a rate for each part, so that the optimiser has several groups.
RATES: dict[str, dict[str, Any]] = {
    **{tuner: {"learning_rate": 2e-3} for tuner in TUNERS},
    "full": {
        "optimizer": "multimodal",
        "learning_rate": 2e-4,
        "vit_lr": 1e-4,
        "aligner_lr": 4e-4,
        "lr_scheduler_type": "cosine_warmup_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr": 1e-5},
        "weight_decay": 0.1,
    },
}
WEIGHTS = {
    **dict.fromkeys(TUNERS, "adapter_model.safetensors"),
    "full": "model.safetensors",
}
SAME = (
    "train/loss", "train/grad_norm", "train/token_acc", "train/mean_loss", "eval/loss",
    "eval/token_acc", "eval/field_f1", "eval/anls", "epoch", "step", "train/learning_rate",
    "train/vit_lr", "train/aligner_lr",
)  # fmt: skip

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five records, one without an image. Four a step: the second step of an epoch has one record,
    so one process has none of its own; and in an evaluation by two, one has a batch less."""
    folder = tmp_path_factory.mktemp("five")
    whole_runs.write_data(folder)
    records = [value for _, value in read_values(folder / "docs.jsonl")][:5]
    question = records[2]["messages"][0]
    question["content"] = question["content"][1:]
    write_all(folder / "docs.jsonl", records)
    return folder


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The model that a tuner is tried on."""

    @cache
    def moe() -> str:
        return str(write_tiny_moe(tmp_path_factory.mktemp("moe")))

    return lambda tuner: moe() if tuner == "experts" else "tiny"


@pytest.fixture(scope="module")
def write(data: Path, bases: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    def written(tuner: str, kind: str = "ddp", **data_section: Any) -> Path:
        folder = tmp_path_factory.mktemp(f"{kind}-{tuner}")
        training = {
            "max_steps": STEPS,
            "per_device_train_batch_size": 1,
            **RATES[tuner],
            "logging_steps": 1,
            "eval_steps": 2,
            "save_strategy": "steps",
            "save_steps": STEPS,
            "use_cpu": True,
        }
        config = whole_runs.configuration(
            data,
            folder / "out",
            model={"model": bases(tuner)},
            tuner=TUNERS[tuner],
            eval={"max_records": 3},
            task={"max_output_tokens": 4},
            data={"dataloader_num_workers": 0, **data_section},
            training={**training, **KINDS[kind].get("training", {})},
            **{name: each for name, each in KINDS[kind].items() if name != "training"},
        )
        path = folder / "run.yaml"
        path.write_text(json.dumps(config))
        return path

    return written


@pytest.fixture(scope="module")
def alone(write: Run) -> Callable[[str], Path]:
    """The run folder of one process, trained when it is first asked for."""
    found: dict[str, Path] = {}

    def of(tuner: str) -> Path:
        if tuner not in found:
            config = write(tuner)
            assert in_child(config) == 0
            found[tuner] = config.parent / "out"
        return found[tuner]

    return of


def assert_like(run: Path, one: Path, tuner: str) -> None:
    lines, expected = log_of(run), log_of(one)
    assert [line["step"] for line in lines] == [1, 2, 2, 3, 3, 3]
    for line, other in zip(lines, expected, strict=True):
        for key in SAME:
            assert (key in line) == (key in other), key
            assert line.get(key, 0.0) == pytest.approx(other.get(key, 0.0), rel=1e-5), key
    mine, theirs = (folder / f"checkpoint-{STEPS}" for folder in (run, one))
    assert (mine / "complete.json").is_file()
    learning = [json.loads((each / "progress.json").read_text()) for each in (mine, theirs)]
    assert learning[0]["learning"] == learning[1]["learning"]
    assert_same_weights(mine / WEIGHTS[tuner], theirs / WEIGHTS[tuner])
    assert (mine / WEIGHTS["full"]).exists() == (tuner == "full")
    base = json.loads((mine / "sightwright.json").read_text())["base_model"]
    assert torch.allclose(logits(mine, tuner, base), logits(theirs, tuner, base), atol=1e-3)


def assert_same_weights(path: Path, other: Path) -> None:
    mine, theirs = load_file(path), load_file(other)
    assert mine.keys() == theirs.keys()
    for name, tensor in theirs.items():
        difference = (mine[name] - tensor).abs()
        assert difference.mean() < 1e-6, name
        # Adam moves a weight by its own scale, and so one whose gradient is rounding alone.
        assert difference.max() < 1e-3, name


def logits(checkpoint: Path, tuner: str, base_model: str) -> torch.Tensor:
    """Of a few tokens, by the class that anybody would load a whole model with."""
    ids = torch.tensor([[5, 60, 700, 8, 9]])
    if tuner == "full":
        model = Qwen3VLForConditionalGeneration.from_pretrained(checkpoint, dtype="float32")
    else:
        base = load_model(resolve_folder(base_model), "float32", device="cpu")
        model = load_adapter(base, checkpoint)
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits


QUICK = [("ddp", "lora"), ("fsdp2", "full"), ("zero2", "full"), ("zero3", "lora")]
SLOW = [(kind, tuner) for tuner in TUNERS for kind in KINDS if (kind, tuner) not in QUICK]


@pytest.mark.parametrize(
    ("kind", "tuner"), [*QUICK, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_two_processes_train_as_one_does(
    kind: str, tuner: str, write: Run, alone: Callable[[str], Path]
) -> None:
    config = write(tuner, kind)
    assert in_ranks(config) == [0, 0]
    assert_like(config.parent / "out", alone(tuner), tuner)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_train_padded_batches_as_one_does(
    kind: str, write: Run, alone: Callable[[str], Path]
) -> None:
    config = write("lora", kind, batching={"type": "padded"})
    assert in_ranks(config) == [0, 0]
    assert_like(config.parent / "out", alone("lora"), "lora")


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["lora", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_accelerate_launch_with_the_files_that_ship(
    kind: str, tuner: str, write: Run, alone: Callable[[str], Path]
) -> None:
    config = write(tuner)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2"),
            *("--main_process_port", "0", "--config_file", f"configs/accelerate/{kind}.yaml"),
            *("-m", "src.sft", "--config", str(config)),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert_like(config.parent / "out", alone(tuner), tuner)
    state = json.loads((config.parent / "out" / f"checkpoint-{STEPS}/progress.json").read_text())
    kinds = {"ddp": "whole", "fsdp2": "FSDP", "zero2": "ZeRO-2", "zero3": "ZeRO-3"}
    assert state["state"] == kinds[kind]
