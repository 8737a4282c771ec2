"""The files of a converted set: its samples, their split, the reports, the vocabulary.

DIR/images/…                 the images, upright, on the model's grid
DIR/all_samples.jsonl        every record, in the order of the source
DIR/train.jsonl, val.jsonl   the same records, split by image
DIR/train_tiny.jsonl, val_tiny.jsonl   a few of each
DIR/label_vocabulary.json    categories, attributes and values, with counts
DIR/validation_results.json  the settings, and how many of everything
DIR/invalid_objects.jsonl    each object that is not as it was: why, and what became of it
DIR/invalid_samples.jsonl    the same for whole images and files
DIR/.unfinished              a run is under way, or was cut short
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.ingest.annotations.sample import IMAGES, Converted
from sightwright.ingest.split import Side, assign, shuffled

ALL, TRAIN, VAL = "all_samples.jsonl", "train.jsonl", "val.jsonl"
TINY = {"train": ("train_tiny.jsonl", 20), "val": ("val_tiny.jsonl", 8)}
VOCABULARY, RESULTS = "label_vocabulary.json", "validation_results.json"
BAD_OBJECTS, BAD_SAMPLES = "invalid_objects.jsonl", "invalid_samples.jsonl"
_MARKER = ".unfinished"
_SPLIT_FILES = (TRAIN, VAL, *(name for name, _ in TINY.values()))
_OURS = {
    IMAGES, ALL, *_SPLIT_FILES, VOCABULARY, RESULTS, BAD_OBJECTS, BAD_SAMPLES, _MARKER,
}  # fmt: skip


def check_folder(out: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """See that the folder is new, or holds the same conversion, or may be written anew.

    Raises:
        DataError: it holds something else.
    """
    there = _names_in(out)
    # A folder called images is no sign of a conversion: it may be where somebody's photographs are.
    is_conversion = RESULTS in there or (out / _MARKER).exists()
    if foreign := sorted(there - (_OURS if is_conversion else _OURS - {IMAGES})):
        raise DataError(
            f"it holds other files ({', '.join(foreign[:5])})", where=str(out),
            remedy="choose a new folder",
        )  # fmt: skip
    if not overwrite and _settings_of(out) not in (None, dict(settings)):
        raise DataError(
            "it holds a conversion of other data, or with other settings", where=str(out),
            remedy="choose another --out, or say --overwrite",
        )  # fmt: skip


def clear_folder(out: Path, *, overwrite: bool) -> None:
    """Take away the samples of an earlier run, which must not stand beside new ones; with
    `overwrite` all that it made."""
    for name in sorted(_names_in(out)) if overwrite else (ALL, *_SPLIT_FILES):
        if (out / name).exists():
            _remove(out / name)


def _names_in(out: Path) -> set[str]:
    if not out.is_dir():
        return set()
    return {name for name in os.listdir(out) if not name.endswith(".partial")} - {_MARKER}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _settings_of(out: Path) -> dict[str, Any] | None:
    try:
        return dict(canonical.loads((out / RESULTS).read_bytes())["settings"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass
class Totals:
    """How much there was, and what became of it."""

    samples_read: int = 0
    samples_written: int = 0
    objects_read: int = 0
    objects_written: int = 0
    objects_lost: int = 0
    images: Counter[str] = field(default_factory=Counter[str])
    frames: Counter[str] = field(default_factory=Counter[str])
    geometries: Counter[str] = field(default_factory=Counter[str])
    changes: Counter[str] = field(default_factory=Counter[str])
    objects: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    samples: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    vocabulary: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    sides: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, made: Converted) -> None:
        self.samples_written += made.record is not None
        self.objects_read += made.num_objects
        self.objects_lost += made.num_lost
        self.objects_written += sum(made.geometries.values())
        self.frames.update(made.frames)
        self.geometries.update(made.geometries)
        self.changes.update(made.changes)
        self.vocabulary.update(made.vocabulary)
        for lines, counts in ((made.objects, self.objects), (made.samples, self.samples)):
            for line in lines:
                counts.setdefault(line["outcome"], Counter())[line["reason"]] += 1

    def write_nothing(self) -> None:
        """What was counted as written is not: the run has failed."""
        self.samples_written = self.objects_written = 0
        self.geometries.clear()
        self.changes.clear()

    @property
    def num_invalid(self) -> int:
        """Objects and samples that are wrong, not those left out by a rule."""
        return sum(
            sum(counts.get(outcome, Counter[str]()).values())
            for counts in (self.objects, self.samples)
            for outcome in ("left-out", "kept")
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "samples": {
                "read": self.samples_read,
                "written": self.samples_written,
                **_by_outcome(self.samples),
            },
            "objects": {
                "read": self.objects_read,
                "written": self.objects_written,
                "gone_with_their_sample": self.objects_lost,
                **_by_outcome(self.objects),
                "changed": _sorted(self.changes),
            },
            "geometries": _sorted(self.geometries),
            "images": _sorted(self.images),
            "frames": _sorted(self.frames),
            "split": self.sides,
        }


def _by_outcome(counts: Mapping[str, Counter[str]]) -> dict[str, Any]:
    return {
        outcome.replace("-", "_"): _sorted(counts.get(outcome, Counter()))
        for outcome in ("left-out", "kept", "by-rule")
    }


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {key: counts[key] for key in sorted(counts) if counts[key]}


class Files:
    """The streamed files of a run: records and reports, in the order of the source."""

    def __init__(self, out: Path, *, absolute: bool) -> None:
        self._out, self._absolute = out, absolute
        self._stack = ExitStack()
        self.totals = Totals()
        # The image of each record, by the hash of its bytes: a set may have millions.
        self.image_of_record: list[bytes] = []
        self._images: set[str] = set()

    def __enter__(self) -> "Files":
        self._stack.__enter__()
        self._all, self._objects, self._samples = (
            self._stack.enter_context(jsonl.Writer(self._out / name))
            for name in (ALL, BAD_OBJECTS, BAD_SAMPLES)
        )
        return self

    def __exit__(self, *reason: Any) -> None:
        self._stack.__exit__(*reason)

    def add(self, made: Converted) -> None:
        self.totals.add(made)
        if (record := made.record) is not None:
            if record["images"][0] not in self._images:
                self._images.add(record["images"][0])
                self.totals.images[made.image] += 1
            if self._absolute:
                path = (self._out.resolve() / record["images"][0]).as_posix()
                record = {**record, "images": [path]}
            self._all.write(record)
            self.image_of_record.append(bytes.fromhex(made.sha256)[:16])
        for line in made.objects:
            self._objects.write(line)
        for line in made.samples:
            self._samples.write(line)


def write_split(
    out: Path, image_of_record: Sequence[bytes], val_ratio: float, seed: int
) -> dict[str, int]:
    """Write train, val and the tiny sets from all samples; records of one image stay together.

    Returns how many records each file has.
    """
    side_of = _sides(image_of_record, val_ratio, seed)
    members: dict[str, list[int]] = {"train": [], "val": []}
    for index, image in enumerate(image_of_record):
        members[side_of[image]].append(index)
    wanted: dict[str, set[int]] = {}
    for side, indices in members.items():
        name, size = TINY[side]
        wanted[TRAIN if side == "train" else VAL] = set(indices)
        in_some_order = sorted(indices, key=lambda index: shuffled(index.to_bytes(8, "big"), seed))
        wanted[name] = set(in_some_order[:size])
    with ExitStack() as files:
        writers = {name: files.enter_context(jsonl.Writer(out / name)) for name in wanted}
        for index, (_, value) in enumerate(jsonl.read_values(out / ALL)):
            for name, chosen in wanted.items():
                if index in chosen:
                    writers[name].write(value)
    return {name.removesuffix(".jsonl"): len(chosen) for name, chosen in wanted.items()}


def _sides(images: Sequence[bytes], val_ratio: float, seed: int) -> dict[bytes, Side]:
    sizes = Counter(images)
    # One image cannot stand on both sides; it is trained on.
    if val_ratio in (0, 1) or len(sizes) < 2:
        return dict.fromkeys(sizes, "val" if val_ratio == 1 else "train")
    return assign(sizes, {"train": 1 - val_ratio, "val": val_ratio}, seed)


def write_reports(out: Path, totals: Totals, settings: Mapping[str, Any], *, failed: bool) -> None:
    canonical.write_json(out / VOCABULARY, _vocabulary(totals.vocabulary))
    results = {"failed": failed, **totals.to_json(), "settings": dict(settings)}
    canonical.write_json(out / RESULTS, results)


def unused_images(out: Path) -> list[str]:
    """Images of an earlier run that no record names any more."""
    there = set(os.listdir(out / IMAGES)) if (out / IMAGES).is_dir() else set[str]()
    return sorted(there - set(_named_images(out)))


def _named_images(out: Path) -> Iterator[str]:
    for _, value in jsonl.read_values(out / ALL):
        yield value["images"][0].rsplit("/", 1)[-1]


def _vocabulary(counts: Counter[tuple[str, str, str]]) -> dict[str, Any]:
    """Categories by how often they occur, then by name; so their attributes and values."""
    found: dict[str, dict[str, Any]] = {}
    for (category, key, value), count in sorted(counts.items(), key=lambda e: (-e[1], e[0])):
        entry = found.setdefault(category, {"count": 0, "attributes": {}})
        if key:
            entry["attributes"].setdefault(key, {})[value] = count
        else:
            entry["count"] = count
    attributes: Counter[str] = Counter()
    for (_, key, _), count in counts.items():
        attributes.update({key: count} if key else {})
    by_count = sorted(found, key=lambda name: (-found[name]["count"], name))
    return {
        "categories": {name: found[name] for name in by_count},
        "attributes": dict(sorted(attributes.items(), key=lambda e: (-e[1], e[0]))),
    }
