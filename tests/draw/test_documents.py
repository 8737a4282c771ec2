"""The drawn documents are exact: same seed, same bytes; what the label says is what is printed."""

from __future__ import annotations

import io
import json

import pypdfium2 as pdfium
import pytest
from PIL import Image

from sightwright.draw.documents import (
    DEFECTS,
    KINDS,
    NEW_TEMPLATE,
    OPTIONAL,
    TEMPLATES,
    Kind,
    draw_document,
)

EVERY: list[tuple[Kind, str]] = [(kind, t) for kind in KINDS for t in TEMPLATES[kind]]
EVERY.append(("receipt", NEW_TEMPLATE))


def text_layer(pdf: bytes) -> str:
    document = pdfium.PdfDocument(io.BytesIO(pdf))
    try:
        return " ".join(document[0].get_textpage().get_text_range().split())
    finally:
        document.close()


def picture(pdf: bytes) -> Image.Image:
    document = pdfium.PdfDocument(io.BytesIO(pdf))
    try:
        return document[0].render(scale=1, grayscale=True).to_pil().copy()
    finally:
        document.close()


def printed_values(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for entry in value.values() for text in printed_values(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in printed_values(entry)]
    return [] if value is None else [str(value)]


def test_every_kind_has_several_templates_and_the_new_one_is_not_among_them() -> None:
    assert all(len(TEMPLATES[kind]) >= 3 for kind in KINDS)
    assert NEW_TEMPLATE not in TEMPLATES["receipt"]


@pytest.mark.parametrize(("kind", "template"), EVERY)
def test_same_seed_same_bytes(kind: Kind, template: str) -> None:
    first = draw_document(kind, template, 3, defects=DEFECTS)
    again = draw_document(kind, template, 3, defects=reversed(DEFECTS))
    assert first.pdf == again.pdf
    assert first.label == again.label
    assert draw_document(kind, template, 4).pdf != first.pdf


@pytest.mark.parametrize(("kind", "template"), EVERY)
def test_text_layer_holds_every_value_of_the_label(kind: Kind, template: str) -> None:
    for seed in range(20):
        document = draw_document(kind, template, seed)
        layer = text_layer(document.pdf)
        for value in printed_values(document.label):
            assert value in layer, (seed, value)
        for line in document.lines:
            assert line in layer, (seed, line)


@pytest.mark.parametrize(("kind", "template"), EVERY)
def test_page_is_256_px_and_the_print_stays_inside(kind: Kind, template: str) -> None:
    for seed in range(20):
        document = draw_document(kind, template, seed)
        assert picture(document.pdf).size == (256, 256)
        for text in document.texts:
            assert text.x_pt >= 0
            assert text.x_pt + 16 * len(text.text) <= 256
            assert 0 <= text.y_pt <= 256 - 32


@pytest.mark.parametrize(("kind", "template"), EVERY)
def test_missing_leaves_out_exactly_one_optional_field(kind: Kind, template: str) -> None:
    optional = OPTIONAL[template if template == NEW_TEMPLATE else kind]
    whole = draw_document(kind, template, 5)
    missing = draw_document(kind, template, 5, defects=("missing",))
    gone = [key for key, value in missing.label.items() if value is None]
    assert len(gone) == 1
    assert gone[0] in optional
    assert list(missing.label) == list(whole.label)
    assert whole.label[gone[0]] not in text_layer(missing.pdf).split()
    assert {k: v for k, v in whole.label.items() if k != gone[0]} == {
        k: v for k, v in missing.label.items() if k != gone[0]
    }


def test_skew_turns_the_page_and_keeps_the_text() -> None:
    straight = draw_document("invoice", "invoice/letter", 1)
    turned = draw_document("invoice", "invoice/letter", 1, defects=("skew",))
    assert turned.label == straight.label
    assert turned.lines == straight.lines
    assert picture(turned.pdf).tobytes() != picture(straight.pdf).tobytes()
    assert straight.label["seller"] in text_layer(turned.pdf)


def test_stamp_is_grey_and_under_the_print() -> None:
    plain = draw_document("receipt", "receipt/till", 1)
    stamped = draw_document("receipt", "receipt/till", 1, defects=("stamp",))
    assert stamped.lines == plain.lines
    greys = picture(stamped.pdf).histogram()
    # 0.65 of 255: the flat grey of the stamp's frame, absent from the plain page.
    assert greys[166] > picture(plain.pdf).histogram()[166] + 50
    before, after = picture(plain.pdf).load(), picture(stamped.pdf).load()
    black = [(x, y) for x in range(256) for y in range(256) if before[x, y] == 0]
    assert black
    assert all(after[at] == 0 for at in black)


def test_amounts_print_as_they_stand_in_json() -> None:
    for seed in range(200):
        document = draw_document("receipt", "receipt/till", seed)
        items = document.label["items"]
        cents = sum(item["qty"] * round(100 * item["price"]) for item in items)
        assert round(100 * document.label["total"]) == cents
        for number in [document.label["total"], *(item["price"] for item in items)]:
            assert json.dumps(number) == f"{number:.2f}"


def test_a_known_page() -> None:
    document = draw_document("receipt", "receipt/till", 0)
    assert document.lines == (
        "Pine Foods",
        "2024-03-08",
        "Soap 3 8.29",
        "Flour 4 5.26",
        "Total 45.91",
        "Paid Cash",
    )
    assert json.dumps(document.label, separators=(",", ":")) == (
        '{"vendor":"Pine Foods","date":"2024-03-08","items":[{"name":"Soap","qty":3,"pric'
        'e":8.29},{"name":"Flour","qty":4,"price":5.26}],"total":45.91,"payment":"Cash"}'
    )


def test_wrong_names_say_what_is_known() -> None:
    with pytest.raises(ValueError, match="receipt/till"):
        draw_document("invoice", "receipt/till", 0)
    with pytest.raises(ValueError, match=r"unknown defects \['torn'\]"):
        draw_document("invoice", "invoice/form", 0, defects=("torn",))  # type: ignore[arg-type]


def test_print_stands_on_the_grid_of_patches() -> None:
    for kind, template in EVERY:
        for text in draw_document(kind, template, 9).texts:
            assert text.x_pt % 8 == 0
            assert text.y_pt % 16 == 0
