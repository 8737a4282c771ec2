"""Images that stand beside a text: tags within it, files in a list next to it."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sightwright.errors import DataError
from sightwright.records import ImageRef, Item, Message, Text, local_path

IMAGE = "<image>"
ALONE = re.compile(IMAGE)
# The line break after a tag of LLaVA's style parts it from the text, as the next tag would.
WITH_LINE_BREAK = re.compile(IMAGE + r"\n?")
# `Picture 1: <img>pages/a.png</img>` and a line break: Qwen-VL's first style.
WITH_ITS_FILE = re.compile(r"(?:Picture \d+: )?<img>(.*?)</img>\n?", re.DOTALL)

_ANY = re.compile("<(?:image|video|audio)>")
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"RIFF": "webp",
    b"BM": "bmp",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}


@dataclass
class Files:
    """The images of a record beside its text, given out in the order of the tags."""

    references: list[str]
    num_taken: int = 0

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Files":
        """What a record gives under `images` or `image`: one, a list, or none.

        Raises:
            DataError: both keys, or an entry that names no image.
        """
        if "image" in raw and "images" in raw:
            raise DataError("both 'image' and 'images'", remedy="keep 'images'")
        key = "images" if "images" in raw else "image"
        held = raw.get(key)
        entries = cast("list[object]", held) if isinstance(held, list) else [held]
        try:
            return cls([] if held is None else [_reference(entry) for entry in entries])
        except DataError as error:
            raise DataError(f"{key!r}: {error.message}", remedy=error.remedy) from None

    def items(self, text: str, tag: re.Pattern[str]) -> tuple[Item, ...]:
        """The text cut at its tags, each tag an image; nothing between two tags is no item."""
        items: list[Item] = []
        end = 0
        for match in tag.finditer(text):
            items += [Text(text[end : match.start()])] if match.start() > end else []
            items.append(self.take())
            end = match.end()
        if end < len(text) or not items:
            items.append(Text(text[end:]))
        return tuple(items)

    def take(self) -> ImageRef:
        """The next image; one too many is told by `check`, with the counts."""
        reference = self.references[self.num_taken : self.num_taken + 1]
        self.num_taken += 1
        return ImageRef(reference[0] if reference else "missing")

    def check(self) -> None:
        """
        Raises:
            DataError: more tags than images, or fewer.
        """
        if self.num_taken != len(self.references):
            raise DataError(
                f"tags {IMAGE}: {self.num_taken}, images: {len(self.references)}",
                remedy=f"give each image one {IMAGE} where it belongs in a user's text",
            )


def items_with_files(text: str) -> tuple[Item, ...]:
    """`Picture 1: <img>a.png</img>\\nRead.` as an image and a text.

    Raises:
        DataError: an empty name.
    """
    files = Files([local_path(match[1]) for match in WITH_ITS_FILE.finditer(text)])
    if not all(files.references):
        raise DataError("<img></img> names no image")
    return files.items(text, WITH_ITS_FILE)


def refuse_other_tags(text: str) -> None:
    """
    Raises:
        DataError: a tag of a video or of a sound.
    """
    if found := next((tag for tag in _ANY.findall(text) if tag != IMAGE), None):
        raise DataError(
            f"{found} in the text: only images are read", remedy="give single frames as images"
        )


def has_tag(text: str) -> bool:
    return _ANY.search(text) is not None


def tagged_text(message: Message, tag: str, style: str) -> str:
    """The items of a message as one text, `tag` for each image.

    Raises:
        DataError: the text holds the characters of a tag itself.
    """
    text = "".join(item.text if isinstance(item, Text) else tag for item in message.content)
    # Looked for in the whole: two texts may make a tag together.
    tags = _ANY.findall(text)
    if len(tags) != len(message.images) or set(tags) - {IMAGE}:
        own = next((tag for tag in tags if tag != IMAGE), IMAGE)
        raise DataError(
            f"the {message.role}'s text holds {own!r}, which {style} takes for a tag",
            remedy="convert to openai or sightwright, or change the text",
        )
    return text


def _reference(value: object) -> str:
    """A path or URL, or an object that says `path`, `url` or `bytes` (base64) of the file."""
    if isinstance(value, Mapping):
        raw = cast("Mapping[str, object]", value)
        given = {key: held for key, held in raw.items() if held is not None}
        if unknown := sorted(set(raw) - {"path", "url", "bytes"}):
            raise DataError(f"an image has path, url or bytes, not {', '.join(unknown)}")
        if "bytes" in given:
            return _data_url(given["bytes"])
        value = given.get("path", given.get("url"))
    if not isinstance(value, str) or not value:
        raise DataError(
            "an entry is a path, an http(s) URL or a data URL",
            remedy='or an object with one of them: {"path": …}, {"url": …}, {"bytes": base64}',
        )
    return local_path(value)


def _data_url(encoded: object) -> str:
    try:
        data = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError) as error:
        raise DataError(f"'bytes' is not base64: {error}") from None
    kind = next((name for start, name in _MAGIC.items() if data.startswith(start)), None)
    if kind is None:
        raise DataError("'bytes' is not the base64 of an image file")
    return f"data:image/{kind};base64,{encoded}"
