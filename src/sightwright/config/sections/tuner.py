"""`tuner`: which parameters learn, and through which adapter."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from sightwright.config.section import Fault, Section, TextList

ALL_LINEAR = "all-linear"
ALL_EMBEDDING = "all-embedding"
MATCHES_NOTHING = "^$"

REWRITES_BASE = ("pissa", "olora")
"""Starts that take their update out of the base weights: the adapter fits what is left of them."""

_FROM_WEIGHTS = (*REWRITES_BASE, "mica")
_STARTS = ("gaussian", "orthogonal", *_FROM_WEIGHTS)
_FROM_DATA = ("eva", "corda", "lora_ga", "lora-ga")

_NAME = re.compile(r"[\w.\-]+")


def _module_names(value: object) -> object:
    """`["q_proj; k_proj", "o_proj"]`, or one text of it, as three names."""
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list):
        return value
    names: list[object] = []
    for entry in cast("list[object]", entries):
        parts = entry.split(";") if isinstance(entry, str) else [entry]
        names += [part.strip() if isinstance(part, str) else part for part in parts]
    return tuple(name for name in names if name != "")


def _boolean(value: object) -> object:
    """ms-swift writes the two as texts."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


ModuleNames = Annotated[tuple[str, ...], BeforeValidator(_module_names)]

Share = Annotated[float, Field(ge=0, lt=1)]
Memory = Annotated[float, Field(gt=0, lt=1)]


