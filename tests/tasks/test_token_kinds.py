"""Each token of an answer is typed by what it writes in the target itself."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import sightwright.demo
from sightwright.chat import ChatTokenizer
from sightwright.geometry import Box, Line, Polygon
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.prompts import Prompt
from sightwright.tasks.token_kinds import TokenKind, kinds_of_bytes, kinds_of_tokens

LETTERS = {
    TokenKind.NONE: ".",
    TokenKind.DESC: "d",
    TokenKind.BBOX: "b",
    TokenKind.POLY: "p",
    TokenKind.LINE: "l",
    TokenKind.FORMAT: "-",
}


def drawn(text: str) -> str:
    """A letter for each byte."""
    return "".join(LETTERS[kind] for kind in kinds_of_bytes(text))


def test_an_object_byte_by_byte() -> None:
    text = '{"object_1": {"desc": "a cat", "bbox_2d": [138, 2]}}'
    assert drawn(text) == "-----------------------ddddd---------------bbb--b---"
    assert (text[23:28], text[43:46], text[48]) == ("a cat", "138", "2")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        # The count of a line's points is no coordinate; its points are pairs.
        ('{"line_points": 2, "line": [[3, 4], [9, 40]]}', "-" * 29 + "l--l----l--ll---"),
        ('{"poly": [1, 2]}', "----------p--p--"),
        # A header is format; what comes below it is read.
        ('<DOMAIN=BBU>\n{"desc": "x"}', "-" * 13 + "----------d--"),
        # Each Chinese character is three bytes.
        ('{"desc": "标签"}', "----------dddddd--"),
        # Quotes and braces inside a text are the text's.
        (r'{"desc": "a\"}{"}', "----------ddddd--"),
        # Values of other JSON: text, numbers, null.
        ('{"total": 12.5, "due": null}', "----------dddd---------dddd-"),
        ('[{"名称": ["x", 3]}]', "-" * 14 + "d---d---"),
        # A text or a lone number under a shape's key is no coordinate.
        ('{"line": "3", "poly": 7}', "----------d-----------d-"),
    ],
)
def test_what_is_format_and_what_is_not(text: str, kinds: str) -> None:
    assert drawn(text) == kinds


@pytest.mark.parametrize("text", ["", "a receipt", "{not json}", "12", '"x"', "a\nb", "{} more"])
def test_what_is_no_json_has_no_kinds(text: str) -> None:
    assert kinds_of_bytes(text) == []
    assert kinds_of_tokens([text.encode(), b""]) == [TokenKind.NONE, TokenKind.NONE]


@pytest.mark.parametrize(
    ("tokens", "letters"),
    [
        # Most bytes decide; in a tie the content does: one quote and one letter are the letter.
        ([b'{"desc', b'": "', b"a", b' cat"', b"}", b""], "--dd--"),
        ([b'{"desc": ', b'"a', b'"}'], "-d-"),
        # A character over two tokens: two bytes of it here, one there.
        ([b'{"desc": "', "标".encode()[:2], "标".encode()[2:] + b'"', b"}"], "-dd-"),
    ],
)
def test_a_token_is_what_most_of_it_is(tokens: Sequence[bytes], letters: str) -> None:
    assert "".join(LETTERS[kind] for kind in kinds_of_tokens(tokens)) == letters


@pytest.mark.parametrize("header", [None, "<DOMAIN=BBU>, <TASK=DETECTION>"])
def test_the_tokens_of_a_dense_target(header: str | None) -> None:
    """Against the target's own numbers and descriptions, found by searching the text."""
    tokenizer = ChatTokenizer.from_folder(Path(sightwright.demo.__file__).parent / "tiny")
    objects = (
        DenseObject("类别=标签,文本=A-1", Box(10, 20, 90, 60)),
        DenseObject("类别=板卡", Polygon(((30, 30), (80, 30), (70, 90)))),
        DenseObject("类别=电线", Line(((5, 95), (60, 97)))),
    )
    record = InspectionRecord("a", "a.png", 100, 100, objects)
    target = DenseTask(Prompt(None, "List."), header=header).target(record)
    ids = tokenizer.encode(target)
    tokens = tokenizer.token_bytes(ids)
    kinds = kinds_of_tokens(tokens)
    by_kind = {
        kind: b"".join(t for t, k in zip(tokens, kinds, strict=True) if k is kind).decode()
        for kind in set(kinds)
    }
    assert set(by_kind) == {*TokenKind} - {TokenKind.NONE}
    value = json.loads(target.splitlines()[-1])
    for each in value.values():
        for word in each["desc"].split(","):
            assert word in by_kind[TokenKind.DESC]
    numbers = {
        TokenKind.BBOX: [n for each in value.values() for n in each.get("bbox_2d", ())],
        TokenKind.POLY: [n for each in value.values() for p in each.get("poly", ()) for n in p],
        TokenKind.LINE: [n for each in value.values() for p in each.get("line", ()) for n in p],
    }
    for kind, wanted in numbers.items():
        digits = "".join(c for c in by_kind[kind] if c.isdigit())
        assert digits == "".join(map(str, wanted))
    assert "object_1" in by_kind[TokenKind.FORMAT]
