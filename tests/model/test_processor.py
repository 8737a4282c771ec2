import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoTokenizer

from sightwright.chat import ChatTokenizer, render
from sightwright.images import smart_resize
from sightwright.model.load import load_vision_spec
from sightwright.model.processor import ImagesOnlyProcessor, copy_processor_files
from sightwright.records import ImageRef, Message, Text
from sightwright.vision import PixelPolicy


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture(scope="module")
def processor(tiny_folder: Path) -> ImagesOnlyProcessor:
    return ImagesOnlyProcessor.from_folder(tiny_folder)


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.from_folder(tiny_folder)


CHAT = (
    Message("system", (Text("Answer in JSON."),)),
    Message("user", (ImageRef("a"), Text("Total?"), ImageRef("b"), Text(" Ünïcode\n\n  {"))),
    Message("assistant", (Text('{"total":34.70}'),)),
    Message("user", (Text("And the date?"),)),
)


def as_template_input(messages: tuple[Message, ...]) -> list[dict[str, object]]:
    def item(part: Text | ImageRef) -> dict[str, str]:
        if isinstance(part, Text):
            return {"type": "text", "text": part.text}
        return {"type": "image", "image": part.image}

    return [{"role": m.role, "content": [item(part) for part in m.content]} for m in messages]


def test_template_and_expansion_are_token_by_token_those_of_chat_render(
    processor: ImagesOnlyProcessor, tokenizer: ChatTokenizer
) -> None:
    text = processor.apply_chat_template(
        as_template_input(CHAT), tokenize=False, add_generation_prompt=True
    )
    images = [noise(192, 192), noise(64, 96)]
    inputs = processor(text=[text], images=images, return_tensors="pt")
    tokens = [int(grid.prod()) // 4 for grid in inputs["image_grid_thw"]]
    assert tokens == [36, 6]
    rendered = render(CHAT, tokenizer, tokens, generation_prompt=True)
    assert inputs["input_ids"][0].tolist() == rendered.ids
    types = inputs["mm_token_type_ids"][0].tolist()
    assert [i for i, kind in enumerate(types) if kind] == [
        start + i for start, n in zip(rendered.image_starts, tokens, strict=True) for i in range(n)
    ]


def test_grids_follow_smart_resize(processor: ImagesOnlyProcessor, tiny_folder: Path) -> None:
    pixels = load_vision_spec(tiny_folder).pixels
    for width, height in ((32, 32), (500, 300), (20, 700), (190, 191)):
        grid = processor.image_processor([noise(width, height)])["image_grid_thw"][0]
        size = smart_resize(
            height, width, factor=32, min_pixels=pixels.min_pixels, max_pixels=pixels.max_pixels
        )
        assert tuple(grid) == (1, size[0] // 16, size[1] // 16)


def test_patches_are_those_of_the_model_laid_out_by_hand(processor: ImagesOnlyProcessor) -> None:
    image = noise(96, 64)
    values = processor.image_processor([image], return_tensors="pt")["pixel_values"]
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255 * 2 - 1
    # The third patch is the second row's first in the first 2x2 block: rows 16-31, columns 0-15.
    expected = pixels[:, None, 16:32, 0:16].expand(-1, 2, -1, -1).reshape(-1)
    torch.testing.assert_close(values[2], expected, rtol=0, atol=1e-6)


def test_what_is_saved_names_the_ordinary_class_and_the_budget(
    tiny_folder: Path, tmp_path: Path
) -> None:
    policy = PixelPolicy(2048, 8192)
    ImagesOnlyProcessor.from_folder(tiny_folder, policy).save_pretrained(tmp_path)
    image = json.loads((tmp_path / "preprocessor_config.json").read_text())
    video = json.loads((tmp_path / "video_preprocessor_config.json").read_text())
    assert image["processor_class"] == video["processor_class"] == "Qwen3VLProcessor"
    assert video == json.loads((tiny_folder / "video_preprocessor_config.json").read_text())
    assert load_vision_spec(tiny_folder).pixels != policy
    shutil.copy(tiny_folder / "config.json", tmp_path)
    assert load_vision_spec(tmp_path).pixels == policy
    assert AutoConfig.from_pretrained(tmp_path).model_type == "qwen3_vl"
    again = AutoTokenizer.from_pretrained(tmp_path)
    template = AutoTokenizer.from_pretrained(tiny_folder).chat_template
    assert template and again.chat_template == template


def test_the_older_spelling_of_the_budget_is_kept_in_step(
    tiny_folder: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_folder, tmp_path / "base"))
    path = base / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_pixels": 9999}))
    copy_processor_files(base, tmp_path / "out", PixelPolicy(1024, 4096))
    shutil.copy(base / "config.json", tmp_path / "out")
    assert load_vision_spec(tmp_path / "out").pixels == PixelPolicy(1024, 4096)
