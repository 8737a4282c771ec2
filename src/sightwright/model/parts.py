"""The parts of a Qwen3-VL, and which modules of them get an adapter.

Every parameter belongs to exactly one part, in dense and MoE models, whatever PEFT has wrapped:

    vit         model.visual: patch embedding, positions, blocks
    aligner     model.visual.merger and model.visual.deepstack_merger_list
    llm         model.language_model: layers and the last norm
    embeddings  model.language_model.embed_tokens (with a tied head, the head as well)
    lm_head     lm_head
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from torch import nn

from sightwright.config.sections.tuner import ALL_LINEAR, MATCHES_NOTHING, Tuner
from sightwright.errors import ModelError

Part = Literal["vit", "aligner", "llm", "embeddings", "lm_head"]
PARTS: tuple[Part, ...] = get_args(Part)

ALL_EMBEDDING = "all-embedding"
_ALIGNER = ("merger", "deepstack_merger_list")
# What PEFT can put LoRA beside: linear layers, the embedding, the patch embedding's convolution.
_ADAPTABLE = (nn.Linear, nn.Embedding, nn.Conv3d)


def part_of(name: str) -> Part:
    """The part that a parameter or module belongs to, by its name.

    >>> part_of("base_model.model.model.visual.merger.linear_fc1.lora_A.default.weight")
    'aligner'

    Raises:
        ModelError: no part of a Qwen3-VL.
    """
    steps = name.split(".")
    if "visual" in steps:
        after = steps[steps.index("visual") + 1 :]
        return "aligner" if after and after[0] in _ALIGNER else "vit"
    if "language_model" in steps:
        return "embeddings" if "embed_tokens" in steps else "llm"
    if "lm_head" in steps:
        return "lm_head"
    raise ModelError(f"{name!r} belongs to no part of a Qwen3-VL ({', '.join(PARTS)})")


def is_frozen(part: Part, tuner: Tuner) -> bool:
    """Whether the freeze flags hold this part; embeddings and head go with the language model."""
    match part:
        case "vit":
            return tuner.freeze_vit
        case "aligner":
            return tuner.freeze_aligner
        case "llm" | "embeddings" | "lm_head":
            return tuner.freeze_llm


def linear_targets(model: nn.Module, tuner: Tuner) -> list[str]:
    """Full names of the modules that get an adapter, in the model's order; may be empty for `^$`.

    `all-linear` is every linear layer of the unfrozen parts, `lm_head` excepted. A plain name such
    as `q_proj` or `attn.proj` means every module of the unfrozen parts whose name ends so. A
    `target_regex` is matched against whole names, and taken at its word. Modules inside
    `modules_to_save` learn in full and get no adapter.

    Raises:
        ModelError: a name or pattern that matches nothing (nearest names given), matches frozen
            parts alone, or would put an adapter on an embedding shared with the head.
    """
    adaptable = adaptable_modules(model)
    if tuner.target_regex is not None:
        chosen = _by_regex(tuner.target_regex, adaptable)
    else:
        chosen = _by_names(tuner, adaptable)
    saved = tuple(f"{name}." for name in saved_modules(model, tuner))
    names = [n for n in adaptable if n in chosen and not f"{n}.".startswith(saved)]
    _refuse_tied(model, names, "target_modules")
    return names


def adaptable_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module that can take an adapter, by its full name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, _ADAPTABLE)}


def saved_modules(model: nn.Module, tuner: Tuner) -> list[str]:
    """Full names of the modules that `modules_to_save` names; a list of modules counts each of its
    members.

    Raises:
        ModelError: a name that matches no module.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    found: dict[str, None] = {}
    for wanted in tuner.modules_to_save:
        hits = [name for name in modules if _ends_with(name, wanted)]
        if not hits:
            raise _no_match("modules_to_save", wanted, modules)
        for name in hits:
            children = modules[name].named_children()
            is_list = isinstance(modules[name], nn.ModuleList)
            members = [f"{name}.{child}" for child, _ in children] if is_list else [name]
            found |= dict.fromkeys(members)
    _refuse_tied(model, list(found), "modules_to_save")
    return list(found)


def _by_regex(pattern: str, adaptable: Mapping[str, nn.Module]) -> set[str]:
    chosen = {name for name in adaptable if re.fullmatch(pattern, name)}
    if not chosen and pattern != MATCHES_NOTHING:
        raise ModelError(
            f"matches none of the {len(adaptable)} modules that can take an adapter",
            where=f"tuner.target_regex {pattern!r}",
            remedy=f"it is matched against whole names, such as {next(iter(adaptable), '')!r}",
        )
    return chosen


def _by_names(tuner: Tuner, adaptable: Mapping[str, nn.Module]) -> set[str]:
    open_names = {name for name in adaptable if not is_frozen(part_of(name), tuner)}
    chosen: set[str] = set()
    for wanted in tuner.target_modules:
        hits = [name for name in adaptable if _is_meant(wanted, name, adaptable[name])]
        if not hits:
            raise _no_match("target_modules", wanted, adaptable)
        unfrozen = open_names.intersection(hits)
        if not unfrozen and not tuner.modules_to_save:
            parts = ", ".join(dict.fromkeys(part_of(name) for name in hits))
            raise ModelError(
                f"matches frozen parts alone: {parts}",
                where=f"tuner.target_modules {wanted!r}",
                remedy="unfreeze the part (freeze_llm, freeze_vit, freeze_aligner), "
                "or leave this name out",
            )
        chosen |= unfrozen
    return chosen


def _is_meant(wanted: str, name: str, module: nn.Module) -> bool:
    if wanted == ALL_LINEAR:
        return isinstance(module, nn.Linear) and part_of(name) != "lm_head"
    if wanted == ALL_EMBEDDING:
        return part_of(name) == "embeddings"
    return _ends_with(name, wanted)


def _ends_with(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


def _no_match(key: str, wanted: str, names: Iterable[str]) -> ModelError:
    near = nearest(wanted, names)
    return ModelError(
        "matches no module of this model",
        where=f"tuner.{key} {wanted!r}",
        remedy=f"nearest: {', '.join(near)}" if near else None,
    )


def nearest(wanted: str, names: Iterable[str], count: int = 4) -> list[str]:
    """The endings of module names that look most like `wanted`."""
    depth = wanted.count(".") + 1
    endings = {".".join(name.split(".")[-depth:]) for name in names}
    return difflib.get_close_matches(wanted, sorted(endings), n=count, cutoff=0.5)


def _refuse_tied(model: nn.Module, names: Sequence[str], key: str) -> None:
    shared = [name for name in names if part_of(name) in ("embeddings", "lm_head")]
    tied = bool(getattr(getattr(model, "config", None), "tie_word_embeddings", False))
    if shared and tied:
        raise ModelError(
            f"{', '.join(shared)}: head and embedding of this model are one tensor, so merging the "
            "one would change the other",
            where=f"tuner.{key}",
            remedy="leave it out",
        )
