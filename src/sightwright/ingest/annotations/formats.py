"""The formats by name, each with its reader."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol, get_args

from sightwright.ingest.annotations.coco import read_coco
from sightwright.ingest.annotations.cvat import read_cvat
from sightwright.ingest.annotations.domain_json import read_domain_json
from sightwright.ingest.annotations.found import Annotated, BadSample, Expect, ReadOptions
from sightwright.ingest.annotations.labelme import read_labelme
from sightwright.ingest.annotations.swift import read_swift
from sightwright.ingest.annotations.voc import read_voc
from sightwright.tasks.domains import DomainName

AnnotationFormat = Literal[
    "bbu", "rru", "coco", "lvis", "labelme", "cvat", "voc", "ms-swift"
]  # fmt: skip
FORMATS: tuple[AnnotationFormat, ...] = get_args(AnnotationFormat)


class Reader(Protocol):
    def __call__(
        self, source: Path, options: ReadOptions, expect: Expect = ...
    ) -> Iterator[Annotated | BadSample]: ...


READERS: dict[AnnotationFormat, Reader] = {
    "bbu": read_domain_json,
    "rru": read_domain_json,
    "coco": read_coco,
    "lvis": read_coco,
    "labelme": read_labelme,
    "cvat": read_cvat,
    "voc": read_voc,
    "ms-swift": read_swift,
}


def domain_of(format: AnnotationFormat) -> DomainName | None:
    """The domain whose descriptions and summaries a format has, if any."""
    match format:
        case "bbu" | "rru":
            return format
        case _:
            return None
