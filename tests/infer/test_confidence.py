"""Confidence of a field: which tokens wrote it, and the product of their probabilities."""

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright import canonical
from sightwright.infer.confidence import field_confidences, value_spans
from sightwright.infer.engine import Completion, FinishReason
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.schema import DocumentSchema, compile_schema

from .test_transformers_engine import ask, page

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "number": {"type": "string"},
            "total": {"type": "number"},
            "paid": {"type": "boolean"},
            "seller": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "codes": {"type": "array", "items": {"type": "string"}},
                },
            },
            "lines": {
                "type": "array",
                "items": {"type": "object", "properties": {"price": {"type": "number"}}},
            },
            "grid": {
                "type": "array",
                "items": {"type": "array", "items": {"type": "integer"}},
            },
        },
        "required": ["lines"],
    },
    "receipt",
)


def completion_of(
    tokens: list[bytes], logprobs: list[float], finish: FinishReason = "stop"
) -> Completion:
    text = b"".join(tokens).decode("utf-8", "replace")
    return Completion(text, finish, 1, len(tokens), tuple(tokens), tuple(logprobs))


def confidences(schema: DocumentSchema, *pieces: tuple[str | bytes, float]) -> dict[str, float]:
    """Of an answer given as (what a token wrote, its probability)."""
    tokens = [piece.encode() if isinstance(piece, str) else piece for piece, _ in pieces]
    return field_confidences(completion_of(tokens, [math.log(p) for _, p in pieces]), schema)


def schema_of(**properties: Any) -> DocumentSchema:
    return compile_schema({"type": "object", "properties": properties}, "test")


def test_a_value_is_as_sure_as_the_product_of_its_tokens() -> None:
    found = confidences(
        SCHEMA,
        ('{"', 1.0), ("number", 1.0), ('":"', 0.9), ("A-", 0.8), ("1", 0.5), ('",', 0.75),
        ('"total":', 1.0), ("34", 0.6), (".70", 0.5), (",", 0.25),
        ('"paid":', 1.0), ("true", 0.7), (',"lines":[]}', 1.0),
    )  # fmt: skip
    assert found == pytest.approx(
        {"number": 0.9 * 0.8 * 0.5 * 0.75, "total": 0.6 * 0.5 * 0.25, "paid": 0.7}
    )


def test_only_a_number_owns_the_byte_that_ends_it() -> None:
    literals = schema_of(a={"type": "array", "items": {"type": "boolean"}}, b={"type": "integer"})
    found = confidences(
        literals, ('{"a":[', 1), ("true", 0.9), (",", 0.1), ("false", 0.8), ("]", 0.1),
        (',"b":', 1), ("7", 0.5), ("}", 0.5),
    )  # fmt: skip
    # Whether a row follows is no value's; that the number is not 70 is the number's.
    assert found == pytest.approx({"a[0]": 0.9, "a[1]": 0.8, "b": 0.25})


def test_a_token_in_two_values_counts_for_both() -> None:
    texts = schema_of(a={"type": "array", "items": {"type": "string"}})
    found = confidences(texts, ('{"a":["', 0.9), ("x", 0.8), ('","', 0.5), ("y", 0.4), ('"]}', 0.3))
    assert found == pytest.approx({"a[0]": 0.9 * 0.8 * 0.5, "a[1]": 0.5 * 0.4 * 0.3})


def test_rows_are_named_by_their_place() -> None:
    tokens = [
        ('{"lines":[{"price":', 1), ("1", 0.9), ('},{"price":', 0.9), ("null", 0.8), ("}]", 0.1),
        (',"grid":[[', 1), ("1", 0.7), (",", 0.9), ("2", 0.6), ("],[]]}", 0.9),
    ]  # fmt: skip
    assert confidences(SCHEMA, *tokens) == pytest.approx({
        "lines[0].price": 0.81, "lines[1].price": 0.8,
        "grid[0][0]": 0.63, "grid[0][1]": 0.54,
    })  # fmt: skip


