"""The text of every rule, whole: file, line, key, what is wrong, what to do.

golden/rules.json holds a YAML text for each rule, and what is said of it. A rule without a text
there fails the last test.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import sightwright.config
from sightwright.config.fusion import load_fusion
from sightwright.config.load import load_config, load_text
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.support import (
    missing_for_training,
    refusals,
    require_trainable,
    unsupported,
)
from sightwright.errors import ConfigError

PACKAGE = Path(sightwright.config.__file__).parent
GOLDEN = json.loads((Path(__file__).parent / "golden/rules.json").read_text(encoding="utf-8"))

# Their sentence is the remedy: what must stand there is in it.
SAYS_WHAT_MUST_STAND_THERE = (": must be ", ": is required")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigProblemsError) as caught:
        load_text(text, "x.yaml", Path("/nonexistent"))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("text", GOLDEN["problems"])
def test_a_mistake_is_told_in_these_words(text: str) -> None:
    lines = problems(text)
    assert lines == GOLDEN["problems"][text]
    for line in lines:
        assert line.startswith("x.yaml:")
        assert line.endswith(")") or any(words in line for words in SAYS_WHAT_MUST_STAND_THERE)


def mixture_problems(text: str) -> list[str]:
    """Of a mixture file, in the working folder."""
    Path("x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigProblemsError) as caught:
        load_fusion(Path("x.yaml"))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("text", GOLDEN["mixtures"])
def test_a_mistake_of_a_mixture_is_told_in_these_words(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mixture_problems(text) == GOLDEN["mixtures"][text]


@pytest.mark.parametrize("text", GOLDEN["refusals"])
def test_a_part_that_cannot_be_run_is_refused_in_these_words(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_trainable(load_text(text, "x.yaml"))
    lines = [line.strip() for line in caught.value.message.splitlines()]
    assert [line for line in lines if line.startswith("x.yaml")] == GOLDEN["refusals"][text]
    assert caught.value.remedy == (
        "give what is missing, and delete what is not in this version; "
        "`sightwright config explain KEY` says more of a key"
    )


def test_every_refusal_has_its_words() -> None:
    met = {part.key for text in GOLDEN["refusals"] for part in unsupported(load_text(text).config)}
    assert met == {rule.key for rule in refusals()}


@pytest.mark.parametrize("text", GOLDEN["missing"])
def test_what_is_missing_is_asked_for_in_these_words(text: str) -> None:
    assert missing_for_training(load_text(text).config) == GOLDEN["missing"][text]


@pytest.mark.parametrize("text", GOLDEN["warnings"])
def test_what_deserves_a_look_is_told_in_these_words(text: str) -> None:
    assert list(load_text(text, "x.yaml").warnings) == GOLDEN["warnings"][text]


@pytest.mark.parametrize("text", GOLDEN["notes"])
def test_a_translation_is_told_in_these_words(text: str) -> None:
    assert list(load_text(text, "x.yaml").notes) == GOLDEN["notes"][text]


@pytest.fixture
def in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mistakes that need files: a circle, bases and settings that cannot be read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("\ninherit: a.yaml\n")
    (tmp_path / "c.yaml").write_text("extends: latin.yaml\n")
    (tmp_path / "d.yaml").write_text("deepspeed: {enabled: true, config: ds.json}\n")
    (tmp_path / "ds.json").write_text("{")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff\n")
    return tmp_path


IN_FILES = {
    "a.yaml": "b.yaml:2: extends: a file extends itself: a.yaml -> b.yaml -> a.yaml "
    "(take one of them out of extends)",
    "c.yaml": "c.yaml:1: extends: latin.yaml cannot be read: not UTF-8 text "
    "(a base is looked up beside the file that extends it)",
    "d.yaml": "d.yaml:1: deepspeed.config: ds.json is not JSON: Expecting property name enclosed "
    "in double quotes: line 1 column 2 (char 1) (or write the mapping here)",
    "gone.yaml": "gone.yaml: cannot be read: No such file or directory "
    "(give the path of a YAML file)",
}


@pytest.mark.parametrize("name", IN_FILES)
def test_a_file_that_cannot_be_read_is_told_in_these_words(name: str, in_files: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(in_files / name)
    assert str(caught.value) == IN_FILES[name]


def rules(path: Path) -> Iterator[range]:
    """The lines of every place in a file that says what is wrong with a configuration."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _name(node.func) in (
            "Fault",
            "Problem",
            "_problem",
            "_BadValueError",
            "missing.append",
        ):
            yield range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if isinstance(node, ast.Yield) and path.name == "warn.py":
            yield range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return "missing.append" if _name(node.value) == "missing" else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def lines_run() -> set[tuple[str, int]]:
    """Every line of the package that reading and refusing the golden texts comes by."""
    seen: set[tuple[str, int]] = set()

    def local(frame: FrameType, event: str, _: Any) -> Any:
        seen.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(str(PACKAGE)) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for text in GOLDEN["problems"]:
            problems(text)
        for text in GOLDEN["mixtures"]:
            mixture_problems(text)
        for group in ("refusals", "missing", "warnings", "notes"):
            for text in GOLDEN[group]:
                missing_for_training(load_text(text, "x.yaml").config)
        for name in IN_FILES:
            with pytest.raises(ConfigError):
                load_config(Path(name))
    finally:
        sys.settrace(before)
    return seen


def test_no_rule_is_without_its_words(in_files: Path) -> None:
    seen = lines_run()
    found = [(path, lines) for path in PACKAGE.rglob("*.py") for lines in rules(path)]
    assert len(found) > 50
    silent = [
        f"{path.relative_to(PACKAGE)}:{lines.start}"
        for path, lines in found
        if not any((str(path), line) in seen for line in lines)
    ]
    assert silent == []
