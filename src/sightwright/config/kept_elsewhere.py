"""Fields of transformers.TrainingArguments whose home in our YAML is not `training`."""

KEPT_ELSEWHERE: dict[str, str] = {
    "gradient_checkpointing": "older name of activation_checkpointing",
    "gradient_checkpointing_kwargs": "older name of activation_checkpointing_kwargs",
    "dataloader_drop_last": "data",
    "dataloader_in_order": "data",
    "dataloader_multiprocessing_context": "data",
    "dataloader_num_workers": "data",
    "dataloader_persistent_workers": "data",
    "dataloader_pin_memory": "data",
    "dataloader_prefetch_factor": "data",
    "deepspeed": "the section deepspeed: {enabled: true, config: zero2}",
    "local_rank": "nowhere: torchrun sets it",
    "parallelism_config": "nowhere: a Python object, which YAML cannot hold",
}
"""Field → where it is said instead."""
