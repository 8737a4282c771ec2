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
        load_text("training: {eval_strategy: epoch}\ntask: {type: extract}").config
    )
    keys = [line.split(": ")[0] for line in missing[1:]]
    assert keys == [
        "model.model",
        "global_max_length",
        "custom.val_jsonl",
        "task.json_schema",
    ]


REFUSED = {
    "rlhf: {rlhf_type: grpo}": "rlhf.rlhf_type",
    "rlhf: {use_vllm: true}": "rlhf.use_vllm",
    "training: {train_sampling_strategy: batch_rebalance}": "training.train_sampling_strategy",
    "quantization: {quant_method: awq}": "quantization.quant_method",
    "template: {truncation_strategy: left}": "template.truncation_strategy",
    "template: {truncation_strategy: right}": "template.truncation_strategy",
    "model: {device_map: auto}": "model.device_map",
    "custom: {user_prompt: Look.}\ntask: {type: chat}": "custom.user_prompt",
    "prompts: {domain: bbu}": "prompts",
}


@pytest.mark.parametrize(("text", "key"), REFUSED.items())
def test_a_part_that_cannot_be_run_is_refused_by_name(text: str, key: str) -> None:
    loaded = load_text(text, "x.yaml")
    assert [part.key for part in unsupported(loaded.config)] == [key]
    with pytest.raises(
        ConfigError, match=f"{key}: .*(not in this version yet|inspection tasks alone|cuts off)"
    ):
        require_trainable(loaded)


def test_all_refusals_come_together_with_their_lines() -> None:
    loaded = load_text(
        "model: {device_map: auto}\n"
        "rlhf: {use_vllm: true}\n"
        "custom:\n  visual_kd: {enabled: true, vit: {enabled: true}}\n",
        "x.yaml",
    )
    with pytest.raises(ConfigError) as caught:
        require_trainable(loaded)
    text = str(caught.value)
    assert "x.yaml:1: model.device_map: " in text
    assert "x.yaml:2: rlhf.use_vllm: " in text
    assert "x.yaml:4: custom.visual_kd: " in text
    assert "Please input the training dataset" in text


def test_parts_that_are_switched_off_are_not_refused() -> None:
    text = (
        "custom:\n  augmentation: {enabled: false, ops: [{name: hflip}]}\n"
        "  visual_kd: {enabled: false}\n"
        "task: {type: chat}\n"
    )
    assert unsupported(load_text(text).config) == []


BUILT = [
    "custom: {train_jsonl: a.jsonl, token_type_metrics: {enabled: true}, "
    "dump_conversation_text: true}",
    "tuner: {lorap_lr_ratio: 16}\ntraining: {vit_lr: 1e-5}",
    "training: {optimizer: multimodal, save_delay_steps: 100, add_version: true}",
    "training: {save_delay_epochs: 0.5}",
    "deepspeed: {enabled: true, config: zero3}",
]


@pytest.mark.parametrize("text", BUILT)
def test_what_is_built_is_let_through(text: str) -> None:
    given = f"{COMPLETE}{text}\n"
    if text.startswith("custom"):
        given = COMPLETE.replace("custom: {train_jsonl: a.jsonl}\n", "") + f"{text}\n"
    require_trainable(load_text(given))


def test_over_long_records_may_be_left_out() -> None:
    text = COMPLETE.replace("global_max_length: 64\n", "")
    require_trainable(load_text(text + "template: {max_length: 64, truncation_strategy: delete}\n"))


@pytest.mark.parametrize("kind", ["lora", "qlora", "full", "adalora", "boft", "fourierft", "vera"])
def test_what_this_version_trains(kind: str) -> None:
    text = f"{COMPLETE}tuner: {{train_type: {kind}, use_dora: {str(kind == 'lora').lower()}}}\n"
    require_trainable(load_text(text))
