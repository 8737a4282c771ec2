"""The JSON Schemas of the drawn documents, properties in the order in which they are written."""

from __future__ import annotations

from typing import Any

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _text(max_length: int, *, nullable: bool = False) -> dict[str, Any]:
    return {"type": ["string", "null"] if nullable else "string", "maxLength": max_length}


def _digits(count: int, *, nullable: bool = False) -> dict[str, Any]:
    return _text(count, nullable=nullable) | {"pattern": f"^[0-9]{{{count}}}$"}


def _date(*, nullable: bool = False) -> dict[str, Any]:
    pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    return _text(10, nullable=nullable) | {"pattern": pattern}


def _amount() -> dict[str, Any]:
    return {"type": "number", "minimum": 0}


def _count() -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": 99}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(properties: dict[str, Any], max_items: int) -> dict[str, Any]:
    return {"type": "array", "maxItems": max_items, "items": _object(properties)}


def _properties() -> dict[str, dict[str, Any]]:
    return {
        "receipt": {
            "vendor": _text(16),
            "date": _date(nullable=True),
            "items": _list({"name": _text(8), "qty": _count(), "price": _amount()}, 3),
            "total": _amount(),
            "payment": _text(8, nullable=True),
        },
        "invoice": {
            "seller": _text(16),
            "buyer": _text(16, nullable=True),
            "number": _digits(4),
            "date": _date(nullable=True),
            "currency": _text(3, nullable=True),
            "total": _amount(),
        },
        "bill_of_lading": {
            "number": _digits(4),
            "shipper": _text(16, nullable=True),
            "vessel": _text(10, nullable=True),
            "loading": _text(10),
            "discharge": _text(10),
            "cargo": _text(10),
            "packages": {"type": "integer", "minimum": 1, "maximum": 999},
        },
        "bank_statement": {
            "bank": _text(16),
            "account": _digits(4, nullable=True),
            "date": _date(nullable=True),
            "opening": _amount(),
            "entries": _list({"text": _text(10), "amount": _amount()}, 2),
            "closing": _amount(),
        },
        "receipt/kiosk": {
            "merchant": _text(16),
            "till": _text(1),
            "issued": _date(),
            "goods": _list({"article": _text(8), "count": _count(), "amount": _amount()}, 3),
            "due": _amount(),
            "tender": _text(8, nullable=True),
        },
    }


def schema_of(kind_or_template: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind, or of a template that has one of its own.

    `receipt/kiosk` has its own keys; every other template has the schema of its kind.

    Raises:
        KeyError: neither a kind nor a template.
    """
    known = _properties()
    name = kind_or_template if kind_or_template in known else kind_or_template.split("/")[0]
    return {"$schema": DRAFT, "title": name} | _object(known[name])
