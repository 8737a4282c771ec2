"""What can be run but deserves a look."""

from collections.abc import Iterator
from operator import attrgetter

from sightwright.config.schema import Config
from sightwright.config.tree import Branch, nearest_place

OUTPUT_LIMIT_RANGE = (256, 768)
"""The documents' range of max_output_tokens: below, answers are cut; above, latency suffers."""

PLACEHOLDERS = {"dummy", "placeholder"}

UNREAD = {
    "eval.bootstrap_samples": "evaluation during training computes no intervals",
    "prompts.profile": "the domain's prompts are asked; write prompts.system or prompts.user",
}
"""Known keys that no verb of this version reads, and what to use in their place."""


def warnings_of(config: Config, root: Branch) -> Iterator[str]:
    """One line a finding: `file:line: key: what`."""
    for key, text in [*_findings(config), *_unread(config)]:
        yield f"{nearest_place(root, key.split('.'))}: {key}: {text}"


def _unread(config: Config) -> Iterator[tuple[str, str]]:
    # A default says nothing that could be ignored: a resolved file spells all of them out.
    plain = Config()
    for key, why in UNREAD.items():
        read = attrgetter(key)
        if read(config) != read(plain):
            yield key, f"not read by this version: {why}"


def _findings(config: Config) -> Iterator[tuple[str, str]]:
    low, high = OUTPUT_LIMIT_RANGE
    limit = config.task.max_output_tokens
    if not low <= limit <= high:
        yield "task.max_output_tokens", f"{limit} is outside the usual {low} to {high} tokens"
    named = [name for name in config.data.placeholder if name not in PLACEHOLDERS]
    if named:
        yield "data.dataset", f"{named} is ignored: records are read from custom.train_jsonl"
    if config.custom.fusion_config is not None:
        for key in ("train_jsonl", "val_jsonl"):
            if getattr(config.custom, key) is not None:
                yield f"custom.{key}", "is ignored: records are read from custom.fusion_config"
    if not config.custom.augments:
        for key in ("bypass_prob", "augmentation_curriculum"):
            if getattr(config.custom, key) is not None:
                yield f"custom.{key}", "not read: custom.augmentation is not enabled"
    yield from _pages_cut(config)
    training = config.training
    both = training.effective_batch_size, training.given("gradient_accumulation_steps")
    if all(both) and training.gradient_accumulation_steps > 1:
        text = "overruled by training.effective_batch_size, which sets the accumulation"
        yield "training.gradient_accumulation_steps", text


def _pages_cut(config: Config) -> Iterator[tuple[str, str]]:
    settings = config.custom.effective_augmentation
    if settings is None or config.task.type != "extract":
        return
    moving = settings.named(("rotate", "scale", "perspective", "scan_skew"))
    if moving and not settings.named(("expand_to_fit_affine",)):
        text = f"{', '.join(moving)} may cut print off at a page's edge: add expand_to_fit_affine"
        yield "custom.augmentation.ops", text
