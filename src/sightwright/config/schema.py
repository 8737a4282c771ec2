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
        yield from self._quantization_faults()
        yield from self._metric_faults()
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

    def _quantization_faults(self) -> Iterator[Fault]:
        kind, bits = self.tuner.train_type, self.quantization.quant_bits
        method = self.quantization.quant_method
        if kind == "full" and bits is not None:
            yield Fault(
                "quantization.quant_bits",
                f"{bits}-bit weights cannot learn: train_type is full",
                "train_type: qlora",
            )
        if kind == "qlora" and bits == 8:
            yield Fault("quantization.quant_bits", "is 8, but qlora means 4 bits", "quant_bits: 4")
        if kind == "qlora" and method not in (None, "bnb"):
            text = f"is {method}, but qlora quantises with bnb while loading"
            yield Fault("quantization.quant_method", text, "quant_method: bnb")

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
