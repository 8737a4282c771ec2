"""Messages → token ids and supervised spans: the one rendering for training and service.

The layout is Qwen3-VL's own chat template, written as token ids:

    <|im_start|>user\\n <|vision_start|><|image_pad|>×N<|vision_end|> text <|im_end|>\\n
    <|im_start|>assistant\\n answer <|im_end|>\\n

Only this module writes control tokens. Text is encoded by a tokenizer that does not know them, so
`<|im_end|>` inside a document is seven ordinary tokens, in training and at service alike. What is
supervised is known while it is written; nothing is searched for afterwards.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

from sightwright.errors import DataError, ModelError
from sightwright.records import ImageRef, Message, Text

Supervise = Literal["none", "last", "all_turns"]

CONTROL_TOKENS = {
    "im_start": "<|im_start|>",
    "im_end": "<|im_end|>",
    "vision_start": "<|vision_start|>",
    "vision_end": "<|vision_end|>",
    "image_pad": "<|image_pad|>",
    "end_of_text": "<|endoftext|>",
}


def _bytes_by_character() -> dict[str, int]:
    """How a byte-level BPE spells the 256 bytes: the printable ones of Latin-1 as they are, the
    others, in order, from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    as_they_are = {chr(byte): byte for byte in printable}
    return as_they_are | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTE_OF = _bytes_by_character()


class ChatTokenizer:
    """A checkpoint's tokenizer, with control tokens kept apart from text."""

    im_start: int
    im_end: int
    vision_start: int
    vision_end: int
    image_pad: int
    end_of_text: int

    def __init__(self, tokenizer_json: str, where: str = "tokenizer.json") -> None:
        from tokenizers import Tokenizer

        content = json.loads(tokenizer_json)
        added = cast("list[dict[str, Any]]", content.get("added_tokens") or [])
        self._control_ids = {str(token["content"]): int(token["id"]) for token in added}
        for name, token in CONTROL_TOKENS.items():
            if token not in self._control_ids:
                raise ModelError(
                    f"the tokenizer has no control token {token!r}",
                    where=where,
                    remedy="give the folder of a Qwen3-VL checkpoint",
                )
            setattr(self, name, self._control_ids[token])
        self.tokenizer_json = tokenizer_json
        # Without its added tokens the tokenizer sees every text as text.
        self._plain = Tokenizer.from_str(json.dumps({**content, "added_tokens": []}))

    @classmethod
    def from_folder(cls, folder: Path) -> "ChatTokenizer":
        """Read `tokenizer.json` of a model folder.

        Raises:
            ModelError: no such file, or a tokenizer without Qwen's control tokens.
        """
        path = folder / "tokenizer.json"
        try:
            return cls(path.read_text(encoding="utf-8"), where=str(path))
        except FileNotFoundError:
            raise ModelError("no tokenizer.json in the model folder", where=str(folder)) from None

    @cached_property
    def vocab_size(self) -> int:
        """One more than the largest id."""
        largest_control = max(self._control_ids.values())
        return max(self._plain.get_vocab_size(), largest_control + 1)

    @cached_property
    def control_ids(self) -> frozenset[int]:
        """Every id that text can never become."""
        return frozenset(self._control_ids.values())

    @cached_property
    def control_names(self) -> dict[int, str]:
        """Control token → its name, as `<|im_end|>`."""
        return {token: name for name, token in self._control_ids.items()}

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text: a control token's name inside it is text too."""
        return self._plain.encode(text, add_special_tokens=False).ids

    def token_bytes(self, ids: Sequence[int]) -> tuple[bytes, ...]:
        """What each token writes; a control token, or an id beyond the vocabulary, nothing."""
        written = ("" if i in self.control_ids else self._plain.id_to_token(i) or "" for i in ids)
        return tuple(bytes(_BYTE_OF[character] for character in token) for token in written)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, control tokens left out."""
        return self._plain.decode([i for i in ids if i not in self.control_ids])


@dataclass(frozen=True)
class Rendered:
    """A conversation as the model sees it.

    Attributes:
        ids: token ids, each image already expanded to its number of `<|image_pad|>`.
        supervised: for each id, whether the loss falls on *predicting* it.
        image_starts: index of the first pad of each image, in order.
    """

    ids: list[int] = field(default_factory=list[int])
    supervised: list[bool] = field(default_factory=list[bool])
    image_starts: list[int] = field(default_factory=list[int])

    def append(self, ids: Sequence[int], *, supervised: bool = False) -> None:
        self.ids.extend(ids)
        self.supervised.extend([supervised] * len(ids))


def render(
    messages: Sequence[Message],
    tokenizer: ChatTokenizer,
    image_tokens: Sequence[int],
    *,
    supervise: Supervise = "none",
    generation_prompt: bool = False,
) -> Rendered:
    """Lay a conversation out as token ids.

    Args:
        messages: the turns, images as references in their place.
        tokenizer: the checkpoint's.
        image_tokens: LLM tokens of each image, in the order they appear.
        supervise: which assistant answers count: none, the last message's, or every turn's.
            An answer includes its `<|im_end|>`, so that the model learns to stop.
        generation_prompt: end with the opening of an assistant turn.

    Raises:
        DataError: the numbers of images and of `image_tokens` differ, or `supervise="last"` and the
            conversation does not end with the assistant.
    """
    num_images = sum(len(message.images) for message in messages)
    if num_images != len(image_tokens):
        raise DataError(
            f"the messages hold {num_images} images, but {len(image_tokens)} image sizes are given"
        )
    if supervise == "last" and (not messages or messages[-1].role != "assistant"):
        raise DataError(
            "the last message is not the assistant's, so there is no answer to learn",
            remedy="end every training record with an assistant message",
        )
    rendered = Rendered()
    tokens_left = list(image_tokens)
    for index, message in enumerate(messages):
        is_last = index == len(messages) - 1
        counts = supervise == "all_turns" or (supervise == "last" and is_last)
        if message.role == "assistant":
            _answer(rendered, message, tokenizer, supervised=counts)
        else:
            _turn(rendered, message, tokenizer, tokens_left)
    if generation_prompt:
        rendered.append([tokenizer.im_start, *tokenizer.encode("assistant\n")])
    return rendered


def _turn(
    rendered: Rendered, message: Message, tokenizer: ChatTokenizer, tokens_left: list[int]
) -> None:
    rendered.append([tokenizer.im_start])
    # Text up to the next control token is encoded in one piece: the tokenizer may merge the
    # header's line break with white space that follows it, as the model's own template does.
    pending = f"{message.role}\n"
    for item in message.content:
        match item:
            case Text(text):
                pending += text
            case ImageRef():
                rendered.append([*tokenizer.encode(pending), tokenizer.vision_start])
                rendered.image_starts.append(len(rendered.ids))
                rendered.append([tokenizer.image_pad] * tokens_left.pop(0))
                rendered.append([tokenizer.vision_end])
                pending = ""
    rendered.append([*tokenizer.encode(pending), tokenizer.im_end, *tokenizer.encode("\n")])


def _answer(
    rendered: Rendered, message: Message, tokenizer: ChatTokenizer, *, supervised: bool
) -> None:
    # The answer is encoded apart from its header: at service the header is the prompt and the
    # answer starts on a token of its own.
    rendered.append([tokenizer.im_start, *tokenizer.encode("assistant\n")])
    rendered.append([*tokenizer.encode(message.text), tokenizer.im_end], supervised=supervised)
    rendered.append(tokenizer.encode("\n"))
