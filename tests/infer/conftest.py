"""The packaged model and its tokenizer, and a schema with every kind of place in it."""

from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedModel

from sightwright.chat import ChatTokenizer
from sightwright.infer.constrain import Grammars
from sightwright.model.load import load_model, load_vision_spec, resolve_folder
from sightwright.schema import DocumentSchema, compile_schema
from sightwright.vision import VisionSpec

INVOICE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string", "maxLength": 24},
        "date": {"type": "string", "format": "date"},
        "kind": {"enum": ["Rechnung", "facture n°", None]},
        # With a bound there is no exponent, so an untaught model cannot write 1e999.
        "total": {"type": "number", "minimum": -1000},
        "pages": {"type": "integer", "minimum": 1, "maximum": 40},
        "paid": {"type": "boolean"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        "lines": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "price": {"type": "number", "minimum": 0},
                },
                "required": ["text"],
            },
        },
    },
    "required": ["vendor", "pages"],
}


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    return resolve_folder("tiny")


@pytest.fixture(scope="session")
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.from_folder(tiny_folder)


@pytest.fixture(scope="session")
def spec(tiny_folder: Path) -> VisionSpec:
    return load_vision_spec(tiny_folder)


@pytest.fixture(scope="session")
def invoice() -> DocumentSchema:
    return compile_schema(INVOICE, "invoice")


@pytest.fixture(scope="session")
def grammars(tokenizer: ChatTokenizer) -> Grammars:
    return Grammars(tokenizer, tokenizer.vocab_size)


@pytest.fixture
def model(tiny_folder: Path) -> PreTrainedModel:
    return load_model(tiny_folder, "float32", device="cpu")
