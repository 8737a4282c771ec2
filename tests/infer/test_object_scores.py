import math
from dataclasses import replace

import pytest

from sightwright.infer.engine import Completion
from sightwright.infer.object_scores import object_scores
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.prompts import Prompt

TASK = DenseTask(Prompt(None, "?"))
TEXT = (
    '{"object_1": {"desc": "猫", "bbox_2d": [1, 2, 3, 4]}, '
    '"object_2": {"desc": "b", "bbox_2d": [5, 6, 70, 80]}}'
)


def completion(text: str, probabilities: dict[str, float] | None = None) -> Completion:
    """A token a byte; those of a fragment have its probability, all others 1."""
    data = text.encode()
    logprobs = [0.0] * len(data)
    for part, probability in (probabilities or {}).items():
        start = data.index(part.encode())
        for index in range(start, start + len(part.encode())):
            logprobs[index] = math.log(probability)
    tokens = tuple(bytes([byte]) for byte in data)
    return Completion(text, "stop", 1, len(data), tokens, tuple(logprobs))


def test_the_mean_over_the_tokens_of_each_object() -> None:
    said = completion(TEXT, {"70": 0.25, '{"object_1': 0.01})
    first, second = object_scores(said, TASK.parse(TEXT, 1000, 1000)) or ()
    assert first == 1.0
    # From the quote of "b" to the bracket that ends 80.
    length = len('"b", "bbox_2d": [5, 6, 70, 80]')
    assert second == pytest.approx(math.exp(2 * math.log(0.25) / length))


def test_an_impossible_token_says_nothing_of_the_next_object() -> None:
    said = completion(TEXT, {"80": 0.25})
    index = TEXT.encode().index("猫".encode())
    logprobs = (*said.logprobs[:index], -math.inf, *said.logprobs[index + 1 :])
    found = object_scores(replace(said, logprobs=logprobs), TASK.parse(TEXT, 1000, 1000))
    length = len('"b", "bbox_2d": [5, 6, 70, 80]')
    assert found == (0.0, pytest.approx(0.0625 ** (1 / length)))


def test_a_header_moves_the_json_and_not_the_scores() -> None:
    task = DenseTask(Prompt(None, "?"), header="<DOMAIN=BBU>, <TASK=DETECTION>")
    text = f"{task.header}\n{TEXT}"
    parsed = task.parse(text, 1000, 1000)
    found = object_scores(completion(text, {"猫": 0.5}), parsed)
    assert found is not None
    assert found[0] == pytest.approx(
        math.exp(3 * math.log(0.5) / len('"猫", "bbox_2d": [1, 2, 3, 4]'.encode()))
    )
    assert found[1] == 1.0


def test_an_object_that_could_not_be_read_has_no_score() -> None:
    text = TEXT.replace("[1, 2, 3, 4]", "[1, 2]")
    assert object_scores(completion(text), TASK.parse(text, 1000, 1000)) == (1.0,)


def test_engines_that_do_not_tell() -> None:
    parsed = TASK.parse(TEXT, 1000, 1000)
    assert object_scores(Completion(TEXT, "stop", 1, 9, (), ()), parsed) is None
    other = Completion(TEXT, "stop", 1, 1, (b"{",), (0.0,))
    assert object_scores(other, parsed) is None
    nothing = TASK.parse("{}", 1000, 1000)
    assert object_scores(Completion("{}", "stop", 1, 1, (), ()), nothing) == ()
