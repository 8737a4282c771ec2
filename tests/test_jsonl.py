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


def test_a_byte_order_mark_belongs_to_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf\r\n{"x":1}\r\n')
    assert [(line.number, line.data) for line in jsonl.read_lines(path)] == [(2, b'{"x":1}\r\n')]


def test_a_line_nested_too_deep_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x":1}\n{"x":' + "[" * 100_000 + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl:2: not JSON: nested too deep"):
        list(jsonl.read_values(path))


def test_what_is_nested_too_deep_to_be_written_is_the_data_s_fault(tmp_path: Path) -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(DataError, match="nested too deep"):
        jsonl.write_all(tmp_path / "out.jsonl", [value])
    assert not list(tmp_path.iterdir())
