"""A mixture as a dataset: each place of an epoch holds the record that was drawn for it."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.data.dataset import RecordDataset, Shown
from sightwright.data.encode import Encoder
from sightwright.data.mixed import MixedRecords
from sightwright.jsonl import write_all
from sightwright.sampling.mixture import Mixture, Pool
from sightwright.sampling.plan import BatchPlan, Pick
from sightwright.sampling.token_plan import TokenPlan

Draw = Callable[..., str]


def ids(shown: Shown, pick: Pick) -> Shown:
    """Marks what training has touched."""
    marked = f"{shown.place.id} at {pick.epoch}/{pick.step}"
    return replace(shown, place=replace(shown.place, id=marked))


@pytest.fixture
def sets(tmp_path: Path, encoder: Encoder, draw: Draw) -> tuple[RecordDataset, ...]:
    image = draw("a.png", 64, 64)
    opened: list[RecordDataset] = []
    for name, count in (("near", 6), ("far", 9)):
        lines = [
            {
                "id": f"{name}-{index}",
                "messages": [
                    {"role": "user", "content": [{"type": "image", "image": image}]},
                    {"role": "assistant", "content": "yes " * (index + 1)},
                ],
            }
            for index in range(count)
        ]
        path = tmp_path / f"{name}.jsonl"
        write_all(path, lines)
        opened.append(RecordDataset.open(path, encoder, change=ids)[0])
    return tuple(opened)


MIXTURE = Mixture((Pool("near", "target", 6, 1.5), Pool("far", "source", 9, 0.5)), 17)


def test_a_place_of_an_epoch_is_filled_as_drawn(sets: tuple[RecordDataset, ...]) -> None:
    mixed = MixedRecords(sets, MIXTURE)
    assert len(mixed) == MIXTURE.num_rows == 9 + 4
    names = ("near", "far")
    for epoch in (0, 3):
        for index, (which, record) in enumerate(MIXTURE.rows(epoch).tolist()):
            sample = mixed[Pick(index, epoch, step=8, progress=0.5)]
            # The pick reaches the record's own set, so that its augmentation follows the run.
            assert sample.encoded.place.id == f"{names[which]}-{record} at {epoch}/8"
            assert str(sample.encoded.place).startswith(f"{names[which]}.jsonl:{record + 1}")


def test_a_number_alone_is_a_row_of_epoch_0_as_it_stands(sets: tuple[RecordDataset, ...]) -> None:
    mixed = MixedRecords(sets, MIXTURE)
    which, record = MIXTURE.rows(0)[12].tolist()
    assert (which, mixed[12].encoded.place.id) == (1, f"far-{record}")
    assert mixed.encode(12).ids == mixed[12].encoded.ids


def test_every_target_record_is_learnt_in_every_epoch(sets: tuple[RecordDataset, ...]) -> None:
    plan = BatchPlan(len(MIXTURE.rows(0)), 2, 2, seed=1, num_steps=8)
    mixed = MixedRecords(sets, MIXTURE)
    seen: dict[int, list[str]] = {0: [], 1: []}
    for picks in plan.picks(0, 0, 1):
        for pick in picks:
            seen[pick.epoch].append(mixed[pick].encoded.place.id.split()[0])
    for learnt in seen.values():
        assert len(learnt) == 13
        assert {f"near-{index}" for index in range(6)} <= set(learnt)
    assert seen[0] != seen[1]


def test_the_digest_is_of_the_draw_and_of_the_records(
    sets: tuple[RecordDataset, ...], tmp_path: Path, encoder: Encoder
) -> None:
    one = MixedRecords(sets, MIXTURE)
    assert one.digest == MixedRecords(sets, replace(MIXTURE)).digest
    assert one.digest != MixedRecords(sets, replace(MIXTURE, seed=18)).digest
    path = tmp_path / "far.jsonl"
    path.write_text(path.read_text().replace("yes yes", "no", 1))
    changed = RecordDataset.open(path, encoder)[0]
    assert one.digest != MixedRecords((sets[0], changed), MIXTURE).digest


def test_a_set_without_rows_need_not_be_opened(sets: tuple[RecordDataset, ...]) -> None:
    none = Mixture((Pool("near", "target", 6, 1.0), Pool("far", "source", 0, 0.0)), 17)
    mixed = MixedRecords((sets[0], None), none)
    assert [mixed[index].encoded.place.id for index in range(6)] == [f"near-{i}" for i in range(6)]


def test_a_loader_process_gets_the_same(sets: tuple[RecordDataset, ...]) -> None:
    mixed = MixedRecords(sets, MIXTURE)
    copy = pickle.loads(pickle.dumps(mixed))
    pick = Pick(11, 2, 0, 0.0)
    assert copy[pick].encoded == mixed[pick].encoded


def test_sets_of_another_size_than_the_draw_knows_are_our_mistake(
    sets: tuple[RecordDataset, ...],
) -> None:
    with pytest.raises(AssertionError, match="near: 9 records, not 6"):
        MixedRecords((sets[1], sets[1]), MIXTURE)


def test_what_is_done_to_the_records_is_in_the_digest(sets: tuple[RecordDataset, ...]) -> None:
    one, other = (MixedRecords(sets, MIXTURE, handling=text) for text in ("cap 2", "cap 3"))
    assert one.digest != other.digest
    assert one.digest == MixedRecords(sets, MIXTURE, handling="cap 2").digest


def test_what_an_epoch_costs_is_that_of_its_records(sets: tuple[RecordDataset, ...]) -> None:
    mixed = MixedRecords(sets, MIXTURE)
    for epoch in (0, 3):
        measures = mixed.measures(epoch)
        samples = [mixed[Pick(index, epoch, 0, 0.0)] for index in range(13)]
        assert measures.tokens.tolist() == [sample.encoded.length for sample in samples]
        # An image of 64 x 64 pixels is 16 patches.
        assert measures.vision.tolist() == [16] * 13
    assert mixed.measures(0).tokens.tolist() != mixed.measures(3).tokens.tolist()


def test_the_longest_is_that_of_any_epoch(sets: tuple[RecordDataset, ...]) -> None:
    tokens, place = MixedRecords(sets, MIXTURE).longest()
    assert tokens == sets[1].encode(8).length
    assert place == "far.jsonl:9 record 8 (far-8)"
    none = Mixture((Pool("near", "target", 6, 1.0), Pool("far", "source", 0, 0.0)), 17)
    assert MixedRecords((sets[0], None), none).longest()[1] == "near.jsonl:6 record 5 (near-5)"


def test_a_plan_by_tokens_follows_the_draw(sets: tuple[RecordDataset, ...]) -> None:
    mixed = MixedRecords(sets, MIXTURE)
    plan = TokenPlan(len(mixed), 6, 130, 1, 6, mixed.measures)
    for epoch in range(2):
        learnt: list[int] = []
        for index in range(3 * epoch, 3 * epoch + 3):
            for picks in plan.picks(index, 0, 1):
                if picks[0].step == index:
                    samples = [mixed[pick] for pick in picks]
                    assert sum(sample.encoded.length for sample in samples) <= 130
                    learnt += [pick.index for pick in picks]
        assert sorted(learnt) == list(range(13))
