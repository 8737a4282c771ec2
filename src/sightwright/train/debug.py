"""One sample as the model sees it, with the part that carries the loss in colour."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sightwright.chat import CONTROL_TOKENS, ChatTokenizer
from sightwright.data.encode import Encoded

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


def with_control_tokens(ids: list[int], tokenizer: ChatTokenizer) -> str:
    """The text of `ids`, control tokens by their names."""
    names = {getattr(tokenizer, name): token for name, token in CONTROL_TOKENS.items()}
    parts: list[str] = []
    for is_control, group in groupby(ids, key=lambda token: token in names):
        run = list(group)
        parts.append("".join(names[i] for i in run) if is_control else tokenizer.decode(run))
    return "".join(parts)
