"""A corpus on disk is the documents of its seeds, and is the same when drawn again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightwright.draw.corpus import documents, draw_corpus
from sightwright.draw.documents import NEW_TEMPLATE, TEMPLATES, draw_document


def test_writes_a_pdf_and_its_label_for_each_document(tmp_path: Path) -> None:
    drawn = draw_corpus(NEW_TEMPLATE, 3, 10, tmp_path)
    assert [entry.id for entry in drawn] == [
        "receipt-kiosk-000010",
        "receipt-kiosk-000011",
        "receipt-kiosk-000012",
    ]
    for seed, entry in zip((10, 11, 12), drawn, strict=True):
        document = draw_document("receipt", NEW_TEMPLATE, seed)
        assert entry.pdf.read_bytes() == document.pdf
        assert json.loads(entry.json.read_text()) == document.label == entry.label
    assert len(list(tmp_path.iterdir())) == 6


def test_drawn_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        draw_corpus("invoice", 4, 0, tmp_path / folder, defect_share=0.5)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_kind_takes_its_templates_in_turn() -> None:
    assert [document.template for document in documents("receipt", 4, 0)] == [
        *TEMPLATES["receipt"],
        TEMPLATES["receipt"][0],
    ]


def test_defects_reach_about_the_share_asked_for() -> None:
    plain = [document.pdf for document in documents("receipt/till", 100, 0)]
    some = [document.pdf for document in documents("receipt/till", 100, 0, defect_share=0.1)]
    changed = sum(a != b for a, b in zip(plain, some, strict=True))
    # Three defects on a tenth each, on different documents.
    assert 27 <= changed <= 33


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a kind nor a template: 'novel'"):
        draw_corpus("novel", 1, 0, tmp_path)
