"""What `train` still needs, and what this version refuses (test vector T19)."""

import pytest

from sightwright.config.load import load_text
from sightwright.config.support import missing_for_training, require_trainable, unsupported
from sightwright.errors import ConfigError

COMPLETE = (
    "global_max_length: 64\nmodel: {model: tiny}\ncustom: {train_jsonl: a.jsonl}\n"
    "task: {type: extract, json_schema: s.json}\n"
)


@pytest.mark.parametrize("data", ["", "data: {}\n", "data: {dataset: null}\n"])
def test_without_records_the_documents_words_appear(data: str) -> None:
    loaded = load_text(f"model: {{model: tiny}}\nglobal_max_length: 64\n{data}")
    with pytest.raises(ConfigError, match="Please input the training dataset") as caught:
        require_trainable(loaded)
    assert "self.dataset: [], self.cached_dataset: []." in str(caught.value)


def test_the_placeholder_alone_is_no_data() -> None:
    with pytest.raises(ConfigError, match=r"custom\.train_jsonl: name the records"):
        require_trainable(load_text("data: {dataset: [dummy]}"))


@pytest.mark.parametrize("data", ["", "data: {dataset: [dummy]}\n", "data: {dataset: []}\n"])
def test_a_complete_configuration_is_let_through(data: str) -> None:
    require_trainable(load_text(COMPLETE + data))


def test_everything_missing_is_named_at_once() -> None:
    missing = missing_for_training(
        load_text("training: {eval_strategy: epoch, vit_lr: 1e-5}\ntask: {type: extract}").config
    )
    keys = [line.split(": ")[0] for line in missing[1:]]
    assert keys == [
        "model.model",
        "global_max_length",
        "custom.val_jsonl",
        "task.json_schema",
        "training.optimizer",
    ]


REFUSED = {
    "rlhf: {rlhf_type: grpo}": "rlhf.rlhf_type",
    "rlhf: {use_vllm: true}": "rlhf.use_vllm",
    "custom: {token_type_metrics: {enabled: true}}": "custom.token_type_metrics",
    "deepspeed: {enabled: true, config: zero3}": "deepspeed",
    "tuner: {train_type: adalora}": "tuner.train_type",
    "tuner: {lorap_lr_ratio: 16}": "tuner.lorap_lr_ratio",
    "training: {optimizer: multimodal}": "training.optimizer",
    "training: {save_delay_steps: 100}": "training.save_delay_steps",
    "training: {save_delay_epochs: 1}": "training.save_delay_steps",
    "training: {group_by_length: true}": "training.train_sampling_strategy",
    "training: {add_version: true}": "training.add_version",
    "data: {batching: {type: tokens, budget: 4096}}": "data.batching",
    "quantization: {quant_method: awq}": "quantization.quant_method",
    "template: {truncation_strategy: left}": "template.truncation_strategy",
    "model: {device_map: auto}": "model.device_map",
    "custom: {dump_conversation_text: true}": "custom.dump_conversation_text",
    "custom: {user_prompt: Look.}": "custom.user_prompt",
    "prompts: {domain: bbu}": "prompts",
}


@pytest.mark.parametrize(("text", "key"), REFUSED.items())
def test_a_part_that_cannot_be_run_is_refused_by_name(text: str, key: str) -> None:
    loaded = load_text(text, "x.yaml")
    assert [part.key for part in unsupported(loaded.config)] == [key]
    with pytest.raises(
        ConfigError, match=f"{key}: .*(not in this version yet|inspection tasks alone)"
    ):
        require_trainable(loaded)


def test_all_refusals_come_together_with_their_lines() -> None:
    loaded = load_text(
        "deepspeed: {enabled: true, config: zero2}\n"
        "tuner: {train_type: boft}\n"
        "custom:\n  visual_kd: {enabled: true, vit: {enabled: true}}\n",
        "x.yaml",
    )
    with pytest.raises(ConfigError) as caught:
        require_trainable(loaded)
    text = str(caught.value)
    assert "x.yaml:1: deepspeed: " in text
    assert "x.yaml:2: tuner.train_type: " in text
    assert "x.yaml:4: custom.visual_kd: " in text
    assert "Please input the training dataset" in text


def test_parts_that_are_switched_off_are_not_refused() -> None:
    text = (
        "deepspeed: {enabled: false, config: zero2}\n"
        "custom:\n  augmentation: {enabled: false, ops: [{name: hflip}]}\n"
        "  visual_kd: {enabled: false}\n"
        "task: {type: chat}\n"
    )
    assert unsupported(load_text(text).config) == []


@pytest.mark.parametrize("kind", ["lora", "qlora", "full"])
def test_what_this_version_trains(kind: str) -> None:
    text = f"{COMPLETE}tuner: {{train_type: {kind}, use_dora: {str(kind == 'lora').lower()}}}\n"
    require_trainable(load_text(text))