def test_a_null_object_stands_for_its_scalars_and_a_null_array_for_nothing() -> None:
    found = confidences(SCHEMA, ('{"seller":', 1), ("null", 0.4), (',"lines":[]}', 0.5))
    assert found == pytest.approx({"seller.name": 0.4})
    assert confidences(SCHEMA, ('{"lines":[],"grid":', 1), ("null", 0.4), ("}", 1)) == {}


def test_escapes_quotes_and_structure_inside_strings() -> None:
    text = r'{"number":"a\\\"}],{:[\u0041\ud83d\ude00","paid":null,"lines":[]}'
    assert confidences(SCHEMA, *((c, 0.5 if c == "\\" else 1) for c in text)) == pytest.approx(
        {"number": 0.5**6, "paid": 1.0}
    )
    # An escaped key is the key.
    assert confidences(SCHEMA, (r'{"p\u0061id":', 1), ("true", 0.5), (',"lines":[]}', 1)) == {
        "paid": pytest.approx(0.5)
    }


def test_tokens_that_cut_a_character() -> None:
    euro, smile = "€".encode(), "😀".encode()
    found = confidences(
        SCHEMA,
        ('{"number":"', 0.9), (euro[:1], 0.8), (euro[1:] + smile[:2], 0.7), (smile[2:], 0.6),
        ('","total":', 0.5), ("1", 0.4), ("", 0.01), (',"lines":[]}', 1),
    )  # fmt: skip
    # A token that writes nothing is nobody's.
    assert found == pytest.approx({"number": 0.9 * 0.8 * 0.7 * 0.6 * 0.5, "total": 0.4})


def test_space_and_order_do_not_matter() -> None:
    found = confidences(
        SCHEMA, (' {\n "lines" : [ ] , "total"\t:', 1), (" 12", 0.5), (" ", 0.5), ("} ", 1)
    )
    assert found == pytest.approx({"total": 0.25})


@pytest.mark.parametrize(
    "text", ['{"lines":[', '{"lines":7}', '{"odd":1,"lines":[]}', "[]", "7", "", '{"a":1,"a":1}']
)
def test_no_document_has_no_confidences(text: str) -> None:
    assert field_confidences(completion_of([text.encode()], [0.0]), SCHEMA) == {}


def test_without_probabilities_or_end_there_are_none() -> None:
    tokens = [b'{"total":', b"1", b',"lines":[]}']
    whole = completion_of(tokens, [0.0, -1.0, 0.0])
    assert field_confidences(whole, SCHEMA) == {"total": pytest.approx(math.exp(-1))}
    assert field_confidences(completion_of(tokens, [0, 0, 0], "length"), SCHEMA) == {}
    assert field_confidences(completion_of(tokens, []), SCHEMA) == {}
    # Bytes that are not those of the text: the probabilities are of something else.
    other = Completion('{"total":1,"lines":[]}', "stop", 1, 1, (b"{}",), (0.0,))
    assert field_confidences(other, SCHEMA) == {}


def test_a_value_never_is_surer_than_sure() -> None:
    found = field_confidences(completion_of([b'{"lines":[],"total":1}'], [1e-7]), SCHEMA)
    assert found == {"total": 1.0}
    nearly = field_confidences(completion_of([b'{"lines":[],"total":1}'], [-math.inf]), SCHEMA)
    assert nearly == {"total": 0.0}


_texts = st.one_of(st.none(), st.text(max_size=6))
_numbers = st.one_of(st.none(), st.integers(-99, 99), st.sampled_from([0.5, 12.25, -3.0]))
_documents = st.fixed_dictionaries(
    {
        "number": _texts,
        "total": _numbers,
        "paid": st.one_of(st.none(), st.booleans()),
        "seller": st.one_of(
            st.none(),
            st.fixed_dictionaries({"name": _texts, "codes": st.lists(st.text(max_size=3))}),
        ),
        "lines": st.lists(st.fixed_dictionaries({"price": _numbers}), max_size=3),
        "grid": st.lists(st.lists(st.integers(0, 20), max_size=2), max_size=2),
    }
)


