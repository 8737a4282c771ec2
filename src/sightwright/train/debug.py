"""One sample as the model sees it: on the console with the learnt part in colour, as a text file,
and counted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sightwright.chat import CONTROL_TOKENS, ChatTokenizer
from sightwright.data.dataset import Sample
from sightwright.data.encode import Encoded
from sightwright.train.health import Check
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from rich.text import Text


def sample_text(encoded: Encoded, tokenizer: ChatTokenizer) -> Text:
    """The conversation, decoded: image pads as `<|image_pad|>*N`, the supervised part in green."""
    from rich.text import Text

    text = Text()
    tokens = zip(encoded.ids, encoded.supervised, strict=True)
    for (is_pad, supervised), group in groupby(
        tokens, key=lambda token: (token[0] == tokenizer.image_pad, token[1])
    ):
        ids = [token for token, _ in group]
        shown = f"<|image_pad|>*{len(ids)}" if is_pad else with_control_tokens(ids, tokenizer)
        text.append(shown, style="bold green" if supervised else "dim" if is_pad else "")
    return text


def conversation_text(encoded: Encoded, tokenizer: ChatTokenizer) -> str:
    """The same as plain text, and the answers that are learnt once more below it."""
    tokens = zip(encoded.ids, encoded.supervised, strict=True)
    answers = [
        tokenizer.decode([token for token, _ in group])
        for supervised, group in groupby(tokens, key=lambda token: token[1])
        if supervised
    ]
    learnt = "\n".join(answers)
    return (
        f"sample 0 ({encoded.place}), {encoded.length} tokens\n\n"
        f"{sample_text(encoded, tokenizer).plain}\n\n=== Assistant GT ===\n{learnt}\n"
    )


def sample_checks(
    sample: Sample, batch: Mapping[str, Any], tokenizer: ChatTokenizer, spec: VisionSpec
) -> list[Check]:
    """Text and pixels of a sample counted apart: they must tell of the same images.

    Args:
        batch: of this sample alone.
    """
    encoded = sample.encoded
    pads = encoded.ids.count(tokenizer.image_pad)
    patches = [len(each) for each in sample.patches]
    seen = sum(patches) // spec.merge_size**2
    planned = sum(frames * rows * columns for frames, rows, columns in encoded.grids)
    has_pixels = {"patches", "image_grid_thw"} <= batch.keys()
    return [
        Check("image tokens", f"{pads} in the text, {seen} from the pixels", pads == seen),
        Check(
            "patches",
            f"{sum(patches)} cut out, {planned} by the image sizes",
            sum(patches) == planned,
        ),
        Check(
            "images of the batch",
            f"{len(patches)}" + ("" if has_pixels else ": it holds no pixels"),
            has_pixels == bool(patches),
        ),
        Check("answer tokens", f"{len(batch['answer_ids'])} carry the loss", None),
    ]


def with_control_tokens(ids: list[int], tokenizer: ChatTokenizer) -> str:
    """The text of `ids`, control tokens by their names."""
    names = {getattr(tokenizer, name): token for name, token in CONTROL_TOKENS.items()}
    parts: list[str] = []
    for is_control, group in groupby(ids, key=lambda token: token in names):
        run = list(group)
        parts.append("".join(names[i] for i in run) if is_control else tokenizer.decode(run))
    return "".join(parts)
