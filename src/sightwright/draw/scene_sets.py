"""Folders of drawn scenes: pictures, and the JSONL files that describe them.

    draw_scenes(200, 0, folder, domain="bbu")    # folder/images/*.png, folder/bbu.jsonl
    draw_irrelevants(40, 0, folder)              # folder/irrelevant.jsonl
    draw_groups(20, 0, folder)                   # folder/groups.jsonl: pictures and a verdict

A group passes when none of its pictures shows a defect: its verdict follows from the parts drawn.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from sightwright import jsonl
from sightwright.canonical import write_bytes
from sightwright.draw.scenes import (
    CELLS,
    PARTS,
    Domain,
    Part,
    Scene,
    draw_irrelevant,
    draw_scene,
)
from sightwright.errors import DataError
from sightwright.inspection_records import write_inspection_record
from sightwright.records import ChatRecord, ImageRef, Message, Text, write_chat_record
from sightwright.tasks.verdict import Verdict

QUESTION = "判断这组照片是否通过，并说明理由。"
FEWEST_PICTURES, MOST_PICTURES = 2, 4
# Seeds of groups' pictures lie here, so that no group shows a picture of `draw_scenes`.
_GROUP_SEEDS = 500_000_000
# Seeds looked at for each scene that is wanted, before there are said to be no others.
_MOST_TRIES = 20


@dataclass(frozen=True)
class Group:
    """Pictures of one site, and the conversation that judges them."""

    scenes: tuple[Scene, ...]
    record: ChatRecord

    @property
    def passes(self) -> bool:
        return not any(scene.defects for scene in self.scenes)


def draw_scenes(
    count: int,
    seed: int,
    folder: Path,
    *,
    domain: Domain = "scene",
    name: str | None = None,
    parts: tuple[Part, ...] = PARTS,
    fewest: int = 1,
    most: int = 5,
    cells: int = CELLS,
    apart_from: Iterable[Scene] = (),
) -> list[Scene]:
    """Draw `count` scenes into a folder; the same arguments write the same bytes.

    Args:
        seed: the first scene's; those after it have the seeds after it, so that ranges of seeds
            do not overlap.
        name: of the JSONL file; the domain's when absent.
        parts, fewest, most, cells: as `draw_scene` takes them.
        apart_from: scenes to be judged apart from: a seed that puts the same parts in the same
            places is passed over.

    Raises:
        DataError: hardly any scene of these parts is another one than those.
    """
    known = {scene.drawn for scene in apart_from}
    scenes: list[Scene] = []
    for at in range(seed, seed + _MOST_TRIES * count):
        scene = draw_scene(at, domain, parts=parts, fewest=fewest, most=most, cells=cells)
        if scene.drawn not in known:
            scenes.append(scene)
        if len(scenes) == count:
            _write(folder, name or domain, scenes)
            return scenes
    raise DataError(
        f"only {len(scenes)} of {count} scenes are unlike those given, {len(known)} different ones",
        where=str(folder),
        remedy="draw fewer to learn from, or allow more parts or cells",
    )


def draw_irrelevants(
    count: int, seed: int, folder: Path, *, name: str = "irrelevant", cells: int = CELLS
) -> list[Scene]:
    """Draw pictures of something else, whose summary says so."""
    scenes = [draw_irrelevant(seed + i, cells=cells) for i in range(count)]
    _write(folder, name, scenes)
    return scenes


def draw_group(seed: int, domain: Domain = "bbu", *, cells: int = CELLS) -> Group:
    """Two to four pictures of one site with their verdict; every second group is without fault."""
    rng = random.Random(f"group:{domain}:{seed}")
    first = _GROUP_SEEDS + seed * MOST_PICTURES
    scenes = tuple(
        draw_scene(first + i, domain, fewest=2, faulty=seed % 2 == 1, cells=cells)
        for i in range(rng.randint(FEWEST_PICTURES, MOST_PICTURES))
    )
    defects = [defect for scene in scenes for defect in scene.defects]
    images = tuple(ImageRef(scene.record.image) for scene in scenes)
    asked = Message("user", (*images, Text(QUESTION)))
    answer = Message("assistant", (Text(verdict_of(defects)),))
    return Group(scenes, ChatRecord(f"group-{domain}-{seed:08d}", (asked, answer), {}))


def verdict_of(defects: Sequence[str]) -> str:
    """The two lines of a verdict: a group without a defect passes, and any defect is counted.

    >>> verdict_of(["螺丝未拧紧", "光纤无保护", "螺丝未拧紧"])
    'Verdict: 不通过\\nReason: 光纤无保护1处，螺丝未拧紧2处'
    """
    if not defects:
        return Verdict(True, "未见问题").text
    counted = "，".join(f"{defect}{times}处" for defect, times in sorted(Counter(defects).items()))
    return Verdict(False, counted).text


def draw_groups(
    count: int,
    seed: int,
    folder: Path,
    *,
    domain: Domain = "bbu",
    name: str = "groups",
    cells: int = CELLS,
) -> list[Group]:
    """Draw groups with their verdicts, as chat records of several pictures."""
    groups = [draw_group(seed + i, domain, cells=cells) for i in range(count)]
    for group in groups:
        _write_pictures(folder, group.scenes)
    jsonl.write_all(folder / f"{name}.jsonl", (write_chat_record(group.record) for group in groups))
    return groups


def _write(folder: Path, name: str, scenes: Sequence[Scene]) -> None:
    _write_pictures(folder, scenes)
    records = (write_inspection_record(scene.record) for scene in scenes)
    jsonl.write_all(folder / f"{name}.jsonl", records)


def _write_pictures(folder: Path, scenes: Iterable[Scene]) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for scene in scenes:
        data = BytesIO()
        scene.image.save(data, format="PNG")
        write_bytes(folder / scene.record.image, data.getvalue())
