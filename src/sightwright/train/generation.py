"""Evaluation during training: answer held-out records as a server would, and mark the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from sightwright.chat import ChatTokenizer
from sightwright.evaluate.run import evaluate
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.records import ChatRecord
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import VisionSpec


@dataclass
class MarkExtraction:
    """Greedy answers under the schema's grammar → field F1, exact documents, ANLS*, loops.

    Attributes:
        records: those answered at each evaluation.
        root: the folder their image paths start from.
    """

    tokenizer: ChatTokenizer
    spec: VisionSpec
    task: ExtractTask
    records: Sequence[ChatRecord]
    root: Path
    batch_size: int
    max_tokens: int
    constrained: bool = True
    _engine: TransformersEngine | None = field(default=None, init=False)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        # Kept from one evaluation to the next: its grammar tables take seconds to build for a real
        # vocabulary.
        if self._engine is None or self._engine.model is not model:
            self._engine = TransformersEngine(model, self.tokenizer, self.spec)
        found = evaluate(
            self._engine,
            self.records,
            self.task,
            root=self.root,
            batch_size=self.batch_size,
            max_tokens=self.max_tokens,
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
