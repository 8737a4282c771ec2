"""Ask an engine the records of a set, a batch at a time: what every kind of evaluation shares."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from sightwright import images, jsonl, logs
from sightwright.errors import DataError, ImageError, RefusedError
from sightwright.infer.engine import Completion, Engine, Request
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record
from sightwright.records import Message

AnyRecord = TypeVar("AnyRecord", bound=Record)
Gold = TypeVar("Gold")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[AnyRecord]):
    """What came for one record; `seconds` is its share of its batch's generation."""

    record: AnyRecord
    completion: Completion
    seconds: float

    @property
    def was_cut(self) -> bool:
        """Whether the output limit ended it."""
        return self.completion.finish_reason == "length"


@dataclass(frozen=True)
class AnsweredBatch(Generic[AnyRecord]):
    """The answers to one batch, and how long the engine took."""

    answers: tuple[Answer[AnyRecord], ...]
    seconds: float


def name_of(record: Record) -> str:
    """What names a record in reports: its id; a photograph without one is named by its image."""
    return record.key if isinstance(record, InspectionRecord) else record.id


def read_named(
    path: Path, read: Callable[[object], AnyRecord], max_records: int | None = None
) -> list[AnyRecord]:
    """The records of a file, or its first `max_records`, each of a name of its own.

    Args:
        read: one JSON value as a record.

    Raises:
        DataError: a bad line, a record without a name, two of the same, or an empty file.
    """
    records: list[AnyRecord] = []
    places: dict[str, str] = {}
    for line, value in islice(jsonl.read_values(path), max_records):
        try:
            record = read(value)
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        name = name_of(record)
        if not name:
            raise DataError("a record to be marked needs an 'id'", where=line.where)
        if name in places:
            what = f"the id {name!r} stands at {places[name]} too"
            raise DataError(what, where=line.where)
        places[name] = line.where
        records.append(record)
    if not records:
        raise DataError("no records", where=str(path))
    return records


def check_images(records: Sequence[Record], root: Path) -> None:
    """Make sure that every image can be had; those on the web are fetched into the cache here.

    Raises:
        ImageError: an image that is not there, or not to be had; names the record.
    """
    on_the_web: list[tuple[str, str]] = []
    for record in records:
        for source in record.images:
            if images.is_elsewhere(source):
                on_the_web += [] if source.startswith("data:") else [(name_of(record), source)]
            elif not images.resolve_path(source, root).is_file():
                raise ImageError(
                    f"no such image file: {images.resolve_path(source, root)}",
                    where=f"record {name_of(record)!r}",
                    remedy="relative paths start from the JSONL's folder, or from ROOT_IMAGE_DIR",
                )
    images.prefetch(source for _, source in on_the_web)
    for name, source in on_the_web:
        try:
            images.bytes_elsewhere(source)
        except ImageError as error:
            where = f"record {name!r}: {error.where}"
            raise ImageError(error.message, where=where, remedy=error.remedy) from None


def answer_in_batches(
    engine: Engine,
    records: Sequence[AnyRecord],
    prompt_of: Callable[[AnyRecord], tuple[Message, ...]],
    *,
    root: Path,
    batch_size: int,
    max_tokens: int,
    json_schema: dict[str, Any] | None = None,
    progress: bool = True,
) -> Iterator[AnsweredBatch[AnyRecord]]:
    """Answer the records in their order; images of one batch are in memory at a time.

    Args:
        prompt_of: the turns up to the question.
        root: the folder that relative image paths start from: the JSONL's own.
        batch_size: requests sent to the engine together.
        json_schema: that the decoder is held to; None for free answers.
        progress: show a bar on stderr.

    Raises:
        DataError: an image that cannot be opened, or a prompt that the model cannot hold; names
            the record.
    """
    with logs.progress_bar("evaluating", len(records)) if progress else nullcontext() as bar:
        for first in range(0, len(records), batch_size):
            batch = records[first : first + batch_size]
            requests = [
                _request(record, prompt_of(record), root, max_tokens, json_schema)
                for record in batch
            ]
            yield _answered(engine, requests, batch)
            if bar is not None:
                bar.advance(len(batch))


def mark_answers(
    batches: Iterable[AnsweredBatch[AnyRecord]],
    golds: Sequence[Gold],
    mark: Callable[[Gold, Answer[AnyRecord]], Result],
) -> tuple[tuple[Result, ...], tuple[float, ...]]:
    """What `mark` makes of each answer and its label, and how long the engine took for each batch.

    Args:
        golds: the labels of the records, in the order in which they were asked.
    """
    results: list[Result] = []
    batch_seconds: list[float] = []
    for batch in batches:
        batch_seconds.append(batch.seconds)
        for answer in batch.answers:
            results.append(mark(golds[len(results)], answer))
    return tuple(results), tuple(batch_seconds)


def _answered(
    engine: Engine, requests: Sequence[Request], batch: Sequence[AnyRecord]
) -> AnsweredBatch[AnyRecord]:
    began = time.perf_counter()
    completions = _completions(engine, requests, batch)
    seconds = time.perf_counter() - began
    share = seconds / len(batch)
    return AnsweredBatch(
        tuple(Answer(r, c, share) for r, c in zip(batch, completions, strict=True)), seconds
    )


def _request(
    record: Record,
    messages: tuple[Message, ...],
    root: Path,
    max_tokens: int,
    json_schema: dict[str, Any] | None,
) -> Request:
    sources = [image for message in messages for image in message.images]
    try:
        opened = tuple(images.open_image(source, root) for source in sources)
    except ImageError as error:
        where = f"record {name_of(record)!r}: {error.where}"
        raise ImageError(error.message, where=where, remedy=error.remedy) from None
    return Request(messages, opened, json_schema=json_schema, max_tokens=max_tokens)


def _completions(
    engine: Engine, requests: Sequence[Request], batch: Sequence[Record]
) -> list[Completion]:
    try:
        return engine.generate(requests)
    except (DataError, RefusedError) as error:
        names = ", ".join(repr(name_of(record)) for record in batch)
        where = f"record {names}" if len(batch) == 1 else f"one of the records {names}"
        raise DataError(error.message, where=where, remedy=error.remedy) from error
