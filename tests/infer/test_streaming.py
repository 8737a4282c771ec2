"""Deltas: whole characters that join to the very text of the completion, whatever tokens come."""

import numpy as np
import pytest

from sightwright.chat import ChatTokenizer
from sightwright.infer.engine import Delta
from sightwright.infer.streaming import Teller


class Onlooker:
    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def wrote(self, index: int, delta: Delta) -> None:
        assert index == 3
        self.deltas.append(delta)

    def is_cancelled(self) -> bool:
        return False


def told(*tokens: bytes) -> list[str]:
    onlooker = Onlooker()
    teller = Teller(onlooker, 3)
    for token in tokens:
        teller.wrote(token, -0.5)
    teller.ended()
    assert [delta.tokens for delta in onlooker.deltas][: len(tokens)] == [(t,) for t in tokens]
    return [delta.text for delta in onlooker.deltas]


@pytest.mark.parametrize(
    ("tokens", "texts"),
    [
        ((b"a", b"b"), ["a", "b"]),
        ((b"\xf0\x9f", b"\x99\x82!"), ["", "\U0001f642!"]),
        ((b"x\xc3", b"\xa9", b""), ["x", "é", ""]),
        # Cut inside a character: it is given up at the end, and not before.
        ((b"a", b"\xe6\xbc"), ["a", "", "\ufffd"]),
        ((b"\xff", b"a"), ["\ufffd", "a"]),
        ((), []),
    ],
)
def test_a_character_comes_with_the_token_that_completes_it(
    tokens: tuple[bytes, ...], texts: list[str]
) -> None:
    assert told(*tokens) == texts


def test_any_tokens_at_all_join_to_what_the_tokenizer_decodes(tokenizer: ChatTokenizer) -> None:
    rng = np.random.default_rng(0)
    text = [i for i in range(tokenizer.vocab_size) if i not in tokenizer.control_ids]
    # The 256 tokens of one byte each make broken characters of every kind.
    bytes_alone = [i for i in text if len(tokenizer.token_bytes([i])[0]) == 1]
    assert len(bytes_alone) == 256
    for ids_of in (text, bytes_alone):
        for _ in range(300):
            ids = [int(i) for i in rng.choice(ids_of, size=rng.integers(1, 12))]
            assert "".join(told(*tokenizer.token_bytes(ids))) == tokenizer.decode(ids)


def test_an_id_beyond_the_vocabulary_writes_nothing(tokenizer: ChatTokenizer) -> None:
    assert tokenizer.token_bytes([tokenizer.vocab_size + 5, tokenizer.im_end]) == (b"", b"")


def test_nobody_looking_is_nobody_told() -> None:
    teller = Teller(None, 0)
    teller.wrote(b"\xff", None)
    teller.ended()
