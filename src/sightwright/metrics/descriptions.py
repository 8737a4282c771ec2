"""A description taken apart: what the object is, and what is said about it.

    类别=BBU设备,品牌=华为,可见性=部分    BBU设备, {品牌: {华为}, 可见性: {部分}}
    类别=标签,组=2,文本=A,B|C            标签, {组: {2}, 文本: {A,B|C}}: a text is not split
    BBU设备/华为,部分/有风挡             BBU设备, {1: {华为, 部分}, 2: {有风挡}}: levels by number
    traffic light                        traffic light, {}

Pure: no task, no model.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

CATEGORY = "类别"
TEXT = "文本"
NOTE = "备注"
# A text read from a label may hold commas and strokes; it ends where one of these keys begins.
_ENDS_TEXT = re.compile(rf"(?:可读性|组|{NOTE})=").match

DescriptionStyle = Literal["pairs", "levels"]


@dataclass(frozen=True)
class Description:
    """What a description says.

    Attributes:
        label: the class; of several, the first.
        attributes: key → all values said of it; 类别 for the classes after the first.
        style: `pairs` of key=value, or `levels` with strokes between (a bare name has one level).
    """

    label: str
    attributes: dict[str, frozenset[str]]
    style: DescriptionStyle


def read_description(desc: str) -> Description:
    """Take a description apart. Every text is one: what is no pair is a note, as a person's is."""
    text = desc.strip()
    if not (text.startswith(f"{CATEGORY}=") or f",{CATEGORY}=" in text):
        label, *levels = text.split("/")
        attributes = {
            str(number): frozenset(filled)
            for number, level in enumerate(levels, start=1)
            if (filled := _filled(level.split(",")))
        }
        return Description(label.strip(), attributes, "levels")
    classes: list[str] = []
    found: dict[str, set[str]] = {}
    for key, value in _pairs(text.split(",")):
        if key == CATEGORY:
            classes += _filled([value])
            continue
        if key == TEXT:
            value = re.sub(r"\s+", "", value)
        values = [value] if key in (TEXT, NOTE) else value.split("|")
        found.setdefault(key, set()).update(_filled(values))
    label, *more = classes or [""]
    found[CATEGORY] = {each for each in more if each != label}
    attributes = {key: frozenset(said) for key, said in found.items() if said}
    return Description(label, attributes, "pairs")


def label_of(desc: str) -> str:
    """The class that a description names."""
    return read_description(desc).label


def _pairs(pieces: list[str]) -> Iterator[tuple[str, str]]:
    """Key and value of each of the pieces between commas; free text takes its commas back."""
    place = 0
    while place < len(pieces):
        key, equals, _ = pieces[place].partition("=")
        key, end = key.strip() if equals else NOTE, place + 1
        if equals and key == NOTE:
            end = len(pieces)
        while equals and key == TEXT and end < len(pieces) and not _ENDS_TEXT(pieces[end]):
            end += 1
        whole = ",".join(pieces[place:end])
        yield key, whole.partition("=")[2] if equals else whole
        place = end


def _filled(values: list[str]) -> list[str]:
    return [stripped for value in values if (stripped := value.strip())]
