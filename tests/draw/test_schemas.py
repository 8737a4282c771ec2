"""Every drawn label is valid under its schema, and its keys stand in the schema's order."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from sightwright.draw.documents import DEFECTS, KINDS, NEW_TEMPLATE, TEMPLATES, Kind, draw_document
from sightwright.draw.schemas import schema_of

EVERY: list[tuple[Kind, str]] = [(kind, t) for kind in KINDS for t in TEMPLATES[kind]]
EVERY.append(("receipt", NEW_TEMPLATE))


@pytest.mark.parametrize(("kind", "template"), EVERY)
def test_labels_are_valid_and_in_order(kind: Kind, template: str) -> None:
    schema = schema_of(template)
    validator = jsonschema_rs.validator_for(schema)
    for seed in range(100):
        label = draw_document(kind, template, seed, defects=DEFECTS[: seed % 2]).label
        validator.validate(json.loads(json.dumps(label)))
        assert list(label) == list(schema["properties"])


def test_the_new_template_has_keys_of_its_own() -> None:
    old = {key for kind in KINDS for key in schema_of(kind)["properties"]}
    new = set(schema_of(NEW_TEMPLATE)["properties"])
    assert new == {"merchant", "till", "issued", "goods", "due", "tender"}
    assert not old & new


def test_a_template_has_the_schema_of_its_kind() -> None:
    assert schema_of("invoice/form") == schema_of("invoice")
    assert schema_of("invoice")["properties"]["currency"] == {
        "type": ["string", "null"],
        "maxLength": 3,
    }


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError):
        schema_of("novel")
