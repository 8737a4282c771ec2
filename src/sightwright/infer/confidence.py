"""How sure a model was of each value that it wrote: the product of its tokens' probabilities.

A token belongs to a value when some of its bytes are the value's:

    a string          its quotes and all between them
    a number          its digits and the byte that ends it: to stop there was a choice
    true, false, null their letters

so the probability of a value covers whether there is one (`"` or `null`), what it is, and where it
ends. A token that writes parts of two values counts for both. A token that the grammar forced has
probability 1 and changes nothing, so keys and punctuation cost nothing. What no value owns is left
out: how many rows an array has (`,` or `]`) is no value's.

    {"paid":true,"total":34.70}
            ····          three values: `true`, and `34.70}` with the brace that ends it
                         ······
"""

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sightwright.infer.engine import Completion
from sightwright.schema import DocumentSchema, Node
from sightwright.tasks.extract import ExtractTask

_PIECE = re.compile(rb'[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}\[\],:"]+', re.DOTALL)

_Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class ValueSpan:
    """Where a scalar stands in an answer.

    Attributes:
        steps: keys and row numbers from the root down: `("lines", 0, "price")`.
        start, end: bytes, the end not included.
    """

    steps: _Steps
    start: int
    end: int


def field_confidences(completion: Completion, schema: DocumentSchema) -> dict[str, float]:
    """Concrete place (`lines[0].price`) → probability 0..1 of the value written there.

    A null in place of an object stands for all its scalars. A place that the answer left out has
    no entry. Empty when the answer is not a document of the schema, was cut by the output limit,
    or came from an engine that tells no probabilities.
    """
    document = b"".join(completion.tokens)
    # A reader of `text` must see the bytes that the probabilities are of.
    if not completion.tokens or document != completion.text.encode("utf-8", "replace"):
        return {}
    if len(completion.tokens) != len(completion.logprobs) or completion.finish_reason == "length":
        return {}
    if ExtractTask(schema).parse(completion.text).value is None:
        return {}
    tokens = _Tokens(completion.tokens, completion.logprobs)
    return {
        place: tokens.probability(span.start, span.end)
        for span in value_spans(document)
        for place in _places(schema.root, span.steps)
    }


def value_spans(document: bytes) -> Iterator[ValueSpan]:
    """Every scalar of a JSON document, in the order written; `document` must be valid JSON."""
    steps: list[str | int] = []
    is_key = False
    for piece in _PIECE.finditer(document):
        match piece[0][:1]:
            case b"{":
                steps.append("")
                is_key = True
            case b"[":
                steps.append(0)
                is_key = False
            case b"}" | b"]":
                steps.pop()
            case b",":
                last = steps[-1]
                is_key = isinstance(last, str)
                steps[-1] = last if isinstance(last, str) else last + 1
            case b":":
                is_key = False
            case b'"' if is_key:
                steps[-1] = json.loads(piece[0])
            case first:
                ends_late = first in b"-0123456789"
                yield ValueSpan(tuple(steps), piece.start(), piece.end() + ends_late)


class _Tokens:
    """The tokens of an answer by the bytes they wrote."""

    def __init__(self, tokens: Sequence[bytes], logprobs: Sequence[float]) -> None:
        # A token that writes nothing is no value's.
        writing = [(len(t), p) for t, p in zip(tokens, logprobs, strict=True) if t]
        self._logprobs = [logprob for _, logprob in writing]
        self._ends = list(accumulate(length for length, _ in writing))

    def probability(self, start: int, end: int) -> float:
        """The product over the tokens that wrote any byte of [start, end)."""
        first = bisect_right(self._ends, start)
        last = bisect_left(self._ends, end)
        # At most 1: engines elsewhere round.
        return min(1.0, math.exp(math.fsum(self._logprobs[first : last + 1])))


def _places(root: Node, steps: _Steps) -> Iterator[str]:
    """The scalar places of the schema that a scalar written at `steps` decides."""
    node = root
    for step in steps:
        child = node.items if isinstance(step, int) else node.properties[step]
        assert child is not None, "a document of the schema has no place outside it"
        node = child
    here = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    # Of an object that is null, all scalars are; rows it has none.
    for leaf in _scalars(node):
        yield (here + leaf.path.removeprefix(node.path)).removeprefix(".")


def _scalars(node: Node) -> Iterator[Node]:
    if node.kind == "scalar":
        yield node
    for child in node.properties.values():
        yield from _scalars(child)
