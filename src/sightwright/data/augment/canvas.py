"""An image on its way through the operations, with its objects and the maps not drawn yet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from PIL import Image

from sightwright.clipping import clip
from sightwright.data.augment.matrices import IDENTITY, Size, border, compose, is_near
from sightwright.data.augment.report import Dropped, Log, Reshaped, Skipped
from sightwright.data.augment.shapes import Left, brought_inside, in_whole_pixels, left_on, measure
from sightwright.data.augment.warp import warp
from sightwright.geometry import Box, Geometry, Matrix, Polygon, transform
from sightwright.inspection_records import DenseObject

COMPLETENESS = 0.95
"""An object of which less is left is described as cut off."""

_WHOLE = re.compile(r"(?<![^,])可见性=完整(?![^,])")
_OFF = "lies wholly outside the image"


@dataclass(frozen=True, slots=True)
class Tracked:
    """An object, and what became of it so far.

    Attributes:
        index: in the record; a copy has its source's.
        coverage: share of it that is left.
    """

    index: int
    item: DenseObject
    coverage: float = 1.0
    is_copy: bool = False

    def seen_as(self, left: Left, completeness: float) -> "Tracked":
        """What is left of it on another canvas, described accordingly if that took some of it."""
        coverage, desc = self.coverage * left.coverage, self.item.desc
        if left.coverage < 1 and coverage < completeness:
            desc = _WHOLE.sub("可见性=部分", desc)
        return replace(
            self, item=replace(self.item, geometry=left.geometry, desc=desc), coverage=coverage
        )


@dataclass
class Canvas:
    """The state of one image.

    Attributes:
        content: what of the image is seen, as a shape; the rest of the canvas is grey.
        objects_fixed: none may be dropped or added: a text about all of them is learnt.
        pending: the map of the affine operations since the last drawing.
        moved: geometry is no longer the record's own: pixels moved, or some were cut off.
    """

    image: Image.Image
    objects: list[Tracked]
    content: Geometry
    objects_fixed: bool
    pending: Matrix = IDENTITY
    pending_names: list[str] = field(default_factory=list[str])
    moved: bool = False
    log: Log = field(default_factory=Log)

    @classmethod
    def of(
        cls, image: Image.Image, objects: tuple[DenseObject, ...], objects_fixed: bool
    ) -> "Canvas":
        inside = [
            replace(item, geometry=brought_inside(item.geometry, image.size)) for item in objects
        ]
        tracked = [Tracked(index, item) for index, item in enumerate(inside)]
        return cls(image, tracked, Polygon(border(image.size)), objects_fixed)

    @property
    def size(self) -> Size:
        return self.image.size

    def gather(self, matrix: Matrix, name: str) -> None:
        """Put an operation on top of those that wait to be drawn.

        A projective map is meant for what lies on the canvas. Far outside, where others may have
        taken a corner of the image, it has a horizon; then the others are drawn first.
        """
        if not is_near(compose(matrix, self.pending), border(self.size)):
            self.flush()
        self.pending = compose(matrix, self.pending)
        self.pending_names.append(name)

    def flush(self) -> None:
        """Draw what waits, in one warp."""
        if self.pending_names:
            self.draw_onto(self.size)

    def draw_onto(self, size: Size, extra: Matrix = IDENTITY, op: str = "") -> None:
        """Draw what waits on a canvas of `size`, and after it the map `extra` of `op`."""
        names, waiting = self.pending_names, self.pending
        self.pending, self.pending_names = IDENTITY, []
        if names and self.objects_fixed and not self._keeps_all(compose(extra, waiting), size):
            self.log.skipped += [Skipped(name, "would drop an object") for name in names]
            names, waiting = [], IDENTITY
        names += [op] if op else []
        matrix = compose(extra, waiting)
        self.log.applied += names
        self.replace_image(warp(self.image, matrix, size), matrix, "+".join(names))

    def _keeps_all(self, matrix: Matrix, size: Size) -> bool:
        moved = (transform(each.item.geometry, matrix) for each in self.objects)
        return all(left_on(geometry, size) is not None for geometry in moved)

    def replace_image(self, image: Image.Image, matrix: Matrix, op: str) -> None:
        """Go on with `image`, where the present one's pixels lie as `matrix` maps them."""
        kept: list[Tracked] = []
        for each in self.objects:
            left = left_on(transform(each.item.geometry, matrix), image.size)
            if left is None:
                self.drop(each, op, _OFF)
            else:
                kept.append(each.seen_as(left, COMPLETENESS))
        self.set(image, matrix, kept)

    def set(self, image: Image.Image, matrix: Matrix, objects: list[Tracked]) -> None:
        """Go on with an image and the objects that are on it."""
        (left, top), _, (right, bottom), _ = border(image.size)
        content = transform(self.content, matrix)
        seen = clip(content, Box(left, top, right, bottom))
        self.content = seen if seen is not None else Polygon(((0, 0), (0, 0), (0, 0)))
        # Cut at the right or below, nothing moves, and shapes end where the image does.
        is_cut = image.width < self.image.width or image.height < self.image.height
        self.moved = self.moved or matrix != IDENTITY or is_cut
        self.image, self.objects = image, objects

    def drop(self, each: Tracked, op: str, reason: str) -> None:
        self.log.dropped.append(Dropped(each.index, each.item.desc, op, reason))

    @property
    def padding_ratio(self) -> float:
        """Share of the canvas that shows no image."""
        return max(0.0, 1 - measure(self.content) / (self.image.width * self.image.height))

    def finish(self, originals: tuple[DenseObject, ...]) -> None:
        """Bring every object to whole pixels, and write down what became of its shape."""
        if not self.moved:
            self.objects = [replace(each, item=originals[each.index]) for each in self.objects]
            return
        self.objects = list(self._settled())
        for each in self.objects:
            if each.coverage < 1:
                self.log.reshaped.append(Reshaped(each.index, each.item.desc, "cut"))
            if each.item.desc != originals[each.index].desc:
                self.log.partial.append(each.index)

    def _settled(self) -> Iterator[Tracked]:
        for each in self.objects:
            geometry, how = in_whole_pixels(each.item.geometry, self.size)
            if geometry is None:
                self.drop(each, "rounding", "is smaller than a pixel")
                continue
            if how:
                self.log.reshaped.append(Reshaped(each.index, each.item.desc, how))
            yield replace(each, item=replace(each.item, geometry=geometry))
