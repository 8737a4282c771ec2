"""`rlhf`: distillation from a frozen teacher (GKD) and rewards (GRPO)."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from sightwright.config.section import Fault, NumberList, Section, TextList

Probability = Annotated[float, Field(ge=0, le=1)]


class Rlhf(Section):
    rlhf_type: Literal["gkd", "grpo"] | None = Field(
        default=None, description="gkd: anchor to a teacher; grpo: learn from rewards"
    )

    # Distillation
    teacher_model: str | None = Field(
        default=None, description="GKD: frozen model to stay close to"
    )
    beta: float | None = Field(
        default=None,
        ge=0,
        description="GKD: place of the mixture in the JSD; GRPO: weight of the KL",
    )
    sft_alpha: NonNegativeFloat = Field(default=0.0, description="GKD: weight of the cross entropy")
    seq_kd: bool = Field(default=False, description="GKD: learn from the teacher's own answers")
    lmbda: Probability = Field(default=0.5, description="GKD: share of batches the student answers")
    llm_kd_weight: NonNegativeFloat = Field(
        default=1.0, description="GKD: weight of the JSD at the language head; 0 leaves it out"
    )

    # Sampling, of both
    max_completion_length: PositiveInt = Field(default=512, description="longest sampled answer")
    temperature: PositiveFloat = Field(default=0.9, description="of the sampling")
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="share of the probability sampled from"
    )
    top_k: int | None = Field(default=None, description="number of tokens sampled from")
    repetition_penalty: PositiveFloat = Field(
        default=1.0, description="above 1 discourages repeats"
    )

    # Rewards
    reward_funcs: TextList = Field(default=(), description="GRPO: names of the rewards")
    reward_weights: NumberList | None = Field(default=None, description="GRPO: one weight a reward")
    num_generations: int = Field(
        default=8, ge=2, description="GRPO: answers compared for one prompt"
    )
    generation_batch_size: PositiveInt | None = Field(
        default=None, description="GRPO: answers sampled at once, over all devices"
    )
    steps_per_generation: PositiveInt | None = Field(
        default=None, description="GRPO: micro-batches that one sampling feeds"
    )
    num_iterations: PositiveInt = Field(default=1, description="GRPO: passes over the same answers")
    epsilon: PositiveFloat = Field(default=0.2, description="GRPO: clip of the ratio")
    epsilon_high: PositiveFloat | None = Field(
        default=None, description="GRPO: upper clip, if another"
    )
    loss_type: Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo"] = Field(
        default="grpo", description="GRPO: how token losses are averaged"
    )
    advantage_estimator: Literal["grpo", "rloo", "reinforce_plus_plus"] = Field(
        default="grpo", description="GRPO: what a reward is compared with"
    )
    scale_rewards: Literal["group", "batch", "none"] | bool = Field(
        default="group", description="GRPO: over what the advantage is scaled"
    )
    kl_in_reward: bool = Field(default=False, description="GRPO: the KL counts in the reward")
    dynamic_sample: bool = Field(
        default=False, description="GRPO: sample again when all rewards agree"
    )
    max_resample_times: NonNegativeInt = Field(default=3, description="GRPO: how often, at most")
    overlong_filter: bool = Field(default=False, description="GRPO: cut answers count for nothing")
    log_completions: bool = Field(
        default=False, description="GRPO: write sampled answers to the log"
    )
    ref_model: str | None = Field(default=None, description="GRPO: reference model; not with LoRA")
    ref_adapters: TextList = Field(default=(), description="GRPO: adapters of the reference")

    # Sampling through vLLM
    use_vllm: bool = Field(default=False, description="sample through vLLM")
    vllm_mode: Literal["colocate", "server"] = Field(
        default="colocate", description="where vLLM runs"
    )
    vllm_gpu_memory_utilization: float = Field(
        default=0.9, gt=0, le=1, description="share of the GPU memory vLLM takes"
    )
    vllm_enable_prefix_caching: bool = Field(
        default=True, description="share the prefix of prompts"
    )
    vllm_enable_lora: bool = Field(default=False, description="vLLM holds the adapter apart")
    vllm_max_model_len: PositiveInt | None = Field(
        default=None, description="vLLM's longest sequence"
    )
    vllm_tensor_parallel_size: PositiveInt = Field(
        default=1, description="GPUs one copy is spread over"
    )
    vllm_server_host: str | None = Field(default=None, description="address of a vLLM server")
    vllm_server_port: PositiveInt = Field(default=8000, description="port of a vLLM server")

    # CHORD: cross entropy on expert answers beside the rewards
    chord_sft_per_device_train_batch_size: PositiveInt | None = Field(
        default=None, description="CHORD: expert records a step"
    )
    chord_mu_warmup_steps: NonNegativeInt | None = Field(
        default=None, description="CHORD: steps in which mu rises to its peak"
    )
    chord_mu_decay_steps: NonNegativeInt | None = Field(
        default=None, description="CHORD: steps in which mu falls to its valley"
    )
    chord_mu_peak: Probability | None = Field(default=None, description="CHORD: largest mu")
    chord_mu_valley: Probability | None = Field(default=None, description="CHORD: smallest mu")
    chord_enable_phi_function: bool = Field(
        default=False, description="CHORD: weigh tokens by how unsure the model is"
    )

    def faults(self) -> Iterator[Fault]:
        yield from self._generation_faults()
        yield from self._weight_faults()
        if self.rlhf_type == "gkd":
            yield from self._distillation_faults()

    def _generation_faults(self) -> Iterator[Fault]:
        size = self.generation_batch_size
        if size is not None and size % self.num_generations:
            yield Fault(
                "num_generations",
                f"{self.num_generations} does not divide generation_batch_size {size}",
                "every prompt is answered num_generations times within one sampling",
            )

    def _weight_faults(self) -> Iterator[Fault]:
        if self.reward_weights is None:
            return
        weights, funcs = len(self.reward_weights), len(self.reward_funcs)
        if not funcs:
            yield Fault("reward_weights", "given without reward_funcs", "name the rewards")
        elif weights != funcs:
            text = f"{weights} weights for {funcs} reward_funcs"
            yield Fault("reward_weights", text, "one weight a reward, in the same order")

    def _distillation_faults(self) -> Iterator[Fault]:
        if self.teacher_model is None and self.llm_kd_weight > 0:
            yield Fault(
                "teacher_model",
                "is required: rlhf_type is gkd and llm_kd_weight is above 0",
                "the base model itself is the usual teacher",
            )
        if self.beta is not None and self.beta > 1:
            text = f"{self.beta} is no place between teacher and student: at most 1 with gkd"
            yield Fault("beta", text, "0.5 weighs both alike")
