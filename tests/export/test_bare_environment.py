"""What we save is loaded without us: adapters by PEFT, merged folders by transformers.

The other Python sees every installed package but this one: `-S` leaves out site-packages and its
`.pth` files, `-I` the environment and the working directory, and the folder it is given instead has
a link to each package except ours. It asserts that our import fails before it does anything.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from export.adapters import TINY, lora
from model.tiny_moe import write_tiny_moe
from sightwright import jsonl
from sightwright.chat import render
from sightwright.export import parity
from sightwright.export.merge import merge
from sightwright.model.adapters import load_adapter
from sightwright.model.load import load_chat_tokenizer, load_model, load_vision_spec
from sightwright.records import Message, Text

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
]
PROGRAM = Path(__file__).with_name("bare_loading.py")
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every installed package but ours."""
    folder = tmp_path_factory.mktemp("packages")
    for entry in SITE_PACKAGES.iterdir():
        if "sightwright" not in entry.name and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model away from our package, as any other base."""
    return Path(shutil.copytree(TINY, tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """One step of a run: DoRA on the language, the merger in full."""
    from sightwright.train.sft import train

    folder = tmp_path_factory.mktemp("run")
    Image.new("RGB", (64, 64), "white").save(folder / "page.png")
    content = [{"type": "image", "image": "page.png"}, {"type": "text", "text": "Total?"}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "12.50"}]
    jsonl.write_all(folder / "train.jsonl", [{"id": "a", "messages": messages}])
    config = {
        "model": {"model": str(base), "torch_dtype": "float32"},
        "template": {"max_length": 256, "max_pixels": 16384},
        "custom": {"train_jsonl": str(folder / "train.jsonl")},
        "tuner": {
            "lora_rank": 4,
            "use_dora": True,
            "target_modules": ["q_proj", "v_proj"],
            "modules_to_save": ["merger"],
        },
        "training": {
            "output_dir": str(folder / "output"),
            "run_name": "one",
            "max_steps": 1,
            "per_device_train_batch_size": 1,
            "learning_rate": 1e-2,
            "use_cpu": True,
        },
    }
    (folder / "run.yaml").write_text(json.dumps(config))
    train(folder / "run.yaml")
    return folder / "output" / "one" / "checkpoint-1"


@dataclass(frozen=True)
class Read:
    """What one process without us made of all folders.

    Attributes:
        inputs: a page and its question, by our own rendering.
        logits: by what was loaded.
        prompts: a question, as the chat template that travels lays it out.
    """

    inputs: dict[str, Tensor]
    logits: dict[str, Tensor]
    prompts: dict[str, list[int]]


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A mixture of experts, and an adapter on them."""
    folder = tmp_path_factory.mktemp("experts")
    base = write_tiny_moe(folder / "base")
    adapter = lora(
        folder / "adapter", base, target_modules=["v_proj"],
        target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
    )  # fmt: skip
    return base, adapter


@pytest.fixture(scope="module")
def read(
    tmp_path_factory: pytest.TempPathFactory,
    packages: Path,
    base: Path,
    checkpoint: Path,
    experts: tuple[Path, Path],
) -> Read:
    folder = tmp_path_factory.mktemp("read")
    merge(checkpoint, folder / "merged", max_shard_size="4MB")
    merge(experts[1], folder / "merged_experts")
    loaded = {
        "adapter": (base, checkpoint),
        "merged": (folder / "merged",),
        "experts": experts,
        "merged experts": (folder / "merged_experts",),
    }
    inputs = _inputs(folder)
    done = _bare(packages, folder, *loaded.values())
    assert done.returncode == 0, done.stderr
    out = load_file(folder / "out.st")
    return Read(
        inputs,
        {name: out[f"logits.{place}"] for place, name in enumerate(loaded)},
        {name: out[f"prompt.{place}"].tolist() for place, name in enumerate(loaded)},
    )


def _inputs(folder: Path) -> dict[str, Tensor]:
    (case, *_) = parity.drawn_cases("What does it say?")
    model = load_model(TINY, "float32", device="cpu")
    made = parity.model_inputs(case, load_chat_tokenizer(TINY), load_vision_spec(TINY), model)
    tensors = {name: value for name, value in made.items() if isinstance(value, Tensor)}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "in.st")
    return tensors


def _bare(
    packages: Path, folder: Path, *loaded: tuple[Path, ...]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", PROGRAM, packages, folder / "in.st", folder / "out.st"]
    return subprocess.run(
        [*map(str, command), *(",".join(map(str, folders)) for folders in loaded)],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _ours(base: Path, adapter: Path, inputs: dict[str, Tensor]) -> Tensor:
    adapted = load_adapter(load_model(base, "float32", device="cpu"), adapter)
    with torch.inference_mode():
        return adapted(**inputs, use_cache=False).logits


def test_an_adapter_of_ours_loads_in_peft(read: Read, base: Path, checkpoint: Path) -> None:
    ours = _ours(base, checkpoint, read.inputs)
    with torch.inference_mode():
        model = load_model(base, "float32", device="cpu")
        alone = model(**read.inputs, use_cache=False).logits
    assert (read.logits["adapter"] - ours).abs().max() <= 1e-5 * ours.abs().max()
    assert (ours - alone).abs().max() > 1e-2


def test_a_merged_folder_loads_in_transformers(read: Read, base: Path, checkpoint: Path) -> None:
    ours = _ours(base, checkpoint, read.inputs)
    assert (read.logits["merged"] - ours).abs().max() <= 1e-5 * ours.abs().max()


def test_merged_experts_load_in_transformers(read: Read, experts: tuple[Path, Path]) -> None:
    ours = _ours(*experts, read.inputs)
    assert (read.logits["merged experts"] - ours).abs().max() <= 1e-5
    assert (read.logits["experts"] - ours).abs().max() <= 1e-5


def test_the_chat_template_that_travels_lays_a_question_out_as_ours_does(read: Read) -> None:
    question = Message("user", (Text("Total?"),))
    rendered = render([question], load_chat_tokenizer(TINY), [], generation_prompt=True)
    assert list(read.prompts.values()) == 4 * [rendered.ids]


def test_the_check_fails_where_we_can_be_imported(tmp_path: Path, packages: Path) -> None:
    """So that it cannot pass by accident."""
    with_us = tmp_path / "with_us"
    shutil.copytree(packages, with_us, symlinks=True)
    package = Path(__file__).parents[2] / "src" / "sightwright"
    (with_us / "sightwright").symlink_to(package)
    _inputs(tmp_path)
    done = _bare(with_us, tmp_path, (TINY,))
    assert done.returncode == 1
    assert done.stderr.strip() == "sightwright can be imported here"
