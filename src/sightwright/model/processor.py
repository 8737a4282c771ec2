"""The processor of a Qwen3-VL folder for still images, where transformers' own cannot be built.

`Qwen3VLProcessor` wants a video processor, and that wants torchvision, which nothing here needs.
Ours is the same class without that part: its template, its image processor, its placeholder
expansion. What it saves are the base's own files, so everyone else's `AutoProcessor` finds the
ordinary class, video section included.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

from transformers import AutoTokenizer, ProcessorMixin, Qwen3VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from sightwright import canonical
from sightwright.errors import ModelError
from sightwright.model.load import load_vision_spec
from sightwright.vision import PixelPolicy

TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json"),
)
IMAGE_FILE, VIDEO_FILE = "preprocessor_config.json", "video_preprocessor_config.json"
PROCESSOR_FILES = (*TOKENIZER_FILES, IMAGE_FILE, VIDEO_FILE, "processor_config.json")


class ImagesOnlyProcessor(Qwen3VLProcessor):
    """Qwen3-VL's processor without videos; make it with `from_folder`."""

    folder: Path
    pixels: PixelPolicy | None

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None
    ) -> None:
        # Past Qwen3VLProcessor.__init__, which hands a video processor on that is not there.
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)
        for name in ("image", "video", "vision_start", "vision_end"):
            text = f"<|{name}_pad|>" if name in ("image", "video") else f"<|{name}|>"
            setattr(self, f"{name}_token", text)
            setattr(self, f"{name}_token_id", tokenizer.convert_tokens_to_ids(text))

    @classmethod
    def from_folder(cls, folder: Path, pixels: PixelPolicy | None = None) -> ImagesOnlyProcessor:
        """The processor of a model folder; `pixels`, where given, wins over its budget.

        Raises:
            ModelError: files of the folder are missing.
        """
        spec = load_vision_spec(folder, pixels)
        image_processor = Qwen2VLImageProcessorPil(
            patch_size=spec.patch_size,
            temporal_patch_size=spec.temporal_patch_size,
            merge_size=spec.merge_size,
            image_mean=list(spec.mean),
            image_std=list(spec.std),
            size=_size(spec.pixels),
        )
        tokenizer = AutoTokenizer.from_pretrained(folder)
        processor = cls(image_processor, tokenizer, chat_template=tokenizer.chat_template)
        processor.folder, processor.pixels = folder, pixels
        return processor

    def save_pretrained(
        self, save_directory: str | Path, push_to_hub: bool = False, **kwargs: Any
    ) -> list[str]:
        """Write the base's own processor files, with this processor's pixel budget.

        Raises:
            ModelError: `push_to_hub`, which this project does not do.
        """
        if push_to_hub:
            raise ModelError("push_to_hub is not supported", remedy="upload the saved folder")
        return copy_processor_files(self.folder, Path(save_directory), self.pixels)


def copy_processor_files(base: Path, out: Path, pixels: PixelPolicy | None = None) -> list[str]:
    """Copy tokenizer, template and processor files; `pixels` is written into them where given.

    Returns:
        The paths written, in the order of `PROCESSOR_FILES`.
    """
    out.mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    for name in PROCESSOR_FILES:
        if (base / name).is_file() and (base / name).resolve() != (out / name).resolve():
            shutil.copyfile(base / name, out / name)
        if (out / name).is_file():
            written.append(str(out / name))
    if pixels is not None:
        _write_budget(out, pixels)
    return written


def _write_budget(folder: Path, pixels: PixelPolicy) -> None:
    """For still images alone: a video's budget counts all its frames."""
    for name, keys in ((IMAGE_FILE, ()), ("processor_config.json", ("image_processor",))):
        path = folder / name
        if not path.is_file():
            continue
        content = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        section = content
        for key in keys:
            section = section.setdefault(key, {})
        section["size"] = _size(pixels)
        # The older spelling, where it stands, would be read first.
        older = {"min_pixels": pixels.min_pixels, "max_pixels": pixels.max_pixels}
        section.update({key: value for key, value in older.items() if key in section})
        canonical.write_json(path, content)


def _size(pixels: PixelPolicy) -> dict[str, int]:
    # Areas in pixels, whatever the names say.
    return {"shortest_edge": pixels.min_pixels, "longest_edge": pixels.max_pixels}
