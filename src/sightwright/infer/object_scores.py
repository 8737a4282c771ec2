"""How sure a model was of each object that it wrote: the mean log-probability of its tokens.

The tokens of an object are those that wrote its description and its coordinates; keys and
punctuation between them count too, where they share a token or lie in between. The mean, not the
sum, so that a polygon of many points is not less sure for its length alone.
"""

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from statistics import fmean

from sightwright.infer.confidence import value_spans
from sightwright.infer.engine import Completion
from sightwright.tasks.dense import ParsedObjects


def object_scores(completion: Completion, parsed: ParsedObjects) -> tuple[float, ...] | None:
    """The geometric mean of the probabilities of each object's tokens, 0 to 1, in order.

    Args:
        parsed: that completion's text, read by the task.

    Returns:
        One score for each of `parsed.objects`; None where the engine told no probabilities, or
        those of other bytes than the text. An answer without objects has none to score: ().
    """
    if not parsed.objects:
        return ()
    answer = b"".join(completion.tokens)
    has_each = len(completion.tokens) == len(completion.logprobs)
    if not has_each or answer != completion.text.encode("utf-8", "replace"):
        return None
    start = len(completion.text[: parsed.json_start].encode("utf-8", "replace"))
    spans = _object_spans(answer[start:])
    ends = list(accumulate(map(len, completion.tokens)))

    def score(key: str) -> float:
        low, high = spans[key]
        first = bisect_right(ends, start + low)
        last = bisect_left(ends, start + high) + 1
        return min(1.0, math.exp(fmean(completion.logprobs[first:last])))

    return tuple(score(each.key) for each in parsed.objects)


def _object_spans(document: bytes) -> dict[str, tuple[int, int]]:
    """Key of an object → the bytes from its first value to its last, the end not included."""
    spans: dict[str, tuple[int, int]] = {}
    for value in value_spans(document):
        # What stands behind the JSON is at no place in it.
        if not value.steps:
            continue
        key = str(value.steps[0])
        first = spans[key][0] if key in spans else value.start
        spans[key] = (first, value.end)
    return spans
