"""Every command line of the user's documents (README, then the Azure ML runbook), in their order.

They run in a folder that looks like a checkout, with the arguments as the documents write them:
backslashes, single in the runbook and doubled in the README, included.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sightwright.draw.shipping import write_project

ROOT = Path(__file__).parents[2]
NUM_DOCUMENTS = 20


@dataclass(frozen=True)
class Done:
    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("scripts", "schemas", "prompts"):
        (folder / name).symlink_to(ROOT / name)
    write_project(folder, NUM_DOCUMENTS)
    return folder


def run(folder: Path, script: str, *arguments: str) -> Done:
    command = [sys.executable, f"scripts/{script}.py", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return Done((script, *arguments), done.returncode, done.stdout, done.stderr)


README: Sequence[tuple[str, ...]] = (
    ("make_example_jsonl",),
    ("validate_jsonl", "examples\\example.jsonl"),
    ("extract_combined_zip", "--zip", "data\\\\combined.zip"),
    (
        "extract_combined_zip",
        *("--zip", "data\\\\combined.zip", "--zip", "data\\\\bls_another.zip"),
    ),
    (
        "build_jsonl_from_results",
        *("--images-dir", "data\\\\raw\\\\combined", "--images-dir", "data\\\\raw\\\\bls_another"),
        *("--limit", "50"),
    ),
    ("validate_jsonl", "data\\\\train.jsonl"),
    ("verify_image_paths", "--in", "data\\\\train.jsonl"),
    ("dataset_stats", "--in", "data\\\\train.jsonl"),
    ("split_jsonl", "--in", "data\\\\train.jsonl", "--out-dir", "data\\\\splits"),
)
RUNBOOK: Sequence[tuple[str, ...]] = (
    ("split_jsonl", "--in", "data\\train.jsonl", "--out-dir", "data\\splits"),
    ("validate_jsonl", "data\\splits\\train.jsonl"),
    ("validate_jsonl", "data\\splits\\val.jsonl"),
    ("validate_jsonl", "data\\splits\\test.jsonl"),
)


@pytest.fixture(scope="module")
def done(checkout: Path) -> list[Done]:
    return [run(checkout, *command) for command in (*README, *RUNBOOK)]


def test_every_command_ends_well(done: list[Done]) -> None:
    for one in done:
        assert one.code == 0, one
        assert "Traceback" not in one.stderr


def test_each_says_what_it_did(done: list[Done]) -> None:
    said = [one.stdout for one in done]
    assert said[1] == "OK: 1 record\n"
    # Document i has 4, 3, 2 or 1 images: 14 in the first archive, 6 in the second.
    assert said[2] == "data/combined.zip: 37 files extracted, in data/raw/combined\n"
    assert said[3].splitlines() == [
        "data/combined.zip: 0 files extracted, 37 already there, in data/raw/combined",
        "data/bls_another.zip: 13 files extracted, in data/raw/bls_another",
    ]
    assert said[4].splitlines() == [
        "15 documents with other images beside the one taken",
        "20 records in data/train.jsonl",
    ]
    assert said[5] == "OK: 20 records\n"
    assert "20" in said[7]
    split = [
        "data/splits/train.jsonl: 16 records of 16 documents",
        "data/splits/val.jsonl: 2 records of 2 documents",
        "data/splits/test.jsonl: 2 records of 2 documents",
    ]
    assert said[8].splitlines() == said[9].splitlines() == split
    assert said[10:] == [f"OK: {number} records\n" for number in (16, 2, 2)]


def test_the_files_are_where_the_documents_look_for_them(checkout: Path, done: list[Done]) -> None:
    assert (checkout / "examples" / "example.jsonl").is_file()
    assert (checkout / "docs" / "missing_image_files.txt").read_text() == ""
    lines = (checkout / "data" / "train.jsonl").read_text().splitlines()
    images = [json.loads(line)["meta"]["image_rel"] for line in lines]
    ends = ("_single_page.png", "_combined_grid.jpg", "_1.png", ".jpeg")
    for index, image in enumerate(images):
        assert image.endswith(ends[index % 4])
        assert image.startswith("raw/combined/" if index < 14 else "raw/bls_another/")
        assert (checkout / "data" / image).is_file()


def test_the_answers_are_the_tables(checkout: Path, done: list[Done]) -> None:
    rows = json.loads((checkout / "docs" / "results.json").read_text())
    for line in (checkout / "data" / "train.jsonl").read_text().splitlines():
        record = json.loads(line)
        answer = json.loads(record["messages"][-1]["content"][0]["text"])
        mine = [row for row in rows if row["Filename"] == record["meta"]["filename"]]
        assert answer["bl_number"] == mine[0]["bl_number"]
        assert answer["combined_free_days"] == (mine[0]["combined_free_days"] or "")
        assert answer["total_expected_containers"] == len(mine)
        assert [c["container_number"] for c in answer["container_details"]] == [
            row["Container_Number"] for row in mine
        ]


def test_a_checkout_need_not_be_installed(tmp_path: Path) -> None:
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    for script in sorted((ROOT / "scripts").glob("*.py")):
        # Without `site`, what is installed is found, and a checkout that is installed is not.
        command = [sys.executable, "-S", f"scripts/{script.name}", "--help"]
        done = subprocess.run(
            command,
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_missing_images_are_an_error_a_count_or_an_empty_path(tmp_path: Path) -> None:
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    write_project(tmp_path, 3, without_image=1)
    run(tmp_path, "extract_combined_zip", "--zip", "data/combined.zip", "--out", "data/raw/x")
    run(tmp_path, "extract_combined_zip", "--zip", "data/bls_another.zip", "--out", "data\\raw\\x")
    build = ("build_jsonl_from_results", "--images-dir", "data/raw/x")
    refused = run(tmp_path, *build)
    assert refused.code == 2
    assert "no image has its name" in refused.stderr
    assert not (tmp_path / "data" / "train.jsonl").exists()
    skipped = run(
        tmp_path, *build, "--skip-missing-images", "--missing-report", "docs\\missing.txt"
    )
    assert (skipped.code, skipped.stdout.splitlines()[-1]) == (0, "3 records in data/train.jsonl")
    assert len((tmp_path / "docs" / "missing.txt").read_text().splitlines()) == 1
    assert run(tmp_path, *build, "--empty-missing-images").code == 0
    assert run(tmp_path, "validate_jsonl", "data/train.jsonl").code == 2
