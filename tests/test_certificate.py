"""The certificate: what is written is read back, and nothing else is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightwright import certificate
from sightwright.certificate import (
    Calibration,
    Certificate,
    Parity,
    Pixels,
    StoredSchema,
    Task,
    digest_of,
)
from sightwright.errors import ModelError
from sightwright.schema import DocumentSchema, compile_schema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "x-normalise": "code", "x-merge": "first"},
        "date": {"type": "string", "format": "date"},
        "kind": {"const": "invoice"},
        "currency": {"enum": ["EUR", "USD"]},
        "seller": {"$ref": "#/$defs/party"},
        "lines": {
            "type": "array",
            "maxItems": 9,
            "items": {
                "type": "object",
                "properties": {"price": {"type": "number", "multipleOf": 0.01}},
                "required": ["price"],
            },
        },
        "notes": {"type": ["array", "null"], "items": {"type": "string"}, "x-merge": "last"},
    },
    "required": ["number"],
    "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def _document() -> DocumentSchema:
    return compile_schema(SCHEMA, "invoice")


def _full() -> Certificate:
    return Certificate(
        base_model="tiny",
        pixels=Pixels(min_pixels=1024, max_pixels=65536),
        task=Task(
            type="extract",
            prompt="Lies den Beleg: „größer“",
            order="instruction_first",
            json_schema=StoredSchema.of(_document()),
            prompt_has_schema=True,
            max_output_tokens=512,
        ),
        parity=(
            Parity(
                compared="adapter and merged weights",
                dtype="float32",
                num_cases=4,
                num_positions=321,
                max_abs=1.5e-6,
                mean_abs=2e-7,
                top1_agreement=1.0,
                limit=1e-3,
                inputs="drawn",
            ),
        ),
    )


def test_a_stored_schema_compiles_to_the_same_tree() -> None:
    # The canonical schema alone has lost how values are compared and merged.
    assert StoredSchema.of(_document()).compiled() == _document()
    assert compile_schema(_document().json_schema, "invoice") != _document()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = certificate.write(tmp_path, _full())
    assert path == tmp_path / "sightwright.json"
    assert certificate.read(tmp_path) == _full()
    assert "größer" in path.read_text(encoding="utf-8")


def test_the_schema_survives_the_file(tmp_path: Path) -> None:
    certificate.write(tmp_path, _full())
    read = certificate.read(tmp_path)
    assert read is not None and read.task is not None and read.task.json_schema is not None
    assert read.task.json_schema.compiled() == _document()


def test_no_certificate_is_none(tmp_path: Path) -> None:
    assert certificate.read(tmp_path) is None


def test_writing_leaves_no_other_file(tmp_path: Path) -> None:
    certificate.write(tmp_path, _full())
    certificate.write(tmp_path, _full())
    assert [path.name for path in tmp_path.iterdir()] == ["sightwright.json"]


def _edited(folder: Path, **changes: object) -> Path:
    path = certificate.write(folder, _full())
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_pixel": 3}, "max_pixel"),
        ({"version": 2}, "version 2"),
        ({"version": None}, "version None"),
        ({"base_model": 3}, "base_model"),
        ({"pixels": {"min_pixels": 9, "max_pixels": 4}}, "leave no size"),
        ({"pixels": {"min_pixels": 1, "max_pixels": 4, "side": 2}}, "side"),
        ({"task": {"type": "guess"}}, "task.type"),
    ],
)
def test_anything_else_is_refused_by_name(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    path = _edited(tmp_path, **changes)
    with pytest.raises(ModelError, match=reason) as caught:
        certificate.read(tmp_path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 1, "version": 1}', "null"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "sightwright.json").write_text(text, "utf-8")
    with pytest.raises(ModelError, match=r"sightwright\.json"):
        certificate.read(tmp_path)


def _calibration(**changes: Any) -> Calibration:
    values: dict[str, Any] = {
        "schema_name": "invoice",
        "schema_digest": digest_of(_document()),
        "pooled": ((0.25, 0.0), (0.5, 0.5), (1.0, 0.5)),
        "per_field": {"lines[].price": ((0.9, 1.0),)},
        "threshold": 0.75,
        "target_risk": 0.01,
        "coverage": 0.8,
        "risk": 0.0,
        "risk_bound": 0.0075,
        "ece_before": 0.125,
        "ece_after": 0.0,
        "num_cases": 400,
        "num_wrong": 30,
        "num_documents": 80,
        "data": "größer.jsonl",
        "data_digest": None,
        "base_model": "tiny",
        "adapter_digest": "ab" * 32,
    }
    return Calibration(**values | changes)


def test_a_calibration_is_read_back(tmp_path: Path) -> None:
    full = replace(_full(), calibration=_calibration(), adapter_digest="ab" * 32)
    certificate.write(tmp_path, full)
    assert certificate.read(tmp_path) == full
    certificate.write_calibration(tmp_path / "calibration.json", _calibration(threshold=None))
    read = certificate.read_calibration(tmp_path / "calibration.json")
    assert read == _calibration(threshold=None)


def test_a_certificate_from_before_calibrations_is_read(tmp_path: Path) -> None:
    path = certificate.write(tmp_path, _full())
    older = json.loads(path.read_text("utf-8"))
    del older["calibration"], older["adapter_digest"]
    path.write_text(json.dumps(older), "utf-8")
    assert certificate.read(tmp_path) == _full()


@pytest.mark.parametrize(
    "knots",
    [
        (),
        ((0.5, 0.5), (0.4, 0.6)),
        ((0.5, 0.5), (0.5, 0.6)),
        ((0.5, 0.5), (0.6, 0.4)),
        ((0.5, 1.5),),
        ((-0.1, 0.5),),
    ],
)
def test_knots_that_do_not_rise_are_refused(tmp_path: Path, knots: Any) -> None:
    with pytest.raises(ValueError, match="the knots of 'lines' do not rise"):
        _calibration(per_field={"lines": knots})
    path = tmp_path / "calibration.json"
    certificate.write_calibration(path, _calibration())
    path.write_text(
        json.dumps({**json.loads(path.read_text("utf-8")), "pooled": knots}), encoding="utf-8"
    )
    with pytest.raises(ModelError, match=r"not a calibration: .*'pooled' do not rise"):
        certificate.read_calibration(path)


def test_no_calibration_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read: No such file"):
        certificate.read_calibration(tmp_path / "calibration.json")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ModelError, match="not a calibration"):
        certificate.read_calibration(tmp_path / "other.json")


def test_a_schema_is_known_by_what_it_allows_not_by_its_name() -> None:
    assert _calibration().is_for(replace(_document(), name="other"))
    smaller = {**SCHEMA, "properties": {"number": {"type": "string"}}, "required": []}
    assert not _calibration().is_for(compile_schema(smaller, "invoice"))
