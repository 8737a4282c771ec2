import random
from pathlib import Path

import pytest

from sightwright.errors import DataError
from sightwright.ingest.result_images import (
    document_key,
    find_images,
    images_by_document,
    name_key,
)


def best(documents: list[str], images: list[str]) -> dict[str, str]:
    """The name of the image that each document gets."""
    keys = {document: document_key(document) for document in documents}
    found = images_by_document(keys.values(), map(Path, images))
    return {name: found[key][0].name for name, key in keys.items() if key in found}


def test_names_are_their_letters_and_digits() -> None:
    assert name_key("  BL - SG__SBW (2).v1-") == "bl_sg_sbw_2_v1"
    assert name_key("Größe") == "grösse"
    assert name_key("e\u0301") == "é"
    assert name_key("(-)") == ""
    assert document_key("Inbox\\BL 7.PDF") == document_key("bl 7.pdf") == "bl_7"
    assert document_key("BL 7.tif") == "bl_7_tif"


def test_the_best_image_is_a_single_page_then_a_grid_then_the_lowest_number() -> None:
    # PD4a.
    ranked = [
        "bl_1_single_page.png",
        "BL-1 combined_grid.jpg",
        "bl_1_2.jpeg",
        "bl_1_10.png",
        "bl_1.png",
        "bl_1_b.png",
    ]
    shuffled = ranked[:]
    random.Random(0).shuffle(shuffled)
    found = images_by_document(["bl_1"], map(Path, shuffled))
    assert [image.name for image in found["bl_1"]] == ranked


def test_equal_ranks_go_by_name_and_then_by_folder() -> None:
    images = [
        Path("two/a_single_page.png"),
        Path("one/a_single_page.png"),
        Path("A_single_page.jpg"),
    ]
    assert images_by_document(["a"], images)["a"] == [images[2], images[0], images[1]]


def test_an_image_belongs_to_the_longest_name_it_starts_with() -> None:
    images = ["x_1_single_page.png", "x_single_page.png", "x_invalid_1.png"]
    assert best(["x.pdf", "x_1.pdf", "x-invalid.pdf"], images) == {
        "x.pdf": "x_single_page.png",
        "x_1.pdf": "x_1_single_page.png",
        "x-invalid.pdf": "x_invalid_1.png",
    }
    # x.pdf goes without rather than with another's.
    assert best(["x.pdf", "x_1.pdf"], images[:1]) == {"x_1.pdf": "x_1_single_page.png"}


def test_numbers_and_words_are_whole() -> None:
    assert best(["4.pdf"], ["491234.png"]) == {}
    assert best(["bill.pdf"], ["bills.png"]) == {}
    assert best(["bill7.pdf"], ["bill7page.png"]) == {"bill7.pdf": "bill7page.png"}


def test_a_name_without_letters_has_no_image() -> None:
    assert best(["(-).pdf"], ["a.png", "-.png"]) == {}


def test_folders_are_searched_and_what_hides_is_not(tmp_path: Path) -> None:
    for name in ("b.JPG", "sub/a.jpeg", "sub/.hidden.png", "__MACOSX/._b.png", ".x/c.png", "d.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images([tmp_path])]
    assert found == ["b.JPG", "sub/a.jpeg"]
    with pytest.raises(DataError, match="no such folder of images") as caught:
        find_images([tmp_path / "none"])
    assert "ingest zip" in (caught.value.remedy or "")
