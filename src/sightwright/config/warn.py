"""What can be run but deserves a look."""

from collections.abc import Iterator
from operator import attrgetter

from sightwright.config.schema import Config
from sightwright.config.sections.model import TINY, misnamed
from sightwright.config.tree import Branch, nearest_place

OUTPUT_LIMIT_RANGE = (256, 768)
"""The documents' range of max_output_tokens: below, answers are cut; above, latency suffers. The
objects of a photograph may need more."""

USUAL_RATES = {
    "lora": (2e-5, 1e-3),
    "qlora": (2e-5, 1e-3),
    "full": (1e-6, 2e-4),
}
"""Learning rates about the documents' (1e-4 of an adapter, 5e-5 of full training): below, a run
learns slowly; above, its loss jumps."""

PLACEHOLDERS = {"dummy", "placeholder"}
IGNORED = {
    "dataset": "train_jsonl",
    "cached_dataset": "train_jsonl",
    "val_dataset": "val_jsonl",
}
"""Keys of `data` that ms-swift reads records from, and the key of `custom` that is read here."""

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
    yield from _misnamed_model(config)
    low, high = OUTPUT_LIMIT_RANGE
    limit = config.task.max_output_tokens
    if config.task.type in ("extract", "chat") and not low <= limit <= high:
        yield "task.max_output_tokens", f"{limit} is outside the usual {low} to {high} tokens"
    yield from _ignored_records(config)
    if not config.custom.augments:
        for key in ("bypass_prob", "augmentation_curriculum"):
            if getattr(config.custom, key) is not None:
                yield f"custom.{key}", "not read: custom.augmentation is not enabled"
    yield from _pages_cut(config)
    yield from _unusual_rate(config)
    training = config.training
    both = training.effective_batch_size, training.given("gradient_accumulation_steps")
    if all(both) and training.gradient_accumulation_steps > 1:
        text = "overruled by training.effective_batch_size, which sets the accumulation"
        yield "training.gradient_accumulation_steps", text


def _ignored_records(config: Config) -> Iterator[tuple[str, str]]:
    for key, place in IGNORED.items():
        named = [name for name in getattr(config.data, key) or () if name not in PLACEHOLDERS]
        if named:
            yield f"data.{key}", f"{named} is ignored: records are read from custom.{place}"
    if config.custom.fusion_config is not None:
        for key in ("train_jsonl", "val_jsonl"):
            if getattr(config.custom, key) is not None:
                yield f"custom.{key}", "is ignored: records are read from custom.fusion_config"


def _misnamed_model(config: Config) -> Iterator[tuple[str, str]]:
    if hint := misnamed(config.model.model):
        yield "model.model", f"{config.model.model}: {hint}"


def _unusual_rate(config: Config) -> Iterator[tuple[str, str]]:
    kind, rate = config.tuner.train_type, config.training.learning_rate
    # Of the tiny model far larger ones are usual, and of rewards far smaller ones.
    is_ours_to_judge = config.model.model not in (None, TINY) and config.rlhf.rlhf_type is None
    if kind not in USUAL_RATES or not rate or not is_ours_to_judge:
        return
    low, high = USUAL_RATES[kind]
    usual = "1e-4 is usual for an adapter, 5e-5 for full training"
    if rate < low:
        yield "training.learning_rate", f"{rate:g} is low for {kind}, which learns slowly: {usual}"
    elif rate > high:
        yield "training.learning_rate", f"{rate:g} is high for {kind}, and loss may jump: {usual}"


def _pages_cut(config: Config) -> Iterator[tuple[str, str]]:
    settings = config.custom.effective_augmentation
    if settings is None or config.task.type != "extract":
        return
    moving = settings.named(("rotate", "scale", "perspective", "scan_skew"))
    if moving and not settings.named(("expand_to_fit_affine",)):
        text = f"{', '.join(moving)} may cut print off at a page's edge: add expand_to_fit_affine"
        yield "custom.augmentation.ops", text
