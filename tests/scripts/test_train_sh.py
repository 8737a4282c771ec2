"""scripts/train.sh: what it starts, and a run of two processes through it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sightwright.jsonl import write_all

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "train.sh"
LORA_8B = str(ROOT / "configs/extract/lora_8b.yaml")


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A Python that prints what it is told, and of the environment what train.sh sets."""
    path = tmp_path / "python"
    path.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@"\n'
        'echo "gpus=${CUDA_VISIBLE_DEVICES-} threads=${OMP_NUM_THREADS-}"\n'
        'echo "memory=${PYTORCH_ALLOC_CONF-} folder=$PWD" >&2\n'
    )
    path.chmod(0o755)
    return path


UNSET = "unset"


def started(
    echo: Path, *arguments: str, folder: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    # A path without nvidia-smi: what GPUs there are is said by the test.
    kept = {"PATH": f"{echo.parent}:/usr/bin:/bin", "HOME": str(echo.parent)}
    settings = {**kept, "PYTHON": str(echo), "CUDA_VISIBLE_DEVICES": "", **variables}
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        cwd=folder,
        env={name: value for name, value in settings.items() if value != UNSET},
        capture_output=True,
        text=True,
        timeout=60,
    )


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[:-1]


@pytest.mark.parametrize(
    "name",
    [
        LORA_8B,
        LORA_8B.removesuffix(".yaml"),
        "configs/extract/lora_8b.yaml",
        "configs/extract/lora_8b",
        "extract/lora_8b",
        "lora_8b",
        "lora_8b.yaml",
    ],
)
def test_a_config_by_any_of_its_names(name: str, echo: Path, tmp_path: Path) -> None:
    for folder in (ROOT, tmp_path):
        found = told(started(echo, folder=folder, config=name))
        assert found == ["-m", "src.sft", "--config", LORA_8B]


def test_a_config_of_the_working_folder_comes_first(echo: Path, tmp_path: Path) -> None:
    (tmp_path / "lora_8b.yaml").write_text("")
    found = told(started(echo, folder=tmp_path, config="lora_8b"))
    assert found[-1] == str(tmp_path / "lora_8b.yaml")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "name the run's YAML: config="),
        ("no_such_run", "no YAML is called no_such_run"),
        ("stage_1", "no YAML is called stage_1"),
        ("sft_base", "configs/fusion_train/sft_base.yaml"),
    ],
)
def test_a_config_that_is_none_or_several(name: str, says: str, echo: Path) -> None:
    done = started(echo, config=name)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr


def test_debug_base_config_and_further_arguments(echo: Path) -> None:
    run = ["-m", "src.sft", "--config", LORA_8B]
    for variables in ({"debug": "true"}, {"DEBUG": "true"}, {"DEBUG": "1"}):
        assert told(started(echo, config="lora_8b", **variables)) == [*run, "--debug"]
    assert told(started(echo, config="lora_8b", debug="false", DEBUG="true")) == run
    base = ["--base_config", str(ROOT / "configs/base.yaml")]
    assert told(started(echo, "--json", config="lora_8b", base_config="base")) == [
        *run, *base, "--json",
    ]  # fmt: skip
    done = started(echo, config="lora_8b", base_config="no_such_base")
    assert done.returncode == 2
    assert "no YAML is called no_such_base" in done.stderr


LAUNCH = ["-m", "sightwright.cli.launch"]


def test_several_gpus_are_several_processes(echo: Path) -> None:
    alone = started(echo, config="lora_8b", gpus="3")
    assert told(alone)[:2] == ["-m", "src.sft"]
    assert alone.stdout.splitlines()[-1] == "gpus=3 threads=8"
    done = started(echo, config="lora_8b", gpus="0,2,5", OMP_NUM_THREADS="4")
    own = ["-m", "src.sft", "--config", LORA_8B]
    assert told(done) == [*LAUNCH, "--standalone", "--nproc_per_node", "3", *own]
    assert done.stdout.splitlines()[-1] == "gpus=0,2,5 threads=4"
    visible = started(echo, config="lora_8b", CUDA_VISIBLE_DEVICES="0,1")
    assert "--nproc_per_node\n2\n" in visible.stdout
    on_cpu = started(echo, config="lora_8b", processes="2")
    assert "--nproc_per_node\n2\n" in on_cpu.stdout
    assert on_cpu.stdout.splitlines()[-1] == "gpus= threads="


