"""Small data sets: photographs of noise, each unlike the others, and documents with their words."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightwright.doctor.corpus import Split
from sightwright.doctor.diagnosis import Diagnosis, diagnose
from sightwright.doctor.exam import Setup

SIDE = 128


def picture(seed: int, side: int = SIDE) -> Image.Image:
    """Smooth noise: as unlike to any other seed's as two photographs are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def photo(folder: Path, name: str, seed: int, **changed: Any) -> dict[str, Any]:
    """An inspection record of a picture that is written beside it."""
    picture(seed).save(folder / f"{name}.png")
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 40, 40]}]
    record = {"id": name, "images": [f"{name}.png"], "width": SIDE, "height": SIDE}
    return {**record, "objects": objects, **changed}


def page(
    folder: Path, name: str, seed: int, answer: dict[str, Any], words: Sequence[str] | None,
    *, height: int = 12, **meta: Any,
) -> dict[str, Any]:  # fmt: skip
    """A document of one page; `words` stand below one another, each `height` pixels high."""
    picture(seed).save(folder / f"{name}.png")
    if words is not None:
        boxes = [{"text": word, "box": [5, 2 + i, 60, 2 + i + height]}
                 for i, word in enumerate(words)]  # fmt: skip
        text = {"width": SIDE, "height": SIDE, "source": "pdf", "words": boxes}
        (folder / f"{name}.words.json").write_text(json.dumps(text))
    asked = [{"type": "image", "image": f"{name}.png"}, {"type": "text", "text": "Extract."}]
    record: dict[str, Any] = {
        "id": name,
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)},
        ],
    }
    return {**record, "meta": meta} if meta else record


def write(path: Path, *records: Any) -> Path:
    lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
             for line in records]  # fmt: skip
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def examined(*files: Path, most_listed: int = 20, **settings: Any) -> Diagnosis:
    """All in this process; each file is a split."""
    keys = ("meta.document", "meta.vendor", "meta.template")
    setup = Setup(1024 * 1024, 1024, **{"group_by": keys, **settings})
    splits = [Split(file.stem, (file,)) for file in files]
    return diagnose(splits, setup, num_workers=0, most_listed=most_listed)


def told(found: Diagnosis) -> list[str]:
    """Every finding that is listed, as `check severity file:line (id): what`."""
    return [
        f"{finding.check} {finding.severity} {Path(finding.file).name}:{finding.line} "
        f"({finding.id}): {finding.what}"
        for findings in found.findings.values()
        for finding in findings
    ]


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Makes a record of photograph `number`, and its picture in tmp_path."""

    def make(number: int, **changed: Any) -> dict[str, Any]:
        return photo(tmp_path, f"photo-{number}", number, **changed)

    return make
