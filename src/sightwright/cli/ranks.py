"""What several processes of one launch tell their user: one thing, once."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_OWN_FILE = "TORCHELASTIC_ERROR_FILE"


def is_first() -> bool:
    """Whether this process speaks for its launch; True where there is none."""
    return os.environ.get("RANK", "0") == "0"


def is_first_to_tell() -> bool:
    """Whether this process is the first of its launch to fail; True where there is no launch.

    The others fail alike (a wrong setting), or because this one has left. torchrun and
    `accelerate launch` give each process a file of its own below one folder of the launch.
    """
    own_file = os.environ.get(_OWN_FILE)
    if not own_file:
        return True
    folder = Path(own_file).parents[1]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (folder / "told").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def leave() -> None:
    """End a process of a launch that has nothing more to say, without the interpreter's own end.

    Threads of libraries that are still there make that end an abort now and then, after all work is
    done (seen: "terminate called without an active exception", gloo, torch 2.13).
    """
    if _OWN_FILE in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def tell_bugs_once() -> None:
    """A traceback too is printed by one process of a launch alone."""
    if _OWN_FILE not in os.environ:
        return
    shown = sys.excepthook

    def once(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if is_first_to_tell():
            shown(kind, error, trace)

    hook: Callable[..., object] = once
    sys.excepthook = hook
