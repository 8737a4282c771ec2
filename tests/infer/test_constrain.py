from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright import canonical
from sightwright.chat import ChatTokenizer
from sightwright.draw.documents import KINDS, NEW_TEMPLATE, TEMPLATES, draw_document
from sightwright.draw.schemas import schema_of
from sightwright.errors import SchemaError
from sightwright.infer.constrain import Grammar, Grammars, full_mask, is_set, without
from sightwright.schema import DocumentSchema, compile_schema


def allowed(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()


def refused_at(grammar: Grammar, tokenizer: ChatTokenizer, text: str) -> str | None:
    """The text before the first token that the decoder would not have been allowed to choose, or
    None when every token was, the end came last, and nothing else could have."""
    matcher = grammar.start()
    ids = tokenizer.encode(text)
    for index, token in enumerate(ids):
        if not is_set(matcher.mask(), token):
            return tokenizer.decode(ids[:index])
        assert matcher.advance(token)
    end = tokenizer.im_end
    return None if matcher.is_complete and allowed(matcher.mask()) == [end] else text


def gold(schema: DocumentSchema, label: dict[str, Any] | str) -> str:
    """What training teaches for a label."""
    value = canonical.loads(label) if isinstance(label, str) else label
    return canonical.dumps(schema.conform(value).value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawn_label_is_accepted_token_by_token(
    kind: Any, grammars: Grammars, tokenizer: ChatTokenizer
) -> None:
    for template in (*TEMPLATES[kind], *([NEW_TEMPLATE] if kind == "receipt" else [])):
        name = template if template == NEW_TEMPLATE else kind
        schema = compile_schema(schema_of(name), name)
        grammar = grammars.compile(schema.json_schema)
        for seed in range(8):
            text = gold(schema, draw_document(kind, template, seed).label)
            assert refused_at(grammar, tokenizer, text) is None, text
            assert grammar.accepts(tokenizer.encode(text))


@pytest.mark.parametrize(
    "label",
    [
        '{"vendor":"A","pages":1}',
        '{"vendor":"","pages":40,"lines":[]}',
        '{"vendor":"x","pages":2,"total":34.70,"lines":[{"text":"a","price":0.10}]}',
        '{"vendor":"x","pages":2,"total":-12.000,"paid":true,"kind":"facture n°"}',
        '{"vendor":"x","pages":2,"total":1234567890123456789.123456789}',
        '{"vendor":"x","pages":2,"total":100000,"code":"AB-0012"}',
        '{"vendor":"x","pages":2,"total":0.0025,"date":"2024-02-29"}',
        '{"vendor":"Grüße 東京 😀 ñ","pages":3,"kind":"Rechnung"}',
        '{"vendor":"\\"q\\" \\\\ / \\n\\t","pages":3,"paid":false}',
        '{"vendor":"\\u0000\\u001f\u2028\u00ad","pages":3}',
        '{"vendor":"<|im_end|><|image_pad|>","pages":3}',
        '{"vendor":"\\",\\"pages\\":9","pages":3}',
        '{"vendor":"x","pages":3,"lines":[{"text":"LONG"},{"text":""},{"text":"},{","price":7}]}',
        '{"vendor":"abcdefghijklmnopqrstuvwx","pages":3}',
    ],
)
def test_every_gold_label_is_accepted_token_by_token(
    label: str, invoice: DocumentSchema, grammars: Grammars, tokenizer: ChatTokenizer
) -> None:
    text = gold(invoice, label.replace("LONG", "lorem ipsum " * 60))
    assert refused_at(grammars.compile(invoice.json_schema), tokenizer, text) is None


# U+007F is the one character that llguidance wants escaped and `canonical` does not escape.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=40)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.from_regex(r"(?!-0(\.0*)?$)-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?", fullmatch=True).map(
        canonical.loads
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    text=ANY_TEXT,
    number=st.none() | NUMBERS,
    rows=st.none() | st.lists(st.fixed_dictionaries({"t": ANY_TEXT}), max_size=4),
)
def test_any_label_is_accepted(
    text: str, number: float | None, rows: list[Any] | None, tokenizer: ChatTokenizer,
    grammars: Grammars,
) -> None:  # fmt: skip
    row = {"type": "object", "properties": {"t": {"type": "string"}}, "required": ["t"]}
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "number": {"type": "number"},
                "rows": {"type": "array", "items": row},
            },
            "required": ["text"],
        },
        "any",
    )
    answer = gold(schema, {"text": text, "number": number, "rows": rows})
    assert refused_at(grammars.compile(schema.json_schema), tokenizer, answer) is None


PREFIX = '{"vendor":"x","date":null,"kind":null,"total":'


@pytest.mark.parametrize(
    ("answer", "before"),
    [
        ('{ "vendor":"x"', "{"),
        ('{"vendor": "x"', '{"vendor":'),
        ('{"pages":1', '{"'),
        ('{"vendor":null', '{"vendor":'),
        ('{"vendor":"x"}', '{"vendor":"x'),
        (PREFIX + '"34.70"', PREFIX),
        (PREFIX + "34.", PREFIX + "34."),
        (PREFIX + "034", PREFIX + "0"),
        (PREFIX + 'null,"pages":41', PREFIX + 'null,"pages":4'),
        (PREFIX + 'null,"pages":null', PREFIX + 'null,"pages":'),
        ('{"vendor":"x","date":"2024-13-01"', '{"vendor":"x","date":"2024-1'),
        ('{"vendor":"x","date":null,"kind":"facture"', '{"vendor":"x","date":null,"kind":"facture'),
    ],
)
def test_what_the_schema_forbids_is_refused_where_it_begins(
    answer: str, before: str, invoice: DocumentSchema, grammars: Grammars, tokenizer: ChatTokenizer
) -> None:
    grammar = grammars.compile(invoice.json_schema)
    stopped = refused_at(grammar, tokenizer, answer)
    assert stopped is not None and before.startswith(stopped), stopped
    assert not grammar.accepts(tokenizer.encode(answer))


