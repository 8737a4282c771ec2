"""The parts of a Qwen3-VL, and which modules of them get an adapter.

Every parameter belongs to exactly one part, in dense and MoE models, whatever PEFT has wrapped:

    vit         model.visual: patch embedding, positions, blocks
    aligner     model.visual.merger and model.visual.deepstack_merger_list
    llm         model.language_model: layers and the last norm
    embeddings  model.language_model.embed_tokens (with a tied head, the head as well)
    lm_head     lm_head

A MoE's experts and the gate that chooses among them are `llm`; so is an adapter beside any of them.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from torch import nn

from sightwright.config.sections.tuner import ALL_EMBEDDING, ALL_LINEAR, MATCHES_NOTHING, Tuner
from sightwright.errors import ModelError

log = logging.getLogger(__name__)

Part = Literal["vit", "aligner", "llm", "embeddings", "lm_head"]
PARTS: tuple[Part, ...] = get_args(Part)

_ALIGNER = ("merger", "deepstack_merger_list")
# What a part's name in modules_to_save stands for.
_WHOLE_PARTS = {
    "vit": ("visual.patch_embed", "visual.pos_embed", "visual.blocks"),
    "aligner": tuple(f"visual.{name}" for name in _ALIGNER),
    "llm": ("language_model.layers", "language_model.norm"),
}
# What PEFT can put LoRA beside: linear layers, the embedding, the patch embedding's convolution.
_FOR_LORA = (nn.Linear, nn.Embedding, nn.Conv3d)
# The names of the tensors of every kind of adapter that is trained here begin so.
_ADAPTER_TENSOR = re.compile(r"\.(lora_|boft_|fourierft_|vera_|ranknum\.)")
_BESIDE = re.compile(rf"{_ADAPTER_TENSOR.pattern}|\.(base_layer|modules_to_save|original_module)\.")


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


def is_adapter_tensor(name: str) -> bool:
    """Whether a tensor belongs to an adapter, rather than to the base or to `modules_to_save`."""
    return _ADAPTER_TENSOR.search(name) is not None


def without_adapter(name: str) -> str:
    """The module that a tensor is of, whatever PEFT has wrapped.

    >>> without_adapter("model.language_model.layers.0.self_attn.q_proj.lora_A.default.weight")
    'model.language_model.layers.0.self_attn.q_proj'
    """
    before = _BESIDE.split(name, maxsplit=1)[0]
    return before.removesuffix(".weight").removesuffix(".bias")


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
        ModelError: a name or pattern that matches nothing (nearest names given), or names that
            match frozen parts alone.
    """
    adaptable = adaptable_modules(model, tuner)
    if tuner.target_regex is not None:
        chosen = _by_regex(tuner.target_regex, adaptable)
    else:
        chosen = _by_names(model, tuner, adaptable)
    saved = tuple(f"{name}." for name in saved_modules(model, tuner))
    return [n for n in adaptable if n in chosen and not f"{n}.".startswith(saved)]


def adaptable_modules(model: nn.Module, tuner: Tuner) -> dict[str, nn.Module]:
    """Every module that can take an adapter of this kind, by its full name."""
    kinds = _FOR_LORA if tuner.is_lora else nn.Linear
    return {name: m for name, m in model.named_modules() if isinstance(m, kinds)}


def saved_modules(model: nn.Module, tuner: Tuner) -> list[str]:
    """Full names of the modules that `modules_to_save` names; a list of modules counts each of its
    members, and `vit`, `aligner` and `llm` are all modules of that part.

    Raises:
        ModelError: a name that matches no module.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    found: dict[str, None] = {}
    for wanted in (n for name in tuner.modules_to_save for n in _WHOLE_PARTS.get(name, (name,))):
        hits = [name for name in modules if _ends_with(name, wanted)]
        if not hits:
            raise _no_match("modules_to_save", wanted, modules)
        for name in hits:
            children = modules[name].named_children()
            is_list = isinstance(modules[name], nn.ModuleList)
            members = [f"{name}.{child}" for child, _ in children] if is_list else [name]
            found |= dict.fromkeys(members)
    return list(found)


def _by_regex(pattern: str, adaptable: Mapping[str, nn.Module]) -> set[str]:
    chosen = {name for name in adaptable if re.fullmatch(pattern, name)}
    if not chosen and pattern != MATCHES_NOTHING:
        raise ModelError(
            f"matches none of the {len(adaptable)} modules that can take an adapter",
            where=f"tuner.target_regex {pattern!r}",
            remedy=_regex_remedy(pattern, adaptable),
        )
    return chosen


def _regex_remedy(pattern: str, names: Iterable[str]) -> str:
    names = list(names)
    if inside := [name for name in names if re.search(pattern, name)]:
        return f"it is matched against whole names, such as {inside[0]!r}: begin it with .*"
    word = max(re.findall(r"\w+", pattern), key=len, default="")
    near = nearest(word, names) or names[:1]
    return f"it is matched against whole names; nearest: {', '.join(near)}"


def _by_names(model: nn.Module, tuner: Tuner, adaptable: Mapping[str, nn.Module]) -> set[str]:
    open_names = {name for name in adaptable if not is_frozen(part_of(name), tuner)}
    chosen: set[str] = set()
    frozen: dict[str, list[str]] = {}
    for wanted in tuner.target_modules:
        hits = [name for name in adaptable if _is_meant(wanted, name, adaptable[name])]
        if not hits:
            _refuse_unadaptable(model, wanted, tuner.train_type)
            raise _no_match("target_modules", wanted, adaptable)
        chosen |= (unfrozen := open_names.intersection(hits))
        if not unfrozen:
            frozen[wanted] = hits
    if frozen and not tuner.modules_to_save:
        _tell_frozen(frozen, nothing_else=not chosen)
    return chosen


def _tell_frozen(hits: Mapping[str, Sequence[str]], *, nothing_else: bool) -> None:
    """A list of all projections is common: beside others, names of frozen parts are let pass."""
    parts = ", ".join(dict.fromkeys(part_of(name) for names in hits.values() for name in names))
    error = ModelError(
        f"frozen parts alone have such modules, and get no adapter: {parts}",
        where=f"tuner.target_modules {', '.join(hits)}",
        remedy="unfreeze the part (freeze_llm, freeze_vit, freeze_aligner), or leave the name out",
    )
    if nothing_else:
        raise error
    log.warning("%s", error)


def _refuse_unadaptable(model: nn.Module, wanted: str, kind: str) -> None:
    hits = [module for name, module in model.named_modules() if _ends_with(name, wanted)]
    if hits:
        raise ModelError(
            f"names {type(hits[0]).__name__}, beside which {kind} puts no adapter",
            where=f"tuner.target_modules {wanted!r}",
            remedy="modules_to_save trains it in full; target_parameters adapts experts",
        )


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
