"""The page: findings with their pictures, everything escaped, nothing loaded."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightwright.doctor.page import bars, page
from sightwright.doctor.work import draw

from .conftest import examined, picture, write

Photos = Callable[..., dict[str, Any]]


def pictures_in(text: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/webp;base64,([^"]+)"', text)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_a_finding_with_its_picture(tmp_path: Path, photos: Photos) -> None:
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 40, 40]},
               {"desc": "bolt", "bbox_2d": [60, 60, 400, 100]}]  # fmt: skip
    found = examined(write(tmp_path / "train.jsonl", photos(1, objects=objects), photos(2)))
    text = page(found, num_workers=0)
    assert "object 2 (bolt): " in text and "train.jsonl:1 (photo-1)" in text
    assert "Nothing found by: contract, ids," in text
    (drawn,) = pictures_in(text)
    assert drawn.size == (128, 128)
    # Where the outline of the bolt runs the picture is another; where the screw lies it is not.
    before, after = (np.asarray(each.convert("RGB"), dtype=int) for each in (picture(1), drawn))
    assert np.abs(before[60, 90] - after[60, 90]).max() > 60
    assert np.abs(before[12:38, 12:38] - after[12:38, 12:38]).mean() < 10


def test_a_copy_shows_both(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", photos(1))
    copy = photos(2)
    picture(1).save(tmp_path / "photo-2.png")
    text = page(examined(train, write(tmp_path / "val.jsonl", copy)), num_workers=1)
    assert len(pictures_in(text)) == 2
    assert "<figcaption>train.jsonl:1</figcaption>" in text


def test_what_records_say_is_escaped(tmp_path: Path, photos: Photos) -> None:
    evil = "<script>alert(1)</script>"
    objects = [{"desc": evil, "bbox_2d": [10, 10, 400, 40]}]
    lines = [photos(1, id=evil, objects=objects), photos(2, images=[f"{evil}.png"])]
    objects = [{"desc": evil, "bbox_2d": [10, 10, 40, 40]}]
    lines.append(photos(3, objects=objects))
    text = page(examined(write(tmp_path / "train.jsonl", *lines)), num_workers=0)
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "default-src 'none'" in text


def test_a_clean_data_set(tmp_path: Path, photos: Photos) -> None:
    text = page(examined(write(tmp_path / "train.jsonl", photos(1))), num_workers=0)
    assert pictures_in(text) == [] and 'class="finding' not in text
    assert '<b class="good">0</b>errors' in text


def test_a_picture_that_went_away_is_none(tmp_path: Path) -> None:
    from sightwright.doctor.finding import Shown

    assert draw(Shown("gone.png", str(tmp_path), ""), lambda done, total: None) == ""


def test_bars_stand_on_their_base_and_reach_the_limit() -> None:
    plot = bars({10: 2, 12: 4, 30: 1}, limit=50)
    assert plot is not None
    assert (plot["low"], plot["high"]) == (10, 50)
    tallest = plot["bars"][1]
    assert (tallest["y"], tallest["title"]) == (plot["top"], "12: 4")
    assert plot["limit"] == plot["right"]
    assert bars({}, None) is None
