"""Every schema of documents that ships: it compiles, the grammar takes it, and papers fit it."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import llguidance
import pytest

from sightwright.metrics.fields import mark_document
from sightwright.schema import load_schema

SCHEMAS = Path(__file__).parents[1] / "schemas"
DOCUMENTS = ["bank_statement", "bill_of_lading", "form", "invoice", "receipt", "table"]

PAPERS: dict[str, dict[str, Any]] = {
    "bank_statement": {
        "bank": "First Trust",
        "iban": "NL50 INGB 0683",
        "date_start": "2025-03-01",
        "opening": 10.5,
        "entries": [{"text": "Rent", "amount": -8.25, "balance": 2.25}],
        "closing": 2.25,
    },
    "bill_of_lading": {
        "consignee_name": "ACME Sdn Bhd",
        "bl_number": "MEDU123",
        "port_of_loading": "Busan",
        "port_of_discharge": "Port Klang",
        "vessel_name": "Aurora",
        "detention_free_days": "",
        "demurrage_free_days": "",
        "combined_free_days": "14",
        "total_expected_containers": 1,
        "container_details": [
            {"container_number": "MSKU1234567", "container_size": "20", "container_type": "GP"}
        ],
    },
    "form": {
        "title": "Application",
        "fields": [{"section": "You", "label": "Name", "value": "Ann"}, {"label": "Phone"}],
        "choices": [{"question": "Newsletter", "option": "yes", "ticked": False}],
        "signatures": [{"role": "Applicant", "signed": True}],
    },
    "table": {
        "title": "Sales",
        "columns": [{"name": "Q1"}, {"group": "2025", "name": "Q2"}],
        "rows": [{"name": "North", "cells": ["1", None]}, {"is_total": True, "cells": ["1", "2"]}],
        "notes": ["unaudited"],
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_valid_compiles_and_the_decoder_takes_it(name: str) -> None:
    path = SCHEMAS / f"{name}.schema.json"
    written = json.loads(path.read_text())
    assert written["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.Draft202012Validator(written)
    schema = load_schema(path)
    assert list(schema.root.properties) == list(written["properties"])
    grammar = llguidance.LLMatcher.grammar_from_json_schema(schema.json_schema)
    assert not llguidance.LLMatcher.validate_grammar(grammar)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_the_decoder_writes_ends(name: str) -> None:
    def walk(node: dict[str, Any]) -> None:
        kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
        assert "string" not in kinds or "maxLength" in node
        assert "array" not in kinds or "maxItems" in node
        inside = [*node.get("properties", {}).values()]
        for child in [*inside, node["items"]] if "items" in node else inside:
            walk(child)

    walk(load_schema(SCHEMAS / f"{name}.schema.json").json_schema)


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_fits_and_is_marked_in_every_cell(name: str) -> None:
    schema = load_schema(SCHEMAS / f"{name}.schema.json")
    value = schema.conform(PAPERS[name]).value
    mark = mark_document(schema, value, value, valid_json=True, cut=False)
    assert mark.exact
    assert mark.total.tp > 3


def test_a_paper_that_says_nothing_is_null_everywhere() -> None:
    for name in set(DOCUMENTS) - {"bill_of_lading"}:
        schema = load_schema(SCHEMAS / f"{name}.schema.json")
        assert set(schema.conform({}).value.values()) == {None}


def test_the_bill_of_lading_keeps_its_documented_order_and_empty_strings() -> None:
    # PD5.
    schema = load_schema(SCHEMAS / "bill_of_lading.schema.json")
    assert list(schema.root.properties) == [
        "consignee_name", "bl_number", "port_of_loading", "port_of_discharge", "vessel_name",
        "detention_free_days", "demurrage_free_days", "combined_free_days",
        "total_expected_containers", "container_details",
    ]  # fmt: skip
    nothing = dict.fromkeys(schema.root.properties, "")
    nothing |= {"total_expected_containers": None, "container_details": []}
    assert schema.conform(nothing).value == nothing
