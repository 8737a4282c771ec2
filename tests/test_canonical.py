import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright import canonical

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_numbers_are_written_as_they_were_read() -> None:
    text = '{"total":34.70,"rate":1e-5,"count":12,"big":1.0E+2}'
    assert canonical.dumps(canonical.loads(text)) == text


def test_the_two_styles_differ_only_in_separators() -> None:
    value = {"a": [1, "é"], "b": None}
    assert canonical.dumps(value) == '{"a":[1,"é"],"b":null}'
    assert canonical.dumps(value, "spaced") == '{"a": [1, "é"], "b": null}'


def test_a_number_equals_its_float_and_survives_a_process_boundary() -> None:
    number = canonical.Number("4.10")
    assert number == 4.1
    assert pickle.loads(pickle.dumps(number)).spelling == "4.10"


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"b":{"a":1,"a":1}}', "NaN", "[Infinity]", r'["\ud800"]', rb'["\uDC00x"]',
     b'["\xed\xa0\x80"]'],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        canonical.loads(text)


@pytest.mark.parametrize("text", ["[" * 100_000, b'{"a":' * 100_000])
def test_what_is_nested_too_deep_is_refused_as_not_readable(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        canonical.loads(text)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert canonical.loads(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert canonical.loads(r'"\ud83d\ude00"') == "😀"


def test_nan_is_never_written() -> None:
    with pytest.raises(ValueError, match="nan"):
        canonical.dumps({"a": float("nan")})


@given(JSON_VALUES)
def test_the_writer_agrees_with_the_standard_library(value: object) -> None:
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    compact = compact.replace("\x7f", r"\u007f")
    assert canonical.dumps(value) == compact
    assert canonical.loads(canonical.dumps(value)) == value


def test_a_failed_write_leaves_the_old_file_and_no_partial(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    canonical.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        canonical.write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
