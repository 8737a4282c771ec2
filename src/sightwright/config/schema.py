"""The whole configuration: every section of the YAML, and the rules between sections."""

from collections.abc import Iterator

from pydantic import Field, PositiveInt

from sightwright.config.section import Fault, Section
from sightwright.config.sections.custom import Custom
from sightwright.config.sections.data import Data
from sightwright.config.sections.deepspeed import DeepSpeed
from sightwright.config.sections.evaluation import Evaluation
from sightwright.config.sections.export import Export
from sightwright.config.sections.model import Model
from sightwright.config.sections.prompts import Prompts
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
    def has_training_data(self) -> bool:
        return self.custom.train_jsonl is not None or self.custom.fusion_config is not None

    def faults(self) -> Iterator[Fault]:
        yield from self._dataset_faults()
        yield from self._quantization_faults()
        yield from self._metric_faults()
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

    def _metric_faults(self) -> Iterator[Fault]:
        metric = self.training.best_metric
        if metric in GENERATED_METRICS and not self.eval.generate:
            yield Fault(
                "training.metric_for_best_model",
                f"{metric} exists only when evaluation answers the records",
                "eval.generate: true, or metric_for_best_model: loss",
            )
        if metric == "field_f1" and self.task.type != "extract" and self.given("task"):
            text = f"field_f1 marks extraction, task.type is {self.task.type}"
            yield Fault("training.metric_for_best_model", text, "metric_for_best_model: loss")
