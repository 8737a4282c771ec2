"""Whether vLLM can serve what a run will leave behind beside its base, or only merged into it.

vLLM takes LoRA on the language model's linear layers: `vllm serve BASE --enable-lora
--max-lora-rank N --lora-modules NAME=FOLDER`. Everything else is merged first (`sightwright
merge`); a merged model is served like any other.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sightwright.config.sections.tuner import ALL_EMBEDDING, ALL_LINEAR, Tuner

MAX_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `--max-lora-rank`; an adapter of any rank up to it is served."""

# Names that every Qwen3-VL has, one of each kind: enough to see what a pattern is about.
_LLM = tuple(
    f"model.language_model.layers.{layer}.{name}"
    for layer in range(64)
    for name in (
        *(f"self_attn.{kind}_proj" for kind in "qkvo"),
        *(f"mlp.{kind}_proj" for kind in ("gate", "up", "down")),
    )
)
_VIT = (
    "model.visual.patch_embed.proj",
    *(
        f"model.visual.blocks.{block}.{name}"
        for block in range(32)
        for name in ("attn.qkv", "attn.proj", "mlp.linear_fc1", "mlp.linear_fc2")
    ),
)
_ALIGNER = tuple(
    f"model.visual.{merger}.linear_fc{number}"
    for merger in ("merger", *(f"deepstack_merger_list.{i}" for i in range(3)))
    for number in (1, 2)
)
_NAMES = {
    "llm": _LLM,
    "vit": _VIT,
    "aligner": _ALIGNER,
    "embeddings": ("model.language_model.embed_tokens",),
    "lm_head": ("lm_head",),
}


@dataclass(frozen=True, slots=True)
class Shipping:
    """How the outcome of a run is served.

    Attributes:
        only_merged: why vLLM cannot serve the adapter beside its base; empty where it can.
        max_lora_rank: the smallest `--max-lora-rank` that takes it; None where it must be merged.
        is_whole: the run leaves a whole model, which is served as it lies.
    """

    only_merged: tuple[str, ...] = ()
    max_lora_rank: int | None = None
    is_whole: bool = False

    def __str__(self) -> str:
        if self.is_whole:
            return "a whole model, served as it lies"
        if self.only_merged:
            return f"only merged into its base: {'; '.join(self.only_merged)}"
        return f"vLLM takes the adapter beside its base, --max-lora-rank {self.max_lora_rank}"


def shipping(tuner: Tuner, adapted: Collection[str] | None = None) -> Shipping:
    """What `tuner` lets one do with the outcome.

    Args:
        adapted: the parts that have an adapter, where the model is there to ask; else they follow
            from the names and patterns of `tuner`, without what an earlier run's checkpoint adds.
    """
    if tuner.train_type == "full":
        return Shipping(is_whole=True)
    parts = adapted_parts(tuner) if adapted is None else adapted
    reasons = tuple(_reasons(tuner, parts))
    return Shipping(reasons, None if reasons else _rank_for(tuner.lora_rank))


def _reasons(tuner: Tuner, parts: Collection[str]) -> Iterator[str]:
    if not tuner.is_lora:
        yield f"vLLM takes LoRA alone, this is {tuner.train_type}"
    if tuner.use_dora:
        yield "use_dora: vLLM does not take DoRA"
    if tuner.rewrites_base:
        yield f"init_weights: {tuner.init_weights} rewrote the base weights"
    if tuner.modules_to_save:
        yield f"modules_to_save: {', '.join(tuner.modules_to_save)} learnt in full"
    if tuner.lora_bias != "none":
        yield f"lora_bias: {tuner.lora_bias}: vLLM takes no biases"
    if tuner.target_parameters:
        yield f"target_parameters: {', '.join(tuner.target_parameters)} are no modules"
    if others := [part for part in parts if part != "llm"]:
        yield f"an adapter on {', '.join(others)}: vLLM takes them on the language model alone"
    if tuner.is_lora and tuner.lora_rank > MAX_LORA_RANKS[-1]:
        yield f"lora_rank: {tuner.lora_rank} is above vLLM's {MAX_LORA_RANKS[-1]}"


def _rank_for(rank: int) -> int:
    return next(size for size in MAX_LORA_RANKS if size >= rank)


def adapted_parts(tuner: Tuner) -> list[str]:
    """The parts in which `tuner` puts an adapter somewhere."""
    frozen = {
        "vit": tuner.freeze_vit,
        "aligner": tuner.freeze_aligner,
        **dict.fromkeys(("llm", "embeddings", "lm_head"), tuner.freeze_llm),
    }
    pattern = tuner.target_regex
    if pattern is not None:
        return [
            part for part, names in _NAMES.items() if any(re.fullmatch(pattern, n) for n in names)
        ]
    return [part for part in _NAMES if not frozen[part] and _is_named(part, tuner.target_modules)]


def _is_named(part: str, wanted: Collection[str]) -> bool:
    if part in ("llm", "vit", "aligner") and ALL_LINEAR in wanted:
        return True
    if part == "embeddings" and ALL_EMBEDDING in wanted:
        return True
    return any(f".{name}".endswith(f".{each}") for name in _NAMES[part] for each in wanted)
