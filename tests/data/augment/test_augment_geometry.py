"""What geometry must hold whatever the operations: pixels and points move together, nothing leaves
the canvas, nothing is lost in silence."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sightwright.config.sections.augmentation import Augmentation
from sightwright.data.augment.pipeline import Augmented, Pipeline
from sightwright.geometry import Box, Geometry, Line, Polygon, canonical, faults
from sightwright.inspection_records import DenseObject

PAPER = (205, 205, 205)
INKS = (
    (200, 0, 0),
    (0, 150, 0),
    (0, 0, 200),
    (150, 0, 150),
    (0, 130, 130),
    (120, 90, 0),
    (0, 0, 0),
)
MARK = 3  # A mark is 7 x 7 pixels about a vertex.


def pipeline(*ops: dict[str, Any], **settings: Any) -> Pipeline:
    return Pipeline.of(Augmentation.model_validate({"enabled": True, "ops": list(ops), **settings}))


AFFINE = {
    "hflip": {"prob": 1.0},
    "vflip": {"prob": 1.0},
    "rotate": {"max_deg": 40.0, "prob": 1.0},
    "scale": {"lo": 0.8, "hi": 1.3, "prob": 1.0},
    "perspective": {"max_shift": 0.08, "prob": 1.0},
    "scan_skew": {"max_deg": 8.0, "prob": 1.0},
}
CHAINS = st.lists(st.sampled_from(sorted(AFFINE)), min_size=1, max_size=4)
BARRIERS = {
    "resize_by_scale": {"lo": 0.8, "hi": 1.4, "align_multiple": 8},
    "random_crop": {"scale": [0.7, 1.0], "min_objects": 0, "skip_if_line": False},
    "pad_to_multiple": {"multiple": 16},
    "expand_to_fit_affine": {"multiple": 8, "max_pixels": 90_000},
}


def steps(names: list[str]) -> list[dict[str, Any]]:
    return [{"name": name, "params": {**AFFINE, **BARRIERS}[name]} for name in names]


@st.composite
def marked(draw: st.DrawFn) -> tuple[Image.Image, tuple[DenseObject, ...]]:
    """An image with a mark of its own ink at each vertex; no two marks touch."""
    width, height = draw(st.integers(120, 220)), draw(st.integers(120, 220))
    columns, rows = (width - 12) // 14, (height - 12) // 14
    cells = draw(
        st.lists(
            st.tuples(st.integers(0, columns - 1), st.integers(0, rows - 1)),
            min_size=7, max_size=7, unique=True,
        )
    )  # fmt: skip
    points = [(12.0 + 14 * x, 12.0 + 14 * y) for x, y in cells]
    image = Image.new("RGB", (width, height), PAPER)
    for (x, y), ink in zip(points, INKS, strict=True):
        box = (x - MARK, y - MARK, x + MARK, y + MARK)
        ImageDraw.Draw(image).rectangle(box, fill=ink)
    shapes: list[Geometry] = [Line(tuple(points[:3])), Line(tuple(points[3:5]))]
    shapes.append(Line((points[5], points[6])))
    return image, tuple(DenseObject(f"thing {i}", shape) for i, shape in enumerate(shapes))


def centre_of(image: Image.Image, ink: tuple[int, int, int]) -> tuple[float, float] | None:
    """The middle of a mark, where all of it is on the canvas."""
    levels = np.asarray(image, dtype=np.float64)
    # How much of the way from the paper to the ink: bicubic mixes the two at the mark's rim.
    way = np.asarray(PAPER) - np.asarray(ink, dtype=np.float64)
    amount = ((np.asarray(PAPER) - levels) @ way) / (way @ way)
    off = np.abs(np.asarray(PAPER) - levels - amount[..., None] * way).max(axis=2)
    seen = (amount > 0.5) & (off < 25)
    if seen.sum() < 25 or seen[0].any() or seen[-1].any() or seen[:, [0, -1]].any():
        return None
    rows, columns = np.nonzero(seen)
    if max(np.ptp(rows), np.ptp(columns)) > 24:
        return None
    weights = amount[seen]
    return float(columns @ weights / weights.sum()), float(rows @ weights / weights.sum())


def vertices(result: Augmented) -> list[tuple[float, float]]:
    return [point for item in result.objects for point in item.geometry.points]


def distance(found: tuple[float, float], points: list[tuple[float, float]]) -> float:
    return min(max(abs(found[0] - x), abs(found[1] - y)) for x, y in points)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(marked(), CHAINS, st.integers(0, 9))
def test_a_mark_under_a_vertex_stays_under_it(
    scene: tuple[Image.Image, tuple[DenseObject, ...]], names: list[str], seed: int
) -> None:
    image, objects = scene
    expand = {"name": "expand_to_fit_affine", "params": {"multiple": 8, "max_pixels": 4_000_000}}
    result = pipeline(*steps(names), expand).apply(
        image, objects, seed=seed, epoch=0, record_id="a"
    )
    # Nothing is cut, so every mark is found, and every vertex is where its mark is.
    assert result.report.dropped == () and set(result.report.coverages) == {1.0}
    found = [centre_of(result.image, ink) for ink in INKS]
    assert sum(each is not None for each in found) >= 5  # Inks that a warp mixes may be unsure.
    for each in found:
        assert each is None or distance(each, vertices(result)) <= 1


@settings(deadline=None, max_examples=60, derandomize=True)
@given(marked(), CHAINS, st.lists(st.sampled_from(sorted(BARRIERS)[:3]), max_size=2),
       st.integers(0, 9))  # fmt: skip
def test_so_it_does_through_cuts_and_sizes(
    scene: tuple[Image.Image, tuple[DenseObject, ...]],
    names: list[str],
    barriers: list[str],
    seed: int,
) -> None:
    image, objects = scene
    chain = [*names[:2], *(b for b in barriers if b == "random_crop"), *names[2:]]
    if "resize_by_scale" in barriers:
        chain.append("resize_by_scale")
    result = pipeline(*steps(chain)).apply(image, objects, seed=seed, epoch=0, record_id="a")
    lost = {each.index for each in result.report.dropped}
    for number, ink in enumerate(INKS):
        found = centre_of(result.image, ink)
        owner = 0 if number < 3 else 1 if number < 5 else 2
        # Of a line in several pieces the longest is kept: its other vertices are gone with reason.
        cut = owner in lost or any(
            index == owner and coverage < 1
            for index, coverage in zip(result.report.sources, result.report.coverages, strict=True)
        )
        assert found is None or cut or distance(found, vertices(result)) <= 1


POINTS = st.tuples(st.integers(0, 160), st.integers(0, 120))


@st.composite
def shapes(draw: st.DrawFn) -> Geometry:
    kind = draw(st.sampled_from(["box", "polygon", "line"]))
    if kind == "box":
        (x1, y1), (x2, y2) = draw(POINTS), draw(POINTS)
        shape: Geometry = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    else:
        points = tuple(draw(st.lists(POINTS, min_size=3, max_size=7, unique=True)))
        shape = Polygon(points) if kind == "polygon" else Line(points)
    return shape


EVERY = [
    "hflip", "vflip", "rotate", "scale", "perspective", "scan_skew", "random_crop", "roi_crop",
    "small_object_zoom_paste", "resize_by_scale", "color_jitter", "gamma", "hsv", "clahe",
    "auto_contrast", "equalize", "solarize", "posterize", "sharpness", "scan_blur", "scan_jpeg",
    "scan_noise", "scan_shadow", "scan_stamp",
]  # fmt: skip
STRONG = {
    **AFFINE,
    "random_crop": {"min_objects": 0, "scale": [0.3, 1.0]},
    "roi_crop": {"min_size": 40, "prob": 1.0},
    "small_object_zoom_paste": {"prob": 1.0, "max_targets": 3},
    "resize_by_scale": {"lo": 0.5, "hi": 1.2, "align_multiple": 16},
}


@settings(deadline=None, max_examples=80, derandomize=True)
@given(
    st.tuples(st.sampled_from([1, 2, 31, 160]), st.sampled_from([1, 3, 120])),
    st.lists(shapes(), max_size=6),
    st.lists(st.sampled_from(EVERY[:10]), max_size=6),
    st.lists(st.sampled_from(EVERY[10:]), max_size=2),
    st.sampled_from(["", "pad_to_multiple", "expand_to_fit_affine"]),
    st.booleans(),
    st.integers(0, 99),
)
def test_nothing_leaves_the_canvas_and_nothing_is_lost_in_silence(
    size: tuple[int, int],
    drawn: list[Geometry],
    moving: list[str],
    colours: list[str],
    last: str,
    objects_fixed: bool,
    seed: int,
) -> None:
    valid = [shape for shape in drawn if not faults(shape, *size)]
    objects = tuple(DenseObject(f"类别=物,编号={i}", shape) for i, shape in enumerate(valid))
    names = [*colours[:1], *moving, *colours[1:], *([last] if last else [])]
    chosen = [{"name": name, "params": STRONG.get(name, {})} for name in names]
    image = Image.effect_noise(size, 60).convert("RGB")
    before = image.tobytes()
    result = pipeline(*chosen, enabled=bool(chosen)).apply(
        image, objects, seed=seed, epoch=1, record_id="r", objects_fixed=objects_fixed
    )
    assert image.tobytes() == before
    width, height = result.image.size
    report = result.report
    assert (report.width, report.height) == (width, height)
    moved = result.objects != objects
    for item in result.objects:
        assert faults(item.geometry, width, height) == []
        if moved:
            assert canonical(item.geometry) == item.geometry
            for x, y in item.geometry.points:
                assert type(x) is int and type(y) is int
                assert 0 <= x <= width - 1 and 0 <= y <= height - 1
    # Every object is there, or named among the dropped; every other one is a named copy.
    originals = report.sources[: len(report.sources) - len(report.added)]
    assert sorted([*originals, *(each.index for each in report.dropped)]) == list(
        range(len(objects))
    )
    assert [*originals] == sorted(originals)
    assert all(each.op and each.reason and each.desc for each in report.dropped)
    assert len(report.coverages) == len(report.sources) == len(result.objects)
    assert 0 <= report.padding_ratio < 1
    if objects_fixed and min(size) > 30:
        assert not report.added
        assert [each for each in report.dropped if each.op != "rounding"] == []
    if last:
        assert width % 32 == 0 and height % 32 == 0
        if last == "expand_to_fit_affine":
            assert width * height <= 921600
