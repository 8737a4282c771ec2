"""The core starts without torch: `--help`, checks and validation are instant."""

import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "transformers", "peft", "vllm", "fastapi", "scipy")

LIGHT_MODULES = [
    "sightwright.errors",
    "sightwright.config.load",
    "sightwright.config.describe",
    "sightwright.config.json_schema",
    "sightwright.model.checkpoints",
    "sightwright.model.template_check",
    "sightwright.sampling.plan",
    "sightwright.sampling.fuse",
    "sightwright.records",
    "sightwright.jsonl",
    "sightwright.canonical",
    "sightwright.schema",
    "sightwright.certificate",
    "sightwright.images",
    "sightwright.web.fetch",
    "sightwright.data.show",
    "sightwright.data.conversations",
    "sightwright.vision",
    "sightwright.chat",
    "sightwright.tasks.extract",
    "sightwright.tasks.inspection",
    "sightwright.tasks.prompts",
    "sightwright.tasks.irrelevant",
    "sightwright.geometry",
    "sightwright.inspection_records",
    "sightwright.metrics.geometry",
    "sightwright.metrics.summary",
    "sightwright.metrics.verdict",
    "sightwright.ingest.annotations.run",
    "sightwright.export.contents",
    "sightwright.infer.engine",
    "sightwright.infer.fake",
    "sightwright.infer.http_engine",
    "sightwright.infer.reading",
    "sightwright.infer.review",
    "sightwright.metrics.calibration",
    "sightwright.train",
    "sightwright.cli.main",
]


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_a_core_module_imports_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == ""


def test_help_answers_at_once() -> None:
    command = [sys.executable, "-m", "sightwright", "--help"]
    seconds: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds.append(time.perf_counter() - started)
    assert "serve" in output
    # Half a second on an idle machine (DESIGN.md section 2); a loaded two-core runner gets slack,
    # an import of torch (several seconds) does not pass.
    assert min(seconds) < 1.5


VERBS = ("train", "eval", "infer", "merge", "inspect", "serve", "config check", "data show")


def test_help_of_a_verb_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from sightwright.cli.main import main\n"
        f"for verb in {VERBS!r}:\n"
        "    try:\n"
        "        main([*verb.split(), '--help'])\n"
        "    except SystemExit as end:\n"
        "        assert not end.code\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *helps, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    for verb in VERBS:
        assert any(line.startswith(f"Usage: sightwright {verb} ") for line in helps)
