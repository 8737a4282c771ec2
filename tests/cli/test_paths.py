from pathlib import Path

import pytest

from sightwright.cli.paths import given_path


def test_both_separators_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert given_path("a/b.pdf") == Path("a/b.pdf")
    assert given_path("a\\b.pdf") == Path("a/b.pdf")
    (tmp_path / "odd\\name.pdf").touch()
    assert given_path("odd\\name.pdf").name == "odd\\name.pdf"
