"""The drawn shipments: a table and archives that belong together."""

import io
import json
import zipfile
from pathlib import Path

from PIL import Image

from sightwright.draw.shipping import DISCHARGE, draw_shipment, write_project
from sightwright.ingest.result_rows import canonical_port


def test_the_same_seed_gives_the_same_document() -> None:
    assert draw_shipment(5) == draw_shipment(5)
    assert draw_shipment(5).rows != draw_shipment(9).rows


def test_images_are_named_in_every_way_that_counts() -> None:
    marks = [
        ["single_page.png", "combined_grid.jpg", "1.png", "2.png"],
        ["combined_grid.jpg", "1.png", "2.png"],
        ["1.png", "2.png"],
    ]
    for seed, wanted in enumerate(marks):
        images = list(draw_shipment(seed).images)
        stem = images[0].removesuffix(wanted[0])
        assert images == [stem + mark for mark in wanted]
    (only,) = draw_shipment(3).images
    assert only.endswith(".jpeg")


def test_an_image_is_a_page_with_print_on_it() -> None:
    shipment = draw_shipment(0)
    single, grid, *_ = (Image.open(io.BytesIO(data)) for data in shipment.images.values())
    assert single.size == (512, 512)
    assert grid.size == (1024, 512)
    assert single.convert("L").getextrema() == (0, 255)


def test_a_project_has_its_archives_and_its_table(tmp_path: Path) -> None:
    write_project(tmp_path, 6, without_image=2)
    rows = json.loads((tmp_path / "docs" / "results.json").read_text())
    assert len({row["Filename"] for row in rows}) == 8
    with zipfile.ZipFile(tmp_path / "data" / "combined.zip") as archive:
        names = archive.namelist()
        assert all(name.startswith("combined/") for name in names)
        assert len(names) == 4 + 3 + 2 + 1
    first = (tmp_path / "data" / "bls_another.zip").read_bytes()
    write_project(tmp_path, 6, without_image=2)
    assert (tmp_path / "data" / "bls_another.zip").read_bytes() == first


def test_the_ports_are_learnt_as_the_table_says() -> None:
    assert {canonical_port(printed) for printed in DISCHARGE} == set(DISCHARGE.values())
    assert all(canonical_port(printed) == name for printed, name in DISCHARGE.items())
