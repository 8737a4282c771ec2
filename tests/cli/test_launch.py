"""Several processes of one launch: the first that fails is heard, once, and the others end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sightwright.cli.launch import main
from sightwright.cli.ranks import is_first, is_first_to_tell

FAILS = """
import os, signal, sys, time
from sightwright.cli.ranks import is_first_to_tell, tell_bugs_once

how = sys.argv[1]
tell_bugs_once()
if how == "alike" or os.environ["RANK"] == "1":
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "bug":
        raise RuntimeError("a bug")
    if is_first_to_tell():
        print("error: the third record", file=sys.stderr)
    sys.exit(2)
time.sleep(120)
"""


def launched(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    (folder / "fails.py").write_text(FAILS)
    return subprocess.run(
        [
            *(sys.executable, "-m", "sightwright.cli.launch", "--standalone"),
            *("--nproc_per_node", "2", "fails.py", how),
        ],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_one_process_fails_and_the_other_does_not_wait_for_it(tmp_path: Path) -> None:
    started = time.monotonic()
    done = launched(tmp_path, "one")
    assert (done.returncode, done.stderr) == (2, "error: the third record\n")
    assert time.monotonic() - started < 90


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("alike", 2, "error: the third record\n"),
        ("killed", 128 + signal.SIGKILL, "error: process 1 was ended by SIGKILL\n"),
    ],
)
def test_what_is_said_is_said_once(how: str, code: int, said: str, tmp_path: Path) -> None:
    done = launched(tmp_path, how)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.slow
def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    done = launched(tmp_path, "bug")
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: a bug") == 1
    assert "ChildFailedError" not in done.stderr


def test_the_first_of_a_launch_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_first_to_tell()
    told: list[bool] = []
    for rank in ("0", "1"):
        file = tmp_path / "attempt_0" / rank / "error.json"
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))
        monkeypatch.setenv("RANK", rank)
        told.append(is_first_to_tell())
    assert told == [True, False]
    assert not is_first()


def test_arguments_are_torchruns(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--nproc" in capsys.readouterr().out
