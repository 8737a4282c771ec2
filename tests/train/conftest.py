"""A tiny model on drawn images: what the tests of training share."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import whole_runs
from PIL import Image
from transformers import PreTrainedModel, TrainingArguments

import sightwright.demo
from sightwright.chat import ChatTokenizer
from sightwright.config.sections.tuner import Tuner
from sightwright.data.collate import Collator
from sightwright.data.dataset import RecordDataset
from sightwright.data.encode import Encoder, arrange_chat
from sightwright.jsonl import write_all
from sightwright.model.adapters import prepare_model
from sightwright.model.load import load_model
from sightwright.train.sft_parts import SftParts
from sightwright.train.trainer import SftTrainer
from sightwright.vision import PixelPolicy, VisionSpec

MakeTrainer = Callable[..., SftTrainer]


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    return Path(sightwright.demo.__file__).parent / "tiny"


@pytest.fixture(scope="session")
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.from_folder(tiny_folder)


@pytest.fixture
def spec() -> VisionSpec:
    return VisionSpec(PixelPolicy(32 * 32, 64 * 32 * 32), num_position_embeddings=256)


@pytest.fixture
def base_model(tiny_folder: Path) -> PreTrainedModel:
    return load_model(tiny_folder, "float32", device="cpu")


@pytest.fixture
def write_records(tmp_path: Path) -> Callable[[list[str]], Path]:
    """Write one record with a small image for each answer; return the file."""

    def write(answers: list[str], name: str = "train.jsonl") -> Path:
        rng = np.random.default_rng(0)
        records = []
        for index, answer in enumerate(answers):
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{name}-{index}.png")
            content = [
                {"type": "image", "image": f"{name}-{index}.png"},
                {"type": "text", "text": "What is it?"},
            ]
            messages = [
                {"role": "user", "content": content},
                {"role": "assistant", "content": answer},
            ]
            records.append({"id": f"doc-{index}", "messages": messages})
        write_all(tmp_path / name, records)
        return tmp_path / name

    return write


@pytest.fixture
def make_trainer(
    tmp_path: Path,
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
    base_model: PreTrainedModel,
    write_records: Callable[[list[str]], Path],
) -> MakeTrainer:
    """A trainer over records with these answers; without a `tuner` the LLM learns in full. `parts`
    are what else `SftParts` holds."""

    def make(
        answers: list[str],
        *,
        layout: str = "padding_free",
        tuner: Tuner | None = None,
        prepare: bool = True,
        base: PreTrainedModel | None = None,
        parts: Mapping[str, Any] | None = None,
        **arguments: object,
    ) -> SftTrainer:
        encoder = Encoder(tokenizer, spec, arrange_chat(None), max_length=512)
        dataset, _ = RecordDataset.open(write_records(answers), encoder)
        model = base_model if base is None else base
        if prepare:
            model = prepare_model(model, tuner or Tuner(train_type="full"))
        settings = {
            "output_dir": str(tmp_path / "run"),
            "max_steps": 1,
            "learning_rate": 1e-3,
            "logging_steps": 1,
            "lr_scheduler_type": "constant",
            "remove_unused_columns": False,
            "logging_nan_inf_filter": False,
            "report_to": [],
            "disable_tqdm": True,
            "use_cpu": True,
            "save_strategy": "no",
        }
        args = TrainingArguments(**{**settings, **arguments})
        usual = SftParts(
            spec,
            Collator(layout, tokenizer.end_of_text, spec),
            train=dataset,
            held_out=dataset,
        )
        return SftTrainer(model, args, replace(usual, **(parts or {})))

    return make


@pytest.fixture(scope="module")
def write_run(tmp_path_factory: pytest.TempPathFactory) -> whole_runs.WriteRun:
    data = tmp_path_factory.mktemp("data")
    whole_runs.write_data(data)

    def write(**sections: dict[str, object]) -> Path:
        folder = tmp_path_factory.mktemp("run")
        config = whole_runs.configuration(data, folder / "out", **sections)
        path = folder / "run.yaml"
        path.write_text(json.dumps(config))
        return path

    return write
