import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.errors import ConfigError
from sightwright.tasks.header import (
    DEFAULT_FORMAT,
    Header,
    check_format,
    header_line,
    read_header,
)


def test_a_format_is_filled() -> None:
    assert header_line(DEFAULT_FORMAT, "BBU", "DETECTION") == "<DOMAIN=BBU>, <TASK=DETECTION>"
    # Other braces are the user's own.
    assert header_line("{x} {task}/{domain}\n", "RRU", "SUMMARY") == "{x} SUMMARY/RRU"


@pytest.mark.parametrize(
    ("line_format", "why"),
    [
        ("", "is not one filled line"),
        ("  ", "is not one filled line"),
        ("<{domain}>\n<{task}>", "is not one filled line"),
        ("<{domain}>\r<{task}>", "is not one filled line"),
        ("<DOMAIN={domain}>", "does not hold {task} once"),
        ("plain", "does not hold {domain} and {task} once"),
        ("{domain} {domain} {task}", "does not hold {domain} once"),
    ],
)
def test_a_format_that_cannot_be_filled(line_format: str, why: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_format(line_format)
    assert why in error.value.message


def test_a_good_format() -> None:
    assert check_format(DEFAULT_FORMAT) == DEFAULT_FORMAT
    assert check_format(f"{DEFAULT_FORMAT}\n") == f"{DEFAULT_FORMAT}\n"


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
