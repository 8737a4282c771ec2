"""Whatever a file of annotations holds, a reader names it and goes on, or refuses the file."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.ingest.annotations.formats import READERS, AnnotationFormat
from sightwright.ingest.annotations.found import Annotated, BadSample, ReadOptions
from sightwright.ingest.annotations.shapes import ShapeRules, shape

KEYS = st.sampled_from(
    [
        "images", "annotations", "categories", "id", "image_id", "category_id", "bbox", "name",
        "segmentation", "iscrowd", "file_name", "width", "height", "shapes", "points", "label",
        "shape_type", "group_id", "imagePath", "imageWidth", "flags", "info", "dataList",
        "markResult", "features", "geometry", "coordinates", "type", "properties", "contentZh",
        "groups", "objects", "ref", "messages", "content", "bbox_type", "attributes", "类别",
    ]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 700) | st.floats(allow_nan=False)
    | st.sampled_from(["polygon", "rectangle", "circle", "Polygon", "LineString", "a.png", "", "1"])
    | st.just(10**400)
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.lists(st.lists(st.integers(-9, 99), min_size=2, max_size=2), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
# Files that get past the first look.
MANY = st.lists(VALUES, max_size=4)
FILES = st.one_of(
    VALUES,
    st.fixed_dictionaries({"images": MANY, "annotations": MANY, "categories": MANY}),
    st.fixed_dictionaries({"shapes": MANY, "imagePath": VALUES}),
    st.fixed_dictionaries({"markResult": st.fixed_dictionaries({"features": MANY})}),
    st.fixed_dictionaries(
        {"objects": st.dictionaries(KEYS, VALUES, max_size=4), "images": MANY, "messages": VALUES}
    ),
)


@pytest.mark.parametrize("format", ["coco", "labelme", "bbu", "ms-swift"])
@given(value=FILES, keep_crowd=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json(format: AnnotationFormat, value: Any, keep_crowd: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ending = ".jsonl" if format == "ms-swift" else ".json"
        source = Path(folder) / f"a{ending}"
        source.write_text(json.dumps(value), encoding="utf-8")
        try:
            found = list(READERS[format](source, ReadOptions(keep_crowd=keep_crowd)))
        except DataError:
            return
    for sample in found:
        assert isinstance(sample, Annotated | BadSample)
        for item in sample.objects if isinstance(sample, Annotated) else ():
            assert item.label.strip() and item.parts
            shape(item.parts, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (64, 64), ShapeRules())


@pytest.mark.parametrize("format", READERS)
@given(data=st.binary(max_size=60))
@settings(max_examples=20, deadline=None)
def test_any_bytes(format: AnnotationFormat, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a"
        source.write_bytes(data)
        try:
            found = list(READERS[format](source, ReadOptions()))
        except DataError:
            return
        assert all(isinstance(sample, Annotated | BadSample) for sample in found)
