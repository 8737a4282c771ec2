"""Peers that must not be dependencies, each in an environment of its own, run as a process.

`requirements/NAME.txt` says what the environment holds, `benchmarks/peers/NAME.py` is what runs
in it: it says its versions, then answers each line of JSON with one.
"""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".peers"
PEERS = {
    "pdf2image": "pdftoppm", "pymupdf": None, "hf_datasets": None, "binpacking": None, "trl": None,
    "ms_swift": None,
}  # fmt: skip
"""Each peer, and the program that it needs besides."""


class MissingPeerError(Exception):
    """A peer that is not installed here; says what to do."""


class Peer:
    """A peer's process. A context manager.

    Args:
        name: of the file beside this one that it runs.
        environment: that it runs in; its own by default.
    """

    def __init__(self, name: str, environment: str | None = None) -> None:
        home = environment or name
        python = ENVIRONMENTS / home / "bin" / "python"
        if not python.exists():
            raise MissingPeerError(
                f"{home} is not installed: run `{Path(sys.executable).name} -m benchmarks "
                f"--install-peers` (it installs requirements/{home}.txt into .peers/{home})"
            )
        program = PEERS[home]
        if program is not None and shutil.which(program) is None:
            raise MissingPeerError(f"{name} needs {program}: apt-get install poppler-utils")
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name(f"{name}.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = str(self._hear()["version"])

    def ask(self, **question: Any) -> dict[str, Any]:
        """Have the peer work; it answers with its own `seconds`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with {self._process.wait()}: see its traceback")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def install_all() -> None:
    for name in PEERS:
        folder = ENVIRONMENTS / name
        print(f"{folder.relative_to(ROOT)}: requirements/{name}.txt")
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        requirements = str(ROOT / "requirements" / f"{name}.txt")
        subprocess.run([*pip, "--disable-pip-version-check", "-r", requirements], check=True)
