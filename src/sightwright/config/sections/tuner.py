"""`tuner`: which parameters learn, and through which adapter."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from sightwright.config.section import Fault, Section, TextList

ALL_LINEAR = "all-linear"
MATCHES_NOTHING = "^$"

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


ModuleNames = Annotated[tuple[str, ...], BeforeValidator(_module_names)]

Share = Annotated[float, Field(ge=0, lt=1)]


class Tuner(Section):
    train_type: Literal["lora", "full", "qlora", "adalora", "boft", "fourierft"] = Field(
        default="lora", description="adapter, or full for the weights themselves"
    )
    freeze_llm: bool = Field(default=False, description="the language model does not learn")
    freeze_vit: bool = Field(default=True, description="the vision encoder does not learn")
    freeze_aligner: bool = Field(
        default=True, description="the mergers between vision and language do not learn"
    )
    target_modules: ModuleNames = Field(
        default=(ALL_LINEAR,),
        description="modules that get an adapter; all-linear is every linear layer of the parts "
        "that are not frozen, lm_head excepted",
    )
    target_regex: str | None = Field(
        default=None, description="regular expression over module names, instead of target_modules"
    )
    target_parameters: TextList = Field(
        default=(), description="parameters, rather than modules, that get an adapter (MoE experts)"
    )
    modules_to_save: TextList = Field(
        default=(), description="modules that learn in full and are saved"
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
    init_weights: bool | str = Field(
        default=True, description="how an adapter starts, as PEFT takes it"
    )
    resume_from_checkpoint: str | None = Field(
        default=None, description="checkpoint whose weights start this run (stage 1 into stage 2)"
    )
    adalora_init_r: PositiveInt = Field(default=12, description="AdaLoRA: rank at the start")
    adalora_target_r: PositiveInt = Field(default=8, description="AdaLoRA: mean rank at the end")
    boft_block_size: PositiveInt = Field(default=4, description="BOFT: block size")
    boft_dropout: Share = Field(default=0.0, description="BOFT: multiplicative dropout")
    fourier_n_frequency: PositiveInt = Field(
        default=2000, description="FourierFT: learnt frequencies"
    )
    fourier_scaling: PositiveFloat = Field(
        default=300.0, description="FourierFT: scale of the update"
    )

    @property
    def is_lora(self) -> bool:
        return self.train_type in ("lora", "qlora")

    def faults(self) -> Iterator[Fault]:
        yield from self._target_faults()
        yield from self._parameter_faults()
        if self.use_swift_lora:
            yield Fault("use_swift_lora", "ms-swift's adapter class is not here", "delete it")
        if self.train_type == "full" and self.use_dora:
            yield Fault("use_dora", "DoRA is an adapter, train_type is full", "train_type: lora")

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
