from pathlib import Path

import pytest

from sightwright.errors import DataError
from sightwright.ingest.image_groups import Grouping, find_groups, natural_key
from sightwright.ingest.sources import document_id


def grouped(folder: Path, grouping: Grouping, *names: str) -> dict[str, list[str]]:
    """Document id → its files, or its fault."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return {
        document_id(group.source.relative): [group.fault]
        if group.fault
        else [path.relative_to(folder).as_posix() for path in group.files]
        for group in find_groups([folder], grouping)
    }


def test_every_file_is_a_document_and_hidden_ones_are_none(tmp_path: Path) -> None:
    names = ["a_1.png", "sub/b.TIFF", ".c.png", "__MACOSX/a_1.png", "notes.txt", "d.jpeg"]
    assert grouped(tmp_path, "one", *names) == {
        "a_1": ["a_1.png"],
        "d": ["d.jpeg"],
        "sub__b": ["sub/b.TIFF"],
    }


def test_numbered_files_are_the_pages_of_one_document(tmp_path: Path) -> None:
    names = ["a_10.png", "a_9.jpg", "a_8.png", "b-01.png", "B-02.png", "c.png", "sub/a_1.png"]
    names += ["d_page_2.png", "d_page_1.png", "e_20251016.png", "f (1).png", "1.png"]
    assert grouped(tmp_path, "numbered", *names) == {
        "1": ["1.png"],
        "a": ["a_8.png", "a_9.jpg", "a_10.png"],
        "b": ["b-01.png", "B-02.png"],
        "c": ["c.png"],
        "d": ["d_page_1.png", "d_page_2.png"],
        "e_20251016": ["e_20251016.png"],
        "f (1)": ["f (1).png"],
        "sub__a": ["sub/a_1.png"],
    }


def test_a_page_that_is_missing_or_there_twice_is_a_fault(tmp_path: Path) -> None:
    names = ["a_1.png", "a_2.png", "a_5.png", "b_1.png", "b_01.jpg"]
    assert grouped(tmp_path, "numbered", *names) == {
        "a": ["page 3, 4 is missing between a_1.png and a_5.png"],
        "b": ["two files are its page 1: b_01.jpg and b_1.png"],
    }


def test_the_files_of_a_folder_are_one_document_in_natural_order(tmp_path: Path) -> None:
    names = ["in/one/p10.png", "in/one/p9.png", "in/v1.2/x.png", "in/top.png", "in/one/two/y.png"]
    grouped(tmp_path, "one", *names)
    assert grouped(tmp_path / "in", "folder") == {
        "in": ["top.png"],
        "one": ["one/p9.png", "one/p10.png"],
        "one__two": ["one/two/y.png"],
        "v1.2": ["v1.2/x.png"],
    }


def test_natural_order() -> None:
    names = ["p10", "P9", "p1a", "p1", "q"]
    assert sorted(names, key=natural_key) == ["p1", "p1a", "P9", "p10", "q"]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.png, \.jpg, .* files in"):
        find_groups([tmp_path], "one")
    (tmp_path / ".a.png").touch()
    with pytest.raises(DataError, match="only hidden images"):
        find_groups([tmp_path], "one")
