"""A record moved into another folder still finds its images."""

import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sightwright.images import is_elsewhere
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

    def record(self, record: ChatRecord) -> ChatRecord:
        messages = tuple(
            replace(message, content=tuple(self._item(item) for item in message.content))
            for message in record.messages
        )
        return replace(record, messages=messages)

    def _item(self, item: Item) -> Item:
        if not isinstance(item, ImageRef) or is_elsewhere(item.image):
            return item
        path = PurePosixPath(item.image.replace("\\", "/"))
        if path.is_absolute() or self.old == self.new:
            return ImageRef(path.as_posix())
        return ImageRef(PurePosixPath(os.path.relpath(self.old / path, self.new)).as_posix())
