"""YAML 1.2, with lines, and every mistake of a file at once."""

import pytest

from sightwright.config.tree import Branch, find, plain
from sightwright.config.yaml_source import parse_yaml


def values(text: str) -> object:
    root, problems = parse_yaml(text, "x.yaml")
    assert problems == []
    return plain(root)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e-5", 1e-5),
        ("1.0e-4", 1e-4),
        ("3", 3),
        ("0o17", 15),
        ("017", 17),
        ("0x1f", 31),
        ("no", "no"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("^$", "^$"),
        ("[1, [a, null]]", [1, ["a", None]]),
        ("{b: {c: 1.5}}", {"b": {"c": 1.5}}),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(written: str, read: object) -> None:
    value = values(f"a: {written}\n")
    assert value == {"a": read}
    assert isinstance(value, dict)
    assert type(value["a"]) is type(read)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "{}\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert values(text) == {}


def test_anchors_and_merge_keys_are_followed() -> None:
    text = "base: &base {a: 1, b: 2}\nover:\n  <<: *base\n  b: 3\nsame: *base\n"
    assert values(text) == {
        "base": {"a": 1, "b": 2},
        "over": {"a": 1, "b": 3},
        "same": {"a": 1, "b": 2},
    }


def test_every_node_knows_its_line() -> None:
    root, _ = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "x.yaml")
    assert [find(root, path).place.line for path in (("a",), ("a", "b"), ("a", "c", 1, "y"))] == [  # type: ignore[union-attr]
        1,
        2,
        5,
    ]


def test_every_repeated_key_is_named() -> None:
    _, problems = parse_yaml("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n", "x.yaml")
    assert [str(problem) for problem in problems] == [
        "x.yaml:4: b.c: repeated key, first given on line 3 (keep one of them)",
        "x.yaml:5: a: repeated key, first given on line 1 (keep one of them)",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1, 2\nb: 3\n", "not valid YAML"),
        ("a: b: c\n", "not valid YAML"),
        ("\ta: 1\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("- a\n- b\n", "must hold a mapping of sections, found a list"),
        ("just text\n", "must hold a mapping of sections, found one value"),
        ("? [a, b]\n: 1\n", "a key must be one word"),
        ("a: !!python/name:os.system x\n", "the YAML tag"),
        ("a:\n  <<: 3\n", "`<<` takes a mapping"),
        ("a: &a [1, *a]\n", "an alias to the value that it stands in"),
    ],
)
def test_what_is_no_configuration_is_said_so(text: str, says: str) -> None:
    root, problems = parse_yaml(text, "x.yaml")
    assert isinstance(root, Branch)
    assert len(problems) == 1
    assert says in str(problems[0])
    assert str(problems[0]).startswith("x.yaml:")
