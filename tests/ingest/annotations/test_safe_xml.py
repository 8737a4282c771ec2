from pathlib import Path

import pytest

from sightwright.errors import DataError
from sightwright.ingest.annotations import safe_xml
from sightwright.ingest.annotations.safe_xml import Element, read_elements


def read(folder: Path, text: str | bytes, name: str = "b", depth: int = 1) -> list[Element]:
    (folder / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_elements(folder / "a.xml", name, depth))


def test_elements_at_a_depth(tmp_path: Path) -> None:
    text = '<a><b x="1">t<c>u</c>v</b><d><b x="2"/></d><b x="3&amp;"/></a>'
    first, second = read(tmp_path, text)
    assert first.attributes == {"x": "1"} and first.text == "tv"
    assert first.text_of("c") == "u" and first.text_of("none") == ""
    assert second.attributes == {"x": "3&"}
    assert [e.attributes["x"] for e in read(tmp_path, text, depth=2)] == ["2"]
    assert read(tmp_path, text, "a", 0)[0].first("d") is not None


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a><b>&l9;</b></a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><b>&x;</b></a>',
        '<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a/>',
        "<!DOCTYPE a><a/>",
    ],
)
def test_document_types_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="document type"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["", "<a>", "<a></b>", "<a>&x;</a>", "\x00", "{}", "<a/><a/>"])
def test_what_is_no_xml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="not XML"):
        read(tmp_path, text)


def test_depth_and_length_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="nested"):
        read(tmp_path, "<a>" * 100000)
    monkeypatch.setattr(safe_xml, "_MAX_TEXT", 1000)
    with pytest.raises(DataError, match="letters"):
        read(tmp_path, f"<a><b>{'x' * 2000}</b></a>")
    monkeypatch.setattr(safe_xml, "_MAX_ELEMENTS", 100)
    assert len(read(tmp_path, f"<a>{'<b><c/></b>' * 200}</a>")) == 200
    with pytest.raises(DataError, match="over 100 elements"):
        read(tmp_path, f"<a><b>{'<c/>' * 100}</b></a>")
    monkeypatch.setattr(safe_xml, "MAX_XML_BYTES", 1000)
    with pytest.raises(DataError, match="over the limit"):
        read(tmp_path, f"<a>{' ' * 2000}</a>")


def test_elements_come_while_the_file_is_read(tmp_path: Path) -> None:
    """A file that goes wrong late has given its first elements."""
    many = "".join(f'<b x="{index}"/>' for index in range(50_000))
    (tmp_path / "a.xml").write_text(f"<a>{many}")
    elements = read_elements(tmp_path / "a.xml", "b", 1)
    assert next(elements).attributes == {"x": "0"}
    with pytest.raises(DataError, match="not XML"):
        list(elements)


def test_encodings(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><a><b x="标签"/></a>'
    assert read(tmp_path, text.encode("utf-16"))[0].attributes == {"x": "标签"}


@pytest.mark.parametrize("encoding", ["gb2312", "big5", "nonsense"])
def test_encodings_that_cannot_be_read_are_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(DataError, match="cannot be decoded") as caught:
        read(tmp_path, f'<?xml version="1.0" encoding="{encoding}"?><a><b/></a>')
    assert caught.value.remedy == "write it as UTF-8"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list(read_elements(tmp_path / "none.xml", "b", 1))
