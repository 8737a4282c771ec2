"""The whole configuration: every section of the YAML, and the rules between sections."""

from collections.abc import Iterator
from typing import get_args

from pydantic import Field, PositiveInt

from sightwright.config.section import Fault, Section
from sightwright.config.sections.augmentation import CHANGES_OBJECTS, MIRRORS
from sightwright.config.sections.custom import Custom
from sightwright.config.sections.data import Data
from sightwright.config.sections.deepspeed import DeepSpeed
from sightwright.config.sections.evaluation import Evaluation
from sightwright.config.sections.export import Export
from sightwright.config.sections.model import Model
from sightwright.config.sections.prompts import Domain, Prompts
from sightwright.config.sections.quantization import Quantization
from sightwright.config.sections.rlhf import Rlhf
from sightwright.config.sections.serve import Serve
from sightwright.config.sections.task import Task
from sightwright.config.sections.template import Template
from sightwright.config.sections.training import GENERATED_METRICS, Training
from sightwright.config.sections.tuner import Tuner

NO_DATASET = "self.dataset: [], self.cached_dataset: []. Please input the training dataset."
"""ms-swift's words, which the documents tell their readers to look for."""


class Config(Section):
    """A configuration as it was read. Every section is there, with defaults where the file is
    silent; `given` tells the two apart."""

    global_max_length: PositiveInt | None = Field(
        default=None, description="the one length knob: model.max_model_len and template.max_length"
    )
    model: Model = Field(default_factory=Model, description="which weights")
    quantization: Quantization = Field(default_factory=Quantization, description="QLoRA's bits")
    template: Template = Field(default_factory=Template, description="conversation to tokens")
    prompts: Prompts = Field(default_factory=Prompts, description="inspection prompts")
    data: Data = Field(default_factory=Data, description="loader and batches")
    tuner: Tuner = Field(default_factory=Tuner, description="what learns")
    training: Training = Field(default_factory=Training, description="the trainer")
    rlhf: Rlhf = Field(default_factory=Rlhf, description="distillation and rewards")
    deepspeed: DeepSpeed | None = Field(default=None, description="ZeRO sharding")
    custom: Custom = Field(default_factory=Custom, description="records and their handling")
    task: Task = Field(default_factory=Task, description="what is asked")
    eval: Evaluation = Field(default_factory=Evaluation, description="marking")
    export: Export = Field(default_factory=Export, description="merged weights")
    serve: Serve = Field(default_factory=Serve, description="the server")

    @property
    def quantizes_base(self) -> bool:
        return self.quantization.quant_bits is not None

    @property
    def domain(self) -> Domain | None:
        """The equipment family whose words are asked for."""
        if self.prompts.domain is not None:
            return self.prompts.domain
        return next((d for d in get_args(Domain) if d == self.custom.dataset_name), None)

    @property
    def has_training_data(self) -> bool:
        return self.custom.train_jsonl is not None or self.custom.fusion_config is not None

    def faults(self) -> Iterator[Fault]:
        yield from self._dataset_faults()
        yield from self._batching_faults()
        yield from self._quantization_faults()
        yield from self._adalora_faults()
        yield from self._sharding_faults()
        yield from self._metric_faults()
        yield from self._lora_plus_faults()
        yield from self._task_faults()
        yield from self._pairing_faults()
        yield from self._mixture_faults()
        yield from self._prompt_faults()
        yield from self._augmentation_faults()
        if self.rlhf.ref_model is not None and self.tuner.train_type != "full":
            yield Fault(
                "rlhf.ref_model",
                f"must not be set with train_type {self.tuner.train_type}",
                "the reference is the base with the adapter off; or name rlhf.ref_adapters",
            )

    def _dataset_faults(self) -> Iterator[Fault]:
        # An empty list is a mistake of the file; an absent one is a fragment's right.
        said_empty = self.data.dataset == () or self.data.cached_dataset == ()
        if said_empty and not self.data.placeholder and not self.has_training_data:
            yield Fault("data.dataset", NO_DATASET, "name the records: custom.train_jsonl")

    def _batching_faults(self) -> Iterator[Fault]:
        by_length = self.training.train_sampling_strategy == "group_by_length"
        if by_length and self.data.batching.type == "tokens":
            text = "data.batching of type tokens lays a step's samples out by length already"
            yield Fault("training.train_sampling_strategy", text, "random, or another batching")

    def _quantization_faults(self) -> Iterator[Fault]:
        kind, bits = self.tuner.train_type, self.quantization.quant_bits
        method = self.quantization.quant_method
        if bits is not None and not self.tuner.is_lora:
            what = "weights cannot learn" if kind == "full" else "weights learn through LoRA"
            text = f"{bits}-bit {what}: train_type is {kind}"
            yield Fault("quantization.quant_bits", text, "train_type: qlora")
        if bits is not None and self.tuner.starts_from_weights:
            text = f"{self.tuner.init_weights} takes the base weights apart, these have {bits} bits"
            yield Fault("tuner.init_weights", text, "true, gaussian or orthogonal")
        if kind == "qlora" and bits == 8:
            yield Fault("quantization.quant_bits", "is 8, but qlora means 4 bits", "quant_bits: 4")
        if kind == "qlora" and method not in (None, "bnb"):
            text = f"is {method}, but qlora quantises with bnb while loading"
            yield Fault("quantization.quant_method", text, "quant_method: bnb")

    def _lora_plus_faults(self) -> Iterator[Fault]:
        if self.tuner.lorap_lr_ratio is None:
            return
        key = "tuner.lorap_lr_ratio"
        if not self.tuner.is_lora:
            text = f"is of LoRA's two matrices, train_type is {self.tuner.train_type}"
            yield Fault(key, text, "train_type: lora, or leave it out")
        elif self.training.has_own_groups:
            text = f"cannot go with optim {self.training.optim}, which groups weights itself"
            yield Fault(key, text, "training.optim: adamw_torch")

    def _adalora_faults(self) -> Iterator[Fault]:
        by = "deepspeed" if self.deepspeed is not None and self.deepspeed.enabled else None
        by = by or ("training.fsdp" if self.training.fsdp else None)
        if self.tuner.train_type == "adalora" and by is not None:
            text = f"adalora looks at whole weights and gradients, which {by} shards"
            yield Fault("tuner.train_type", text, "run it without, or train_type: lora")

    def _sharding_faults(self) -> Iterator[Fault]:
        stage = None if self.deepspeed is None else self.deepspeed.stage
        if stage is not None and self.training.fsdp:
            yield Fault("training.fsdp", "shards, and so does deepspeed", "keep one of them")
        if self.quantizes_base and (stage == 3 or self.training.fsdp):
            text = "quantised weights are not put in shards by this version"
            hint = "deepspeed.config: zero2, or train_type: lora without quantization"
            yield Fault("quantization.quant_bits", text, hint)

    def _task_faults(self) -> Iterator[Fault]:
        """What says, beside task.type, what is learnt."""
        kind, custom = self.task.type, self.custom
        if custom.use_summary and kind != "summary":
            text = f"asks for summaries, task.type is {kind}"
            yield Fault("custom.use_summary", text, "task.type: summary, or use_summary: false")
        mixes_in_photographs = kind == "chat" and custom.fusion_config is not None
        headed = kind in ("dense", "summary") or mixes_in_photographs
        if custom.assistant_prefix_format is not None and not headed:
            text = f"the answers of task.type {kind} have no header line"
            yield Fault("custom.assistant_prefix_format", text, "leave it out")
        named = self.custom.dataset_name
        if self.domain is not None and named in get_args(Domain) and named != self.domain:
            text = f"is {self.domain}, and custom.dataset_name is {named}"
            yield Fault("prompts.domain", text, "name one domain, or rename the data set")

    def _pairing_faults(self) -> Iterator[Fault]:
        if self.custom.legacy_pairing is None:
            return
        if self.task.type not in ("dense", "summary"):
            yield Fault(
                "custom.legacy_pairing",
                f"groups inspection records, task.type is {self.task.type}",
                "task.type: dense",
            )
        if self.custom.assistant_prefix_format is not None:
            yield Fault(
                "custom.assistant_prefix_format",
                "asks for a header line, which the answers of legacy_pairing's groups do not have",
                "leave one of the two out",
            )
        if self.task.type == "summary" and self.custom.legacy_pairing.summary_ratio < 1:
            yield Fault(
                "custom.legacy_pairing.summary_ratio",
                "is below 1, and task.type is summary: some groups would learn their objects",
                "summary_ratio: 1, or task.type: dense",
            )
        if self.custom.fusion_config is not None:
            yield Fault(
                "custom.legacy_pairing",
                "groups the records of one file, not those of a mixture",
                "name one file in custom.train_jsonl, or leave legacy_pairing out",
            )

    def _mixture_faults(self) -> Iterator[Fault]:
        kind = self.task.type
        if self.custom.fusion_config is not None and kind in ("extract", "verdict"):
            text = f"mixes photographs and conversations, task.type is {kind}"
            yield Fault("custom.fusion_config", text, "task.type: dense, summary or chat")

    def _prompt_faults(self) -> Iterator[Fault]:
        """One question has one text."""
        given = {
            "task.prompt": self.task.prompt,
            "prompts.user": self.prompts.user,
            "custom.user_prompt": self.custom.user_prompt,
        }
        written = {key: text for key, text in given.items() if text is not None}
        if len(set(written.values())) > 1:
            keys = list(written)
            yield Fault(keys[-1], f"another text than {keys[0]}", "write the question once")
        systems = (self.template.system, self.prompts.system)
        if None not in systems and len(set(systems)) > 1:
            yield Fault("prompts.system", "another text than template.system", "write it once")
        if self.task.type == "verdict" and not written and any(systems):
            key = "template.system" if self.template.system else "prompts.system"
            text = "groups are asked in their records' own turns, system turn included"
            yield Fault(key, text, "give task.prompt too, to ask in other words")

    def _augmentation_faults(self) -> Iterator[Fault]:
        settings = self.custom.effective_augmentation
        if settings is None:
            return
        key = "custom.augmentation.ops"
        changing = ", ".join(settings.named(CHANGES_OBJECTS))
        if self.task.type == "extract":
            if mirroring := ", ".join(settings.named(MIRRORS)):
                yield Fault(key, f"{mirroring} mirrors the text of a page", "use scan_skew, rotate")
            if changing:
                text = f"{changing} cuts off or covers what the answer holds"
                yield Fault(key, text, "use scan_skew, perspective, resize_by_scale")
        pairing = self.custom.legacy_pairing
        summaries = self.task.type == "summary" or (pairing and pairing.summary_ratio > 0)
        # A mixture leaves such operations out for its summary records, and says so in its plan.
        if changing and summaries and self.custom.fusion_config is None:
            text = f"{changing} drops or adds objects, and the summary tells of all"
            yield Fault(key, text, "take it out; rotate, scale and colour leave the objects")

    def _metric_faults(self) -> Iterator[Fault]:
        metric = self.training.best_metric
        marks = [task for task, names in GENERATED_METRICS.items() if metric in names]
        if not marks:
            return
        key = "training.metric_for_best_model"
        if not self.eval.generate:
            text = f"{metric} exists only when evaluation answers the records"
            yield Fault(key, text, "eval.generate: true, or metric_for_best_model: loss")
        # A mixture may have targets of another task beside those of the run's.
        is_other = self.task.type not in marks and self.custom.fusion_config is None
        if is_other and self.given("task"):
            does = "extraction" if marks == ["extract"] else f"task.type {' or '.join(marks)}"
            text = f"{metric} marks {does}, task.type is {self.task.type}"
            own = next(iter(GENERATED_METRICS[self.task.type]), "loss")
            yield Fault(key, text, f"metric_for_best_model: {own}")
