"""A line or two of YAML that set a key."""

import json
import re
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sightwright.config.sections.training import refused_arguments

# Where a type alone would say too little.
_VALUES: dict[str, object] = {
    "model.model": "Qwen/Qwen3-VL-8B-Instruct",
    "model.model_revision": "main",
    "model.max_model_len": 4096,
    "model.device_map": "auto",
    "global_max_length": 4096,
    "template.max_length": 4096,
    "template.max_pixels": 2097152,
    "template.min_pixels": 65536,
    "template.system": "You read documents.",
    "task.json_schema": "schemas/invoice.schema.json",
    "task.prompt": "Extract the fields of this document as JSON.",
    "custom.train_jsonl": "data/train.jsonl",
    "custom.val_jsonl": "data/val.jsonl",
    "custom.fusion_config": "configs/fusion.yaml",
    "custom.assistant_prefix_format": "<DOMAIN={domain}>, <TASK={task}>",
    "data.dataset": ["dummy"],
    "data.val_dataset": ["dummy"],
    "data.batching.budget": 16384,
    "tuner.target_regex": "language_model.*q_proj",
    "tuner.resume_from_checkpoint": "output/stage_1/checkpoint-500",
    "training.resume_from_checkpoint": "latest",
    "training.run_name": "invoices",
    "training.effective_batch_size": 32,
    "training.metric_for_best_model": "field_f1",
    "training.vit_lr": 1e-5,
    "training.warmup_steps": 0.03,
    "training.aligner_lr": 1e-4,
    "training.save_total_limit": 3,
    "training.max_steps": 1000,
    "rlhf.teacher_model": "Qwen/Qwen3-VL-8B-Instruct",
    "deepspeed.config": "zero2",
    "quantization.quant_bits": 4,
}

# Where a key says nothing, or is refused, without its neighbours.
_TEXTS: dict[str, str] = {
    "deepspeed": "deepspeed: {enabled: true, config: zero2}\n",
    "deepspeed.config": "deepspeed:\n  {enabled: true, config: zero2}\n",
    "quantization.quant_method": "quantization:\n  {quant_bits: 4, quant_method: bnb}\n",
    "tuner.boft_block_num": "tuner:\n  {train_type: boft, boft_block_size: 0, boft_block_num: 8}\n",
    "data.patch_cache": "data:\n  patch_cache: {dir: cache/patches}\n",
    "data.patch_cache.dir": "data:\n  patch_cache: {dir: cache/patches}\n",
    "data.patch_cache.max_gb": "data:\n  patch_cache: {dir: cache/patches, max_gb: 200}\n",
    "data.batching": "data:\n  batching: {type: padded}\n",
    "data.batching.budget": "data:\n  batching: {type: tokens, budget: 16384}\n",
    "training.lr_scheduler_kwargs": (
        "training:\n"
        "  {lr_scheduler_type: cosine_warmup_with_min_lr, lr_scheduler_kwargs: {min_lr: 1.0e-06}}\n"
    ),
    "custom.augmentation.enabled": (
        "custom:\n  augmentation: {enabled: true, ops: [{name: hflip}]}\n"
    ),
    "custom.augmentation.ops": "custom:\n  augmentation: {enabled: true, ops: [{name: hflip}]}\n",
    "custom.augmentation.ops.name": (
        "custom:\n  augmentation: {enabled: true, ops: [{name: hflip}]}\n"
    ),
    "custom.augmentation.ops.params": (
        "custom:\n  augmentation: {enabled: true, ops: [{name: hflip, params: {prob: 0.5}}]}\n"
    ),
    "custom.augmentation.curriculum.phases.ops": (
        "custom:\n  augmentation: "
        "{curriculum: {phases: [{until_percent: 50, ops: {hflip: {prob: 0.5}}}]}}\n"
    ),
    "custom.augmentation_curriculum.phases.ops": (
        "custom:\n  augmentation_curriculum: "
        "{phases: [{until_percent: 50, ops: {hflip: {prob: 0.5}}}]}\n"
    ),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """Which mapping of a list is meant: the one of this name, so many steps down."""

    name: str
    depth: int


_PLAIN_WORD = re.compile(r"[A-Za-z][\w./-]*")


def yaml_example(
    path: tuple[str, ...],
    in_list: Sequence[bool],
    info: FieldInfo,
    default: object,
    allowed: Sequence[str],
    variant: Variant | None = None,
) -> str:
    """`tuner:` and, indented below it, `lora_rank: 16`; what is deeper stands in braces.

    Args:
        in_list: for each step of `path` after the first, whether it lies in a list of mappings.
        allowed: the values it takes, where they can be listed.
        variant: whose settings these are.
    """
    if (key := ".".join(path)) in _TEXTS:
        return _TEXTS[key]
    value = _value(key, info, default, allowed)
    if len(path) == 1:
        return f"{path[0]}: {inline(value)}\n"
    depths = range(len(path) - 1, 1, -1)
    for depth, name, listed in zip(depths, path[:1:-1], in_list[::-1], strict=False):
        named = {"name": variant.name} if variant is not None and depth == variant.depth else {}
        value = named | {name: value}
        value = [value] if listed else value
    return f"{path[0]}:\n  {path[1]}: {inline(value)}\n"


def _value(key: str, info: FieldInfo, default: object, allowed: Sequence[str]) -> object:
    if key in _VALUES:
        return _VALUES[key]
    if key.removeprefix("training.") in refused_arguments():
        return default
    if isinstance(default, bool):
        return not default
    if default not in (None, [], {}, ""):
        return default
    if allowed:
        return allowed[0]
    return _of_type(info.annotation, [*info.metadata])


def _of_type(annotation: Any, metadata: list[Any]) -> object:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_type(parts[0], [*metadata, *parts[1:]])
    if origin in (Union, types.UnionType):
        return _of_type(next(part for part in parts if part is not type(None)), metadata)
    if origin is tuple:
        return [_of_type(parts[0], [])]
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return {}
    if annotation is bool:
        return True
    if annotation is str:
        return "text"
    return 1 if annotation is int else 0.5


def inline(value: object) -> str:
    """Flow style: `{vit: {weight: 0.1}}`; JSON is YAML, but plain words need no quotes."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f"{key}: {inline(item)}" for key, item in items) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, cast('list[object]', value)))}]"
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return json.dumps(value) if value.lower() in ("true", "false", "null") else value
    return json.dumps(value, ensure_ascii=False)
