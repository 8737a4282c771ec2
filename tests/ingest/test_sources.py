import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.ingest.sources import (
    Source,
    Taken,
    document_id,
    find_files,
    named_apart,
    printable,
)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_folders_are_searched_files_taken_and_each_found_once(tmp_path: Path) -> None:
    touch(tmp_path / "b.PDF")
    touch(tmp_path / "sub" / "a.pdf")
    touch(tmp_path / "notes.txt")
    one = touch(tmp_path / "scan")
    found = find_files([tmp_path, tmp_path / "sub" / "a.pdf", one], ".pdf")
    assert [source.relative for source in found] == ["b.PDF", "sub/a.pdf", "scan"]


def test_a_missing_place_and_an_empty_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file or folder: .*nowhere"):
        find_files([tmp_path / "nowhere"], ".pdf")
    with pytest.raises(DataError, match=r"no \.pdf files"):
        find_files([tmp_path], ".pdf")


@pytest.mark.parametrize(
    ("relative", "name"),
    [
        ("a.pdf", "a"),
        ("2024/Invoice 7.PDF", "2024__Invoice 7"),
        ("Rechnung Ä–β.v2.pdf", "Rechnung Ä–β.v2"),
        ("A\u0308.pdf", "Ä"),  # a letter and its mark become one
        ("scan", "scan"),
        ("v1.2/scan", "v1.2__scan"),
    ],
)
def test_an_ordinary_name_stays_readable(relative: str, name: str) -> None:
    assert document_id(relative) == name


@pytest.mark.parametrize("relative", ["../up.pdf", ".hidden.pdf", "a\\b.pdf", "a:b?.pdf", "x .pdf"])
def test_an_odd_name_is_made_safe_and_marked(relative: str) -> None:
    name = document_id(relative)
    assert name[-9] == "-"
    assert not set('<>:"|?*\\/') & set(name)
    assert not name.startswith(".")


def test_odd_names_stay_apart() -> None:
    assert document_id("a:b.pdf") != document_id("a?b.pdf")


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: "\0" not in text and text.strip("/")))
def test_an_id_is_always_one_folder_name(text: str) -> None:
    # Surrogates stand for bytes that are not UTF-8, as Python reads such file names.
    relative = text.encode("utf-8", "replace").decode() + ".pdf"
    name = document_id(relative)
    assert name not in ("", ".", "..")
    assert "/" not in name and "\\" not in name
    assert len(name.encode()) <= 160
    assert name.isprintable() or " " in name or name.encode()


def test_a_name_that_is_not_utf8_is_made_safe() -> None:
    name = os.fsdecode(b"a\xff.pdf")
    assert document_id(name).startswith("a_-")
    assert printable(name) == "a\\xff.pdf"


def test_equal_names_are_told_apart_without_regard_to_case(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "Jan.pdf", tmp_path / "two" / "jan.pdf"
    sources = [Source(first, "Jan.pdf"), Source(second, "jan.pdf")]
    names = [name for _, name in named_apart(sources, Taken(reserved=()))]
    assert names[0] == "Jan"
    assert names[1].startswith("jan-") and len(names[1]) == len("jan-") + 8


def test_an_earlier_document_keeps_its_id_while_its_file_exists(tmp_path: Path) -> None:
    mine, other = Source(touch(tmp_path / "a.pdf"), "a.pdf"), touch(tmp_path / "old" / "a.pdf")

    def name_of_mine() -> str:
        taken = Taken(reserved=())
        taken.owned("a", other)
        return next(name for _, name in named_apart([mine], taken))

    assert name_of_mine() != "a"
    other.unlink()
    assert name_of_mine() == "a"
