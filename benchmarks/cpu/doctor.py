"""`sightwright data doctor`: records a second at a thousand and at ten thousand records.

No peer does this work, so it stands beside itself: linear means the same time a record at both
sizes. The data set is drawn small (photographs of 128 pixels a side, three objects each; one in
fifty is a copy), and what is found is checked first: every copy, and nothing else.
"""

import json
import random
import resource
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from sightwright.doctor.corpus import Split
from sightwright.doctor.diagnosis import Diagnosis, diagnose
from sightwright.doctor.exam import Setup

FEW, MANY = 1_000, 10_000
EVERY = 50
SIDE = 128
TURNS = 3
ITEM = "1000 records"
WORKERS = 2


def run() -> list[Comparison]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = (write_records(folder, number) for number in (FEW, MANY))
        for file, number in ((few, FEW), (many, MANY)):
            found = examine(file)
            assert found.corpus.num_records == number
            assert dict(found.counts) == {("copies", "warning"): number // EVERY}
        # Per thousand records on both sides: the turn with more does ten times as many.
        work = timed(lambda: examine(many))
        turns = {OURS: lambda: work() * FEW / MANY, f"ours at {FEW} records":
                 timed(lambda: examine(few))}  # fmt: skip
        seen = compare_turns(
            f"data doctor: {MANY} records beside {FEW}, {WORKERS} workers; 1.00 times is linear",
            turns, TURNS,
            f"every copy is found, one in {EVERY}, and nothing else", ITEM, FEW // 1000,
        )  # fmt: skip
        for name, number in ((OURS, MANY), (f"ours at {FEW} records", FEW)):
            print(f"  {number:6} records: {1000 / seen.median(name):8.0f} records a second")
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  peak memory beside the workers {peak_mib:.0f} MiB")
        return [seen]


def examine(file: Path) -> Diagnosis:
    return diagnose([Split("train", (file,))], Setup(1024 * 1024, 4096), num_workers=WORKERS)


def write_records(folder: Path, number: int) -> Path:
    """So many photographs; every fiftieth is the one before it, compressed once more."""
    images = folder / f"images-{number}"
    images.mkdir()
    file = folder / f"records-{number}.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for index in range(number):
            name = f"images-{number}/{index:06d}.jpg"
            is_copy = index % EVERY == EVERY - 1
            picture(number + index - is_copy).save(folder / name, quality=75 if is_copy else 92)
            out.write(json.dumps(record(index - is_copy, index, name)) + "\n")
    return file


def picture(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def record(shown: int, index: int, name: str) -> dict[str, object]:
    # A copy has its original's objects: otherwise it would be a conflict.
    places = random.Random(shown)
    objects = [
        {"desc": kind, "bbox_2d": [x := places.randint(0, 60), y := places.randint(0, 60),
                                   x + 40, y + 40]}
        for kind in ("screw", "plate", "label")
    ]  # fmt: skip
    return {"id": f"r{index}", "images": [name], "width": SIDE, "height": SIDE, "objects": objects}


if __name__ == "__main__":
    run()
