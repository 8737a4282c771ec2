"""A small object copied, enlarged, to a free place of the same image."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from sightwright.config.sections.augmentation_params import SmallObjectZoomPasteParams
from sightwright.data.augment import matrices
from sightwright.data.augment.canvas import Canvas, Tracked
from sightwright.data.augment.report import Added, Skipped
from sightwright.geometry import Box, Geometry, Line, Matrix, bounds, length, transform
from sightwright.metrics.descriptions import label_of

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

NAME = "small_object_zoom_paste"
# By so much may a point of the pasted shape lie beside the one that is told.
_ROUNDED = 0.5


@dataclass(frozen=True, slots=True)
class Patch:
    """Pixels to copy: the box they are taken from, and the size that they are brought to."""

    box: tuple[int, int, int, int]
    width: int
    height: int

    def map_to(self, x: int, y: int) -> Matrix:
        """Where the pixels lie with the copy's top-left pixel at (x, y)."""
        left, top, right, bottom = self.box
        larger = matrices.resize((right - left, bottom - top), (self.width, self.height))
        moved = matrices.compose(larger, matrices.shift(-left, -top))
        return matrices.compose(matrices.shift(x, y), moved)


def zoom_paste(
    canvas: Canvas, params: SmallObjectZoomPasteParams, rng: np.random.Generator
) -> None:
    """Copy up to `max_targets` small objects; a copy that finds no free place is not made."""
    canvas.flush()
    small = [each for each in canvas.objects if _is_small(each, params)]
    if not small:
        canvas.log.skipped.append(Skipped(NAME, "no small object"))
        return
    chosen: list[int] = rng.permutation(len(small))[: params.max_targets].tolist()
    copies = [_copied(canvas, small[index], params, rng) for index in chosen]
    if any(copies):
        canvas.log.applied.append(NAME)
    else:
        canvas.log.skipped.append(Skipped(NAME, "no free place"))


def _is_small(each: Tracked, params: SmallObjectZoomPasteParams) -> bool:
    wanted, geometry = params.class_whitelist, each.item.geometry
    if each.is_copy or each.coverage < 1 or (wanted and label_of(each.item.desc) not in wanted):
        return False
    if isinstance(geometry, Line):
        return length(geometry.points) <= params.max_line_length
    box = bounds(geometry)
    return max(box.x2 - box.x1, box.y2 - box.y1) <= params.max_size


def _copied(
    canvas: Canvas, each: Tracked, params: SmallObjectZoomPasteParams, rng: np.random.Generator
) -> bool:
    patch = _patch_of(each.item.geometry, params, canvas.size, float(rng.uniform(*params.scale)))
    room = (canvas.size[0] - patch.width + 1, canvas.size[1] - patch.height + 1)
    if min(room) < 1:
        return False
    taken = [_covered(other.item.geometry, params) for other in canvas.objects]
    for x, y in rng.integers(0, room, (params.attempts, 2)).tolist():
        matrix = patch.map_to(x, y)
        geometry = transform(each.item.geometry, matrix)
        if params.overlap_mode == "aabb":
            own = _covered(Box(x, y, x + patch.width - 1, y + patch.height - 1), params)
        else:
            own = _covered(geometry, params, rim=params.context + _ROUNDED)
        if all(_overlap(own, other) <= params.overlap for other in taken):
            _paste(
                canvas, patch, (x, y), None if params.overlap_mode == "aabb" else (geometry, params)
            )
            copy = replace(each, item=replace(each.item, geometry=geometry), is_copy=True)
            canvas.objects.append(copy)
            canvas.moved = True
            canvas.log.added.append(Added(each.index, each.item.desc, NAME))
            return True
    return False


def _patch_of(
    geometry: Geometry, params: SmallObjectZoomPasteParams, size: tuple[int, int], factor: float
) -> Patch:
    """The object's box with some context, cut to the image."""
    box, context = bounds(geometry), params.context
    left = max(0, math.floor(box.x1) - context)
    top = max(0, math.floor(box.y1) - context)
    right = min(size[0], math.ceil(box.x2) + 1 + context)
    bottom = min(size[1], math.ceil(box.y2) + 1 + context)
    width, height = round((right - left) * factor), round((bottom - top) * factor)
    return Patch((left, top, right, bottom), max(1, width), max(1, height))


def _covered(
    geometry: Geometry, params: SmallObjectZoomPasteParams, rim: float = 0.0
) -> "BaseGeometry":
    """What an object takes of the image, to the border of its pixels: its shape and a rim around
    it, or the box around it."""
    import shapely

    margin = 0.5 + rim + (params.line_buffer if isinstance(geometry, Line) else 0.0)
    if params.overlap_mode == "aabb":
        box = bounds(geometry)
        return shapely.box(box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin)
    if isinstance(geometry, Line):
        return shapely.LineString(geometry.points).buffer(margin)
    return shapely.Polygon(geometry.points).buffer(margin)


def _overlap(one: "BaseGeometry", other: "BaseGeometry") -> float:
    """The part that two shapes share, of the smaller of them."""
    smaller = min(one.area, other.area)
    return one.intersection(other).area / smaller if smaller > 0 else 0.0


def _paste(
    canvas: Canvas,
    patch: Patch,
    at: tuple[int, int],
    shape: tuple[Geometry, SmallObjectZoomPasteParams] | None,
) -> None:
    """Copy the pixels: the whole patch, or those of the shape with a rim of its context."""
    size = (patch.width, patch.height)
    pixels = canvas.image.crop(patch.box).resize(size, Image.Resampling.BICUBIC)
    canvas.image = canvas.image.copy()
    if shape is None:
        canvas.image.paste(pixels, at)
        return
    geometry, params = shape
    local = transform(geometry, matrices.shift(-at[0], -at[1]))
    mask = Image.new("L", size)
    rim = 2 * params.context + 1
    points = [(round(x), round(y)) for x, y in local.points]
    if isinstance(local, Line):
        ImageDraw.Draw(mask).line(points, fill=255, width=rim + round(2 * params.line_buffer))
    else:
        ImageDraw.Draw(mask).polygon(points, fill=255, outline=255, width=1)
        ImageDraw.Draw(mask).line([*points, points[0]], fill=255, width=rim)
    canvas.image.paste(pixels, at, mask)
