"""A tiny Qwen3-VL and drawn images: what the tests of batches share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sightwright.demo
from sightwright.chat import ChatTokenizer
from sightwright.data.encode import Encoder, arrange_chat
from sightwright.vision import PixelPolicy, VisionSpec


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    return Path(sightwright.demo.__file__).parent / "tiny"


@pytest.fixture(scope="session")
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.from_folder(tiny_folder)


@pytest.fixture
def spec() -> VisionSpec:
    return VisionSpec(PixelPolicy(32 * 32, 64 * 32 * 32), num_position_embeddings=256)


@pytest.fixture
def encoder(tokenizer: ChatTokenizer, spec: VisionSpec) -> Encoder:
    return Encoder(tokenizer, spec, arrange_chat(None), max_length=512)


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., str]:
    """Write an image of noise and return its name."""

    def write(name: str, width: int, height: int) -> str:
        seed = sum(name.encode())
        values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / name)
        return name

    return write
