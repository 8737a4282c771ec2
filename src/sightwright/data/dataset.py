"""A JSONL of records as a torch dataset: lengths first, pixels when a sample is asked for.

A sample is asked for by its number, as evaluation sees the record, or by a `Pick`, as one step of a
run learns it: changed by augmentation, asked as its epoch asks.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import Tensor
from torch.utils.data import Dataset

from sightwright import canonical, jsonl
from sightwright.data.augment.pipeline import Pipeline
from sightwright.data.encode import Encoded, Encoder, OverLengthError, Place, answer_kinds
from sightwright.data.measure import cost_of
from sightwright.data.patch_cache import PatchCache
from sightwright.data.pixels import PatchedImage, patched
from sightwright.data.sources import Source
from sightwright.errors import DataError
from sightwright.images import (
    decode_image,
    image_bytes,
    image_size,
    open_image,
    place_of,
    prefetch,
)
from sightwright.inspection_records import InspectionRecord, require_size
from sightwright.logs import progress
from sightwright.record_formats import Record, read_any_record
from sightwright.records import Message
from sightwright.sampling.measures import Measures
from sightwright.sampling.plan import Pick
from sightwright.tasks.token_kinds import TokenKind

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Sample:
    """One conversation with the uint8 patches of its images, in order.

    Attributes:
        changes: what training did to the record, counted: `{"dropped: rotate": 1}`.
        answer_kinds: of each supervised token in order, where they are told apart; else empty.
    """

    encoded: Encoded
    patches: tuple[Tensor, ...]
    changes: Counter[str] = field(default_factory=Counter[str])
    source: Source = field(default_factory=Source)
    answer_kinds: tuple[TokenKind, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A record with its images, opened or as patches already, before it is made a conversation;
    `changes` as in `Sample`."""

    record: Record
    images: tuple[Image | PatchedImage, ...]
    place: Place
    changes: Counter[str] = field(default_factory=Counter[str])


class Change(Protocol):
    """What training does to a record and its images before it learns from them."""

    def __call__(self, shown: Shown, pick: Pick, /) -> Shown: ...


@dataclass(frozen=True)
class Lengths:
    """What a pass over the headers found out, in tokens, per kept record."""

    total: list[int]
    image: list[int]
    supervised: list[int]
    num_images: list[int]
    dropped: list[str]
    """The over-long records left out, as `place: why`; empty unless the YAML asks for dropping."""


class TrainingRecords(Dataset[Sample], ABC):
    """What a run learns from: the records of a file, a mixture of several, groups of them."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Of everything that decides which records there are, for an exact resume."""

    @abstractmethod
    def __len__(self) -> int:
        """Samples of one epoch; the same in every epoch."""

    @abstractmethod
    def __getitem__(self, pick: Pick | int) -> Sample: ...

    @abstractmethod
    def encode(self, index: int) -> Encoded:
        """One of them as tokens, from the headers of its images alone."""

    @abstractmethod
    def measures(self, epoch: int) -> Measures:
        """What the samples of an epoch cost, by their place in it: the most that may come."""

    @abstractmethod
    def longest(self) -> tuple[int, str]:
        """The most tokens that a sample of any epoch has, and where that one stands."""


Amend = Callable[[Record], Record]
"""What is made of a record as soon as it is read, for training and evaluation alike."""


