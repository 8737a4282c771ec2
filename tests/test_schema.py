from typing import Any

import pytest

from sightwright import canonical
from sightwright.errors import SchemaError
from sightwright.schema import compile_schema, load_schema

INVOICE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "number": {"type": "string", "maxLength": 20, "x-normalise": "code"},
        "date": {"type": "string", "format": "date"},
        "total": {"type": "number", "x-merge": "last"},
        "currency": {"enum": ["EUR", "USD"]},
        "seller": {"$ref": "#/$defs/party"},
        "lines": {
            "type": "array",
            "maxItems": 5,
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
                "required": ["name"],
            },
        },
    },
    "required": ["number"],
    "$defs": {
        "party": {"type": "object", "properties": {"name": {"type": ["string", "null"]}}},
    },
}


def test_the_canonical_form_requires_every_key_and_allows_null_for_optional_ones() -> None:
    schema = compile_schema(INVOICE, "invoice").json_schema
    assert schema["required"] == ["number", "date", "total", "currency", "seller", "lines"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["number"] == {"type": "string", "maxLength": 20}
    assert properties["total"] == {"type": ["number", "null"]}
    assert properties["currency"] == {"type": ["string", "null"], "enum": ["EUR", "USD", None]}
    assert properties["seller"]["properties"]["name"] == {"type": ["string", "null"]}
    assert properties["lines"]["maxItems"] == 5
    assert properties["lines"]["items"]["required"] == ["name", "price"]


def test_leaves_carry_path_normaliser_and_merge_rule() -> None:
    leaves = {leaf.path: leaf for leaf in compile_schema(INVOICE, "invoice").root.leaves()}
    assert list(leaves) == [
        "number", "date", "total", "currency", "seller.name", "lines[].name", "lines[].price",
    ]  # fmt: skip
    assert [leaf.normalise for leaf in leaves.values()] == [
        "code", "date", "number", "exact", "text", "text", "number",
    ]  # fmt: skip
    assert leaves["total"].merge == "last"
    assert leaves["number"].merge == "best"
    lines = compile_schema(INVOICE, "invoice").root.properties["lines"]
    assert lines.merge == "concat"


def test_a_label_is_brought_into_schema_order_with_nulls() -> None:
    label = canonical.loads('{"total":34.70,"number":"A1","lines":[{"name":"pen"}]}')
    conformed = compile_schema(INVOICE, "invoice").conform(label)
    assert canonical.dumps(conformed.value) == (
        '{"number":"A1","date":null,"total":34.70,"currency":null,"seller":null,'
        '"lines":[{"name":"pen","price":null}]}'
    )
    assert conformed.dropped == ()


def test_conforming_twice_changes_nothing() -> None:
    schema = compile_schema(INVOICE, "invoice")
    once = schema.conform({"number": "A1", "seller": {}}).value
    assert schema.conform(once).value == once


def test_unknown_keys_are_named_with_their_paths_or_dropped_and_counted() -> None:
    schema = compile_schema(INVOICE, "invoice")
    label = {"number": "A1", "colour": 1, "lines": [{"name": "pen", "sku": 2}]}
    with pytest.raises(SchemaError, match=r"colour, lines\[\]\.sku|lines\[\]\.sku, colour"):
        schema.conform(label)
    assert sorted(schema.conform(label, drop_unknown=True).dropped) == ["colour", "lines[].sku"]


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ({}, "number: null"),
        ({"number": "A1", "total": "34.70"}, 'total: "34.70"'),
        ({"number": "A1", "currency": "GBP"}, 'currency: "GBP"'),
        ({"number": "A1", "lines": [{"name": "x"}] * 6}, "lines: "),
        ({"number": "x" * 21}, "number: "),
        ({"number": "A1", "date": 5}, "date: 5"),
        ([], "the document: []"),
    ],
)
def test_a_label_against_the_schema_is_refused_with_its_place(label: Any, complaint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        compile_schema(INVOICE, "invoice").conform(label)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("number", ["1e5", "-0", "-0.00", "1E2"])
def test_a_number_that_the_grammar_could_not_write_is_refused(number: str) -> None:
    label = canonical.loads(f'{{"number":"A1","total":{number}}}')
    if number == "-0":  # Python reads it as the integer 0, and 0 is what will be written.
        label["total"] = canonical.Number("-0")
    with pytest.raises(SchemaError, match=r"total: .* plain decimal"):
        compile_schema(INVOICE, "invoice").conform(label)


def test_an_integer_is_written_without_a_fraction() -> None:
    schema = compile_schema(wrap({"type": "integer"}), "count")
    assert schema.conform({"a": 3}).value == {"a": 3}
    with pytest.raises(SchemaError, match=r"a: 3\.0 is not written as a plain integer"):
        schema.conform(canonical.loads('{"a":3.0}'))


def wrap(body: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": body}, **more}


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        (wrap({"type": "string", "not": {}}), "a: keywords that the decoder cannot honour: not"),
        (wrap({"type": "array", "uniqueItems": True, "items": {}}), "uniqueItems"),
        (wrap({"type": "string", "x-mrge": "best"}), "x-mrge"),
        (wrap({"type": "string", "x-merge": "concat"}), "joins arrays"),
        (wrap({"type": "string", "x-normalise": "loose"}), "x-normalise 'loose'"),
        (wrap({"type": "string", "format": "hostname"}), "format 'hostname'"),
        (wrap({"anyOf": [{"type": "string"}, {"type": "number"}]}), "anyOf with several shapes"),
        (wrap({"type": ["object", "string"]}), "cannot be marked"),
        (wrap({"type": "array"}), "an array needs 'items'"),
        (wrap({"$ref": "#/$defs/none"}), "names no definition"),
        (wrap({}), "no type"),
        (wrap({"type": "object", "additionalProperties": True}), "additionalProperties"),
        (wrap({"type": "string"}, required=["b"]), "required keys without a description: ['b']"),
        ({"type": "string"}, "the root of a document's schema"),
        ([], "a JSON Schema is an object"),
        (wrap(True), "a: the schema true says nothing"),
        (wrap({"type": "array", "items": False}), "a[]: the schema false says nothing"),
        (wrap({"anyOf": [True, {"type": "null"}]}), "a: the schema true says nothing"),
        (wrap({"$ref": "#/$defs/n"}, **{"$defs": {"n": True}}), "a: the schema true says"),
        (wrap(7), "properties.a: not a JSON Schema: 7 is not"),
        (wrap({"type": "string", "maxLength": -1}), "properties.a.maxLength: not a JSON Schema"),
        (
            wrap({"$ref": "#/$defs/n"}, **{"$defs": {"n": wrap({"$ref": "#/$defs/n"})}}),
            "refers to itself",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(schema: Any, complaint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema, "bad")
    assert complaint in str(caught.value)


def test_decimals_of_a_schema_bound_decimals_of_a_document() -> None:
    text = '{"type": "number", "minimum": 0.50, "maximum": 1e2, "enum": [0.25, 0.75, 100.0]}'
    schema = compile_schema(wrap(canonical.loads(text)), "bounded")
    assert schema.problems(canonical.loads('{"a": 0.750}')) == []
    assert schema.problems(canonical.loads('{"a": 0.25}')) == [
        "a: 0.25 is less than the minimum of 0.5"
    ]


def test_what_is_wrong_with_a_long_value_is_said_shortly() -> None:
    schema = compile_schema(wrap({"type": "string", "maxLength": 5}), "short")
    (problem,) = schema.problems({"a": "x" * 10_000})
    assert len(problem) < 500
    assert problem.startswith('a: "xxx') and problem.endswith("is longer than 5 characters")


def test_a_schema_file_is_named_after_its_file(tmp_path: Any) -> None:
    path = tmp_path / "invoice.schema.json"
    canonical.write_json(path, INVOICE)
    assert load_schema(path).name == "invoice"
    canonical.write_json(path, wrap({"type": "string", "not": {}}))
    with pytest.raises(SchemaError, match=r"invoice\.schema\.json: a: keywords"):
        load_schema(path)
    with pytest.raises(SchemaError, match="no such schema file"):
        load_schema(tmp_path / "none.json")
