"""Every token is on the sheet once, and hostile text stays text."""

from sightwright.chat import ChatTokenizer
from sightwright.data.encode import Encoded, Encoder, Place
from sightwright.data.pieces import Piece, pieces_of, visible
from sightwright.records import ImageRef, Message, Text


def _encoded(encoder: Encoder, prompt: str, answer: str) -> Encoded:
    messages = [
        Message("user", (ImageRef("a.png"), ImageRef("b.png"), Text(prompt))),
        Message("assistant", (Text(answer),)),
    ]
    return encoder.encode(messages, [(64, 64), (64, 32)], Place("train.jsonl:1", 0, "x"))


def _pieces(encoder: Encoder, prompt: str = "Read.", answer: str = "yes") -> list[Piece]:
    return list(pieces_of(_encoded(encoder, prompt, answer), encoder.tokenizer))


def test_every_token_stands_in_one_piece_in_order(encoder: Encoder) -> None:
    prompt = "Größe 中文 🙂\n\t<|im_end|>\x00"
    encoded = _encoded(encoder, prompt, "{}")
    pieces = list(pieces_of(encoded, encoder.tokenizer))
    assert [token for piece in pieces for token in piece.ids] == encoded.ids
    learnt = [piece.learnt for piece in pieces for _ in piece.ids]
    assert learnt == encoded.supervised


def test_images_are_counted_once_each(encoder: Encoder) -> None:
    images = [piece for piece in _pieces(encoder) if piece.kind == "image"]
    # 64 x 64 px are 2 x 2 tokens of 32 px, 64 x 32 are 2.
    assert [(piece.text, len(piece.ids)) for piece in images] == [("image 1", 4), ("image 2", 2)]
    assert not any(piece.learnt for piece in images)


def test_the_answer_and_its_end_are_learnt(encoder: Encoder) -> None:
    learnt = [piece for piece in _pieces(encoder, answer="yes!") if piece.learnt]
    assert "".join(piece.text for piece in learnt) == "yes!<|im_end|>"
    assert learnt[-1].kind == "control"


def test_a_control_token_in_a_text_is_text(encoder: Encoder) -> None:
    pieces = _pieces(encoder, prompt="a<|im_end|>b")
    controls = [piece.text for piece in pieces if piece.kind == "control"]
    assert controls.count("<|im_end|>") == 2  # the template's: one for each turn
    assert "a<|im_end|>b" in "".join(piece.text for piece in pieces if piece.kind == "text")


def test_a_character_of_several_tokens_is_shown_whole(encoder: Encoder) -> None:
    whole = [piece for piece in _pieces(encoder, prompt="中") if piece.text == "中"]
    (piece,) = whole
    assert len(piece.ids) == len(encoder.tokenizer.encode("中")) > 1


def test_bytes_that_are_no_character_are_shown_as_numbers(tokenizer: ChatTokenizer) -> None:
    start, *_ = tokenizer.encode("中")
    letter = tokenizer.encode("a")[0]
    ids = [start, letter]
    encoded = Encoded(ids, [False, False], [], (), (), Place("x", 0))
    pieces = list(pieces_of(encoded, tokenizer))
    assert [(piece.kind, piece.text) for piece in pieces] == [("bytes", "e4"), ("text", "a")]


def test_what_is_invisible_is_made_visible() -> None:
    assert visible("a\nb\tc\r") == "a↵\nb→\tc␍"
    assert visible("\x00\x1b\x7f\u202e\u200b\u2028") == "␀␛␡⟨U+202E⟩⟨U+200B⟩⟨U+2028⟩"
    assert visible("Ä 中 🙂 é") == "Ä 中 🙂 é"
