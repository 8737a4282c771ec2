"""A record moved into another folder still finds its images."""

import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import overload

from sightwright.images import is_elsewhere
from sightwright.inspection_records import InspectionRecord
from sightwright.record_formats import Record
from sightwright.records import ChatRecord, ImageRef, Item


@dataclass(frozen=True)
class Rebase:
    """Writes the relative image paths of one folder as seen from another, with `/`."""

    old: Path
    new: Path

    @classmethod
    def between(cls, old: Path, new: Path) -> "Rebase":
        # Resolved: `..` climbs out of where a link leads, not of where it stands.
        old, new = old.resolve(), new.resolve()
        # Under ROOT_IMAGE_DIR paths do not start from the file's folder: they stay as they are.
        return cls(old, old if os.environ.get("ROOT_IMAGE_DIR") else new)

    @overload
    def record(self, record: ChatRecord) -> ChatRecord: ...
    @overload
    def record(self, record: InspectionRecord) -> InspectionRecord: ...
    def record(self, record: Record) -> Record:
        if isinstance(record, InspectionRecord):
            return replace(record, image=self.image(record.image))
        messages = tuple(
            replace(message, content=tuple(self._item(item) for item in message.content))
            for message in record.messages
        )
        return replace(record, messages=messages)

    def image(self, reference: str) -> str:
        """An image reference; a URL or an absolute path names the same thing from anywhere."""
        if is_elsewhere(reference):
            return reference
        path = PurePosixPath(reference.replace("\\", "/"))
        if path.is_absolute() or self.old == self.new:
            return path.as_posix()
        return PurePosixPath(os.path.relpath(self.old / path, self.new)).as_posix()

    def _item(self, item: Item) -> Item:
        return ImageRef(self.image(item.image)) if isinstance(item, ImageRef) else item
