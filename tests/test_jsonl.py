from pathlib import Path

import pytest

from sightwright import jsonl
from sightwright.errors import DataError


def test_lines_keep_their_numbers_when_blank_ones_stand_between(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x":1}\n\n   \n{"x":2}')
    assert [(line.number, value) for line, value in jsonl.read_values(path)] == [
        (1, {"x": 1}),
        (4, {"x": 2}),
    ]


def test_a_broken_line_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x":1}\n{"x":\n')
    with pytest.raises(DataError, match=r"a\.jsonl:2: not JSON"):
        list(jsonl.read_values(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        list(jsonl.read_lines(tmp_path / "none.jsonl"))


def test_a_writer_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert jsonl.write_all(path, [{"a": 1}, {"a": 2}]) == 2

    def half() -> object:
        yield {"a": 3}
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        jsonl.write_all(path, half())
    assert path.read_text() == '{"a":1}\n{"a":2}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


def test_an_endless_line_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 10)
    path = tmp_path / "a.jsonl"
    path.write_text('"short"\n"' + "x" * 100 + '"\n')
    with pytest.raises(DataError, match=r":2: a line of over 10 bytes"):
        list(jsonl.read_lines(path))
