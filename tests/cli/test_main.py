"""How every verb ends: exit codes, messages for the user's mistakes, tracebacks for ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from sightwright import __version__
from sightwright.cli import main as cli
from sightwright.errors import MissingExtraError
from sightwright.extras import require

VERBS = ["train", "eval", "merge", "serve", "demo", "ingest pdf", "ingest labels"]
VERBS += ["data validate", "data split", "config check", "config show"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sightwright", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == f"sightwright {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*verb.split(), "--help"])
    assert ended.value.code == 0
    assert "Usage:" in capsys.readouterr().out


def test_the_users_mistake_has_a_message_and_no_traceback(tmp_path: Path) -> None:
    ended = run("data", "validate", str(tmp_path / "none.jsonl"))
    assert ended.returncode == 2
    assert "no such file" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_what_the_file_system_refuses_is_named_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    ended = run("data", "example", "--out", str(tmp_path / "taken" / "example.jsonl"))
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {tmp_path / 'taken'}")
    assert "Traceback" not in ended.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    assert run("data", "validate", "--colour", "red").returncode == 2


def test_our_mistake_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("sightwright.config.load.load_config", broken)
    with pytest.raises(KeyError, match="a bug"):
        cli.main(["config", "check", "pyproject.toml"])


def test_a_missing_extra_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require("sightwright_has_no_such_package", "train")
    assert 'pip install "sightwright[train]"' in str(caught.value)
    assert caught.value.exit_code == 3
