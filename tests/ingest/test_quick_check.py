"""The fast look and the close look never disagree; and the fast one does decide the common case."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.ingest.quick_check import QuickCheck
from sightwright.ingest.validate import Validator
from sightwright.jsonl import Line
from sightwright.schema import DocumentSchema, compile_schema

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "number": {"type": "string", "maxLength": 12},
            "total": {"type": "number"},
            "paid": {"type": "boolean"},
            "kind": {"enum": ["in", "out"]},
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"quantity": {"type": "integer"}, "price": {"type": "number"}},
                    "required": ["quantity"],
                },
            },
        },
        "required": ["number"],
    },
    "bill",
)
ANSWER = {
    "number": "A-7",
    "total": 34.7,
    "paid": None,
    "kind": "in",
    "lines": [{"quantity": 3, "price": 0.5}, {"quantity": 1}],
}


def line(answer: object = ANSWER, **changes: object) -> dict[str, Any]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    user = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "Read."}]
    messages = [
        {"role": "user", "content": user},
        {"role": "assistant", "content": [{"type": "text", "text": text}]},
    ]
    return {"id": "a", "messages": messages, "meta": {"document": "a"}, **changes}


def close_verdict(data: bytes, schema: DocumentSchema | None) -> list[str]:
    path = Path("x.jsonl")
    problem = Validator(schema, check_images=False, closely=True).look_closely(Line(path, 1, data))
    return [] if problem is None else [problem.why]


def agree(data: bytes) -> bool:
    """Whether the fast look says yes, having checked that the close one finds nothing then."""
    said = False
    for schema in (None, SCHEMA):
        yes = QuickCheck(schema).read(data) is not None
        if yes:
            assert close_verdict(data, schema) == [], data
        said = yes
    return said


COMMON = [
    line(),
    line(json.dumps(ANSWER, separators=(",", ":"))),
    line(json.dumps(ANSWER, indent=1)),
    line('{"number":"34.70","total":34.70,"lines":[]}'),
    line('{"number":"a \\"b\\": c","total":-0.5}'),
    line('{"number":"Zoë\\n\\\\"}'),
    line({"number": "x"}, meta={"source": "C:\\pages\\", "vendor": {"name": "V"}}),
    line({"number": "x"}, id="Zoë €"),
    line(messages=[{"role": "system", "content": 'Be: "brief" : so.'}, *line()["messages"]]),
    line(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://x.org/a", "detail": "low"}},
                    {"type": "image_url", "image_url": "b.png"},
                    {"type": "text", "text": ": read"},
                ],
            },
            {"role": "assistant", "content": '{"number":"1"}'},
        ]
    ),
]


@pytest.mark.parametrize("record", COMMON)
@pytest.mark.parametrize("as_ascii", [True, False])
def test_good_lines_are_known_without_a_close_look(record: Any, as_ascii: bool) -> None:
    data = json.dumps(record, ensure_ascii=as_ascii).encode() + b"\n"
    assert close_verdict(data, SCHEMA) == []
    assert agree(data)
    assert agree(json.dumps(record, ensure_ascii=as_ascii, separators=(",", ":")).encode())


def doubled(record: dict[str, Any], key: str, again: str) -> str:
    """The record as text, with one key a second time."""
    text = json.dumps(record)
    return text.replace(f'"{key}":', f'{again}, "{key}":', 1)


BAD_ANSWERS = [
    '{"number":"a","total":1e5}',
    '{"number":"a","total":-0.0}',
    '{"number":"a","total":-0.00}',
    '{"number":"a","lines":[{"quantity":3.0}]}',
    '{"number":"a","lines":[{"quantity":1,"price":2},{"quantity":2.00}]}',
    '{"number":"a","total":NaN}',
    '{"number":"a","total":1e999}',
    '{"number":"a","number":"a"}',
    '{"number":"a","number" :"a"}',
    '{"number":"a","number"\t:"a"}',
    '{"number":"\\u003aa","number":"a","kind":"in"}',
    '{"number":"a","\\u006eumber":"b"}',
    '{"number":"a","lines":[{"quantity":1,"quantity":1}]}',
    '{"number":"\\ud800"}',
    '{"number":null}',
    "{}",
    '{"number":"1234567890123"}',
    '{"number":"a","kind":"up"}',
    '{"number":"a","lines":[{"price":1}]}',
    '{"number":"a","lines":null,"extra":1}',
    '{"number":"a"} ',
    '[{"number":"a"}]',
    '{"number":"a"}}',
    'Sure: {"number":"a"}',
    "[" * 3000,
    '{"number":"a","total":' + "9" * 400 + "}",
    '{"number":"a","total":' + "9" * 5000 + "}",
]
# Escaped or odd, yet good: a fast no is allowed, a fast yes must be right.
BAD_LINES = [
    doubled(line(), "id", '"id": "b"'),
    doubled(line(), "id", '"i\\u0064": "b"'),
    doubled(line(), "role", '"role" : "user"'),
    doubled(line(), "type", '"type": "image"'),
    doubled(line(), "document", '"document": ":"'),
    doubled(line(meta={"a\\": 1}), "a\\\\", '"a\\\\": 2'),
    doubled(line(meta={"a": ":", "b\\": 1}), "b\\\\", '"b\\\\": 2'),
    json.dumps(line(metadata={})),
    json.dumps(line(meta=[])),
    json.dumps(line(id="")),
    json.dumps(line(id=None)),
    json.dumps(line(extra=1)),
    json.dumps(line(messages=line()["messages"][1:])),
    json.dumps(line(messages=line()["messages"][:1])),
    json.dumps(line(messages=[{"role": "user", "content": "<image>"}, line()["messages"][1]])),
    json.dumps(line())[:-1] + ',"meta":null}',
    "\ufeff" + json.dumps(line()),
]


@pytest.mark.parametrize("answer", BAD_ANSWERS)
def test_odd_answers(answer: str) -> None:
    agree(json.dumps(line(answer)).encode())
    agree(json.dumps(line(answer), ensure_ascii=False).encode())


@pytest.mark.parametrize("text", BAD_LINES)
def test_odd_lines(text: str) -> None:
    assert not agree(text.encode())


ITEMS: list[Any] = [
    {"type": "image", "image": ""},
    {"type": "image", "url": "a.png"},
    {"type": "image", "image": "file:///a.png"},
    {"type": "image_url", "image_url": {"url": "a.png", "size": 1}},
    {"type": "image_url", "image_url": {"url": "a.png", "detail": "most"}},
    {"type": "text", "text": None},
    {"image": "a.png"},
    {"text": "x"},
    "x",
    None,
]


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_odd_items(item: Any, role: str) -> None:
    messages = [*line()["messages"][:1], {"role": role, "content": [item]}, line()["messages"][1]]
    assert not agree(json.dumps(line(messages=messages)).encode())


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from('a:"\\ /\n<é€\u2028'), max_size=6),
)
_values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(["number", "total", "lines", "quantity", ":", "a\\", 'b"']),
                      st.text(max_size=3)), inner, max_size=4,
        ),
    ),
    max_leaves=8,
)  # fmt: skip
_spellings: st.SearchStrategy[Callable[[Any], str]] = st.sampled_from(
    [
        lambda value: json.dumps(value),
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps(value, separators=(" , ", " : ")),
        lambda value: json.dumps(value, indent=0).replace("\n", "\t"),
    ]
)


@settings(deadline=None, max_examples=300)
@given(_values, _values, _spellings, _spellings)
def test_any_answer_and_any_meta(
    answer: Any, meta: Any, spell: Callable[[Any], str], spell_line: Callable[[Any], str]
) -> None:
    agree(spell_line(line(spell(answer), meta=meta)).encode("utf-8", "surrogatepass"))


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(COMMON), _spellings, st.randoms(use_true_random=False), st.integers(1, 3))
def test_any_damage(
    record: Any, spell: Callable[[Any], str], random: Any, num_changes: int
) -> None:
    data = bytearray(spell(record).encode())
    for _ in range(num_changes):
        place = random.randrange(len(data))
        piece = data[place : place + random.randrange(1, 12)]
        change = random.randrange(3)
        if change == 0:
            del data[place : place + len(piece)]
        elif change == 1:
            data[place:place] = piece
        else:
            data[place] = random.choice(b'":,{}[]\\ 0-.e\tA')
    agree(bytes(data).replace(b"\n", b" "))