def _value_at(document: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        document = document[step]
    return document


def _scalars(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_scalars, value.values()))
    return sum(map(_scalars, value)) if isinstance(value, list) else 1


@settings(deadline=None)
@given(_documents)
def test_spans_hold_exactly_the_values(document: dict[str, Any]) -> None:
    data = canonical.dumps(document).encode()
    spans = list(value_spans(data))
    assert len(spans) == _scalars(document)
    for span in spans:
        value, written = _value_at(document, span.steps), data[span.start : span.end]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        assert canonical.dumps(value).encode() == (written[:-1] if is_number else written)
        assert not is_number or written[-1:] in (b",", b"]", b"}")


@settings(deadline=None)
@given(_documents, st.integers(0, 2**32))
def test_any_tokens_give_the_product_of_those_that_overlap(
    document: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    data = canonical.dumps(document).encode()
    cuts = sorted(rng.choices(range(len(data) + 1), k=rng.randrange(len(data))))
    tokens = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    logprobs = [-rng.random() / 10 for _ in tokens]
    writers = [index for index, token in enumerate(tokens) for _ in token]
    found = field_confidences(completion_of(tokens, logprobs), SCHEMA)
    for span in value_spans(data):
        owners = set(writers[span.start : span.end])
        wanted = math.exp(sum(logprobs[owner] for owner in owners))
        place = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in span.steps)[1:]
        if document["seller"] is not None or place != "seller":
            assert found[place] == pytest.approx(wanted)
        else:
            assert found["seller.name"] == pytest.approx(wanted)


@settings(deadline=None)
@given(_documents, st.integers(0, 2**32))
def test_cutting_tokens_anew_changes_nothing_where_probabilities_follow(
    document: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    data = canonical.dumps(document).encode()
    of_byte = [-rng.random() / 10 for _ in data]
    # Borders that every cutting keeps: then no token reaches out of a value.
    kept = {border for span in value_spans(data) for border in (span.start, span.end)}
    results = []
    for _ in range(2):
        cuts = sorted({*kept, *rng.choices(range(1, len(data)), k=5)} - {0, len(data)})
        borders = list(zip([0, *cuts], [*cuts, len(data)], strict=True))
        logprobs = [sum(of_byte[a:b]) for a, b in borders]
        results.append(
            field_confidences(completion_of([data[a:b] for a, b in borders], logprobs), SCHEMA)
        )
    assert results[0] == pytest.approx(results[1])


def test_of_a_real_model(model: Any, tokenizer: Any, spec: Any, invoice: DocumentSchema) -> None:
    engine = TransformersEngine(model, tokenizer, spec)
    request = ask("Read the page.", page(192, 192), json_schema=invoice.json_schema, max_tokens=400)
    (completion,) = engine.generate([request])
    assert completion.finish_reason == "stop"
    found = field_confidences(completion, invoice)
    document = canonical.loads(completion.text)
    assert next(iter(found)) == "vendor"
    # An array that is null has no rows to be sure of.
    assert len(found) == _scalars({k: v for k, v in document.items() if (k, v) != ("lines", None)})
    assert all(0 < value <= 1 for value in found.values())
    # Together the values cannot be likelier than the whole answer is, tokens in two apart.
    assert min(found.values()) >= math.exp(sum(completion.logprobs))
    # By hand for the first: its tokens are those up to the quote that ends it.
    end = completion.text.index('","date"') + 1
    written, total = 0, 0.0
    for token, logprob in zip(completion.tokens, completion.logprobs, strict=True):
        if written < len(completion.text[:end].encode()):
            total += logprob
        written += len(token)
    assert found["vendor"] == pytest.approx(math.exp(total))
