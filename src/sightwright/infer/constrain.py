"""Holds a decoder to a JSON Schema: which tokens may come next, by llguidance.

The grammar writes what `canonical.dumps` writes: keys in schema order, compact separators, no
space. Control tokens are never part of an answer; when it is complete, `<|im_end|>` alone is left.
Masks are numpy bit sets, so nothing here needs torch.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import llguidance
import llguidance.numpy
import numpy as np
from numpy.typing import NDArray

from sightwright import canonical
from sightwright.chat import ChatTokenizer
from sightwright.errors import SchemaError

BitMask = NDArray[np.int32]
"""Bit i % 32 of word i // 32 says whether token i is allowed."""

_COMPACT: Any = {
    "item_separator": ",",
    "key_separator": ":",
    "whitespace_flexible": False,
}


class Grammars:
    """The grammars of one model's tokenizer; each schema is compiled once and kept.

    Args:
        tokenizer: the checkpoint's.
        vocab_size: rows of the model's head, which may be more than the tokenizer has ids.
        capacity: grammars kept; the one unused for longest goes first.
    """

    def __init__(self, tokenizer: ChatTokenizer, vocab_size: int, capacity: int = 64) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, Grammar] = OrderedDict()
        num_ids = max(vocab_size, tokenizer.vocab_size)
        self._tokens = llguidance.LLTokenizer(
            tokenizer.tokenizer_json,
            n_vocab=num_ids,
            eos_token=tokenizer.im_end,
            slices=llguidance.LLTokenizer.json_slices(),
        )
        # Some control tokens of Qwen3 (`<think>`) are not marked special; none may stand in a text.
        barred = [*(tokenizer.control_ids - {tokenizer.im_end}), *range(vocab_size, num_ids)]
        self._text_only = without(full_mask(num_ids), barred)

    def compile(self, json_schema: dict[str, Any]) -> "Grammar":
        """The grammar of a canonical schema (`DocumentSchema.json_schema`).

        Raises:
            SchemaError: a keyword or pattern that llguidance cannot honour, by name.
        """
        key = canonical.dumps(json_schema)
        grammar = self._kept.get(key)
        if grammar is None:
            grammar = self._kept[key] = Grammar(self._source(key), self._tokens, self._text_only)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return grammar

    def _source(self, schema: str) -> str:
        source = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_COMPACT)
        failed, messages = llguidance.LLMatcher.validate_grammar_with_warnings(source, self._tokens)
        if failed or messages:
            raise SchemaError(
                f"the decoder cannot honour this schema: {'; '.join(messages)}",
                remedy="drop the keyword, and check it after decoding",
            )
        return source


class Grammar:
    """What one schema allows; made by `Grammars.compile`."""

    def __init__(self, source: str, tokens: llguidance.LLTokenizer, text_only: BitMask) -> None:
        self._start = llguidance.LLMatcher(tokens, source, log_level=0)
        self._text_only = text_only
        _raise_if_failed(self._start)

    def start(self) -> "Matcher":
        """A matcher at the beginning of an answer."""
        return Matcher(self._start.deep_copy(), self._text_only)

    def accepts(self, ids: Sequence[int]) -> bool:
        """Whether these tokens, `<|im_end|>` left out, are one whole answer."""
        matcher = self.start()
        return all(matcher.allows(i) and matcher.advance(i) for i in ids) and matcher.is_complete


class Matcher:
    """One answer in the making: ask for `mask`, choose a token, `advance`."""

    def __init__(self, matcher: llguidance.LLMatcher, text_only: BitMask) -> None:
        self._matcher = matcher
        self._text_only = text_only

    def mask(self) -> BitMask:
        """The tokens allowed next, `<|im_end|>` among them once the answer may end.

        Raises:
            SchemaError: the grammar outgrew llguidance's limits.
        """
        mask = np.zeros((1, len(self._text_only)), dtype=np.int32)
        llguidance.numpy.fill_next_token_bitmask(self._matcher, mask)
        _raise_if_failed(self._matcher)
        return mask[0] & self._text_only

    def allows(self, token: int) -> bool:
        """Whether `token` may come next."""
        return token < 32 * len(self._text_only) and is_set(self.mask(), token)

    def advance(self, token: int) -> bool:
        """Take a token; False, and no further use, when it was not allowed."""
        return bool(self._matcher.consume_token(token))

    @property
    def is_complete(self) -> bool:
        """Whether the answer may end here."""
        return bool(self._matcher.is_accepting())

    @property
    def is_done(self) -> bool:
        """Whether nothing but the end may follow."""
        return self.is_complete and bool(self._matcher.is_stopped())


def full_mask(vocab_size: int) -> BitMask:
    """Every token of a vocabulary allowed, and no bit beyond it."""
    bits = np.zeros(-(-vocab_size // 32) * 32, dtype=np.uint8)
    bits[:vocab_size] = 1
    return np.packbits(bits, bitorder="little").view(np.int32)


def without(mask: BitMask, ids: Sequence[int]) -> BitMask:
    """`mask` with these tokens forbidden."""
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    bits[list(ids)] = 0
    return np.packbits(bits, bitorder="little").view(np.int32)


def is_set(mask: BitMask, token: int) -> bool:
    """Whether `mask` allows `token`."""
    return bool((int(mask[token // 32]) >> (token % 32)) & 1)


def _raise_if_failed(matcher: llguidance.LLMatcher) -> None:
    if matcher.is_error():
        raise SchemaError(
            f"the decoder's grammar failed: {matcher.get_error().splitlines()[0]}",
            remedy="simplify the schema: fewer alternatives, smaller maxLength and maxItems",
        )
