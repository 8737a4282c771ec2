"""Ask an engine every record of a set, and mark each answer by the task."""

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sightwright import canonical, images, jsonl, logs
from sightwright.errors import DataError, ImageError, RefusedError
from sightwright.infer.confidence import field_confidences
from sightwright.infer.engine import Completion, Engine, FinishReason, Request
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


@dataclass(frozen=True)
class _Question:
    record: ChatRecord
    gold: dict[str, Any]
    request: Request


def read_records(path: Path, max_records: int | None = None) -> list[ChatRecord]:
    """The chat records of a file, or its first `max_records`.

    Raises:
        DataError: a bad line, a record without an id, two with the same, or an empty file.
    """
    records: list[ChatRecord] = []
    places: dict[str, str] = {}
    for line, value in islice(jsonl.read_values(path), max_records):
        try:
            record = read_record(value)
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        if not record.id:
            raise DataError("a record to be marked needs an 'id'", where=line.where)
        if record.id in places:
            raise DataError(
                f"the id {record.id!r} stands at {places[record.id]} too", where=line.where
            )
        places[record.id] = line.where
        records.append(record)
    if not records:
        raise DataError("no records", where=str(path))
    return records


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
    on_the_web: list[tuple[str, str]] = []
    for record in records:
        for source in record.images:
            if images.is_elsewhere(source):
                on_the_web += [] if source.startswith("data:") else [(record.id, source)]
            elif not images.resolve_path(source, root).is_file():
                raise ImageError(
                    f"no such image file: {images.resolve_path(source, root)}",
                    where=f"record {record.id!r}",
                    remedy="relative paths start from the JSONL's folder, or from ROOT_IMAGE_DIR",
                )
    images.prefetch(source for _, source in on_the_web)
    for record_id, source in on_the_web:
        try:
            images.bytes_elsewhere(source)
        except ImageError as error:
            where = f"record {record_id!r}: {error.where}"
            raise ImageError(error.message, where=where, remedy=error.remedy) from None
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
    documents: list[DocumentResult] = []
    batch_seconds: list[float] = []
    asked = list(zip(records, golds, strict=True))
    with logs.progress_bar("evaluating", len(records)) if progress else nullcontext() as bar:
        for first in range(0, len(asked), batch_size):
            batch = [
                _Question(record, gold, _request(record, task, root, max_tokens, constrained))
                for record, gold in asked[first : first + batch_size]
            ]
            began = time.perf_counter()
            completions = _answers(engine, batch)
            batch_seconds.append(time.perf_counter() - began)
            documents += _results(task, batch, completions, batch_seconds[-1] / len(batch))
            if bar is not None:
                bar.advance(len(batch))
    scores = summarise([d.mark for d in documents], bootstrap_samples=bootstrap_samples)
    seconds = time.perf_counter() - started
    return Evaluation(task.schema, tuple(documents), scores, tuple(batch_seconds), seconds)


def _request(
    record: ChatRecord, task: ExtractTask, root: Path, max_tokens: int, constrained: bool
) -> Request:
    messages = task.prompt_of(record)
    sources = [image for message in messages for image in message.images]
    try:
        opened = tuple(images.open_image(source, root) for source in sources)
    except ImageError as error:
        where = f"record {record.id!r}: {error.where}"
        raise ImageError(error.message, where=where, remedy=error.remedy) from None
    json_schema = task.schema.json_schema if constrained else None
    return Request(messages, opened, json_schema=json_schema, max_tokens=max_tokens)


def _answers(engine: Engine, batch: Sequence[_Question]) -> list[Completion]:
    try:
        return engine.generate([question.request for question in batch])
    except (DataError, RefusedError) as error:
        ids = ", ".join(repr(question.record.id) for question in batch)
        where = f"record {ids}" if len(batch) == 1 else f"one of the records {ids}"
        raise DataError(error.message, where=where, remedy=error.remedy) from error


def _results(
    task: ExtractTask,
    batch: Sequence[_Question],
    completions: Sequence[Completion],
    seconds: float,
) -> Iterator[DocumentResult]:
    for question, completion in zip(batch, completions, strict=True):
        cut = completion.finish_reason == "length"
        parsed = task.parse(completion.text)
        yield DocumentResult(
            id=question.record.id,
            gold=question.gold,
            text=completion.text,
            answer=None if cut else parsed.value,
            error="cut by the output limit" if cut else parsed.error,
            mark=task.mark(question.gold, completion.text, cut=cut),
            loop=find_loop(
                completion.text,
                completion.tokens,
                reached_limit=cut,
                label=canonical.dumps(question.gold),
            ),
            confidences=field_confidences(completion, task.schema),
            finish_reason=completion.finish_reason,
            completion_tokens=completion.completion_tokens,
            seconds=seconds,
        )
