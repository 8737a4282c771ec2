import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.ingest import app
from sightwright.errors import MissingExtraError


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scans" / "march"
    folder.mkdir(parents=True)
    for number in (1, 2):
        Image.new("RGB", (64, 64), "white").save(folder / f"bill_{number}.jpg")
    return folder


def images(*arguments: str):
    command = ["images", "scans\\march", "--out", "pages", "--workers", "1", *arguments]
    return CliRunner().invoke(app, command)


def test_images_then_nothing_to_do(scans: Path) -> None:
    result = images("--group", "numbered", "--max-pixels", "4096", "--format", "jpeg")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "1 document: 1 rendered; 2 pages in pages"
    again = images("--group", "numbered", "--max-pixels", "4096", "--format", "jpeg")
    assert again.stdout.endswith("1 document: 1 kept; 2 pages in pages; nothing to do\n")


def test_a_bad_image_is_a_row_and_exit_2(scans: Path) -> None:
    (scans / "bad.png").write_text("no image")
    result = images("--json")
    assert result.exit_code == 2
    outcome = json.loads(result.stdout)
    assert (outcome["documents"], outcome["pages"]) == (3, 2)
    (failed,) = outcome["failed"]
    assert (failed["id"], failed["status"]) == ("bad", "broken")
    assert failed["source"] == "../scans/march/bad.png"
    assert images("--allow-failures").exit_code == 0


def test_an_engine_that_is_not_there_is_said_before_anything_is_done(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = images("--ocr", "tesseract")
    assert isinstance(result.exception, MissingExtraError)
    assert result.exception.exit_code == 3
    assert "--ocr none" in str(result.exception)
    assert not (tmp_path / "pages").exists()


def test_words_by_an_engine(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = "level page_num block_num par_num line_num word_num left top width height conf text"
    rows = (header, "5 1 1 1 1 1 8 16 32 8 90 Total")
    (tmp_path / "answer.tsv").write_text("".join(f"{row.replace(' ', chr(9))}\n" for row in rows))
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    languages = '[ "$1" = --list-langs ] && exec printf "languages:\\ndeu\\n"'
    program.write_text(f"#!/bin/sh\n{languages}\nexec cat {tmp_path}/answer.tsv\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    result = images("--ocr", "tesseract", "--ocr-language", "deu", "--group", "numbered")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "pages/bill/page-0002.words.json").read_text()) == {
        "width": 64,
        "height": 64,
        "source": "ocr:tesseract-deu",
        "words": [{"text": "Total", "box": [8, 16, 40, 24], "confidence": 0.9}],
    }
