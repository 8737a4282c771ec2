"""The embedded engine: transformers' own model, our rendering, pixels, decoding and grammar."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from sightwright.chat import ChatTokenizer, render
from sightwright.data.pixels import image_inputs, image_tokens
from sightwright.errors import ModelError, RefusedError
from sightwright.infer.constrain import Grammars, Matcher, full_mask
from sightwright.infer.decode import Decoding, evaluating, unwrapped
from sightwright.infer.engine import Completion, FinishReason, Request, Watch, check_request
from sightwright.infer.streaming import Teller, raise_if_cancelled
from sightwright.model.load import (
    load_chat_tokenizer,
    load_model,
    load_vision_spec,
    resolve_folder,
)
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass
class _Row:
    """One request while it is answered."""

    request: Request
    prompt: list[int]
    matcher: Matcher | None
    noise: torch.Generator | None
    teller: Teller
    ids: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    finish: FinishReason | None = None

    def take(self, token: int, written: bytes, logprob: float, ends: frozenset[int]) -> None:
        self._take(token, written, logprob, ends)
        if self.finish is not None:
            self.teller.ended()

    def _take(self, token: int, written: bytes, logprob: float, ends: frozenset[int]) -> None:
        if token in ends:
            self.finish = "stop"
            return
        self.teller.wrote(written, logprob)
        self.ids.append(token)
        self.logprobs.append(logprob)
        if self.matcher is not None:
            if not self.matcher.advance(token):
                raise ModelError("the model gave no number for any allowed token (NaN logits)")
            # Only the end may follow: it needs no forward.
            if self.matcher.is_done:
                self.finish = "stop"
                return
        if len(self.ids) >= self.request.max_tokens:
            self.finish = "length"


class TransformersEngine:
    """Answers with a transformers model in this process; one batch at a time, any thread.

    A row's answer does not depend on the other rows of its batch, beyond rounding.

    Args:
        model: a Qwen3-VL, plain or under PEFT; also one in training, whose mode is restored.
        tokenizer: the checkpoint's.
        spec: the pixel settings that the model was trained with.
        name: of the model, for reports.
        agree: makes a choice of tokens that of all processes which compute one model together: were
            one to end an answer earlier, the others would wait for it for ever.
    """

    def __init__(
        self,
        model: PreTrainedModel | nn.Module,
        tokenizer: ChatTokenizer,
        spec: VisionSpec,
        *,
        name: str = "model",
        agree: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.tokenizer = tokenizer
        self.spec = spec
        self._agree = agree
        self._lock = threading.Lock()
        self._ends = frozenset({tokenizer.im_end, tokenizer.end_of_text})
        text_config = unwrapped(model).config.get_text_config()
        self._max_length = int(text_config.max_position_embeddings)
        self._vocab_size = int(text_config.vocab_size)

    @classmethod
    def from_folder(
        cls,
        path_or_id: str | Path,
        *,
        adapters: Path | None = None,
        dtype: str = "auto",
        attn_impl: str = "sdpa",
        device: str | None = None,
        pixels: PixelPolicy | None = None,
    ) -> TransformersEngine:
        """An engine for a model by folder, hub id or "tiny", with an adapter on it or without.

        Raises:
            ModelError: a folder or adapter that cannot be loaded.
        """
        folder = resolve_folder(path_or_id)
        model: Any = load_model(folder, dtype, attn_impl, device)
        if adapters is not None:
            from sightwright.model.adapters import load_adapter

            model = load_adapter(model, adapters)
        return cls(
            model,
            load_chat_tokenizer(folder),
            load_vision_spec(folder, pixels),
            name=Path(path_or_id).name,
        )

    @cached_property
    def grammars(self) -> Grammars:
        """The compiled schemas of this engine's tokenizer."""
        return Grammars(self.tokenizer, self._vocab_size)

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        with self._lock:
            self.grammars.compile(json_schema)

    def generate(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer a batch together; see `Engine.generate`."""
        with self._lock, evaluating(self.model):
            rows = [
                self._row(request, Teller(watch, index)) for index, request in enumerate(requests)
            ]
            if rows:
                self._decode(rows, watch)
            return [self._completion(row) for row in rows]

    def _row(self, request: Request, teller: Teller) -> _Row:
        check_request(request)
        tokens = [image_tokens(image.width, image.height, self.spec) for image in request.images]
        prompt = render(request.messages, self.tokenizer, tokens, generation_prompt=True).ids
        if len(prompt) + request.max_tokens > self._max_length:
            raise RefusedError(
                f"{len(prompt)} prompt tokens ({sum(tokens)} of images) and {request.max_tokens} "
                f"for the answer are more than the {self._max_length} that the model can hold",
                status=413,
                remedy="fewer or smaller images (max_pixels), or a lower max_tokens",
            )
        schema = request.json_schema
        return _Row(
            request,
            prompt,
            matcher=self.grammars.compile(schema).start() if schema is not None else None,
            noise=torch.Generator().manual_seed(request.seed) if request.temperature > 0 else None,
            teller=teller,
        )

    def _decode(self, rows: list[_Row], watch: Watch | None) -> None:
        raise_if_cancelled(watch)
        images = [image for row in rows for image in row.request.images]
        decoding = Decoding(
            self.model,
            [row.prompt for row in rows],
            image_inputs(images, self.spec),
            image_pad=self.tokenizer.image_pad,
            padding=self.tokenizer.end_of_text,
        )
        logits = decoding.prefill()
        while True:
            self._choose(rows, logits)
            going = [index for index, row in enumerate(rows) if row.finish is None]
            if not going:
                return
            if len(going) < len(rows):
                rows = [rows[index] for index in going]
                decoding.keep(going)
            raise_if_cancelled(watch)
            logits = decoding.step([row.ids[-1] for row in rows])

    def _choose(self, rows: Sequence[_Row], logits_BV: Tensor) -> None:
        """One token for each row: the likeliest allowed, or a draw from those allowed."""
        if any(row.matcher is not None for row in rows):
            logits_BV = logits_BV.masked_fill(~self._allowed(rows, logits_BV), -torch.inf)
        logprobs_BV = logits_BV.log_softmax(dim=1)
        chosen = _with_noise(rows, logprobs_BV).argmax(dim=1, keepdim=True)
        if self._agree is not None:
            chosen = self._agree(chosen)
        logprobs = logprobs_BV.gather(1, chosen)[:, 0].tolist()
        tokens: list[int] = chosen[:, 0].tolist()
        written = self.tokenizer.token_bytes(tokens)
        for row, token, text, logprob in zip(rows, tokens, written, logprobs, strict=True):
            row.take(token, text, logprob, self._ends)

    def _allowed(self, rows: Sequence[_Row], logits_BV: Tensor) -> Tensor:
        free = full_mask(self._vocab_size)
        width = len(free)
        masks = [free if row.matcher is None else row.matcher.mask()[:width] for row in rows]
        words = torch.from_numpy(np.stack(masks)).to(logits_BV.device)
        shifts = torch.arange(32, device=logits_BV.device, dtype=torch.int32)
        bits = (words[..., None] >> shifts) & 1
        return bits.flatten(1)[:, : logits_BV.shape[1]].bool()

    def _completion(self, row: _Row) -> Completion:
        return Completion(
            text=self.tokenizer.decode(row.ids),
            finish_reason=row.finish or "length",
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.ids),
            tokens=self.tokenizer.token_bytes(row.ids),
            logprobs=tuple(row.logprobs),
        )


def _with_noise(rows: Sequence[_Row], logprobs_BV: Tensor) -> Tensor:
    """Scores whose maximum is a draw at the row's temperature (Gumbel's trick).

    Each row draws from its own generator, so neither its neighbours nor the random numbers of a
    training around it see or change anything.
    """
    if all(row.noise is None for row in rows):
        return logprobs_BV
    scores_BV = logprobs_BV.clone()
    for index, row in enumerate(rows):
        if row.noise is not None:
            uniform = torch.rand(scores_BV.shape[1], generator=row.noise).to(scores_BV.device)
            gumbel = -(-uniform.clamp(min=1e-20).log()).log()
            scores_BV[index] = scores_BV[index] / row.request.temperature + gumbel
    return scores_BV