@pytest.mark.parametrize(
    ("says", "processes"),
    [
        ("GPU 0: H200 (UUID: a)\nGPU 1: H200 (UUID: b)", 2),
        ("GPU 0: H200 (UUID: a)\n  MIG 1g.18gb Device 0: (UUID: c)", 1),
        ("NVIDIA-SMI has failed because it could\nnot communicate with the driver.", 1),
    ],
)
def test_every_gpu_that_is_there_has_a_process(says: str, processes: int, echo: Path) -> None:
    listing = echo.with_name("nvidia-smi")
    listing.write_text(f"#!/bin/sh\necho '{says}'\n")
    listing.chmod(0o755)
    found = told(started(echo, config="lora_8b", CUDA_VISIBLE_DEVICES=UNSET))
    assert ("--nproc_per_node" in found) == (processes > 1)
    if processes > 1:
        assert found[found.index("--nproc_per_node") + 1] == str(processes)


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_the_allocator_is_the_users_own(name: str, echo: Path, tmp_path: Path) -> None:
    """torch reads the newer of the two names first."""
    usual = started(echo, folder=tmp_path, config="lora_8b", gpus="0")
    assert usual.stderr == f"memory=expandable_segments:True folder={ROOT}\n"
    own = started(echo, config="lora_8b", gpus="0", **{name: "max_split_size_mb:128"})
    assert own.stderr.startswith("memory=max_split_size_mb:128 ")


def test_several_machines_meet_where_they_are_told(echo: Path) -> None:
    where = {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29400", "NNODES": "2", "NODE_RANK": "1"}
    found = told(started(echo, config="lora_8b", gpus="0", **where))
    assert found[2:10] == [
        *("--nnodes", "2", "--node_rank", "1"),
        *("--master_addr", "10.0.0.1", "--master_port", "29400"),
    ]
    port_alone = told(started(echo, config="lora_8b", gpus="0,1", MASTER_PORT="29400"))
    assert port_alone[2:4] == ["--master_port", "29400"]


def test_a_conda_environment_where_one_is_named(echo: Path) -> None:
    shutil.copy(echo, echo.with_name("conda"))
    found = told(started(echo, config="lora_8b", CONDA_ENV="ms"))
    assert found[:5] == ["run", "--no-capture-output", "-n", "ms", "python"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    records = [
        {
            "id": str(number),
            "messages": [
                {"role": "user", "content": "What is it?"},
                {"role": "assistant", "content": f"number {number}"},
            ],
        }
        for number in range(4)
    ]
    write_all(tmp_path / "train.jsonl", records)
    config = {
        "model": {"model": "tiny"},
        "global_max_length": 64,
        "custom": {"train_jsonl": str(tmp_path / "train.jsonl")},
        "training": {
            "output_dir": str(tmp_path / "out"),
            "max_steps": 1,
            "effective_batch_size": 4,
        },
    }
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("processes", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_a_run(processes: str, run: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(SCRIPT), "--json"],
        cwd=tmp_path,
        env={
            **os.environ, "config": "run", "processes": processes, "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    # One object, from one process.
    (line,) = done.stdout.splitlines()
    assert Path(json.loads(line)["best_checkpoint"]).name == "checkpoint-1"
    assert done.stderr.count("before step 1") == 1
    facts = json.loads((tmp_path / "out/checkpoint-1/progress.json").read_text())
    assert facts["world_size"] == int(processes)
