"""Every key of the mixture file in words, as `describe` has those of a run's."""

import re
from dataclasses import replace
from functools import cache

from sightwright.config.describe import Entry, Place, entry_of, inheritance_entry, places_of
from sightwright.config.fields import INHERITANCE_KEYS
from sightwright.config.fusion import FusionFile
from sightwright.config.suggestions import did_you_mean
from sightwright.config.yaml_example import inline
from sightwright.errors import ConfigError

_ROOTS = ("targets", "target", "sources")
_READ_BY = ("train", "data fuse", "data doctor")
# Either may be missing: the other stands for it.
_FOR_EACH_OTHER = ("dataset", "name")
_LEAST: dict[str, dict[str, object]] = {
    "targets": {
        "name": "bbu", "train_jsonl": "bbu/train.jsonl", "template": "target_dense_bbu",
    },
    "sources": {
        "name": "lvis", "train_jsonl": "lvis/train.jsonl", "template": "source_dense",
        "ratio": 0.1,
    },
}  # fmt: skip
_FEW_POINTS: dict[str, object] = {"poly_fallback": "bbox_2d", "poly_max_points": 12}
# What an entry has beside that, where it shows the key.
_SHOWN: dict[str, dict[str, object]] = {
    "dataset": {"name": "photos", "dataset": "bbu", "template": "target_dense_bbu"},
    "val_jsonl": {"val_jsonl": "bbu/val.jsonl"},
    "mode": {"mode": "dense"},
    "use_summary": {"dataset": "bbu", "template": "summary_bbu", "use_summary": True},
    "augmentation_enabled": {"augmentation_enabled": True},
    "curriculum_enabled": {"augmentation_enabled": True, "curriculum_enabled": False},
    "max_objects_per_image": {"max_objects_per_image": 64},
    "poly_fallback": _FEW_POINTS,
    "poly_max_points": _FEW_POINTS,
    "user_prompt": {"user_prompt": "List what you see."},
    "system_prompt": {"system_prompt": "You inspect photographs."},
    "seed": {"seed": 7},
    "sample_without_replacement": {"sample_without_replacement": True},
    "ratio": {"ratio": 0.5},
}


def is_of_mixture(key: str) -> bool:
    """Whether a key of a configuration can be of a mixture alone, as `targets.ratio`."""
    return _plain(key).split(".")[0] in _ROOTS


@cache
def entries() -> dict[str, Entry]:
    """Every key, those of an entry once for targets and once for sources."""
    inherited = {key: inheritance_entry(key) for key in INHERITANCE_KEYS}
    return inherited | {place.key: _described(place) for place in places_of(FusionFile, (), ())}


def sections() -> list[Entry]:
    """The top level."""
    return [entry for name, entry in entries().items() if "." not in name]


def keys_below(key: str) -> list[Entry]:
    """The keys of an entry of targets, or of sources."""
    return [entry for name, entry in entries().items() if name.startswith(f"{key}.")]


def explained(wanted: str) -> list[Entry]:
    """The entries that a key means: `targets.ratio`, or `ratio` of both.

    Raises:
        ConfigError: a key that no mixture has, with the nearest.
    """
    key, known = _plain(wanted), entries()
    if key.split(".")[0] == "target":
        key = key.replace("target", "targets", 1)
    found = [entry for name, entry in known.items() if key in (name, name.split(".")[-1])]
    if found:
        return found
    names = list(dict.fromkeys(name.split(".")[-1] for name in known))
    near = did_you_mean(key.split(".")[-1], names)
    every = "sightwright config explain --mixture (without a key) lists the keys"
    raise ConfigError(f"unknown key {wanted!r} of a mixture", remedy=near or every)


def _plain(key: str) -> str:
    """`sources[1].params.ratio` is `sources.ratio`."""
    return re.sub(r"\[\d*\]", "", key.strip()).replace(".params.", ".")


def _described(place: Place) -> Entry:
    entry = entry_of(place.key, [place])
    name = place.path[-1]
    if len(place.path) == 1:
        also = ("target (one entry, not a list)",) if name == "targets" else ()
        example = f"{name}:\n  - {inline(_LEAST[name])}\n"
        return replace(entry, also=also, read_by=_READ_BY, limits=(), example=example)
    section = place.path[0]
    shown = inline(_LEAST[section] | _SHOWN.get(name, {}))
    return replace(
        entry,
        required=entry.required and name not in _FOR_EACH_OTHER,
        also=(f"{section}[].params.{name}",),
        read_by=_READ_BY,
        limits=(),
        example=f"{section}:\n  - {shown}\n",
    )
