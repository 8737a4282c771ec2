"""Every recipe that ships trains at demo size: `configs/demo/rehearsal.yaml` lies over it, and
small records lie where the recipe looks for its own.

    sightwright train --config configs/demo/rehearsal.yaml --base_config configs/dlora/sft_base.yaml
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoConfig, Qwen3VLForConditionalGeneration

from model.tiny_moe import write_tiny_moe
from sightwright import jsonl
from sightwright.config.load import load_config
from sightwright.draw.scene_sets import draw_irrelevants, draw_scenes
from sightwright.draw.scenes import Domain
from sightwright.model.load import resolve_folder
from sightwright.train.sft import RunResult, train

CONFIGS = Path(__file__).parents[2] / "configs"
REHEARSAL = CONFIGS / "demo/rehearsal.yaml"

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
MERGERS = {"linear_fc1", "linear_fc2"}
LLM = ATTENTION | {"gate_proj", "up_proj", "down_proj"}
VIT = {"qkv", "proj", "linear_fc1", "linear_fc2"}


@dataclass(frozen=True)
class Recipe:
    """What is expected of a recipe's run.

    Attributes:
        learns: last names of the modules that have an adapter afterwards.
        tells: metrics that are in the log, among others.
        judged: data sets that evaluation tells apart.
        over: sections that lie over the rehearsal.
        after: a recipe that must have run.
        is_like_another: that is always run; this one differs in a name or a flag.
    """

    learns: set[str]
    tells: set[str] = field(default_factory=set[str])
    judged: set[str] = field(default_factory=set[str])
    over: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    after: str | None = None
    is_like_another: bool = False


ONE_OF_EACH = {
    "training": {"max_steps": 1, "eval_steps": 1, "effective_batch_size": 4, "save_steps": 1}
}
RATES = {"train/learning_rate", "train/vit_lr", "train/aligner_lr"}
EXTRACTS = Recipe(ATTENTION, {"eval/field_f1", "train/loss"})
EXTRACTS_TOO = Recipe(ATTENTION, is_like_another=True)
SUMMARIES = {"bbu_summary", "rru_summary", "irrelevant_summary"}
RECIPES = {
    "extract/lora_8b": EXTRACTS,
    "extract/lora_4b": EXTRACTS_TOO,
    "extract/lora_32b": EXTRACTS_TOO,
    "extract/lora_30b_a3b": EXTRACTS_TOO,
    "extract/lora_30b_a3b_experts": Recipe(
        ATTENTION | {"experts", "base_layer"}, over={"model": {"model": "tiny-moe"}}
    ),
    "extract/qlora_8b": EXTRACTS,
    "extract/qlora_32b": EXTRACTS_TOO,
    "dlora/sft_base": Recipe(LLM | VIT, {"train/bbu_token_acc", *RATES}, {"bbu"}),
    "dlora/frozen_vit": Recipe(LLM | MERGERS, is_like_another=True),
    "dlora/aligner_dora": Recipe(MERGERS, is_like_another=True),
    "stage_1/lora": Recipe(MERGERS, is_like_another=True),  # stage 2 runs it
    "stage_2/lora": Recipe(LLM | MERGERS, after="stage_1/lora"),
    "aligner": Recipe(set(), {"train/aligner_lr"}, over={"model": {"model": "three-mergers"}}),
    "summary": Recipe(LLM | VIT, {"train/bbu_loss"}, {"bbu"}),
    "fusion_train/sft_base": Recipe(LLM | VIT, RATES, {"bbu", "rru"}, ONE_OF_EACH),
    "1024/dense": Recipe(LLM | VIT, RATES, {"bbu", "rru"}, ONE_OF_EACH, is_like_another=True),
    "1024/summary": Recipe(LLM | VIT, RATES, SUMMARIES, ONE_OF_EACH),
}


def _marks(name: str, recipe: Recipe) -> list[pytest.MarkDecorator]:
    if "qlora" in name:
        return [pytest.mark.quant]
    return [pytest.mark.slow] if recipe.is_like_another else []


PARAMETERS = [pytest.param(name, marks=_marks(name, recipe)) for name, recipe in RECIPES.items()]


def test_every_recipe_is_among_these() -> None:
    shipped = {path.relative_to(CONFIGS).with_suffix("") for path in CONFIGS.rglob("*.yaml")}
    others = ("accelerate", "dataset_mix", "demo", "base")
    assert set(RECIPES) == {path.as_posix() for path in shipped if path.parts[0] not in others}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_recipe_trains(name: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    recipe = RECIPES[name]
    if recipe.after is not None and not folder_of(recipe.after).exists():
        rehearse(recipe.after)
    result = rehearse(name)
    metrics = result.metrics
    assert learnt(result) == recipe.learns
    assert recipe.tells <= metrics.keys()
    judged = {key.removeprefix("eval/").removesuffix("_loss") for key in metrics
              if key.startswith("eval/") and key.endswith("_loss")}  # fmt: skip
    assert judged == recipe.judged or not recipe.judged
    if name == "dlora/sft_base":
        assert metrics["train/vit_lr"] == pytest.approx(metrics["train/learning_rate"] / 2)
        assert metrics["train/aligner_lr"] == pytest.approx(metrics["train/learning_rate"] * 3)
    if name == "aligner":
        saved = {".".join(key.split(".")[4:-2]) for key in tensors(result)}
        assert saved == {"merger", *(f"deepstack_merger_list.{i}" for i in range(3))}


def rehearse(name: str) -> RunResult:
    """The rehearsal of a recipe, in the working folder."""
    over, base = REHEARSAL, CONFIGS / f"{name}.yaml"
    if sections := RECIPES[name].over:
        over = Path(f"{name.replace('/', '-')}.yaml")
        over.write_text(json.dumps({"extends": str(REHEARSAL), **sections}))
    result = train(over, base)
    assert result.folder == folder_of(name)
    return result


def folder_of(name: str) -> Path:
    config = load_config(CONFIGS / f"{name}.yaml").config
    return Path("output") / str(config.training.run_name)


def learnt(result: RunResult) -> set[str]:
    """The last names of the modules that the checkpoint has an adapter for."""
    found = {key.split(".lora_")[0] for key in tensors(result) if ".lora_" in key}
    return {name.split(".")[-1] for name in found}


def tensors(result: RunResult) -> list[str]:
    assert result.best_checkpoint is not None
    with safe_open(str(result.best_checkpoint / "adapter_model.safetensors"), "pt") as file:
        return list(file.keys())


# Where the recipes look for records and models

PHOTOGRAPHS: dict[str, Domain] = {
    "data/bbu_full_768_poly": "bbu",
    "data/rru_full_1024_poly": "rru",
    "data_new_schema/bbu_full_1024_poly_new_schema": "bbu",
    "data_new_schema/rru_full_1024_poly_new_schema": "rru",
    "public_data/lvis/rescale_32_768_poly_max_12": "scene",
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    for number, (place, domain) in enumerate(PHOTOGRAPHS.items()):
        for split in ("train", "val"):
            seed = 100 * number + len(split)
            draw_scenes(2, seed, folder / place, domain=domain, name=split, most=2)
    irrelevant = folder / "data_new_schema/irrelevant_summary"
    draw_irrelevants(1, 0, irrelevant)
    for split in ("train", "val"):
        shutil.copy(irrelevant / "irrelevant.jsonl", irrelevant / f"{split}.jsonl")
    talk = [{"role": "user", "content": "Good day."}, {"role": "assistant", "content": "Hello."}]
    chat = folder / "public_data/coig_cqia/train.jsonl"
    chat.parent.mkdir()
    jsonl.write_all(chat, [{"id": "hello", "messages": talk}])
    write_invoices(folder)
    write_tiny_moe(folder / "tiny-moe")
    write_three_mergers(folder / "three-mergers")
    return folder


def write_invoices(folder: Path) -> None:
    splits, examples = folder / "data/splits", CONFIGS.parent / "examples"
    splits.mkdir(parents=True)
    shutil.copy(examples / "example-invoice-0001.png", splits)
    shutil.copytree(CONFIGS.parent / "schemas", folder / "schemas")
    record = json.loads((examples / "example.jsonl").read_text())
    jsonl.write_all(splits / "train.jsonl", [{**record, "id": f"i{n}"} for n in range(4)])
    jsonl.write_all(splits / "val.jsonl", [{**record, "id": "held-out"}])


def write_three_mergers(folder: Path) -> None:
    """A model with the deepstack mergers of the real ones; the packaged one has two."""
    tiny = resolve_folder("tiny")
    config: Any = AutoConfig.from_pretrained(tiny)
    config.vision_config.depth = 4
    config.vision_config.deepstack_visual_indexes = [0, 1, 2]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Qwen3VLForConditionalGeneration(config).float().save_pretrained(folder)
    for file in tiny.iterdir():
        if not (folder / file.name).exists() and file.suffix in (".json", ".jinja"):
            shutil.copy(file, folder)
