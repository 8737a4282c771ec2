"""Knobs that are gone: their mere presence stops the reading, with the reason."""

from collections.abc import Iterator

from sightwright.config.problems import Problem
from sightwright.config.tree import Branch

_PACKING = "removed: packing is gone, every sample is trained alone with its own positions"
_PAIRING = "removed: a record holds one image group and one mode of its own"

_REMOVED_ANYWHERE: dict[str, tuple[str, str]] = {
    "hard_sample_mining": (
        "removed on 2025-11-27: samples are no longer mined by their loss",
        "delete it; weight the data through the fusion ratios",
    ),
    "cached_lengths": (_PACKING, "delete it; lengths follow from the image sizes"),
    "summary_ratio": (
        _PAIRING,
        "give summary data an entry of its own in custom.fusion_config, or write "
        "custom.legacy_pairing: {summary_ratio: R}",
    ),
    "images_per_user_turn": (
        _PAIRING,
        "write the images of a turn into one record, or custom.legacy_pairing: {group_size: N}",
    ),
    "use_legacy_fusion": ("removed: there is one fusion", "delete it; set custom.fusion_config"),
    "summary_label_grouping": (
        "removed: labels are no longer folded into groups",
        "write the summary into the record as it shall be learnt",
    ),
}

_REMOVED_FROM_CUSTOM: dict[str, tuple[str, str]] = {
    "grpo_chord": ("moved", "write its keys under rlhf, as rlhf.chord_*"),
}


def take_removed(root: Branch) -> Iterator[Problem]:
    """Name every removed knob of one file, at the top level and in the sections, and drop it."""
    yield from _removed_in(root, "")
    for section, node in root.children.items():
        if isinstance(node, Branch):
            yield from _removed_in(node, section)


def removal_of(section: str, key: str) -> tuple[str, str] | None:
    """What is said of a knob that is gone: the reason and the remedy; None for any other key."""
    return _verdict(section, key)


def _removed_in(branch: Branch, section: str) -> Iterator[Problem]:
    for key, node in list(branch.children.items()):
        verdict = _verdict(section, key)
        if verdict is not None:
            text, hint = verdict
            del branch.children[key]
            yield Problem(node.place, f"{section}.{key}" if section else key, text, hint)


def _verdict(section: str, key: str) -> tuple[str, str] | None:
    if section == "custom" and key in _REMOVED_FROM_CUSTOM:
        return _REMOVED_FROM_CUSTOM[key]
    # Whole families: packing, packing_length, packing_group_key, packing_num_proc, …
    if "packing" in key:
        return _PACKING, "delete it; data.batching says how a batch is laid out"
    return _REMOVED_ANYWHERE.get(key)
