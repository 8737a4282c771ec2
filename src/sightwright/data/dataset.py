"""A JSONL of chat records as a torch dataset: lengths first, pixels when a sample is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor
from torch.utils.data import Dataset

from sightwright import canonical, jsonl
from sightwright.data.encode import Encoded, Encoder, OverLengthError, Place
from sightwright.data.pixels import image_patches
from sightwright.data.sizes import image_size
from sightwright.errors import DataError
from sightwright.images import open_image, prefetch
from sightwright.logs import progress
from sightwright.record_formats import read_record
from sightwright.records import ChatRecord

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Sample:
    """One conversation with the uint8 patches of its images, in order."""

    encoded: Encoded
    patches: tuple[Tensor, ...]


@dataclass(frozen=True)
class Lengths:
    """What a pass over the headers found out, in tokens, per kept record."""

    total: list[int]
    image: list[int]
    supervised: list[int]
    num_images: list[int]
    dropped: list[str]
    """The over-long records left out, as `place: why`; empty unless the YAML asks for dropping."""


class ChatDataset(Dataset[Sample]):
    """The records of one file, checked whole when it is opened.

    Lines are kept as bytes: a record is parsed again when it is asked for, which costs a
    thousandth of decoding its images.
    """

    def __init__(self, path: Path, lines: Sequence[jsonl.Line], encoder: Encoder) -> None:
        self.root = path.parent
        self.name = path.name
        self._lines = list(lines)
        self._encoder = encoder

    @classmethod
    def open(
        cls,
        path: Path,
        encoder: Encoder,
        *,
        limit: int | None = None,
        drop_over_length: bool = False,
    ) -> tuple[ChatDataset, Lengths]:
        """Read a file and check every record's contract, answer, images and length.

        Args:
            limit: only the first so many records.
            drop_over_length: leave over-long records out, listed, in place of an error.

        Raises:
            DataError: the first record that breaks a rule, with its place; no records.
            OverLengthError: a record that reaches the limit, when they are not dropped.
        """
        every = cls(path, list(_first(jsonl.read_lines(path), limit)), encoder)
        prefetch(every._images_on_the_web())
        kept: list[jsonl.Line] = []
        lengths = Lengths([], [], [], [], [])
        for index in progress(range(len(every)), f"checking {path.name}"):
            try:
                _count(every.encode(index), lengths, encoder)
            except OverLengthError as error:
                if not drop_over_length:
                    raise
                lengths.dropped.append(f"{error.where}: {error.message}")
            else:
                kept.append(every._lines[index])
        if not kept:
            raise DataError("no records to learn from", where=str(path))
        return cls(path, kept, encoder), lengths

    def __len__(self) -> int:
        return len(self._lines)

    @cached_property
    def digest(self) -> str:
        """Of the records' text, in their order; images are not looked at."""
        found = hashlib.blake2b(digest_size=16)
        for line in self._lines:
            found.update(len(line.data).to_bytes(8, "big") + line.data)
        return found.hexdigest()

    def record(self, index: int) -> ChatRecord:
        """The record as the file has it.

        Raises:
            DataError: the line breaks the contract.
        """
        line = self._lines[index]
        try:
            return read_record(canonical.loads(line.data))
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        except ValueError as error:
            raise DataError(f"not JSON: {error}", where=line.where) from None

    def encode(self, index: int) -> Encoded:
        """Token ids of a record from the headers of its images alone.

        Raises:
            DataError: any rule of `Encoder`, or an image that is not there.
        """
        record = self.record(index)
        place = self._place(index, record)
        messages = self._encoder.messages(record, place)
        references = [image for message in messages for image in message.images]
        try:
            sizes = [image_size(reference, self.root) for reference in references]
        except DataError as error:
            raise _at(place, error) from None
        return self._encoder.encode(messages, sizes, place)

    def __getitem__(self, index: int) -> Sample:
        record = self.record(index)
        place = self._place(index, record)
        messages = self._encoder.messages(record, place)
        try:
            images = self._open(image for message in messages for image in message.images)
        except DataError as error:
            raise _at(place, error) from None
        sizes = [(image.width, image.height) for image in images]
        encoded = self._encoder.encode(messages, sizes, place)
        patches = tuple(image_patches(image, self._encoder.spec) for image in images)
        return Sample(encoded, patches)

    def _images_on_the_web(self) -> Iterator[str]:
        for index, line in enumerate(self._lines):
            # Hardly any file has one, and then no line need be read twice.
            if b"://" in line.data:
                yield from self.record(index).images

    def _open(self, references: Iterator[str]) -> list[Image]:
        return [open_image(reference, self.root) for reference in references]

    def _place(self, index: int, record: ChatRecord) -> Place:
        return Place(f"{self.name}:{self._lines[index].number}", index, record.id)


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
