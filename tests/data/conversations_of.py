"""Samples of drawn images and short talks, from records on disk."""

from collections.abc import Sequence
from pathlib import Path

from sightwright.data.dataset import RecordDataset, Sample
from sightwright.data.encode import Encoder
from sightwright.jsonl import write_all


def conversation(images: Sequence[str], answer: str, note: str = "What is it?") -> dict:
    content = [{"type": "image", "image": image} for image in images]
    content.append({"type": "text", "text": note})
    return {
        "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    }


def samples(folder: Path, encoder: Encoder, records: list[dict]) -> list[Sample]:
    write_all(folder / "train.jsonl", records)
    dataset, _ = RecordDataset.open(folder / "train.jsonl", encoder)
    return [dataset[index] for index in range(len(dataset))]
