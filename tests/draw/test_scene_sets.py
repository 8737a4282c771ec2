"""Folders of scenes: files that read back, verdicts that follow from what was drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.draw.scene_sets import (
    draw_group,
    draw_groups,
    draw_irrelevants,
    draw_scenes,
    verdict_of,
)
from sightwright.draw.scenes import draw_scene
from sightwright.errors import DataError
from sightwright.inspection_records import read_inspection_record
from sightwright.records import read_chat_record
from sightwright.tasks.verdict import VerdictTask


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_writes_pictures_and_records(tmp_path: Path) -> None:
    scenes = draw_scenes(3, 10, tmp_path, domain="bbu", name="train")
    read = [
        read_inspection_record(value) for _, value in jsonl.read_values(tmp_path / "train.jsonl")
    ]
    assert read == [scene.record for scene in scenes]
    assert [record.id for record in read] == ["bbu-00000010", "bbu-00000011", "bbu-00000012"]
    for scene in scenes:
        with Image.open(tmp_path / scene.record.image) as image:
            assert image.tobytes() == scene.image.tobytes()


def test_drawn_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_scenes(3, 0, tmp_path / name)
        draw_irrelevants(2, 0, tmp_path / name)
        draw_groups(2, 0, tmp_path / name)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")


def test_held_out_scenes_are_others(tmp_path: Path) -> None:
    # A screw alone on 16 cells, in two states: some of the next 20 scenes must be known already.
    taught = draw_scenes(20, 0, tmp_path, parts=("screw",), most=1, cells=4, domain="bbu")
    held = draw_scenes(
        8, 20, tmp_path, parts=("screw",), most=1, cells=4, domain="bbu", apart_from=taught
    )
    assert len(held) == 8
    assert not {scene.drawn for scene in held} & {scene.drawn for scene in taught}
    assert held[-1].record.id > "bbu-00000028"
    every = [draw_scene(seed, "bbu", parts=("screw",), most=1, cells=4) for seed in range(400)]
    with pytest.raises(DataError, match="only 0 of 2 scenes are unlike those given") as error:
        draw_scenes(
            2, 400, tmp_path, parts=("screw",), most=1, cells=4, domain="bbu", apart_from=every
        )
    assert error.value.remedy == "draw fewer to learn from, or allow more parts or cells"


def test_a_groups_verdict_follows_from_its_pictures() -> None:
    verdicts: Counter[str] = Counter()
    for seed in range(24):
        group = draw_group(seed)
        # By the words of the records alone, not by what the drawing code calls a defect.
        words = [each.desc for scene in group.scenes for each in scene.record.objects]
        loose = sum("问题=未拧紧" in text for text in words)
        bare = sum("保护措施=无保护" in text for text in words)
        answer = group.record.messages[-1].text
        first, second = answer.split("\n")
        assert group.passes == (loose + bare == 0)
        assert first == ("Verdict: 通过" if loose + bare == 0 else "Verdict: 不通过")
        assert (f"螺丝未拧紧{loose}处" in second) == bool(loose)
        assert (f"光纤无保护{bare}处" in second) == bool(bare)
        verdicts[first] += 1
    assert min(verdicts.values()) >= 6


def test_a_group_is_a_conversation_over_its_pictures(tmp_path: Path) -> None:
    groups = draw_groups(3, 4, tmp_path, domain="rru", cells=4)
    read = [read_chat_record(value) for _, value in jsonl.read_values(tmp_path / "groups.jsonl")]
    assert read == [group.record for group in groups]
    for group, record in zip(groups, read, strict=True):
        assert 2 <= len(group.scenes) <= 4
        assert record.messages[0].images == tuple(scene.record.image for scene in group.scenes)
        for image in record.messages[0].images:
            assert (tmp_path / image).is_file()


def test_the_verdict_task_reads_a_groups_answer() -> None:
    for seed in range(6):
        group = draw_group(seed)
        gold = VerdictTask().gold(group.record)
        assert gold.passes == group.passes
        assert gold.reason in group.record.messages[-1].text


def test_every_defect_of_a_verdict_is_counted() -> None:
    assert verdict_of([]) == "Verdict: 通过\nReason: 未见问题"
    assert verdict_of(["b", "a", "b"]) == "Verdict: 不通过\nReason: a1处，b2处"
