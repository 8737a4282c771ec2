"""`sightwright inspect` and the documents' script: what they print, and how they end."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sightwright.cli.main import main

ROOT = Path(__file__).parents[2]
LAYER = "base_model.model.model.language_model.layers.0.self_attn"


def _adapter(folder: Path, rank: int, *modules: str) -> Path:
    """An adapter by hand, of language layers and one merger that learnt in full."""
    folder.mkdir()
    config = {
        "peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": list(modules),
        "modules_to_save": ["merger"], "base_model_name_or_path": "org/base",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    tensors = {"base_model.model.model.visual.merger.norm.weight": torch.zeros(6)}
    for module in modules:
        tensors[f"{LAYER}.{module}.lora_A.weight"] = torch.zeros(rank, 8)
        tensors[f"{LAYER}.{module}.lora_B.weight"] = torch.zeros(8, rank)
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    first = _adapter(tmp_path / "first", 4, "q_proj", "v_proj")
    return first, _adapter(tmp_path / "second", 8, "v_proj")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_one_folder_is_a_table(
    two: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(two[0].parent)
    code, out, err = run(capsys, "first")
    assert (code, err) == (0, "")
    rows = [line.strip("│ ").split("│") for line in out.splitlines() if line.startswith("│")]
    said = {row[0].strip(): row[1].strip() for row in rows}
    # 4 x 8 + 8 x 4 for each of two modules, and 6 of the merger.
    assert said == {
        "kind": "LORA", "base": "org/base", "tensors": "5", "numbers": "134",
        "size": "0.001 MB", "formats": "F32", "rank, alpha": "4; alpha 8",
        "adapted": "q_proj × 1, v_proj × 1", "of the adapter": "4 (language 4, vision 0)",
        "learnt in full": "1 (language 0, vision 1)", "aligner": "model.visual.merger",
    }  # fmt: skip


@pytest.mark.parametrize("given", [["first", "second"], ["--paths", "first", "second"]])
def test_two_folders_are_compared(
    two: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    given: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(two[0].parent)
    code, out, _ = run(capsys, *given)
    assert code == 0
    differences = out[out.rindex("┘") + 1 :].strip().splitlines()
    assert differences == [
        "lora_alpha: 8 and 16",
        "r: 4 and 8",
        f"{LAYER}.v_proj.lora_A.weight: F32 [4, 8] and F32 [8, 8]",
        f"{LAYER}.v_proj.lora_B.weight: F32 [8, 4] and F32 [8, 8]",
        f"only in the first: {LAYER}.q_proj.lora_A.weight",
        f"only in the first: {LAYER}.q_proj.lora_B.weight",
    ]


def test_equal_ones_are_called_so(
    two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "both hold the same tensors" in run(capsys, two[0], two[0])[1]


def test_json_is_one_object(two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, *two, "--json")
    found = json.loads(out)
    assert code == 0 and out.count("\n") == 1
    assert [one["path"] for one in found["checkpoints"]] == [str(path) for path in two]
    assert found["comparison"]["lora"] == {"total": [4, 2], "llm": [4, 2], "vision": [0, 0]}
    three = json.loads(run(capsys, *two, two[0], "--json")[1])
    assert len(three["checkpoints"]) == 3 and "comparison" not in three


def test_what_cannot_be_read_is_said_and_the_rest_told(
    two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = _adapter(tmp_path / "torn", 4, "q_proj")
    weights = torn / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    code, out, err = run(capsys, tmp_path / "gone", torn, two[0], "--json")
    assert code == 2 and "Traceback" not in err
    assert err.count("error: ") == 2
    gone, broken, good = json.loads(out)["checkpoints"]
    assert gone == {"path": str(tmp_path / "gone"), "files": [], "error": "no such folder"}
    assert broken["files"] == ["adapter_config.json", "adapter_model.safetensors"]
    assert "not fully covered" in broken["error"] and str(weights) in broken["error"]
    assert good["num_parameters_total"] == 5
    code, out, _ = run(capsys, torn, two[0])
    assert code == 2 and "4; alpha 8" in out


def test_a_giant_length_is_a_clean_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    code, out, err = run(capsys, tmp_path)
    assert (code, out) == (2, "")
    assert "header too large" in err and "copy it again" in err and "Traceback" not in err


def test_names_out_of_a_file_cannot_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, name in ((first, "a[red]"), (second, "a\x1b[2J")):
        folder.mkdir()
        save_file({name: torch.zeros(1)}, folder / "model.safetensors")
    _, out, _ = run(capsys, first, second)
    assert "only in the first: a[red]" in out
    assert r"only in the second: 'a\x1b[2J'" in out and "\x1b[2J" not in out


def test_nothing_to_look_into(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys)
    assert code == 2 and "give one or more checkpoint folders" in err


def _script(*paths: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/inspect_lora_ckpts.py"), "--paths"]
    return subprocess.run(
        [*command, *map(str, paths)], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_script_prints_a_heading_and_an_object_for_each(two: tuple[Path, Path]) -> None:
    done = _script(*two)
    assert (done.returncode, done.stderr) == (0, "")
    blocks = done.stdout.split("=== ")[1:]
    headings = [block.split(" ===\n")[0] for block in blocks]
    assert headings == [str(two[0]), str(two[1]), f"{two[0]} and {two[1]}"]
    first, second, both = (json.loads(block.split(" ===\n")[1]) for block in blocks)
    assert first["lora"]["total"] == 4 and second["modules_to_save"]["vision"] == 1
    assert both["lora"]["total"] == [4, 2]


def test_the_script_skips_what_is_no_folder(two: tuple[Path, Path], tmp_path: Path) -> None:
    done = _script(tmp_path / "gone", two[0])
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path / 'gone'}: no such folder")
    assert done.stdout.count("=== ") == 1
