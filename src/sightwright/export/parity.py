"""How far two sets of weights are apart: their logits over the same small set of inputs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import jsonl
from sightwright.certificate import Parity, Task
from sightwright.chat import ChatTokenizer, render
from sightwright.errors import DataError
from sightwright.images import open_image
from sightwright.record_formats import Record, read_any_record
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.tasks.taught import inspection_task_of
from sightwright.tasks.verdict import VerdictTask
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor
    from transformers import PreTrainedModel

NUM_RECORDS = 8
# Logits of a 152k vocabulary over 256 positions are 156 MB; the last ones hold the answer.
MAX_POSITIONS = 256

_DRAWN_SIZES = (((160, 96),), ((224, 320), (96, 96)), ())
_DRAWN_ANSWER = '{"number":"A-1047","date":"2024-03-09","total":1250.00,"lines":[]}'


@dataclass(frozen=True)
class Case:
    """One conversation with its opened images."""

    messages: tuple[Message, ...]
    images: tuple[Image, ...]


def drawn_cases(prompt: str) -> list[Case]:
    """The same noise, prompt and answer on every machine: one image, two images, none."""
    rng = random.Random("parity")
    cases: list[Case] = []
    for sizes in _DRAWN_SIZES:
        images = tuple(_noise(width, height, rng) for width, height in sizes)
        turn = (*(ImageRef("drawn") for _ in images), Text(prompt))
        answer = Message("assistant", (Text(_DRAWN_ANSWER),))
        cases.append(Case((Message("user", turn), answer), images))
    return cases


def record_cases(path: Path, limit: int = NUM_RECORDS, taught: Task | None = None) -> list[Case]:
    """The first records of a JSONL, answers included.

    Args:
        taught: how the model is asked about photographs, which their records do not say.

    Raises:
        DataError: no records, a bad one, or an image that cannot be opened.
        ModelError: photographs, and a model that was taught another task.
    """
    cases: list[Case] = []
    for line, value in jsonl.read_values(path):
        try:
            record = read_any_record(value)
            messages = _conversation(record, taught)
            images = tuple(open_image(image, path.parent) for image in record.images)
        except DataError as error:
            raise DataError(str(error), where=line.where) from None
        cases.append(Case(messages, images))
        if len(cases) == limit:
            break
    if not cases:
        raise DataError("no records to compare with", where=str(path))
    return cases


def _conversation(record: Record, taught: Task | None) -> tuple[Message, ...]:
    if isinstance(record, ChatRecord):
        return record.messages
    task = None if taught is None else inspection_task_of(taught)
    if task is None or isinstance(task, VerdictTask):
        raise DataError(
            f"record {record.key!r} is a photograph, and nothing says how the model is asked of one"
        )
    return (*task.prompt_of(record), Message("assistant", (Text(task.target(record)),)))


def logits_of(
    model: PreTrainedModel, cases: Sequence[Case], tokenizer: ChatTokenizer, spec: VisionSpec
) -> list[Tensor]:
    """Logits of each case's last positions: float32 [positions, vocabulary], on the CPU."""
    import torch

    with torch.inference_mode():
        outputs = [model(**model_inputs(case, tokenizer, spec, model)) for case in cases]
    return [output.logits[0].float().cpu() for output in outputs]


def compare(
    ours: Sequence[Tensor],
    theirs: Sequence[Tensor],
    *,
    compared: str,
    dtype: str,
    limit: float | None,
    inputs: str,
) -> Parity:
    """The figures of two runs of `logits_of` over the same cases."""
    import torch

    difference = torch.cat([(a - b).abs() for a, b in zip(ours, theirs, strict=True)])
    agree = torch.cat([a.argmax(-1) == b.argmax(-1) for a, b in zip(ours, theirs, strict=True)])
    return Parity(
        compared=compared,
        dtype=dtype,
        num_cases=len(ours),
        num_positions=len(agree),
        max_abs=difference.max().item(),
        mean_abs=difference.mean().item(),
        top1_agreement=agree.float().mean().item(),
        limit=limit,
        inputs=inputs,
    )


def model_inputs(
    case: Case, tokenizer: ChatTokenizer, spec: VisionSpec, model: PreTrainedModel
) -> dict[str, Any]:
    """What any Qwen3-VL takes of one case, on the model's device; logits of the last positions."""
    import torch

    from sightwright.data.pixels import image_inputs
    from sightwright.data.sizes import image_tokens

    counts = [image_tokens(image.width, image.height, spec) for image in case.images]
    rendered = render(case.messages, tokenizer, counts)
    device = model.device
    ids = torch.tensor([rendered.ids], device=device)
    inputs: dict[str, Any] = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == tokenizer.image_pad).int(),
        "logits_to_keep": MAX_POSITIONS,
        "use_cache": False,
    }
    if case.images:
        batch = image_inputs(case.images, spec)
        inputs["pixel_values"] = batch.pixel_values.to(device)
        inputs["image_grid_thw"] = batch.image_grid_thw.to(device)
    return inputs


def _noise(width: int, height: int, rng: random.Random) -> Image:
    from PIL import Image

    coarse = Image.frombytes(
        "RGB", (width // 8, height // 8), rng.randbytes(width * height * 3 // 64)
    )
    return coarse.resize((width, height), Image.Resampling.BICUBIC)
