import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.metrics.header import (
    DEFAULT_FORMAT,
    Header,
    header_line,
    read_header,
)


def test_a_format_is_filled() -> None:
    assert header_line(DEFAULT_FORMAT, "BBU", "DETECTION") == "<DOMAIN=BBU>, <TASK=DETECTION>"
    # Other braces are the user's own.
    assert header_line("{x} {task}/{domain}\n", "RRU", "SUMMARY") == "{x} SUMMARY/RRU"


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("<DOMAIN=BBU>, <TASK=DETECTION>", Header("BBU", "DETECTION")),
        ("<DOMAIN=XYZ>, <TASK=ANY>", Header("XYZ", "ANY")),
        ("<DOMAIN=bbu>, <TASK=DETECTION>", None),
        ("<DOMAIN=BBU>,<TASK=DETECTION>", None),
        ("<DOMAIN=BBU>, <TASK=DETECTION> ", None),
        ("<DOMAIN=>, <TASK=DETECTION>", None),
        ("{}", None),
    ],
)
def test_a_line_is_read(line: str, header: Header | None) -> None:
    assert read_header(line) == header


@given(st.text(), st.text(), st.text())
def test_what_was_filled_is_read_in_any_format(before: str, between: str, after: str) -> None:
    line_format = f"{before}{{domain}}{between} {{task}}{after}".replace("\n", "")
    if line_format.count("{domain}") == 1 and line_format.count("{task}") == 1:
        line = header_line(line_format, "BBU", "SUMMARY")
        assert read_header(line, line_format) is not None
