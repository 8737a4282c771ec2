import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightwright.cli.ingest import app


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("combined", "bls_another"):
        with zipfile.ZipFile(tmp_path / "data" / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}.png", name)
            archive.writestr("same.png", name)
    return tmp_path


def zip_verb(*arguments: str):
    return CliRunner().invoke(app, ["zip", *arguments])


def test_defaults_are_the_documented_ones(project: Path) -> None:
    # PD12.
    result = zip_verb()
    assert result.exit_code == 0
    assert result.stdout == "data/combined.zip: 2 files extracted, in data/raw/combined\n"
    assert (project / "data" / "raw" / "combined" / "combined.png").read_text() == "combined"
    again = zip_verb("--zip", "data\\combined.zip")
    assert again.stdout == (
        "data/combined.zip: 0 files extracted, 2 already there, in data/raw/combined\n"
    )


def test_what_another_archive_put_there_is_seen_and_can_be_written_over(project: Path) -> None:
    zip_verb("--out", "out")
    result = zip_verb("--zip", "data/bls_another.zip", "--out", "out")
    assert result.stdout.splitlines() == [
        "data/bls_another.zip: 1 file extracted, 1 already there, in out",
        "  another size than in the archive (--overwrite writes them anew): same.png",
    ]
    result = zip_verb("--zip", "data/bls_another.zip", "--out", "out", "--overwrite")
    assert result.stdout == (
        "data/bls_another.zip: 2 files extracted, 2 of them over an older one, in out\n"
    )
    assert (project / "out" / "same.png").read_text() == "bls_another"


def test_a_refused_archive_is_an_error_line_and_exit_2(project: Path) -> None:
    (project / "bad.zip").write_text("no archive")
    result = zip_verb("--zip", "bad.zip", "--zip", "data/combined.zip")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: bad.zip: not a ZIP archive, or a damaged one: ")
    assert "remedy: " in result.stderr
    assert result.stdout == "data/combined.zip: 2 files extracted, in data/raw/combined\n"
    result = zip_verb("--zip", "bad.zip", "--json")
    outcome = json.loads(result.stdout)
    assert (result.exit_code, outcome["ok"]) == (2, False)
    assert outcome["archives"][0]["archive"] == "bad.zip"
    assert outcome["archives"][0]["refused"].startswith("not a ZIP archive")


def test_limits_are_options_and_the_remedy_names_them() -> None:
    result = zip_verb("--max-files", "1")
    assert result.exit_code == 2
    assert "2 entries, over the limit of 1" in result.stderr
    assert "--max-files" in result.stderr
    assert "--max-gib" in zip_verb("--max-gib", "0").stderr
