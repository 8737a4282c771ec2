"""Command lines that start at once, as children of a process that is `prepared`.

A page of the documentation has a dozen commands, and each would import torch and transformers
anew, for longer than it works. In a shell whose PATH begins with `Warm.path`, `python` and
`sightwright` are clients of such a process: it forks a child, which takes over the client's
folder, environment and open files, and runs what the command line says, the installed script of
`sightwright` included. That they also start by themselves, the tour of the README shows, and the
tests of scripts and of `python -m src.sft`.

Run as a program, this is that process.
"""

import atexit
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_READY = "ready"

# Without `site` and the rest it starts in a hundredth of a second.
_CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
name = os.path.basename(sys.argv[0])
told = {{"argv": [name, *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ)}}
message = json.dumps(told).encode()
socket.send_fds(server, [len(message).to_bytes(4, "big")], [0, 1, 2])
server.sendall(message)
answers = server.makefile("r")
child = int(answers.readline())
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, frame: os.kill(child, number))
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@dataclass(frozen=True)
class Warm:
    """
    Attributes:
        path: of a folder with `python` and `sightwright`, and whatever else stands beside the
            interpreter.
    """

    path: str


@contextmanager
def warm_commands(folder: Path) -> Iterator[Warm]:
    """Have such a process, for as long as the context lasts; `folder` is empty, and its path is
    short."""
    address = str(folder / "socket")
    for name in ("python", "sightwright"):
        client = folder / name
        client.write_text(_CLIENT.format(python=sys.executable, address=address))
        client.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, address],
        env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        # Some packages say something when they are imported.
        assert any(line.strip() == _READY for line in server.stdout), "it cannot be prepared"
        yield Warm(f"{folder}:{Path(sys.executable).parent}")
    finally:
        # With all that still run.
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def serve(address: str) -> None:
    import prepared  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(16)
        print(_READY, flush=True)
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                # Whoever started it has died and could not end it.
                os.killpg(0, signal.SIGKILL)
            client, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _attend(client)
            client.close()


def _attend(client: socket.socket) -> None:
    """Run one command line in a child, and tell the client how it ends. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, files, _, _ = socket.recv_fds(client, 4, 3)
    with client.makefile("rb") as stream:
        told = json.loads(stream.read(int.from_bytes(head, "big")))
    child = os.fork()
    if child == 0:
        client.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(told["folder"])
        os.environ.clear()
        os.environ.update(told["environment"])
        _end(run, told["argv"])
    for file in files:
        os.close(file)
    client.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _end(run: Callable[[list[str]], None], argv: list[str]) -> None:
    """Run it, and end the process as the interpreter does, but for taking down its modules: that
    would copy every page that is shared with the first process, for seconds."""
    code: object = 1
    try:
        run(argv)
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def run(argv: list[str]) -> None:
    """What the interpreter does with such a command line."""
    match argv:
        case ["sightwright", *rest]:
            script = shutil.which("sightwright", path=str(Path(sys.executable).parent))
            assert script is not None
            sys.argv = [script, *rest]
            runpy.run_path(script, run_name="__main__")
        case [_, "-m", module, *rest]:
            sys.argv = [module, *rest]
            sys.path[0] = os.getcwd()
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [_, "-c", text, *rest]:
            _run_text(text, "-c", rest)
        case [_, "-", *rest]:
            _run_text(sys.stdin.read(), "-", rest)
        case [_, script, *rest]:
            sys.argv = [script, *rest]
            sys.path[0] = str(Path(script).resolve().parent)
            runpy.run_path(script, run_name="__main__")
        case _:
            raise SystemExit(f"nothing to run: {argv}")


def _run_text(text: str, name: str, rest: list[str]) -> None:
    sys.argv = [name, *rest]
    sys.path[0] = ""
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    exec(compile(text, f"<{name}>", "exec"), main.__dict__)


if __name__ == "__main__":
    serve(sys.argv[1])
