"""A checkpoint of weights that learnt in full is a model folder; one of an adapter is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from sightwright import certificate
from sightwright.demo import tiny
from sightwright.model.load import load_chat_tokenizer, load_vision_spec
from sightwright.train.setup import Prepared
from sightwright.vision import PixelPolicy

PIXELS = PixelPolicy(4096, 32768)


def _prepared() -> Prepared:
    pixels = certificate.Pixels(min_pixels=PIXELS.min_pixels, max_pixels=PIXELS.max_pixels)
    unused: Any = None
    return Prepared(
        base_folder=tiny.FOLDER,
        model=nn.Identity(),
        tokenizer=unused,
        spec=load_vision_spec(tiny.FOLDER, PIXELS),
        sets=unused,
        certificate=certificate.Certificate(base_model="tiny", pixels=pixels, task=None),
        notes=(),
    )


def test_whole_weights_get_the_tokenizer_and_the_processor(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    _prepared().stamp(tmp_path)
    assert load_chat_tokenizer(tmp_path).encode("Total") == load_chat_tokenizer(tiny.FOLDER).encode(
        "Total"
    )
    assert load_vision_spec(tmp_path).pixels == PIXELS
    assert (tmp_path / certificate.FILE_NAME).is_file()


def test_an_adapter_gets_the_certificate_alone(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    _prepared().stamp(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adapter_config.json",
        certificate.FILE_NAME,
    ]
