"""Every block of the README, the guides and the documents is run, in order, as a reader would.

The README runs in a folder with PDFs, labels and a schema; every other page runs in a copy of what
the README's tour leaves behind, as each of them says at its top, beside the checkout's folders, and
its commands need not import torch anew (`warm_commands`).

- `bash` blocks run as one shell session per page. A `make` line is only checked to be a target
  (the tests themselves run under `make test`).
- A `yaml`, `json` or `python` block whose first line is a comment with a file name becomes that
  file; other `python` blocks are run.
- Output shown to the reader stands in `text` blocks, which are not run.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from warm_commands import Warm

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted(path for path in (ROOT / "docs").glob("**/*.md") if path.name != "notebook.md")
PAGES.append(ROOT / "src" / "README.md")

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"(?:#|//)\s*(\S+\.(?:yaml|json|py))\s*$")


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(*match) for match in _BLOCK.findall(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="session")
def after_the_tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's blocks have run: once for all workers of pytest, which share the port."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "tour"
    with FileLock(shared / "tour.lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            write_documents(folder)
            run_blocks(README, folder)
            (folder / "done").touch()
    return folder


def write_documents(folder: Path) -> None:
    """A reader's folder: PDFs, a label for each, and a schema."""
    from sightwright import canonical
    from sightwright.draw.corpus import draw_corpus
    from sightwright.draw.schemas import schema_of

    for document in draw_corpus("receipt", 20, seed=5, out_dir=folder / "drawn"):
        for source, name in ((document.pdf, "documents"), (document.json, "labels")):
            (folder / name).mkdir(exist_ok=True)
            source.rename(folder / name / source.name)
    (folder / "drawn").rmdir()
    canonical.write_json(folder / "receipt.schema.json", schema_of("receipt"))


def run_blocks(page: Path, folder: Path, path: str = str(Path(sys.executable).parent)) -> None:
    """
    Args:
        path: where the shell looks for commands first.
    """
    for block in blocks_of(page):
        write_named_file(block, folder)
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "\n".join(shell_of(block) for block in blocks_of(page))
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_the_readme_runs(after_the_tour: Path) -> None:
    assert (after_the_tour / "merged" / "model.safetensors").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs(page: Path, after_the_tour: Path, warm: Warm, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(after_the_tour, folder)
    for name in ("configs", "schemas", "scripts", "src"):
        (folder / name).symlink_to(ROOT / name)
    run_blocks(page, folder, warm.path)


def write_named_file(block: Block, folder: Path) -> None:
    first, _, rest = block.text.partition("\n")
    name = _FILE_NAME.match(first)
    if block.language in ("yaml", "json", "python") and name:
        # JSON knows no comments.
        text = rest if block.language == "json" else block.text
        (folder / name[1]).write_text(text, encoding="utf-8")


def shell_of(block: Block) -> str:
    if block.language == "python" and not _FILE_NAME.match(block.text.partition("\n")[0]):
        return f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK"
    if block.language != "bash":
        return ""
    return re.sub(r"^make ", f"make -n -C {ROOT} ", block.text, flags=re.MULTILINE)


def test_the_readme_leads_with_the_two_commands() -> None:
    first = next(block for block in blocks_of(ROOT / "README.md") if block.language == "bash")
    assert [line.split("#")[0].strip() for line in first.text.splitlines()] == [
        "make demo",
        "make test",
    ]