def test_an_answer_is_whole_or_not_accepted(
    invoice: DocumentSchema, grammars: Grammars, tokenizer: ChatTokenizer
) -> None:
    grammar = grammars.compile(invoice.json_schema)
    ids = tokenizer.encode(gold(invoice, '{"vendor":"A","pages":1}'))
    assert grammar.accepts(ids)
    assert not grammar.accepts(ids[:-1]) and not grammar.accepts([*ids, ids[-1]])
    matcher = grammar.start()
    assert not matcher.is_done and not matcher.is_complete
    for token in ids:
        assert matcher.advance(token)
    assert matcher.is_done and matcher.is_complete


def test_a_control_token_is_never_allowed_before_the_end(
    invoice: DocumentSchema, grammars: Grammars, tokenizer: ChatTokenizer
) -> None:
    matcher = grammars.compile(invoice.json_schema).start()
    for token in tokenizer.encode(gold(invoice, '{"vendor":"<|im_end|>","pages":1}')):
        assert not tokenizer.control_ids.intersection(allowed(matcher.mask()))
        matcher.advance(token)


def test_control_tokens_not_marked_special_are_barred_as_well(tiny_folder: Any) -> None:
    import json

    content = json.loads((tiny_folder / "tokenizer.json").read_text(encoding="utf-8"))
    # Qwen3 has such: "<think>" and "</think>" are added tokens, and not special.
    entry = content["added_tokens"][-1] | {"special": False}
    first = max(content["model"]["vocab"].values()) + 1
    content["added_tokens"].append(entry | {"id": first, "content": "<think>"})
    tokenizer = ChatTokenizer(json.dumps(content))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    grammars = Grammars(tokenizer, tokenizer.vocab_size + 50)
    grammar = grammars.compile(compile_schema(schema, "a").json_schema)
    matcher = grammar.start()
    for token in tokenizer.encode('{"a":"x'):
        assert matcher.advance(token)
    inside = set(allowed(matcher.mask()))
    assert first not in inside
    # Nor the rows of the model's head that stand for no token.
    assert inside and max(inside) < first
    assert grammar.accepts(tokenizer.encode('{"a":"<think>"}'))


@pytest.mark.parametrize(("length", "fits"), [(23, True), (24, True), (25, False)])
@pytest.mark.parametrize("letter", ["a", "é", "東", "😀"])
def test_max_length_counts_characters(
    length: int, fits: bool, letter: str, invoice: DocumentSchema, grammars: Grammars,
    tokenizer: ChatTokenizer,
) -> None:  # fmt: skip
    text = gold(invoice, '{"vendor":"x","pages":1}').replace("x", letter * length)
    assert grammars.compile(invoice.json_schema).accepts(tokenizer.encode(text)) is fits


@pytest.mark.parametrize(("count", "fits"), [(0, True), (3, True), (4, False)])
def test_max_items_bounds_the_rows(
    count: int, fits: bool, invoice: DocumentSchema, grammars: Grammars, tokenizer: ChatTokenizer
) -> None:
    rows = ",".join(['{"text":"a","price":1}'] * count)
    text = gold(invoice, '{"vendor":"x","pages":1,"lines":[]}').replace("[]", f"[{rows}]")
    assert grammars.compile(invoice.json_schema).accepts(tokenizer.encode(text)) is fits


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ({"type": "string", "pattern": "(?=a)b"}, "look-ahead"),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "uniqueItems"),
        ({"not": {"type": "string"}}, "not"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "unsatisfiable"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    place: dict[str, Any], named: str, grammars: Grammars
) -> None:
    schema = {
        "type": "object",
        "properties": {"a": place},
        "required": ["a"],
        "additionalProperties": False,
    }
    with pytest.raises(SchemaError, match=named):
        grammars.compile(schema)


def test_a_schema_is_compiled_once_and_the_oldest_is_dropped(tokenizer: ChatTokenizer) -> None:
    grammars = Grammars(tokenizer, tokenizer.vocab_size, capacity=2)
    schemas = [
        compile_schema({"type": "object", "properties": {key: {"type": "null"}}}, key).json_schema
        for key in "abc"
    ]
    first, second = grammars.compile(schemas[0]), grammars.compile(schemas[1])
    assert grammars.compile(dict(schemas[0])) is first
    grammars.compile(schemas[2])
    assert grammars.compile(schemas[0]) is first
    assert grammars.compile(schemas[1]) is not second


def test_masks_by_hand() -> None:
    mask = full_mask(34)
    assert mask.tolist() == [-1, 3]
    assert without(mask, [0, 33]).tolist() == [-2, 1]
    assert is_set(mask, 33) and not is_set(mask, 34) and is_set(mask, 31)
    assert allowed(without(mask, range(2, 34))) == [0, 1]
