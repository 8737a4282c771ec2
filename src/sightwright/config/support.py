"""What this version's `train` can run; everything else is named before a weight is loaded."""

from collections.abc import Callable
from dataclasses import dataclass

from sightwright.config.load import Loaded
from sightwright.config.schema import NO_DATASET, Config
from sightwright.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A key that `config check` accepts and this version's `train` cannot run."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Rule:
    key: str
    reason: str
    applies: Callable[[Config], bool]


_INSPECTION = "read by the inspection tasks alone"
_TYPE = "say task.type: dense (or summary, verdict)"

_CONVERSATIONS = ("extract", "chat")
_NOT_YET = "not in this version yet"

_RULES = (
    _Rule("rlhf.rlhf_type", f"GKD and GRPO: {_NOT_YET}", lambda c: c.rlhf.rlhf_type is not None),
    _Rule("rlhf.use_vllm", f"sampling through vLLM: {_NOT_YET}", lambda c: c.rlhf.use_vllm),
    _Rule(
        "custom.visual_kd", f"feature distillation: {_NOT_YET}", lambda c: c.custom.distils_vision
    ),
    _Rule(
        "custom.trainer_variant",
        f"the monitor of the distillation: {_NOT_YET}",
        lambda c: c.custom.trainer_variant is not None,
    ),
    _Rule(
        "training.train_sampling_strategy",
        f"batch_rebalance: {_NOT_YET}; data.batching: {{type: tokens, budget: N}} makes a step's "
        "micro-batches even",
        lambda c: c.training.train_sampling_strategy == "batch_rebalance",
    ),
    _Rule(
        "quantization.quant_method",
        f"a base quantised beforehand: {_NOT_YET}; bnb runs",
        lambda c: c.quantization.quant_method not in (None, "bnb"),
    ),
    _Rule(
        "template.truncation_strategy",
        "left cuts off the question or its image tokens, right the end of the answer that is "
        "learnt; raise names an over-long record, delete leaves it out and lists it",
        lambda c: c.template.truncation_strategy in ("left", "right"),
    ),
    _Rule(
        "model.device_map",
        f"a model spread over devices: {_NOT_YET}",
        lambda c: c.model.device_map is not None,
    ),
    _Rule(
        "custom.user_prompt",
        f"{_INSPECTION}: {_TYPE}, or write task.prompt",
        lambda c: c.custom.user_prompt is not None and c.task.type in _CONVERSATIONS,
    ),
    _Rule(
        "prompts",
        f"{_INSPECTION}: {_TYPE}, or write task.prompt and template.system",
        lambda c: any(c.prompts.model_dump().values()) and c.task.type in _CONVERSATIONS,
    ),
)


def refusals() -> list[Unsupported]:
    """Everything that `train` may refuse, whatever a configuration says."""
    return [Unsupported(rule.key, rule.reason) for rule in _RULES]


def unsupported(config: Config) -> list[Unsupported]:
    """What this version's `train` would refuse of a configuration."""
    return [Unsupported(rule.key, rule.reason) for rule in _RULES if rule.applies(config)]


def missing_for_training(config: Config) -> list[str]:
    """What a training run still needs to be told, as `key: what`."""
    missing: list[str] = []
    if not config.has_training_data:
        missing.append(_missing_data(config))
    if config.model.model is None:
        missing.append("model.model: name the base model: a folder, a hub id, or tiny")
    if config.template.max_length is None:
        missing.append("global_max_length: give it, or template.max_length: the longest record")
    if config.training.eval_strategy != "no" and not _has_held_out(config):
        text = "custom.val_jsonl: name the held-out records; training.eval_strategy is"
        missing.append(f"{text} {config.training.eval_strategy}")
    if config.task.type == "extract" and config.task.json_schema is None:
        missing.append("task.json_schema: name the schema of the answer; task.type is extract")
    missing += _missing_domain(config)
    missing += _missing_batch_size(config)
    return missing


def _missing_data(config: Config) -> str:
    if not config.data.placeholder:
        return f"{NO_DATASET} Name the records in custom.train_jsonl."
    return "custom.train_jsonl: name the records; data.dataset is a placeholder"


def _has_held_out(config: Config) -> bool:
    return config.custom.val_jsonl is not None or config.custom.fusion_config is not None


def _missing_domain(config: Config) -> list[str]:
    custom = config.custom
    if custom.assistant_prefix_format is None or custom.fusion_config is not None or config.domain:
        return []
    return [
        "prompts.domain: say bbu or rru (or custom.dataset_name: the same), for the {domain} of "
        "custom.assistant_prefix_format"
    ]


def _missing_batch_size(config: Config) -> list[str]:
    """Of one record a step, as the defaults have it, no micro-batch could be made full."""
    training = config.training
    sizes = ("effective_batch_size", "per_device_train_batch_size", "gradient_accumulation_steps")
    if config.data.batching.type != "tokens" or any(training.given(key) for key in sizes):
        return []
    return [
        "training.effective_batch_size: say how many samples a step has; data.batching lays them "
        "into micro-batches by tokens"
    ]


def require_trainable(loaded: Loaded) -> None:
    """Refuse what cannot be trained, all reasons at once, each with where it was written.

    Raises:
        ConfigError: something is missing, or this version cannot run it.
    """
    config = loaded.config
    lines = missing_for_training(config)
    lines += [f"{_place(loaded, part.key)}{part}" for part in unsupported(config)]
    if lines:
        raise ConfigError(
            "\n  ".join(["this configuration cannot be trained:", *lines]),
            remedy="give what is missing, and delete what is not in this version; "
            "`sightwright config explain KEY` says more of a key",
        )


def _place(loaded: Loaded, key: str) -> str:
    """`file:line: ` of a key, or of the first key below it."""
    for name, place in loaded.provenance.items():
        if (name == key or name.startswith(f"{key}.")) and place != "default":
            return f"{place}: "
    return ""