class RecordDataset(TrainingRecords):
    """The records of one file, checked whole when it is opened.

    Lines are kept as bytes: a record is parsed again when it is asked for, which costs a
    thousandth of decoding its images.

    Args:
        change: applied to what training learns; evaluation sees the records as they are.
        pipeline: that `change` sends the images through; with None it leaves them as they are.
        source: the data set that they are of, in the metrics.
        measures: of the records; taken from their headers when they are asked for, if not given.
        cache: keeps the patches of images that are not changed.
    """

    def __init__(
        self,
        path: Path,
        lines: Sequence[jsonl.Line],
        encoder: Encoder,
        change: Change | None = None,
        amend: Amend | None = None,
        source: Source | None = None,
        pipeline: Pipeline | None = None,
        measures: Measures | None = None,
        cache: PatchCache | None = None,
    ) -> None:
        self.root = path.parent
        self.name = path.name
        self.encoder = encoder
        self.source = source or Source()
        self._lines = list(lines)
        self._change = change
        self._amend = amend
        self._pipeline = pipeline
        self._measures = measures
        self._cache = cache

    @classmethod
    def open(
        cls,
        path: Path,
        encoder: Encoder,
        *,
        limit: int | None = None,
        drop_over_length: bool = False,
        change: Change | None = None,
        amend: Amend | None = None,
        source: Source | None = None,
        pipeline: Pipeline | None = None,
        cache: PatchCache | None = None,
    ) -> tuple[RecordDataset, Lengths]:
        """Read a file and check every record's contract, answer, images and length.

        Args:
            limit: only the first so many records.
            drop_over_length: leave over-long records out, listed, in place of an error.

        Raises:
            DataError: the first record that breaks a rule, with its place; no records.
            OverLengthError: a record that reaches the limit, when they are not dropped.
        """
        every = cls(path, list(_first(jsonl.read_lines(path), limit)), encoder, amend=amend)
        prefetch(every._images_on_the_web())
        kept: list[jsonl.Line] = []
        costs: list[tuple[int, int]] = []
        lengths = Lengths([], [], [], [], [])
        for line, encoded in every._encoded(lengths.dropped if drop_over_length else None):
            _count(encoded, lengths, encoder)
            costs.append(cost_of(encoded, encoder.spec, pipeline))
            kept.append(line)
        if not kept:
            raise DataError("no records to learn from", where=str(path))
        measures = Measures.of_pairs(costs)
        records = cls(path, kept, encoder, change, amend, source, pipeline, measures, cache)
        return records, lengths

    def _encoded(self, dropped: list[str] | None) -> Iterator[tuple[jsonl.Line, Encoded]]:
        """Every record; those that are too long are left out and told in `dropped`, if there is
        such a list."""
        for index in progress(range(len(self)), f"checking {self.name}"):
            try:
                encoded = self.encode(index)
            except OverLengthError as error:
                if dropped is None:
                    raise
                dropped.append(f"{error.where}: {error.message}")
            else:
                yield self._lines[index], encoded

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def digest(self) -> str:
        """Of the records' text, in their order; images are not looked at."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        found = hashlib.blake2b(digest_size=16)
        for line in self._lines:
            found.update(len(line.data).to_bytes(8, "big") + line.data)
        return found.hexdigest()

    def record(self, index: int) -> Record:
        """The record as the file has it.

        Raises:
            DataError: the line breaks the contract.
        """
        line = self._lines[index]
        try:
            record = read_any_record(canonical.loads(line.data))
            return record if self._amend is None else self._amend(record)
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        except ValueError as error:
            raise DataError(f"not JSON: {error}", where=line.where) from None

    def encode(self, index: int) -> Encoded:
        """Token ids of a record from the headers of its images alone.

        Raises:
            DataError: any rule of `Encoder`, an image that is not there, or one of another size
                than its record says.
        """
        record = self.record(index)
        place = self._place(index, record)
        messages = self.encoder.messages(record, place)
        references = [image for message in messages for image in message.images]
        try:
            sizes = [image_size(reference, self.root) for reference in references]
            if isinstance(record, InspectionRecord):
                require_size(record, sizes[0])
        except DataError as error:
            raise _at(place, error) from None
        return self.encoder.encode(messages, sizes, place)

    def measures(self, epoch: int) -> Measures:
        if self._measures is None:
            every = (self.encode(index) for index in range(len(self)))
            costs = [cost_of(encoded, self.encoder.spec, self._pipeline) for encoded in every]
            self._measures = Measures.of_pairs(costs)
        return self._measures

    def longest(self) -> tuple[int, str]:
        tokens = self.measures(0).tokens
        index = int(tokens.argmax())
        return int(tokens[index]), str(self._place(index, self.record(index)))

    def __getitem__(self, pick: Pick | int) -> Sample:
        index, epoch = (pick, None) if isinstance(pick, int) else (pick.index, pick.epoch)
        shown = self._shown(index) if isinstance(pick, int) else self.changed(pick)
        messages = self.encoder.messages(shown.record, shown.place, epoch)
        return sample_of(messages, shown.images, shown.place, self, shown.changes)

    def changed(self, pick: Pick) -> Shown:
        """A record as training learns it.

        Raises:
            DataError: an image that cannot be opened, or of another size than its record says.
        """
        # A changed image has no file that its patches could be kept by.
        shown = self._shown(pick.index, as_files=self._pipeline is None)
        return shown if self._change is None else self._change(shown, pick)

    def _shown(self, index: int, *, as_files: bool = True) -> Shown:
        """A record as it is, its images opened, or as patches where the cache may be asked."""
        record = self.record(index)
        place = self._place(index, record)
        counts = Counter[str]()
        cache = self._cache if as_files else None
        try:
            images = tuple(self._open(image, cache, counts) for image in record.images)
            if isinstance(record, InspectionRecord):
                require_size(record, images[0].size)
        except DataError as error:
            raise _at(place, error) from None
        return Shown(record, images, place, counts)

    def _open(
        self, reference: str, cache: PatchCache | None, counts: Counter[str]
    ) -> Image | PatchedImage:
        if cache is None:
            return open_image(reference, self.root)
        data = image_bytes(reference, self.root)
        opened = partial(decode_image, data, place_of(reference, self.root))
        return cache.patches(data, self.encoder.spec, opened, counts)

    def _images_on_the_web(self) -> Iterator[str]:
        for index, line in enumerate(self._lines):
            # Hardly any file has one, and then no line need be read twice.
            if b"://" in line.data:
                yield from self.record(index).images

    def _place(self, index: int, record: Record) -> Place:
        return Place(f"{self.name}:{self._lines[index].number}", index, record.id)


def sample_of(
    messages: Sequence[Message],
    images: Sequence[Image | PatchedImage],
    place: Place,
    records: RecordDataset,
    changes: Counter[str],
) -> Sample:
    """A conversation and its images as one sample of a data set.

    Raises:
        DataError: any rule of `Encoder`.
    """
    encoder, source = records.encoder, records.source
    encoded = encoder.encode(messages, [image.size for image in images], place)
    patches = tuple(patched(image, encoder.spec).patches for image in images)
    kinds = tuple(answer_kinds(encoded, encoder.tokenizer)) if source.is_typed else ()
    return Sample(encoded, patches, changes, source, kinds)


def _first(lines: Iterator[jsonl.Line], limit: int | None) -> Iterator[jsonl.Line]:
    for index, line in enumerate(lines):
        if limit is not None and index >= limit:
            return
        yield line


def _count(encoded: Encoded, lengths: Lengths, encoder: Encoder) -> None:
    lengths.total.append(encoded.length)
    lengths.image.append(encoded.ids.count(encoder.tokenizer.image_pad))
    lengths.supervised.append(sum(encoded.supervised))
    lengths.num_images.append(len(encoded.grids))


def _at(place: Place, error: DataError) -> DataError:
    where = f"{place}: {error.where}" if error.where else str(place)
    return DataError(error.message, where=where, remedy=error.remedy)
