"""Settings that a resumed run does not share with the run that it goes on with."""

from __future__ import annotations

from pathlib import Path

from sightwright.config.load import load_config
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.resolved import RESOLVED_NAME, resolved_values
from sightwright.config.schema import Config

# What a step computes does not follow from these.
_SECTIONS_BESIDE = ("eval", "export", "serve", "rlhf", "data")
# Which records there are is compared by their digest.
_CUSTOM_BESIDE = (
    "train_jsonl",
    "val_jsonl",
    "fusion_config",
    "sample_limit",
    "train_sample_limit",
    "val_sample_limit",
    "token_type_metrics",
    "dump_conversation",
    "extra",
)
_KEYS_BESIDE = (
    "output_dir",
    "run_name",
    "add_version",
    "log",
    "save_",
    "eval_",
    "report_to",
    "project",
    "trackio_",
    "hub_",
    "push_to_hub",
    "per_device_eval_batch_size",
    "load_best_model_at_end",
    "metric_for_best_model",
    "greater_is_better",
    "resume_from_checkpoint",
    "restore_callback_states_from_checkpoint",
    "disable_tqdm",
    "include_num_input_tokens_seen",
    # The micro-batches of a step are compared as such, whatever ranks and accumulation are.
    "gradient_accumulation_steps",
    "effective_batch_size",
)
_ABSENT = "–"


def changed_settings(checkpoint: Path, now: Config) -> list[str]:
    """What differs from the settings that led to a checkpoint, as `key: then → now`.

    Empty too where its `resolved.yaml` is not there, or cannot be read by this version.
    """
    path = checkpoint / RESOLVED_NAME
    if not path.is_file():
        return []
    try:
        then = dict(resolved_values(load_config(path).config))
    except ConfigProblemsError:
        return []
    values = dict(resolved_values(now))
    return [
        f"{key}: {then.get(key, _ABSENT)} → {values.get(key, _ABSENT)}"
        # A section that one of the two leaves out has keys in the other alone.
        for key in dict.fromkeys((*values, *then))
        if then.get(key) != values.get(key) and _is_of_a_step(key)
    ]


def _is_of_a_step(key: str) -> bool:
    section, _, name = key.partition(".")
    if section == "training":
        return not name.startswith(_KEYS_BESIDE)
    if section == "custom":
        return not name.startswith(_CUSTOM_BESIDE)
    return section not in _SECTIONS_BESIDE
