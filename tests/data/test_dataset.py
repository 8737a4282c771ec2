"""A file is checked whole from headers; pixels are read when a sample is asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.data.dataset import RecordDataset
from sightwright.data.encode import Encoder
from sightwright.errors import DataError
from sightwright.jsonl import read_lines, write_all

Draw = Callable[..., str]


def record(index: int, image: str, answer: str = "yes") -> dict[str, object]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": "What?"}]
    return {
        "id": f"doc-{index}",
        "messages": [
            {"role": "user", "content": content},
            {"role": "assistant", "content": answer},
        ],
    }


def test_samples_and_lengths(tmp_path: Path, encoder: Encoder, draw: Draw) -> None:
    records = [record(0, draw("a.png", 64, 64)), record(1, draw("b.png", 100, 70), "a b c d e")]
    write_all(tmp_path / "train.jsonl", records)
    dataset, lengths = RecordDataset.open(tmp_path / "train.jsonl", encoder)
    samples = [dataset[index] for index in range(len(dataset))]
    assert lengths.total == [sample.encoded.length for sample in samples]
    assert lengths.image == [4, 6]
    assert [sample.patches[0].shape for sample in samples] == [(16, 768), (24, 768)]
    assert samples[1].encoded.place.id == "doc-1"


def test_a_limit_reads_the_first_records(tmp_path: Path, encoder: Encoder, draw: Draw) -> None:
    write_all(tmp_path / "train.jsonl", [record(i, draw("a.png", 64, 64)) for i in range(5)])
    dataset, _ = RecordDataset.open(tmp_path / "train.jsonl", encoder, limit=2)
    assert len(dataset) == 2


def test_over_long_records_can_be_left_out_and_are_listed(
    tmp_path: Path, encoder: Encoder, draw: Draw
) -> None:
    image = draw("a.png", 64, 64)
    write_all(tmp_path / "train.jsonl", [record(0, image), record(1, image, "yes " * 200)])
    short = replace(encoder, max_length=100)
    with pytest.raises(DataError, match="doc-1"):
        RecordDataset.open(tmp_path / "train.jsonl", short)
    dataset, lengths = RecordDataset.open(tmp_path / "train.jsonl", short, drop_over_length=True)
    assert len(dataset) == 1
    assert len(lengths.dropped) == 1
    assert "doc-1" in lengths.dropped[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "not JSON"),
        ('{"messages": []}', "non-empty list"),
        (
            '{"messages": [{"role": "user", "content": [{"type": "image", "url": "a.png"}]}]}',
            "exactly the keys",
        ),
        (
            '{"id": "x", "messages": [{"role": "user", "content": [{"type": "image", '
            '"image": "none.png"}]}, {"role": "assistant", "content": "yes"}]}',
            "no such image file",
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, encoder: Encoder, line: str, message: str) -> None:
    (tmp_path / "train.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        RecordDataset.open(tmp_path / "train.jsonl", encoder)
    assert "train.jsonl:2" in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "train.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no records"):
        RecordDataset.open(tmp_path / "train.jsonl", encoder)


def test_records_are_measured_when_they_are_opened(
    tmp_path: Path, encoder: Encoder, draw: Draw
) -> None:
    records = [record(0, draw("a.png", 64, 64)), record(1, draw("b.png", 100, 70), "a b c d e")]
    write_all(tmp_path / "train.jsonl", records)
    dataset, lengths = RecordDataset.open(tmp_path / "train.jsonl", encoder)
    measures = dataset.measures(0)
    assert measures.tokens.tolist() == lengths.total
    # 4 x 4 and 6 x 4 patches.
    assert measures.vision.tolist() == [16, 24]
    assert dataset.measures(7) is measures
    assert dataset.longest() == (lengths.total[1], "train.jsonl:2 record 1 (doc-1)")
    # One that was made by hand looks at the headers when it is asked.
    lines = list(read_lines(tmp_path / "train.jsonl"))
    by_hand = RecordDataset(tmp_path / "train.jsonl", lines, encoder)
    assert by_hand.measures(0).digest == measures.digest
