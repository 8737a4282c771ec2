"""The fields of transformers.TrainingArguments, with its types and defaults.

Generated from transformers 5.23.0 by tools/generate_training_arguments.py: do not edit. What we
add, bound or refuse stands in sections/training.py.
"""

from typing import Any, Literal

from pydantic import Field

from sightwright.config.section import Section, TextList

TRANSFORMERS_VERSION = "5.23.0"


class TransformersArguments(Section):
    """Every field that a YAML file may set; None leaves the choice to transformers."""

    output_dir: str | None = Field(default=None, description="folder of the runs")
    per_device_train_batch_size: int = Field(
        default=8, description="samples of a micro-batch on each device"
    )
    num_train_epochs: float = Field(default=3.0, description="passes over the records")
    max_steps: int = Field(
        default=-1,
        description="steps of the run, whatever num_train_epochs says; -1 leaves it to the epochs",
    )
    learning_rate: float = Field(default=5e-05, description="peak learning rate")
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
    ] = Field(default="linear", description="course of the learning rate after the warmup")
    lr_scheduler_kwargs: dict[str, Any] | str | None = Field(
        default=None, description="settings of that course, as {min_lr: 1e-6}"
    )
    warmup_steps: float = Field(
        default=0,
        description="steps in which the learning rate rises; below 1, their share of the run",
    )
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
    ] = Field(default="adamw_torch_fused", description="optimiser")
    optim_args: str | None = Field(
        default=None, description="settings of the optimiser, as key=value pairs with commas"
    )
    weight_decay: float = Field(
        default=0.0,
        description="how strongly AdamW pulls weights towards 0; norms and biases excepted",
    )
    adam_beta1: float = Field(default=0.9, description="memory of Adam's mean of the gradients")
    adam_beta2: float = Field(default=0.999, description="memory of Adam's mean of their squares")
    adam_epsilon: float = Field(default=1e-08, description="Adam's guard against a division by 0")
    optim_target_modules: str | TextList | None = Field(
        default=None, description="modules that GaLore or APOLLO project"
    )
    gradient_accumulation_steps: int = Field(default=1, description="micro-batches of a step")
    average_tokens_across_devices: bool = Field(
        default=True,
        description="taken for transformers' sake: tokens are counted over all devices either way",
    )
    max_grad_norm: float = Field(
        default=1.0, description="gradients are clipped to this norm; 0 leaves them as they are"
    )
    label_smoothing_factor: float = Field(
        default=0.0, description="cannot be honoured: share of the target given to other tokens"
    )
    bf16: Literal["auto"] | bool = Field(default=False, description="bfloat16 arithmetic")
    fp16: bool = Field(default=False, description="float16 arithmetic, with a loss scale")
    bf16_full_eval: bool = Field(default=False, description="evaluate with weights in bfloat16")
    fp16_full_eval: bool = Field(default=False, description="evaluate with weights in float16")
    tf32: bool | None = Field(
        default=None, description="TensorFloat-32 in matrix products of Ampere GPUs and later"
    )
    activation_checkpointing: bool | None = Field(
        default=None,
        description="compute activations again in the backward pass: slower, less memory",
    )
    activation_checkpointing_kwargs: dict[str, Any] | str | None = Field(
        default=None, description="settings of it, as {use_reentrant: false}"
    )
    torch_compile: bool = Field(
        default=False, description="cannot be honoured: compile the whole forward"
    )
    torch_compile_backend: str | None = Field(
        default=None, description="cannot be honoured: what compiles the forward"
    )
    torch_compile_mode: str | None = Field(
        default=None, description="cannot be honoured: how the forward is compiled"
    )
    use_liger_kernel: bool = Field(default=False, description="cannot be honoured: Liger's kernels")
    liger_kernel_config: dict[str, Any] | None = Field(
        default=None, description="cannot be honoured: which of Liger's kernels"
    )
    use_cache: bool = Field(
        default=False, description="cannot be honoured: keep keys and values in a training step"
    )
    neftune_noise_alpha: float | None = Field(
        default=None, description="cannot be honoured: noise on the embeddings"
    )
    torch_empty_cache_steps: int | None = Field(
        default=None, description="steps between givings back of unused GPU memory"
    )
    auto_find_batch_size: bool = Field(
        default=False, description="cannot be honoured: halve the batch when memory runs out"
    )
    logging_strategy: Literal["no", "steps", "epoch"] = Field(
        default="steps", description="what a line of the log follows: steps, epochs, or nothing"
    )
    logging_steps: float = Field(
        default=500, description="steps between lines of the log; below 1, their share of the run"
    )
    logging_first_step: bool = Field(default=False, description="log the first step too")
    log_on_each_node: bool = Field(
        default=True, description="every machine logs, not the first alone"
    )
    logging_nan_inf_filter: bool = Field(default=True, description="hide a loss that is no number")
    include_num_input_tokens_seen: str | bool = Field(
        default="no", description="count tokens in the log: no, all, or non_padding"
    )
    log_level: Literal["detail", "debug", "info", "warning", "error", "critical", "passive"] = (
        Field(default="passive", description="how much transformers says on the main process")
    )
    log_level_replica: Literal[
        "detail", "debug", "info", "warning", "error", "critical", "passive"
    ] = Field(default="warning", description="how much it says on the others")
    disable_tqdm: bool | None = Field(
        default=None, description="taken for transformers' sake: progress is shown by this program"
    )
    report_to: str | TextList | None = Field(
        default="none", description="sinks beside logging.jsonl"
    )
    run_name: str | None = Field(default=None, description="name of the run")
    project: str = Field(
        default="huggingface", description="project that trackers put the run under"
    )
    trackio_space_id: str | None = Field(
        default=None, description="Trackio: space that shows the run"
    )
    trackio_bucket_id: str | None = Field(
        default=None, description="Trackio: bucket that keeps its data"
    )
    trackio_static_space_id: str | Literal[False] | None = Field(
        default=None, description="Trackio: space for a page that does not change; false for none"
    )
    eval_strategy: Literal["no", "steps", "epoch"] = Field(
        default="no", description="when to evaluate: by steps, by epochs, or never"
    )
    eval_steps: float | None = Field(
        default=None, description="steps between evaluations; below 1, their share of the run"
    )
    eval_delay: float = Field(
        default=0,
        description="no evaluation before this step, or this epoch with eval_strategy: epoch",
    )
    per_device_eval_batch_size: int = Field(
        default=8, description="samples of an evaluation batch on each device"
    )
    prediction_loss_only: bool = Field(
        default=False, description="cannot be honoured: evaluate the loss alone"
    )
    eval_on_start: bool = Field(default=False, description="evaluate before the first step")
    eval_do_concat_batches: bool = Field(
        default=True, description="cannot be honoured: how predictions are put together"
    )
    eval_use_gather_object: bool = Field(
        default=False, description="taken for transformers' sake: evaluation gathers numbers alone"
    )
    eval_accumulation_steps: int | None = Field(
        default=None, description="cannot be honoured: when predictions leave the device"
    )
    include_for_metrics: TextList = Field(
        default=(), description="cannot be honoured: what a metric function is given"
    )
    batch_eval_metrics: bool = Field(
        default=False, description="cannot be honoured: metrics batch by batch"
    )
    save_only_model: bool = Field(
        default=False,
        description="checkpoints without the optimiser: smaller, but no run can go on from them",
    )
    save_strategy: Literal["no", "steps", "epoch", "best"] = Field(
        default="steps", description="when to save: by steps, by epochs, at a new best, or never"
    )
    save_steps: float = Field(
        default=500, description="steps between checkpoints; below 1, their share of the run"
    )
    save_on_each_node: bool = Field(
        default=False, description="every machine saves, not the first alone"
    )
    save_total_limit: int | None = Field(
        default=None, description="checkpoints kept: the newest, and the best whatever its age"
    )
    enable_jit_checkpoint: bool = Field(
        default=False, description="save when the machine announces that it will be taken away"
    )
    push_to_hub: bool = Field(
        default=False, description="upload checkpoints to the Hugging Face hub"
    )
    hub_token: str | None = Field(
        default=None, description="token for the hub; hidden in resolved.yaml"
    )
    hub_private_repo: bool | None = Field(
        default=None, description="whether the hub repository is private"
    )
    hub_model_id: str | None = Field(default=None, description="name of the hub repository")
    hub_strategy: Literal["end", "every_save", "checkpoint", "all_checkpoints"] = Field(
        default="every_save", description="what is uploaded, and when"
    )
    hub_always_push: bool = Field(
        default=False, description="upload even while an upload is on its way"
    )
    hub_revision: str | None = Field(default=None, description="branch of the hub repository")
    load_best_model_at_end: bool = Field(
        default=False, description="end with the weights of the best checkpoint"
    )
    metric_for_best_model: str | None = Field(
        default=None,
        description="metric that picks the best checkpoint; field_f1 where measured, or loss",
    )
    greater_is_better: bool | None = Field(
        default=None,
        description="whether more of that metric is better; told by its name when absent",
    )
    ignore_data_skip: bool = Field(
        default=False,
        description="cannot be honoured: resume without finding the place in the data",
    )
    restore_callback_states_from_checkpoint: bool = Field(
        default=False, description="a resumed run takes up the state of its callbacks"
    )
    full_determinism: bool = Field(
        default=False, description="the same numbers from every run on a GPU, at the price of speed"
    )
    seed: int = Field(
        default=42, description="of new adapters, dropout, and the order of the records"
    )
    data_seed: int | None = Field(
        default=None, description="of the order of the records alone; seed when absent"
    )
    use_cpu: bool = Field(default=False, description="train on the CPU even where there is a GPU")
    accelerator_config: dict[str, Any] | str | None = Field(
        default=None, description="settings of accelerate's Accelerator"
    )
    remove_unused_columns: bool = Field(default=True, description="must stay false")
    label_names: TextList | None = Field(
        default=None, description="cannot be honoured: which inputs are labels"
    )
    train_sampling_strategy: Literal[
        "random", "sequential", "group_by_length", "batch_rebalance"
    ] = Field(default="random", description="order of the records in an epoch")
    length_column_name: str = Field(
        default="length", description="cannot be honoured: column of lengths"
    )
    ddp_find_unused_parameters: bool | None = Field(
        default=None, description="DDP: look for parameters without a gradient at every step"
    )
    ddp_bucket_cap_mb: int | None = Field(
        default=None, description="DDP: megabytes of gradients exchanged at once"
    )
    ddp_broadcast_buffers: bool | None = Field(
        default=None, description="DDP: copy buffers from the first process at every step"
    )
    ddp_static_graph: bool | None = Field(
        default=None, description="DDP: the same parameters take part in every step"
    )
    ddp_backend: Literal["nccl", "gloo", "mpi", "xccl", "hccl", "cncl", "mccl"] | None = Field(
        default=None,
        description="what carries messages between processes: nccl on GPUs, gloo on CPUs",
    )
    ddp_timeout: int = Field(
        default=1800, description="seconds after which a process that does not answer ends the run"
    )
    fsdp: str | None = Field(default=None, description="sharding by FSDP, as full_shard auto_wrap")
    fsdp_config: dict[str, Any] | str | None = Field(
        default=None, description="settings of FSDP: a mapping, or a JSON file"
    )
    debug: str | TextList = Field(
        default="", description="transformers' own debugging aids, as underflow_overflow"
    )
    skip_memory_metrics: bool = Field(
        default=True, description="leave memory figures out of the metrics"
    )
    do_train: bool = Field(
        default=False, description="taken for transformers' sake: `train` trains"
    )
    do_eval: bool = Field(
        default=False,
        description="taken for transformers' sake: eval_strategy says when to evaluate",
    )
    do_predict: bool = Field(
        default=False, description="taken for transformers' sake: `eval` answers a set of records"
    )
    resume_from_checkpoint: str | None = Field(
        default=None, description="exact resume of a run: latest, or the folder of a checkpoint"
    )
