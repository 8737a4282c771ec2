"""`custom`: the records, and how inspection data is augmented, rendered and watched."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, PositiveFloat

from sightwright.config.metric_names import is_reserved
from sightwright.config.section import Fault, Section, TextList
from sightwright.config.sections.augmentation import (
    Augmentation,
    Curriculum,
    curriculum_faults,
)
from sightwright.config.sections.augmentation_params import Probability
from sightwright.config.sections.pairing import LegacyPairing

_PREFIX = "as <DOMAIN={domain}>, <TASK={task}>"


class FeatureTerm(Section):
    """One place in the vision tower where the student is held to the teacher."""

    enabled: bool = Field(default=False, description="whether the term counts")
    weight: PositiveFloat = Field(default=0.1, description="weight of the term")
    distance: Literal["mse", "cosine"] = Field(
        default="mse", description="how features are compared"
    )


class VisualKd(Section):
    enabled: bool = Field(default=False, description="hold vision features to the teacher's")
    vit: FeatureTerm = Field(default_factory=FeatureTerm, description="before the merger")
    aligner: FeatureTerm = Field(default_factory=FeatureTerm, description="after the merger")
    deepstack: FeatureTerm = Field(
        default_factory=FeatureTerm, description="after the deepstack mergers"
    )

    def faults(self) -> Iterator[Fault]:
        terms = (self.vit, self.aligner, self.deepstack)
        if self.enabled and not any(term.enabled for term in terms):
            hint = "enable one of them, or none at all"
            yield Fault("enabled", "is true, but vit, aligner and deepstack are all off", hint)


class TokenTypeMetrics(Section):
    enabled: bool = Field(
        default=False, description="accuracy of text, coordinates and format apart"
    )
    include: TextList = Field(
        default=("target", "lvis"),
        description="data sets counted, by name; target and source mean all of them",
    )
    exclude: TextList = Field(
        default=("coig_lang_chat",), description="data sets left out, whatever include says"
    )


class Custom(Section):
    train_jsonl: str | None = Field(default=None, description="the training records")
    val_jsonl: str | None = Field(default=None, description="the held-out records")
    fusion_config: str | None = Field(
        default=None, description="mixture of datasets, in place of train_jsonl and val_jsonl"
    )
    dataset_name: str | None = Field(default=None, description="name of the records in metrics")
    # 0 and below mean all of them, as in the original.
    sample_limit: int | None = Field(default=None, description="first records of either file")
    train_sample_limit: int | None = Field(default=None, description="first training records")
    val_sample_limit: int | None = Field(default=None, description="first held-out records")

    emit_norm: Literal["norm1000", "norm100", "none"] = Field(
        default="norm1000", description="grid of the coordinates in the text"
    )
    json_format: Literal["standard"] = Field(
        default="standard", description="layout of a dense answer"
    )
    user_prompt: str | None = Field(
        default=None, description="user turn, or a .txt file that holds it"
    )
    use_summary: bool = Field(
        default=False, description="learn the summary rather than the objects"
    )
    assistant_prefix_format: str | None = Field(
        default=None, description="first line of an answer, with {domain} and {task} in it"
    )
    object_ordering_policy: Literal["reference_point", "center"] = Field(
        default="reference_point", description="by which point objects are sorted"
    )

    augmentation: Augmentation | None = Field(
        default=None, description="changes of training images"
    )
    bypass_prob: Probability | None = Field(
        default=None, description="share of samples left as they are; over augmentation.bypass_prob"
    )
    augmentation_curriculum: Curriculum | None = Field(
        default=None, description="strengths that grow over the run"
    )

    trainer_variant: Literal["gkd_monitor"] | None = Field(
        default=None, description="log the terms of the distillation apart"
    )
    visual_kd: VisualKd | None = Field(default=None, description="feature distillation")
    token_type_metrics: TokenTypeMetrics | None = Field(
        default=None, description="accuracy by kind of token"
    )
    dump_conversation_text: bool = Field(
        default=False, description="write the first sample as text"
    )
    dump_conversation_path: str | None = Field(default=None, description="where to write it")
    legacy_pairing: LegacyPairing | None = Field(
        default=None, description="several images to a turn, as the documents of 2025-10 had it"
    )
    extra: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="keys of your own, kept and not read"
    )

    @property
    def augments(self) -> bool:
        return self.augmentation is not None and self.augmentation.enabled

    @property
    def effective_augmentation(self) -> Augmentation | None:
        """What training images go through, with the overriding keys of this section in place;
        None where nothing is changed."""
        if self.augmentation is None or not self.augmentation.enabled:
            return None
        over = {"bypass_prob": self.bypass_prob, "curriculum": self.augmentation_curriculum}
        given = {key: value for key, value in over.items() if value is not None}
        return self.augmentation.model_copy(update=given)

    @property
    def distils_vision(self) -> bool:
        return self.visual_kd is not None and self.visual_kd.enabled

    def limit(self, split: Literal["train", "val"]) -> int | None:
        """How many records of a split are read, from the first on; None for all."""
        own = self.train_sample_limit if split == "train" else self.val_sample_limit
        count = self.sample_limit if own is None else own
        return count if count is not None and count > 0 else None

    def faults(self) -> Iterator[Fault]:
        if self.augmentation_curriculum is not None:
            ops = () if self.augmentation is None else self.augmentation.ops
            yield from curriculum_faults(
                self.augmentation_curriculum, ops, "augmentation_curriculum"
            )
        if self.dataset_name is not None and is_reserved(self.dataset_name):
            text = f"{self.dataset_name!r} would make keys of the log that mean something else"
            yield Fault("dataset_name", text, "another name, as bbu")
        prefix = self.assistant_prefix_format
        if prefix is None:
            return
        if len(prefix.strip("\n").splitlines()) != 1 or not prefix.strip():
            yield Fault("assistant_prefix_format", "must be one line of text", _PREFIX)
        missing = [part for part in ("{domain}", "{task}") if prefix.count(part) != 1]
        if missing:
            text = f"does not hold {' and '.join(missing)} once"
            yield Fault("assistant_prefix_format", text, _PREFIX)
