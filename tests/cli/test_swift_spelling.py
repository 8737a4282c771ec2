"""Options as ms-swift spells them."""

import doctest

import pytest

from sightwright.cli import swift_spelling
from sightwright.cli.main import main
from sightwright.cli.swift_spelling import as_here
from sightwright.errors import ConfigError

FLAGS = {"--stream": None, "--merge-lora": "--no-merge-lora"}


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ([], []),
        (["--stream"], ["--stream"]),
        (["--stream", "true", "--out", "x"], ["--stream", "--out", "x"]),
        (["--stream", "True"], ["--stream"]),
        (["--stream", "false", "--out", "x"], ["--out", "x"]),
        (["--stream=true"], ["--stream"]),
        (["--stream=false"], []),
        (["--merge_lora", "true"], ["--merge-lora"]),
        (["--merge_lora", "FALSE"], ["--no-merge-lora"]),
        (["--merge-lora", "--stream"], ["--merge-lora", "--stream"]),
        (
            ["--max_new_tokens=4", "--output_dir", "a_b"],
            ["--max-new-tokens=4", "--output-dir", "a_b"],
        ),
        (["a_b", "-m_n"], ["a_b", "-m_n"]),
        # Only after a flag: a file may be called so.
        (["--out", "true"], ["--out", "true"]),
        (["--", "--stream", "true", "--a_b"], ["--", "--stream", "true", "--a_b"]),
    ],
)
def test_names_have_dashes_and_flags_no_values(given: list[str], plain: list[str]) -> None:
    assert as_here(given, FLAGS) == plain


def test_another_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither true nor false"):
        as_here(["--merge_lora=maybe"], FLAGS)


def test_the_example_holds() -> None:
    assert doctest.testmod(swift_spelling).failed == 0


@pytest.mark.parametrize(
    ("flag", "reason"),
    [("--merge_lora", "nothing to do"), ("--safe_serialization", "safetensors only")],
)
def test_what_is_not_here_is_refused(
    capsys: pytest.CaptureFixture[str], flag: str, reason: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "--adapters", "a", "--output_dir", "b", flag, "false"])
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err
