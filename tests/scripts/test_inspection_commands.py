"""The command lines of the playbook that make inspection data, as they are written there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def run(command: list[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def python(script: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run([sys.executable, str(ROOT / script), *arguments], folder)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def equipment(folder: Path, number: int, category: str = "电线") -> None:
    for index in range(number):
        Image.new("RGB", (64, 96), (index, 0, 0)).save(folder / f"{index}.jpeg")
        entry = {"coordinates": [[8, 8], [40, 40]], "properties": {"contentZh": {"类别": category}}}
        raw = {"info": {"width": 64, "height": 96}, "dataList": [entry]}
        (folder / f"{index}.json").write_text(json.dumps(raw))


def convert(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    script = str(ROOT / "data_conversion" / "convert_dataset.sh")
    given = {"PYTHON": sys.executable, "INPUT_DIR": "raw", "NUM_WORKERS": "0", **environment}
    return run(["bash", script], folder, **given)


def test_convert_dataset_in_both_modes(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    equipment(tmp_path / "raw", 5)
    done = convert(
        tmp_path, DATASET="bbu", MODE="prod", OUTPUT_DIR="data", DATASET_NAME="bbu_full",
        VAL_RATIO="0.4", MAX_PIXELS="3500000", SEED="123",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    out = tmp_path / "data" / "bbu_full"
    assert (len(lines(out / "train.jsonl")), len(lines(out / "val.jsonl"))) == (3, 2)
    assert '"objects_total": 1' in lines(out / "train.jsonl")[0]["summary"]
    settings = json.loads((out / "validation_results.json").read_text())["settings"]
    assert (settings["seed"], settings["rules"]["sizes"]["max_pixels"]) == (123, 3500000)
    done = convert(tmp_path, DATASET="bbu", MODE="smoke", LIMIT="2", OUTPUT_DIR="data")
    assert done.returncode == 0, done.stderr
    assert len(lines(tmp_path / "data" / "bbu_full_smoke" / "all_samples.jsonl")) == 2


def test_convert_dataset_fails_fast_or_not(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    equipment(tmp_path / "raw", 3)
    equipment(tmp_path / "raw", 1, category="螺丝")
    assert convert(tmp_path, DATASET="bbu").returncode == 2
    done = convert(tmp_path, DATASET="bbu", FAIL_FAST="false", DATASET_NAME="other")
    assert done.returncode == 0, done.stderr
    assert len(lines(tmp_path / "data" / "other" / "all_samples.jsonl")) == 2


@pytest.mark.parametrize(
    ("name", "value"), [("DATASET", "xyz"), ("MODE", "fast"), ("RESIZE", "maybe")]
)
def test_convert_dataset_refuses_what_it_does_not_know(
    tmp_path: Path, name: str, value: str
) -> None:
    done = convert(tmp_path, **{name: value})
    assert done.returncode == 2 and f"{name}={value}" in done.stderr


def test_irrelevant_summaries_and_the_dense_contract(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    equipment(tmp_path / "photos", 3)
    done = python(
        "scripts/build_irrelevant_summary_jsonl.py", tmp_path,
        *("--images-dir", "photos", "--output-jsonl", "train.jsonl", "--summary", "无关图片"),
        *("--max-pixels", "1048576", "--image-factor", "32", "--overwrite-images"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [record["images"] for record in lines(tmp_path / "train.jsonl")] == [
        [f"photos/{index}.jpeg"] for index in range(3)
    ]
    check = "scripts/validate_dense_jsonl_contract.py"
    done = python(check, tmp_path, "--jsonl", "train.jsonl", "--limit", "0")
    assert (done.returncode, done.stdout) == (0, "OK: 3 records\n")
    assert python(check, tmp_path, "--jsonl", "train.jsonl", "--limit", "2").stdout.startswith(
        "OK: 2"
    )
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write('{"images": ["a.png"], "width": 4, "height": 4, "objects": []}\n')
    done = python(check, tmp_path, "--jsonl", "train.jsonl")
    assert done.returncode == 2 and "train.jsonl:4: 'objects'" in done.stderr
    done = python(check, tmp_path, "--jsonl", "train.jsonl", "--limit", "-1")
    assert done.returncode == 2 and "--limit is 0 or more" in done.stderr
    (tmp_path / "empty.jsonl").touch()
    done = python(check, tmp_path, "--jsonl", "empty.jsonl")
    assert done.returncode == 2 and "no records" in done.stderr


def test_a_runs_yaml_is_checked_and_shown(tmp_path: Path) -> None:
    check = "scripts/validate_sft_config.py"
    (tmp_path / "base.yaml").write_text("tuner: {lora_rank: 7}\n")
    (tmp_path / "run.yaml").write_text("global_max_length: 64\n")
    done = python(check, tmp_path, "--config", "run.yaml", "--base-config", "base.yaml")
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert ["run.yaml", "ok", "a", "fragment"] in told
    assert ["tuner.lora_rank", "7", "base.yaml:1"] in told
    (tmp_path / "run.yaml").write_text("tuner: {lora_rnk: 7}\n")
    done = python(check, tmp_path, "--config", "run.yaml")
    assert done.returncode == 2 and "did you mean lora_rank?" in done.stdout


def coco(folder: Path, name: str, *, lvis: bool) -> None:
    (folder / "images" / "train2017").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for index in range(12):
        path = f"train2017/{index:03d}.jpg"
        Image.new("RGB", (100, 80), (index * 5, 0, 0)).save(folder / "images" / path)
        address = {"coco_url": f"http://images.example.org/{path}"}
        named = address if lvis else {"file_name": path}
        images.append({"id": index, "width": 100, "height": 80, **named})
        outline = [10, 10, 40, 10, 60, 30, 40, 50, 10, 50]
        annotations.append(
            {
                "id": index, "image_id": index, "category_id": 1 + index % 2,
                "bbox": [10, 10, 50, 40], "segmentation": [outline],
            }
        )  # fmt: skip
    categories = [{"id": 1, "name": "bun_(hair)"}, {"id": 2, "name": "cat"}]
    value = {"images": images, "annotations": annotations, "categories": categories}
    (folder / name).write_text(json.dumps(value))


def test_lvis_and_coco_and_a_sample_of_them(tmp_path: Path) -> None:
    coco(tmp_path, "lvis.json", lvis=True)
    common = ("--images", "images", "--num-workers", "0")
    done = python(
        "public_data/convert_lvis.py", tmp_path, "--split", "train", "--annotations", "lvis.json",
        *("--use-polygon", "--poly-max-points", "4", "--smart-resize", "--keep-crowd"),
        *("--absolute-paths", "--max_samples", "8", "--out", "out", *common),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = lines(tmp_path / "out" / "train.jsonl")
    assert len(records) == 8 and not (tmp_path / "out" / "val.jsonl").read_text()
    assert (records[0]["width"], records[0]["height"]) == (96, 64)
    # Five points are more than four: its box, on 96 x 64 (2.5 times 32 rounds to even).
    assert records[0]["objects"] == [{"desc": "bun_(hair)", "bbox_2d": [10, 8, 58, 40]}]
    assert Path(records[0]["images"][0]).is_absolute()
    coco(tmp_path, "coco.json", lvis=False)
    given = ("--annotations", "coco.json", "--max_samples", "0", "--out", "none", *common)
    done = python("public_data/convert_coco.py", tmp_path, *given)
    assert done.returncode == 2 and not (tmp_path / "none").exists()
    done = python(
        "public_data/convert_coco.py", tmp_path, "--split", "val", "--annotations", "coco.json",
        *("--no-clip-boxes", "--test", "--out", "val", *common),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = lines(tmp_path / "val" / "val.jsonl")
    assert len(records) == 10 and records[0]["width"] == 100
    done = python(
        "public_data/sample.py", tmp_path, "val/val.jsonl", "--out", "part.jsonl",
        *("--num", "4", "--strategy", "uniform"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 of 10 records" in done.stdout


def test_a_limit_of_points_is_of_polygons(tmp_path: Path) -> None:
    done = python("public_data/convert_lvis.py", tmp_path, "--poly-max-points", "12")
    assert done.returncode == 2
    assert "--poly-max-points is of polygons: give --use-polygon with it" in done.stderr


def test_folders_are_named_by_the_options() -> None:
    program = (
        "from converting import *; from convert_lvis import LVIS; "
        "print(*(folder_name(parser(LVIS).parse_args(a.split())) for a in "
        "('--use-polygon --poly-max-points 12 --smart-resize', '--split val --test')))"
    )
    done = run([sys.executable, "-c", program], ROOT / "public_data")
    assert done.stdout.split() == ["rescale_32_768_poly_max_12", "original_bbox_val_test"]


def test_the_chat_corpus_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"instruction": "a", "input": "", "output": "b"}\n')
    script = "public_data/convert_coig_cqia.py"
    done = python(script, tmp_path, "c.jsonl", "--out", "chat.jsonl")
    assert done.returncode == 0 and len(lines(tmp_path / "chat.jsonl")) == 1
    done = python(script, tmp_path, "--download")
    assert done.returncode == 2 and "remedy" in done.stderr
