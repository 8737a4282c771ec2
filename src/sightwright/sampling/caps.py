"""How many objects of a record are learnt, and in which shape: limits of a mixture's entry."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from sightwright import canonical
from sightwright.config.fusion import FusedSet
from sightwright.geometry import Polygon, bounds
from sightwright.inspection_records import DenseObject, write_object

Objects = tuple[DenseObject, ...]


@dataclass(frozen=True, slots=True)
class Limited:
    """Objects inside the limits, and what that took.

    Attributes:
        num_boxed: polygons of too many points that became boxes.
        num_left_out: objects over the cap.
    """

    objects: Objects
    num_boxed: int = 0
    num_left_out: int = 0


def limit_objects(
    objects: Objects, limits: FusedSet, *, seed: int, epoch: int, key: str
) -> Limited:
    """Both limits of an entry, in the order of a sample's making: after augmentation.

    Args:
        key: names the record, so that the choice is its own.
    """
    boxed, num_boxed = boxes_for_large_polygons(objects, limits.poly_max_points)
    kept = capped(boxed, limits.max_objects, seed=seed, epoch=epoch, key=key)
    return Limited(kept, num_boxed, len(boxed) - len(kept))


def longest(objects: Objects, limits: FusedSet) -> Objects:
    """Of all that `limit_objects` may leave of a record, the choice of the most text.

    Characters are counted, with which tokens all but go.
    """
    boxed, _ = boxes_for_large_polygons(objects, limits.poly_max_points)
    most = limits.max_objects
    if most is None or len(boxed) <= most:
        return boxed
    sizes = [len(canonical.dumps(write_object(each))) for each in boxed]
    chosen = set(sorted(range(len(boxed)), key=lambda index: -sizes[index])[:most])
    return tuple(each for index, each in enumerate(boxed) if index in chosen)


def boxes_for_large_polygons(objects: Objects, max_points: int | None) -> tuple[Objects, int]:
    """Polygons of more than `max_points` points as the boxes around them, and how many there were.

    A polygon is left as it is where the limit is None.
    """
    if max_points is None:
        return objects, 0
    large = [
        isinstance(each.geometry, Polygon) and len(each.geometry.points) > max_points
        for each in objects
    ]
    changed = tuple(
        replace(each, geometry=bounds(each.geometry)) if is_large else each
        for each, is_large in zip(objects, large, strict=True)
    )
    return changed, sum(large)


def capped(objects: Objects, most: int | None, *, seed: int, epoch: int, key: str) -> Objects:
    """At most `most` objects, drawn at random, in the order they had; all where `most` is None.

    The same record has another choice in another epoch.
    """
    if most is None or len(objects) <= most:
        return objects
    digest = hashlib.blake2b(f"cap|{seed}|{epoch}|{key}".encode(), digest_size=16).digest()
    keys = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(len(objects))
    chosen = set(map(int, np.argsort(keys, kind="stable")[:most]))
    return tuple(each for index, each in enumerate(objects) if index in chosen)
