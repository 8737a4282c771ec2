import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightwright.cli.ingest import app
from sightwright.draw.shipping import write_project
from sightwright.errors import DataError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path, 4, without_image=1)
    CliRunner().invoke(app, ["zip", "--zip", "data/combined.zip"])
    CliRunner().invoke(app, ["zip", "--zip", "data/bls_another.zip"])
    return tmp_path


BOTH = ["--images-dir", "data/raw/combined", "--images-dir", "data\\raw\\bls_another"]


def results(*arguments: str):
    return CliRunner().invoke(app, ["results", *arguments])


def test_defaults_are_the_documented_ones(project: Path) -> None:
    # PD3. The default folder holds the images of three of the five documents.
    result = results("--skip-missing-images")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("2 without an image, left out: ")
    assert result.stdout.splitlines()[-1] == "3 records in data/train.jsonl"
    assert results("--limit", "2").stdout.splitlines()[-1] == "2 records in data/train.jsonl"


def test_a_missing_image_is_an_error_that_names_it(project: Path) -> None:
    result = results(*BOTH, "--missing-report", "docs\\missing_images.txt")
    assert isinstance(result.exception, DataError)
    (name,) = (project / "docs" / "missing_images.txt").read_text().splitlines()
    assert f"{name!r}: no image has its name" in str(result.exception)
    assert results(*BOTH, "--empty-missing-images").exit_code == 0
    assert results("--empty-missing-images", "--skip-missing-images").exit_code == 2


def test_what_the_table_holds_beside_the_records_is_said(project: Path) -> None:
    table = project / "docs" / "results.json"
    rows = json.loads(table.read_text())
    rows[0]["pages"] = 2
    rows += [{**rows[0], "vessel_name": "Other"}, {**rows[0], "Filename": ""}]
    rows += [{**rows[0], "Container_Number": None}]
    for row in rows:
        del row["bl_number"]
    table.write_text(json.dumps(rows))
    said = results(*BOTH, "--skip-missing-images").stdout.splitlines()
    last = len(rows)
    assert said[:6] == [
        f"1 rows without a Filename, left out: rows {last - 1}",
        f"1 rows with a container's size or type but no number, left out: rows {last}",
        f"1 rows that say something else of their document than its first: rows {last - 2}",
        "1 row with a container met before",
        'in no row, so "" everywhere: bl_number',
        "not read: pages",
    ]


def test_the_outcome_as_json(project: Path) -> None:
    outcome = json.loads(results(*BOTH, "--skip-missing-images", "--json").stdout)
    assert (outcome["num_records"], outcome["num_documents"]) == (4, 5)
    assert len(outcome["missing"]) == 1
    assert outcome["rows"]["absent_keys"] == []
    assert outcome["out"] == "data/train.jsonl"
