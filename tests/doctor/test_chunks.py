"""Files in portions: every line once, with its number and place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.doctor import chunks
from sightwright.doctor.chunks import Chunk, chunks_of
from sightwright.errors import DataError


@given(
    lines=st.lists(st.sampled_from([b"{}", b"", b"  ", b'{"a": "\xc3\xa9"}']), min_size=1),
    ending=st.sampled_from([b"", b"\n", b"\r\n"]),
)
def test_every_line_that_is_not_empty(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ending: bytes
) -> None:
    file = tmp_path_factory.mktemp("chunks") / "a.jsonl"
    file.write_bytes(b"\n".join(lines) + ending)
    wanted = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not wanted:
        with pytest.raises(DataError, match="no records"):
            list(chunks_of([file]))
        return
    found = [item for chunk in chunks_of([file]) for item in chunk.lines()]
    assert [(line.number, line.data.strip()) for _, line in found] == wanted
    assert [
        list(Chunk(0, str(file), line.number, offset, 1).lines()) for offset, line in found
    ] == [[item] for item in found]
    singles = [item for chunk in chunks_of([file]) for one in chunk.singles()
               for item in one.lines()]  # fmt: skip
    assert singles == found


def test_portions_by_lines_and_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("{}\n" * 70)
    assert [chunk.count for chunk in chunks_of([file])] == [32, 32, 6]
    monkeypatch.setattr(chunks, "BYTES", 10)
    assert [chunk.count for chunk in chunks_of([file])][:2] == [4, 4]


def test_a_mark_of_byte_order_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\xef\xbb\xbf{}\n{}\n")
    (chunk,) = chunks_of([file])
    assert [line.data for _, line in chunk.lines()] == [b"{}\n", b"{}\n"]


@pytest.mark.parametrize(("text", "why"), [("[{}]", "one JSON list"), ("\n \n", "no records")])
def test_what_is_no_file_of_lines(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(text)
    with pytest.raises(DataError, match=why):
        list(chunks_of([file]))
    with pytest.raises(DataError, match="no such file"):
        list(chunks_of([tmp_path / "none.jsonl"]))
