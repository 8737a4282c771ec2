import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.metrics.loops import Repeats, find_loop, find_repeats


def letters(text: str) -> list[bytes]:
    return [letter.encode() for letter in text]


def loop_of(text: str, label: str = "", *, by_letter: bool = True) -> str | None:
    tokens = letters(text) if by_letter else []
    return find_loop(text, tokens, reached_limit=False, label=label)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # Blocks of four: 8 of them are 32 letters, 31 are not enough.
        ("x" * 32, Repeats(0, 4, 8)),
        ("x" * 31, None),
        ("ab" * 16, Repeats(0, 4, 8)),
        # A block of three is written twice to be one of at least four: 48 letters.
        ("abc" * 16, Repeats(0, 6, 8)),
        ("abc" * 15 + "ab", None),
        ("abcde" * 8, Repeats(0, 5, 8)),
        ("abcde" * 7 + "abcd", None),
        # The block is counted from where the repeating begins, whole blocks only.
        ("zz" + "abcde" * 9 + "ab" + "q", Repeats(2, 5, 9)),
        # The 4-gram abcd occurs eight times, never twice in a row.
        ("".join(f"abcd{n}" for n in range(8)), None),
        ("", None),
    ],
)
def test_repeats_by_hand(text: str, found: Repeats | None) -> None:
    assert find_repeats(letters(text)) == found


def rows(*names: str) -> str:
    return json.dumps([{"name": name, "price": 2.5} for name in names], separators=(",", ":"))


def test_a_table_is_no_loop_but_the_same_row_over_and_over_is() -> None:
    differing = rows(*(f"item {n}" for n in range(30)))
    assert loop_of(differing) is None
    same = rows(*["tea"] * 9)
    assert loop_of(same) == "repeats"
    assert loop_of(same, label=rows("tea", "bun")) == "repeats"


def test_rows_that_the_label_repeats_as_often_are_no_loop() -> None:
    same = rows(*["tea"] * 12)
    assert loop_of(same, label=same) is None
    assert loop_of(json.dumps(json.loads(same)), label=same) is None
    assert loop_of(same, label=rows("bun", *["tea"] * 13)) is None
    assert loop_of(same, label=rows(*["tea"] * 9)) == "repeats"


def test_the_limit_counts_whatever_stands_there() -> None:
    assert find_loop("{", [b"{"], reached_limit=True, label="{") == "limit"


def test_without_tokens_words_and_marks_are_counted() -> None:
    assert loop_of("the same old song " * 8, by_letter=False) == "repeats"
    assert loop_of("the same old song " * 7, by_letter=False) is None
    # Compact JSON has no white space at all.
    assert loop_of(rows(*["tea"] * 9), by_letter=False) == "repeats"
    assert loop_of(rows(*(f"item {n}" for n in range(30))), by_letter=False) is None


@settings(deadline=None, max_examples=100)
@given(
    st.text("ab", max_size=12),
    st.text("abc", min_size=4, max_size=9),
    st.integers(1, 12),
    st.text("ab", max_size=12),
)
def test_what_is_found_is_there(before: str, block: str, times: int, after: str) -> None:
    text = before + block * times + after
    found = find_repeats(letters(text))
    if times >= 8:
        assert found is not None
    if found is not None:
        part = text[found.start : found.start + found.length]
        assert text[found.start :].startswith(part * found.times)
        assert found.length >= 4
        assert found.times >= 8


def test_a_long_answer_is_searched_quickly() -> None:
    tokens = [str(n * n % 7919).encode() for n in range(8000)]
    started = time.perf_counter()
    assert find_repeats(tokens) is None
    assert time.perf_counter() - started < 2
