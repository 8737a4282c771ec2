"""Groups of an epoch: which records meet, what they learn, and that the seed alone decides it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.config.load import load_text
from sightwright.data.conversations import arrange_groups_of, arrange_of, task_of
from sightwright.data.dataset import Lengths, RecordDataset
from sightwright.data.encode import Encoder, OverLengthError
from sightwright.data.pairing import PairedRecords
from sightwright.errors import DataError
from sightwright.jsonl import write_all
from sightwright.sampling.plan import Pick

Draw = Callable[..., str]
CONFIG = load_text(
    "task: {type: dense, prompt: List the objects.}\n"
    "prompts: {system: You look at pictures.}\n"
    "custom: {legacy_pairing: {group_size: 2}}\n"
).config


@pytest.fixture
def records(tmp_path: Path, encoder: Encoder, draw: Draw) -> tuple[RecordDataset, Lengths]:
    lines = [
        {
            "id": f"r{index}",
            "images": [draw(f"{index}.png", 64, 64)],
            "width": 64,
            "height": 64,
            "objects": [{"desc": f"thing {index}", "bbox_2d": [8 * index, 0, 8 * index + 8, 32]}],
            "summary": f"one thing, {index}",
        }
        for index in range(5)
    ]
    write_all(tmp_path / "train.jsonl", lines)
    own = replace(encoder, arrange=arrange_of(CONFIG, task_of(CONFIG, None)))
    return RecordDataset.open(tmp_path / "train.jsonl", own)


def paired(records: RecordDataset, ratio: float = 0.0, seed: int = 17) -> PairedRecords:
    return PairedRecords(
        records, arrange_groups_of(CONFIG), group_size=2, summary_ratio=ratio, seed=seed
    )


def members(groups: PairedRecords, epoch: int) -> list[tuple[int, ...]]:
    return [groups.group(index, epoch) for index in range(len(groups))]


def flat(groups: Sequence[tuple[int, ...]]) -> list[int]:
    return [member for group in groups for member in group]


def test_every_epoch_cuts_all_records_into_other_groups(
    records: tuple[RecordDataset, Lengths],
) -> None:
    groups = paired(records[0])
    assert len(groups) == 3
    epochs = [members(groups, epoch) for epoch in range(4)]
    for epoch in epochs:
        assert sorted(flat(epoch)) == [0, 1, 2, 3, 4]
        assert [len(group) for group in epoch] == [2, 2, 1]
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert epochs == [members(paired(records[0]), epoch) for epoch in range(4)]
    assert epochs != [members(paired(records[0], seed=18), epoch) for epoch in range(4)]


def test_a_group_is_one_question_about_all_its_images(
    records: tuple[RecordDataset, Lengths],
) -> None:
    groups = paired(records[0])
    sample = groups[Pick(0, epoch=0, step=0, progress=0.0)]
    first, second = groups.group(0, 0)
    text = records[0].encoder.tokenizer.decode(sample.encoded.ids)
    assert sample.encoded.images == (f"{first}.png", f"{second}.png")
    assert text.count("List the objects.") == 1
    assert text.count("You look at pictures.") == 1
    # 64 x 64 px: x = 8 is 125 thousandths, y = 32 is 500. Coordinates are flat in this form.
    answer = (
        f'{{"图片_1": {{"object_1": {{"desc": "thing {first}", '
        f'"bbox_2d": [{125 * first}, 0, {125 * first + 125}, 500]}}}}, '
        f'"图片_2": {{"object_1": {{"desc": "thing {second}", '
        f'"bbox_2d": [{125 * second}, 0, {125 * second + 125}, 500]}}}}}}'
    )
    assert answer in text


def test_the_ratio_says_how_many_groups_learn_their_summaries(
    records: tuple[RecordDataset, Lengths],
) -> None:
    groups = paired(records[0], ratio=0.25)
    modes = [groups.mode(index, epoch) for epoch in range(1000) for index in range(3)]
    # 3,000 draws of probability 0.25: the standard deviation of the share is 0.008.
    assert modes.count("summary") / len(modes) == pytest.approx(0.25, abs=0.03)
    assert {paired(records[0]).mode(i, 0) for i in range(3)} == {"dense"}
    every = paired(records[0], ratio=1.0)
    text = records[0].encoder.tokenizer.decode(every[Pick(0, 0, 0, 0.0)].encoded.ids)
    first, second = every.group(0, 0)
    assert f'{{"图片_1": "one thing, {first}", "图片_2": "one thing, {second}"}}' in text


def test_groups_that_could_reach_the_limit_are_refused_beforehand(
    records: tuple[RecordDataset, Lengths],
) -> None:
    dataset, _ = records
    groups = paired(dataset)
    groups.require_room()
    pairs = [groups[Pick(index, epoch, 0, 0.0)] for epoch in range(9) for index in range(2)]
    longest = max(pair.encoded.length for pair in pairs)
    # Its question is counted with each of the two, and asked once.
    dataset.encoder = replace(dataset.encoder, max_length=longest)
    with pytest.raises(OverLengthError, match="2 longest records together have") as error:
        paired(dataset).require_room()
    assert error.value.where == "custom.legacy_pairing.group_size"


def test_all_that_decides_the_groups_is_in_the_digest(
    records: tuple[RecordDataset, Lengths],
) -> None:
    digests = {
        paired(records[0]).digest,
        paired(records[0], ratio=0.5).digest,
        paired(records[0], seed=1).digest,
    }
    assert len(digests) == 3


def test_a_record_without_a_summary_is_found_before_the_run(
    records: tuple[RecordDataset, Lengths], tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(path.read_text().replace('"summary":"one thing, 3"', '"metadata":{}'))
    dataset, _ = RecordDataset.open(path, records[0].encoder)
    paired(dataset).require_room()
    with pytest.raises(DataError, match="no summary to learn") as error:
        paired(dataset, ratio=0.1).require_room()
    assert error.value.where == "train.jsonl record 3 (r3)"


def test_long_summaries_count_where_groups_learn_them(
    records: tuple[RecordDataset, Lengths], tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(path.read_text().replace("one thing", "one thing and another " * 12))
    dataset, lengths = RecordDataset.open(path, records[0].encoder)
    dataset.encoder = replace(dataset.encoder, max_length=sum(sorted(lengths.total)[-2:]) + 32)
    paired(dataset).require_room()
    with pytest.raises(OverLengthError, match="2 longest records together"):
        paired(dataset, ratio=0.1).require_room()


def test_a_question_of_ours_says_how_several_photographs_are_answered(
    records: tuple[RecordDataset, Lengths],
) -> None:
    config = load_text("task: {type: dense}\ncustom: {legacy_pairing: {group_size: 2}}").config
    records[0].encoder = replace(records[0].encoder, max_length=8192)
    groups = PairedRecords(
        records[0], arrange_groups_of(config), group_size=2, summary_ratio=0.0, seed=17
    )
    text = records[0].encoder.tokenizer.decode(groups[Pick(0, 0, 0, 0.0)].encoded.ids)
    question, answer = text.split("assistant\n")
    assert "外层的键依次为 图片_1、图片_2" in question
    assert answer.startswith('{"图片_1": {"object_1": ')


def test_a_group_costs_no_more_than_its_members_together(
    records: tuple[RecordDataset, Lengths],
) -> None:
    for ratio in (0.0, 0.5, 1.0):
        groups = paired(records[0], ratio=ratio)
        longest, place = groups.longest()
        assert place == "the 2 longest records as a group"
        for epoch in range(4):
            measures = groups.measures(epoch)
            assert len(measures) == len(groups) == 3
            for index in range(3):
                length = groups[Pick(index, epoch, 0, 0.0)].encoded.length
                assert length <= measures.tokens[index] <= longest
                # 64 x 64 pixels are 16 patches.
                assert measures.vision[index] == 16 * len(groups.group(index, epoch))
