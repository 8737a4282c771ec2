"""The fields of transformers.TrainingArguments, with its types and defaults.

Generated from transformers 5.23.0 by tools/generate_training_arguments.py: do not edit. What we
add, bound or refuse stands in sections/training.py.
"""

from typing import Any, Literal

from pydantic import Field

from sightwright.config.section import Section, TextList

TRANSFORMERS_VERSION = "5.23.0"

_SEE = "see the field of this name in transformers.TrainingArguments"


class TransformersArguments(Section):
    """Every field that a YAML file may set; None leaves the choice to transformers."""

    output_dir: str | None = Field(default=None, description=_SEE)
    per_device_train_batch_size: int = Field(default=8, description=_SEE)
    num_train_epochs: float = Field(default=3.0, description=_SEE)
    max_steps: int = Field(default=-1, description=_SEE)
    learning_rate: float = Field(default=5e-05, description=_SEE)
    lr_scheduler_type: Literal[
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "constant",
        "constant_with_warmup",
        "inverse_sqrt",
        "reduce_lr_on_plateau",
        "cosine_with_min_lr",
        "cosine_warmup_with_min_lr",
        "warmup_stable_decay",
        "greedy",
    ] = Field(default="linear", description=_SEE)
    lr_scheduler_kwargs: dict[str, Any] | str | None = Field(default=None, description=_SEE)
    warmup_steps: float = Field(default=0, description=_SEE)
    optim: Literal[
        "adamw_torch",
        "adamw_torch_fused",
        "adamw_torch_xla",
        "adamw_torch_npu_fused",
        "adafactor",
        "adamw_anyprecision",
        "adamw_torch_4bit",
        "adamw_torch_8bit",
        "ademamix",
        "sgd",
        "adagrad",
        "adamw_bnb_8bit",
        "adamw_8bit",
        "ademamix_8bit",
        "lion_8bit",
        "lion_32bit",
        "paged_adamw_32bit",
        "paged_adamw_8bit",
        "paged_ademamix_32bit",
        "paged_ademamix_8bit",
        "paged_lion_32bit",
        "paged_lion_8bit",
        "rmsprop",
        "rmsprop_bnb",
        "rmsprop_bnb_8bit",
        "rmsprop_bnb_32bit",
        "galore_adamw",
        "galore_adamw_8bit",
        "galore_adafactor",
        "galore_adamw_layerwise",
        "galore_adamw_8bit_layerwise",
        "galore_adafactor_layerwise",
        "lomo",
        "adalomo",
        "grokadamw",
        "schedule_free_radam",
        "schedule_free_adamw",
        "schedule_free_sgd",
        "apollo_adamw",
        "apollo_adamw_layerwise",
        "stable_adamw",
    ] = Field(default="adamw_torch_fused", description=_SEE)
    optim_args: str | None = Field(default=None, description=_SEE)
    weight_decay: float = Field(default=0.0, description=_SEE)
    adam_beta1: float = Field(default=0.9, description=_SEE)
    adam_beta2: float = Field(default=0.999, description=_SEE)
    adam_epsilon: float = Field(default=1e-08, description=_SEE)
    optim_target_modules: str | TextList | None = Field(default=None, description=_SEE)
    gradient_accumulation_steps: int = Field(default=1, description=_SEE)
    average_tokens_across_devices: bool = Field(default=True, description=_SEE)
    max_grad_norm: float = Field(default=1.0, description=_SEE)
    label_smoothing_factor: float = Field(default=0.0, description=_SEE)
    bf16: Literal["auto"] | bool = Field(default=False, description=_SEE)
    fp16: bool = Field(default=False, description=_SEE)
    bf16_full_eval: bool = Field(default=False, description=_SEE)
    fp16_full_eval: bool = Field(default=False, description=_SEE)
    tf32: bool | None = Field(default=None, description=_SEE)
    activation_checkpointing: bool | None = Field(default=None, description=_SEE)
    activation_checkpointing_kwargs: dict[str, Any] | str | None = Field(
        default=None, description=_SEE
    )
    torch_compile: bool = Field(default=False, description=_SEE)
    torch_compile_backend: str | None = Field(default=None, description=_SEE)
    torch_compile_mode: str | None = Field(default=None, description=_SEE)
    use_liger_kernel: bool = Field(default=False, description=_SEE)
    liger_kernel_config: dict[str, Any] | None = Field(default=None, description=_SEE)
    use_cache: bool = Field(default=False, description=_SEE)
    neftune_noise_alpha: float | None = Field(default=None, description=_SEE)
    torch_empty_cache_steps: int | None = Field(default=None, description=_SEE)
    auto_find_batch_size: bool = Field(default=False, description=_SEE)
    logging_strategy: Literal["no", "steps", "epoch"] = Field(default="steps", description=_SEE)
    logging_steps: float = Field(default=500, description=_SEE)
    logging_first_step: bool = Field(default=False, description=_SEE)
    log_on_each_node: bool = Field(default=True, description=_SEE)
    logging_nan_inf_filter: bool = Field(default=True, description=_SEE)
    include_num_input_tokens_seen: str | bool = Field(default="no", description=_SEE)
    log_level: Literal["detail", "debug", "info", "warning", "error", "critical", "passive"] = (
        Field(default="passive", description=_SEE)
    )
    log_level_replica: Literal[
        "detail", "debug", "info", "warning", "error", "critical", "passive"
    ] = Field(default="warning", description=_SEE)
    disable_tqdm: bool | None = Field(default=None, description=_SEE)
    report_to: str | TextList | None = Field(default="none", description=_SEE)
    run_name: str | None = Field(default=None, description=_SEE)
    project: str = Field(default="huggingface", description=_SEE)
    trackio_space_id: str | None = Field(default=None, description=_SEE)
    trackio_bucket_id: str | None = Field(default=None, description=_SEE)
    trackio_static_space_id: str | Literal[False] | None = Field(default=None, description=_SEE)
    eval_strategy: Literal["no", "steps", "epoch"] = Field(default="no", description=_SEE)
    eval_steps: float | None = Field(default=None, description=_SEE)
    eval_delay: float = Field(default=0, description=_SEE)
    per_device_eval_batch_size: int = Field(default=8, description=_SEE)
    prediction_loss_only: bool = Field(default=False, description=_SEE)
    eval_on_start: bool = Field(default=False, description=_SEE)
    eval_do_concat_batches: bool = Field(default=True, description=_SEE)
    eval_use_gather_object: bool = Field(default=False, description=_SEE)
    eval_accumulation_steps: int | None = Field(default=None, description=_SEE)
    include_for_metrics: TextList = Field(default=(), description=_SEE)
    batch_eval_metrics: bool = Field(default=False, description=_SEE)
    save_only_model: bool = Field(default=False, description=_SEE)
    save_strategy: Literal["no", "steps", "epoch", "best"] = Field(
        default="steps", description=_SEE
    )
    save_steps: float = Field(default=500, description=_SEE)
    save_on_each_node: bool = Field(default=False, description=_SEE)
    save_total_limit: int | None = Field(default=None, description=_SEE)
    enable_jit_checkpoint: bool = Field(default=False, description=_SEE)
    push_to_hub: bool = Field(default=False, description=_SEE)
    hub_token: str | None = Field(default=None, description=_SEE)
    hub_private_repo: bool | None = Field(default=None, description=_SEE)
    hub_model_id: str | None = Field(default=None, description=_SEE)
    hub_strategy: Literal["end", "every_save", "checkpoint", "all_checkpoints"] = Field(
        default="every_save", description=_SEE
    )
    hub_always_push: bool = Field(default=False, description=_SEE)
    hub_revision: str | None = Field(default=None, description=_SEE)
    load_best_model_at_end: bool = Field(default=False, description=_SEE)
    metric_for_best_model: str | None = Field(default=None, description=_SEE)
    greater_is_better: bool | None = Field(default=None, description=_SEE)
    ignore_data_skip: bool = Field(default=False, description=_SEE)
    restore_callback_states_from_checkpoint: bool = Field(default=False, description=_SEE)
    full_determinism: bool = Field(default=False, description=_SEE)
    seed: int = Field(default=42, description=_SEE)
    data_seed: int | None = Field(default=None, description=_SEE)
    use_cpu: bool = Field(default=False, description=_SEE)
    accelerator_config: dict[str, Any] | str | None = Field(default=None, description=_SEE)
    remove_unused_columns: bool = Field(default=True, description=_SEE)
    label_names: TextList | None = Field(default=None, description=_SEE)
    train_sampling_strategy: Literal[
        "random", "sequential", "group_by_length", "batch_rebalance"
    ] = Field(default="random", description=_SEE)
    length_column_name: str = Field(default="length", description=_SEE)
    ddp_find_unused_parameters: bool | None = Field(default=None, description=_SEE)
    ddp_bucket_cap_mb: int | None = Field(default=None, description=_SEE)
    ddp_broadcast_buffers: bool | None = Field(default=None, description=_SEE)
    ddp_static_graph: bool | None = Field(default=None, description=_SEE)
    ddp_backend: Literal["nccl", "gloo", "mpi", "xccl", "hccl", "cncl", "mccl"] | None = Field(
        default=None, description=_SEE
    )
    ddp_timeout: int = Field(default=1800, description=_SEE)
    fsdp: str | None = Field(default=None, description=_SEE)
    fsdp_config: dict[str, Any] | str | None = Field(default=None, description=_SEE)
    debug: str | TextList = Field(default="", description=_SEE)
    skip_memory_metrics: bool = Field(default=True, description=_SEE)
    do_train: bool = Field(default=False, description=_SEE)
    do_eval: bool = Field(default=False, description=_SEE)
    do_predict: bool = Field(default=False, description=_SEE)
    resume_from_checkpoint: str | None = Field(default=None, description=_SEE)
