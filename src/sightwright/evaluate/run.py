"""Ask an engine every record of a set, and mark each answer by the task."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.evaluate.answers import (
    Answer,
    answer_in_batches,
    check_images,
    mark_answers,
    read_named,
)
from sightwright.infer.confidence import field_confidences
from sightwright.infer.engine import Engine, FinishReason
from sightwright.metrics.fields import DocumentMark, FieldScores, summarise
from sightwright.metrics.loops import Loop, find_loop
from sightwright.record_formats import read_record
from sightwright.records import ChatRecord
from sightwright.schema import DocumentSchema
from sightwright.tasks.extract import ExtractTask


@dataclass(frozen=True)
class DocumentResult:
    """One document: what was wanted, what came, how it scored.

    Attributes:
        text: the answer as generated.
        answer: the same as a document; None when it is not one, or was cut.
        error: why it is not one.
        loop: why it counts as a loop; None when it is none.
        confidences: place of each value in the answer (`lines[0].price`) → how sure the model was,
            0 to 1; empty when the engine does not tell.
        seconds: its share of its batch's generation.
    """

    id: str
    gold: dict[str, Any]
    text: str
    answer: dict[str, Any] | None
    error: str | None
    mark: DocumentMark
    loop: Loop | None
    confidences: dict[str, float]
    finish_reason: FinishReason
    completion_tokens: int
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        schema: what the documents were marked by.
        documents: in the order of the records.
        batch_seconds: how long the engine took for each batch.
        seconds: wall time of the whole, opening of images included.
    """

    schema: DocumentSchema
    documents: tuple[DocumentResult, ...]
    scores: FieldScores
    batch_seconds: tuple[float, ...]
    seconds: float

    @property
    def loop_rate(self) -> float:
        """The share of the answers that count as loops."""
        return sum(document.loop is not None for document in self.documents) / len(self.documents)


def read_records(path: Path, max_records: int | None = None) -> list[ChatRecord]:
    """The chat records of a file, or its first `max_records`.

    Raises:
        DataError: a bad line, a record without an id, two with the same, or an empty file.
    """
    return read_named(path, read_record, max_records)


def check_records(
    records: Sequence[ChatRecord], task: ExtractTask, root: Path
) -> list[dict[str, Any]]:
    """The label of each record, once every one has a usable label and its image files.

    Run before a model is loaded: the last record's fault must not cost the answers before it.
    Images on the web are fetched into the cache here.

    Raises:
        DataError: a label that is no document of the task's schema; names the record.
        ImageError: an image file that is not there, or not to be had; names the record.
    """
    golds = [task.gold(record) for record in records]
    check_images(records, root)
    return golds


def evaluate(
    engine: Engine,
    records: Sequence[ChatRecord],
    task: ExtractTask,
    *,
    root: Path,
    batch_size: int = 8,
    max_tokens: int = 512,
    constrained: bool = True,
    bootstrap_samples: int = 1000,
    progress: bool = True,
) -> Evaluation:
    """Answer and mark every record; images of one batch are in memory at a time.

    Args:
        root: the folder that relative image paths start from: the JSONL's own.
        batch_size: requests sent to the engine together.
        max_tokens: output limit; an answer cut by it counts as failed, and is counted.
        constrained: hold the decoder to the schema.
        bootstrap_samples: resamples of the documents for the 95 % intervals; 0 for none.
        progress: show a bar on stderr.

    Raises:
        DataError: no records, one without a usable label, an image that cannot be opened, or a
            prompt that the model cannot hold.
        SchemaError: the decoder cannot honour the schema.
    """
    started = time.perf_counter()
    if not records:
        raise DataError("no records to evaluate")
    golds = check_records(records, task, root)
    if constrained:
        engine.check_schema(task.schema.json_schema)
    batches = answer_in_batches(
        engine, records, task.prompt_of, root=root, batch_size=batch_size, max_tokens=max_tokens,
        json_schema=task.schema.json_schema if constrained else None, progress=progress,
    )  # fmt: skip
    documents, batch_seconds = mark_answers(batches, golds, partial(_result, task))
    scores = summarise([d.mark for d in documents], bootstrap_samples=bootstrap_samples)
    seconds = time.perf_counter() - started
    return Evaluation(task.schema, documents, scores, batch_seconds, seconds)


def _result(task: ExtractTask, gold: dict[str, Any], given: Answer[ChatRecord]) -> DocumentResult:
    completion, cut = given.completion, given.was_cut
    parsed = task.parse(completion.text)
    return DocumentResult(
        id=given.record.id,
        gold=gold,
        text=completion.text,
        answer=None if cut else parsed.value,
        error="cut by the output limit" if cut else parsed.error,
        mark=task.mark(gold, completion.text, cut=cut),
        loop=find_loop(
            completion.text,
            completion.tokens,
            reached_limit=cut,
            label=canonical.dumps(gold),
        ),
        confidences=field_confidences(completion, task.schema),
        finish_reason=completion.finish_reason,
        completion_tokens=completion.completion_tokens,
        seconds=given.seconds,
    )
