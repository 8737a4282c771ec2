"""Evaluation during training: answer held-out records as a server would, and mark the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from torch import nn

from sightwright.chat import ChatTokenizer
from sightwright.config.schema import Config
from sightwright.data.conversations import asked_with
from sightwright.data.encode import Arrange, conversation
from sightwright.data.training_sets import HeldOut
from sightwright.evaluate import inspection
from sightwright.evaluate.run import evaluate
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.model.shards import lies_in_shards
from sightwright.record_formats import Record
from sightwright.records import ChatRecord, Message
from sightwright.tasks.extract import ExtractTask
from sightwright.tasks.inspection import InspectionTask
from sightwright.train.processes import of_the_first
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from sightwright.train.sft_parts import MarkAnswers


@dataclass
class Examiner:
    """The model as it stands, asked as an engine.

    Attributes:
        batch_size: records answered together.
        max_tokens: of an answer.
    """

    tokenizer: ChatTokenizer
    spec: VisionSpec
    batch_size: int
    max_tokens: int
    _engine: TransformersEngine | None = field(default=None, init=False)

    def engine(self, model: nn.Module) -> TransformersEngine:
        # Kept from one evaluation to the next: its grammar tables take seconds to build for a real
        # vocabulary.
        if self._engine is None or self._engine.model is not model:
            agree = of_the_first if lies_in_shards(model) else None
            self._engine = TransformersEngine(model, self.tokenizer, self.spec, agree=agree)
        return self._engine


@dataclass(frozen=True)
class MarkExtraction:
    """Greedy answers under the schema's grammar → field F1, exact documents, ANLS*, loops.

    Attributes:
        records: those answered at each evaluation.
        root: the folder their image paths start from.
    """

    examiner: Examiner
    task: ExtractTask
    records: Sequence[ChatRecord]
    root: Path
    constrained: bool = True

    def __call__(self, model: nn.Module) -> dict[str, float]:
        found = evaluate(
            self.examiner.engine(model),
            self.records,
            self.task,
            root=self.root,
            batch_size=self.examiner.batch_size,
            max_tokens=self.examiner.max_tokens,
            constrained=self.constrained,
            bootstrap_samples=0,
        )
        scores = found.scores
        return {
            "field_f1": scores.micro.f1,
            "document_exact": scores.document_exact,
            "json_valid": scores.json_valid,
            "anls": scores.anls,
            "loop_rate": found.loop_rate,
        }


@dataclass(frozen=True)
class MarkInspection:
    """Greedy answers about photographs → the scores of their task
    (`config.sections.training.GENERATED_METRICS`).

    Attributes:
        arrange: how the records are learnt; they are asked the same question.
    """

    examiner: Examiner
    task: InspectionTask
    records: Sequence[Record]
    root: Path
    arrange: Arrange

    def __call__(self, model: nn.Module) -> dict[str, float]:
        found = inspection.evaluate(
            self.examiner.engine(model),
            self.records,
            self.task,
            root=self.root,
            batch_size=self.examiner.batch_size,
            max_tokens=self.examiner.max_tokens,
            bootstrap_samples=0,
            prompt_of=self._question,
        )
        return found.metrics()

    def _question(self, record: Record) -> tuple[Message, ...]:
        return self.arrange(record)[:-1]


@dataclass(frozen=True)
class MarkSets:
    """The held-out sets, each marked by its own task.

    `bbu_object_f1` is that of the set bbu; `object_f1` is the mean over the sets that have it,
    which are equals however many records they hold. A set without a name ("") has the mean alone.
    """

    marks: Mapping[str, MarkAnswers]

    def __call__(self, model: nn.Module) -> dict[str, float]:
        found = {name: mark(model) for name, mark in self.marks.items()}
        keys = dict.fromkeys(key for scores in found.values() for key in scores)
        means = {
            key: fmean(scores[key] for scores in found.values() if key in scores) for key in keys
        }
        named = {name: scores for name, scores in found.items() if name}
        own = {f"{name}_{key}": v for name, scores in named.items() for key, v in scores.items()}
        return {**means, **own}


def mark_answers_of(
    held: HeldOut, config: Config, tokenizer: ChatTokenizer, spec: VisionSpec
) -> MarkAnswers | None:
    """How one held-out set is marked; None for free text, which has a loss alone."""
    task, limit = held.task, config.eval.max_records
    if task is None:
        return None
    count = len(held.records) if limit is None else min(limit, len(held.records))
    records = [held.records.record(index) for index in range(count)]
    examiner = Examiner(tokenizer, spec, config.eval.batch_size, config.task.max_output_tokens)
    if not isinstance(task, ExtractTask):
        arrange = held.records.encoder.arrange
        return MarkInspection(examiner, task, records, held.records.root, arrange)
    asked = [asked_with(config.task.prompt, conversation(record)) for record in records]
    return MarkExtraction(examiner, task, asked, held.records.root, config.eval.constrained)
