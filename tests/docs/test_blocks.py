"""Every block of the README and the guides is run, in order, in a folder as a reader would have it.

- `bash` blocks run as one shell session per page. A `make` line is only checked to be a target
  (the tests themselves run under `make test`).
- A `yaml`, `json` or `python` block whose first line is a comment with a file name becomes that
  file; other `python` blocks are run.
- Output shown to the reader stands in `text` blocks, which are not run.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"(?:#|//)\s*(\S+\.(?:yaml|json|py))\s*$")


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(*match) for match in _BLOCK.findall(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder: PDFs, a label for each, and a schema."""
    from sightwright import canonical
    from sightwright.draw.corpus import draw_corpus
    from sightwright.draw.schemas import schema_of

    folder = tmp_path_factory.mktemp("reader")
    for document in draw_corpus("receipt", 20, seed=5, out_dir=folder / "drawn"):
        for source, name in ((document.pdf, "documents"), (document.json, "labels")):
            (folder / name).mkdir(exist_ok=True)
            source.rename(folder / name / source.name)
    canonical.write_json(folder / "receipt.schema.json", schema_of("receipt"))
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(page: Path, documents: Path, tmp_path: Path) -> None:
    for name in ("documents", "labels", "receipt.schema.json"):
        (tmp_path / name).symlink_to(documents / name)
    for block in blocks_of(page):
        write_named_file(block, tmp_path)
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script += "\n".join(shell_of(block) for block in blocks_of(page))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def write_named_file(block: Block, folder: Path) -> None:
    first, _, _ = block.text.partition("\n")
    name = _FILE_NAME.match(first)
    if block.language in ("yaml", "json", "python") and name:
        (folder / name[1]).write_text(block.text, encoding="utf-8")


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