class Tuner(Section):
    train_type: Literal["lora", "full", "qlora", "adalora", "boft", "fourierft", "vera"] = Field(
        default="lora",
        description="adapter, or full for the weights themselves; qlora is lora with "
        "quantization.quant_bits: 4, and either spelling will do",
    )
    freeze_llm: bool = Field(default=False, description="the language model does not learn")
    freeze_vit: bool = Field(default=True, description="the vision encoder does not learn")
    freeze_aligner: bool = Field(
        default=True, description="the mergers between vision and language do not learn"
    )
    target_modules: ModuleNames = Field(
        default=(ALL_LINEAR,),
        description="modules that get an adapter; all-linear is every linear layer of the parts "
        "that are not frozen, lm_head excepted (experts of a MoE are parameters: see "
        "target_parameters); all-embedding is the embedding, without a head tied to it",
    )
    target_regex: str | None = Field(
        default=None, description="regular expression over module names, instead of target_modules"
    )
    target_parameters: TextList = Field(
        default=(), description="parameters, rather than modules, that get an adapter (MoE experts)"
    )
    modules_to_save: TextList = Field(
        default=(),
        description="modules that learn in full beside the adapter and are saved with it, frozen "
        "part or not; vit, aligner and llm stand for those of a whole part",
    )
    lora_rank: PositiveInt = Field(default=16, description="rank r of an adapter")
    lora_alpha: PositiveFloat = Field(
        default=32, description="an adapter's output counts alpha / r"
    )
    lora_dropout: Share = Field(default=0.05, description="dropout before an adapter")
    lora_bias: Literal["none", "all", "lora_only"] = Field(
        default="none", description="biases that learn"
    )
    lora_dtype: Literal["float32", "bfloat16", "float16"] | None = Field(
        default=None, description="number format of the adapter"
    )
    use_rslora: bool = Field(default=False, description="scale by alpha / sqrt(r)")
    use_dora: bool = Field(default=False, description="learn magnitude and direction apart")
    use_swift_lora: bool = Field(
        default=False, description="ms-swift's own adapter class; only false"
    )
    lorap_lr_ratio: PositiveFloat | None = Field(
        default=None, description="LoRA+: learning rate of B over that of A"
    )
    init_weights: Annotated[bool | str, BeforeValidator(_boolean)] = Field(
        default=True,
        description="how an adapter starts: true as the base model, false at random; for LoRA also "
        "gaussian, orthogonal, pissa, olora, mica",
    )
    resume_from_checkpoint: str | None = Field(
        default=None,
        description="checkpoint, or finished run, whose weights start this run (stage 1 into "
        "stage 2)",
    )
    adalora_init_r: PositiveInt = Field(default=12, description="AdaLoRA: rank at the start")
    adalora_target_r: PositiveInt = Field(default=8, description="AdaLoRA: mean rank at the end")
    adalora_tinit: NonNegativeInt = Field(
        default=0, description="AdaLoRA: steps before ranks are cut"
    )
    adalora_tfinal: NonNegativeInt = Field(
        default=0, description="AdaLoRA: steps at the end with the ranks as they are"
    )
    adalora_deltaT: PositiveInt = Field(
        default=1, description="AdaLoRA: steps from one cut to the next"
    )
    adalora_beta1: Memory = Field(default=0.85, description="AdaLoRA: memory of the sensitivity")
    adalora_beta2: Memory = Field(default=0.85, description="AdaLoRA: memory of its uncertainty")
    adalora_orth_reg_weight: NonNegativeFloat = Field(
        default=0.5,
        description="AdaLoRA: weight of the penalty that keeps factors orthogonal",
    )
    boft_block_size: NonNegativeInt = Field(
        default=4, description="BOFT: block size; 0 where boft_block_num is given"
    )
    boft_block_num: NonNegativeInt = Field(
        default=0, description="BOFT: blocks a layer, in place of boft_block_size"
    )
    boft_n_butterfly_factor: PositiveInt = Field(
        default=1, description="BOFT: butterfly factors; only 1"
    )
    boft_dropout: Share = Field(default=0.0, description="BOFT: multiplicative dropout")
    fourier_n_frequency: PositiveInt = Field(
        default=2000, description="FourierFT: learnt frequencies"
    )
    fourier_scaling: PositiveFloat = Field(
        default=300.0, description="FourierFT: scale of the update"
    )
    vera_rank: PositiveInt = Field(
        default=256, description="VeRA: rank of the two random matrices that all modules share"
    )
    vera_projection_prng_key: NonNegativeInt = Field(
        default=0, description="VeRA: seed of the shared matrices"
    )
    vera_dropout: Share = Field(default=0.0, description="VeRA: dropout before an adapter")
    vera_d_initial: float = Field(
        default=0.1, description="VeRA: start of the vector between the shared matrices"
    )

    @property
    def is_lora(self) -> bool:
        return self.train_type in ("lora", "qlora")

    @property
    def rewrites_base(self) -> bool:
        """Whether the adapter is an update of other weights than the base model's."""
        return self.is_lora and self.init_weights in REWRITES_BASE

    @property
    def starts_from_weights(self) -> bool:
        """Whether the start is computed from the base model's weights."""
        return self.is_lora and self.init_weights in _FROM_WEIGHTS

    def faults(self) -> Iterator[Fault]:
        yield from self._target_faults()
        yield from self._parameter_faults()
        yield from self._lora_faults()
        yield from self._start_faults()
        yield from self._adalora_faults()
        yield from self._boft_faults()

    def _lora_faults(self) -> Iterator[Fault]:
        if self.use_swift_lora:
            yield Fault("use_swift_lora", "ms-swift's adapter class is not here", "delete it")
        if self.is_lora:
            return
        settings = {
            "use_dora": ("DoRA is a kind of LoRA", self.use_dora),
            "use_rslora": ("scales LoRA", self.use_rslora),
            "target_parameters": ("are adapted by LoRA alone", bool(self.target_parameters)),
        }
        for key, (what, is_on) in settings.items():
            if is_on:
                yield Fault(key, f"{what}, train_type is {self.train_type}", "train_type: lora")

    def _start_faults(self) -> Iterator[Fault]:
        start, key = self.init_weights, "init_weights"
        if isinstance(start, bool):
            return
        if not self.is_lora:
            text = f"{start} is a start of LoRA, train_type is {self.train_type}"
            yield Fault(key, text, "true or false")
        elif start in _FROM_DATA:
            text = f"{start} is computed from training data before step 1, which is not done here"
            yield Fault(key, text, "pissa, olora, mica and orthogonal need no data")
        elif start.startswith("pissa_niter_"):
            text = f"{start} is drawn anew whenever the adapter is loaded, and would not fit then"
            yield Fault(key, text, "pissa, which is exact")
        elif start == "loftq":
            text = "loftq makes up for the errors of a quantised base, so nothing could be merged"
            yield Fault(key, text, "true")
        elif start not in _STARTS:
            yield Fault(key, f"{start!r} is no start", f"true, false, {', '.join(_STARTS)}")
        elif start == "orthogonal" and self.lora_rank % 2:
            text = f"orthogonal halves the rank, and lora_rank is {self.lora_rank}"
            yield Fault(key, text, f"lora_rank: {self.lora_rank + 1}")

    def _adalora_faults(self) -> Iterator[Fault]:
        if self.train_type == "adalora" and self.adalora_target_r >= self.adalora_init_r:
            text = f"{self.adalora_target_r} is not below adalora_init_r {self.adalora_init_r}"
            yield Fault("adalora_target_r", f"{text}: no rank would be cut", "a smaller one")

    def _boft_faults(self) -> Iterator[Fault]:
        if bool(self.boft_block_size) == bool(self.boft_block_num):
            text = "one of boft_block_size and boft_block_num follows from the other"
            yield Fault("boft_block_num", text, "give one, and 0 for the other")
        if self.boft_n_butterfly_factor > 1:
            text = "PEFT computes more than one factor with a CUDA extension of its own alone"
            yield Fault("boft_n_butterfly_factor", text, "1")

    def _target_faults(self) -> Iterator[Fault]:
        frozen = self.freeze_llm and self.freeze_vit and self.freeze_aligner
        if self.target_regex is not None:
            yield from self._regex_faults(self.target_regex)
        elif frozen and not self.modules_to_save and self._names_by_part:
            yield Fault(
                "freeze_llm",
                "every part is frozen, so nothing would learn",
                "set one freeze_* to false, or list modules_to_save",
            )
        for name in self.target_modules:
            if not _NAME.fullmatch(name):
                yield Fault(
                    "target_modules", f"{name!r} is no module name", "a pattern: target_regex"
                )

    @property
    def _names_by_part(self) -> bool:
        return self.train_type == "full" or ALL_LINEAR in self.target_modules

    def _regex_faults(self, pattern: str) -> Iterator[Fault]:
        try:
            re.compile(pattern)
        except re.error as error:
            hint = "names of modules stand in target_modules"
            yield Fault("target_regex", f"not a regular expression: {error}", hint)
        if pattern == MATCHES_NOTHING and not self.modules_to_save:
            yield Fault(
                "target_regex",
                "matches nothing, and modules_to_save is empty: nothing would learn",
                "list modules_to_save, or delete target_regex",
            )

    def _parameter_faults(self) -> Iterator[Fault]:
        if not self.target_parameters:
            return
        hint = "name modules in target_modules instead; lm_head may be among them"
        if self.use_dora:
            yield Fault("target_parameters", "cannot go with use_dora", hint)
        if self.lora_dropout > 0:
            text = f"cannot go with dropout (lora_dropout is {self.lora_dropout})"
            yield Fault("target_parameters", text, f"lora_dropout: 0.0; or {hint}")
