"""PDFs drawn in a child process: a page that crashes or hangs it costs one request, not the server.

pdfium is C++ and its input comes from strangers. The child is kept between requests, since starting
one takes longer than drawing a page.
"""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import sightwright
from sightwright.errors import RefusedError, SightwrightError
from sightwright.ingest.render import DocumentError, RenderPolicy, open_pdf
from sightwright.ingest.workers import limit_memory

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY_BYTES = 4 * 1024**3
START_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_COMMAND = "import sys; from sightwright.serve.rendering import draw_for; draw_for(sys.argv[1])"
_READY = "ready"
_STATUSES = {"too-many-pages": 413}


@dataclass(frozen=True)
class _Refusal:
    message: str
    status: int


@dataclass
class _Child:
    process: "subprocess.Popen[bytes]"
    pipe: Connection
    is_ready: bool = False


class Renderer:
    """Draws PDFs as `RenderPolicy` says, one at a time.

    Args:
        policy: pixels, resolution and number of pages.
        seconds: for one document; then the child is ended.
    """

    def __init__(self, policy: RenderPolicy, seconds: float) -> None:
        self._policy = policy
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def start(self) -> None:
        """Start the child ahead of the first PDF; it gets ready while we go on."""
        with self._lock:
            self._alive()

    def draw(self, data: bytes, cancelled: threading.Event | None = None) -> list["Image"]:
        """The pages of a PDF as RGB images on the model's grid. Blocks; any thread.

        Args:
            cancelled: ends the drawing, and the child with it, when it is set.

        Raises:
            RefusedError: 413 too many pages; 422 encrypted, broken, empty, too slow, or deadly;
                499 cancelled.
            SightwrightError: no child can be started.
        """
        with self._lock:
            child = self._ready()
            try:
                child.pipe.send_bytes(data)
                if not self._drawn(child, cancelled):
                    self._end()
                    if cancelled is not None and cancelled.is_set():
                        # The next document finds a child that is getting ready.
                        self._alive()
                        raise RefusedError("the drawing was cancelled", status=499)
                    raise RefusedError(
                        f"the PDF could not be drawn within {self._seconds:g} s", status=422
                    )
                result: list[Image] | _Refusal = child.pipe.recv()
            except (EOFError, OSError):
                self._end()
                raise RefusedError(
                    "the PDF brought its drawing process down; it is broken or too large",
                    status=422,
                ) from None
        if isinstance(result, _Refusal):
            raise RefusedError(result.message, status=result.status)
        return result

    def close(self) -> None:
        with self._lock:
            self._end()

    def _drawn(self, child: _Child, cancelled: threading.Event | None) -> bool:
        """Wait for the answer; False when the time is up or the drawing was cancelled."""
        deadline = time.monotonic() + self._seconds
        while not child.pipe.poll(max(0.0, min(_LOOK_SECONDS, deadline - time.monotonic()))):
            if time.monotonic() >= deadline or (cancelled is not None and cancelled.is_set()):
                return False
        return True

    def _ready(self) -> _Child:
        child = self._alive()
        if not child.is_ready:
            with suppress(EOFError, OSError):
                child.is_ready = child.pipe.poll(START_SECONDS) and child.pipe.recv() == _READY
        if not child.is_ready:
            self._end()
            raise SightwrightError("the process that draws PDFs did not start: see its traceback")
        return child

    def _alive(self) -> _Child:
        if self._child is not None and self._child.process.poll() is not None:
            self._end()
        if self._child is None:
            self._child = _start_child(self._policy)
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.process.kill()
            self._child.process.wait()
            self._child.pipe.close()
            self._child = None


def _start_child(policy: RenderPolicy) -> _Child:
    # Neither forked (it would copy the threads' locks) nor spawned by multiprocessing (it would
    # run the main script again): a fresh interpreter that imports the drawing alone.
    ours, theirs = multiprocessing.Pipe()
    package = str(Path(sightwright.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # Ctrl-C reaches the whole terminal group; the server decides what becomes of the child.
        start_new_session=True,
    )
    # Only the child holds its end now, so that its death closes the pipe.
    theirs.close()
    child = _Child(process, ours)
    ours.send(policy)
    return child


def draw_for(descriptor: str) -> None:
    """The child's life: a policy, then PDFs in, pages or a refusal out, until the pipe closes."""
    limit_memory(MEMORY_BYTES)
    with suppress(EOFError, BrokenPipeError), Connection(int(descriptor)) as pipe:
        policy: RenderPolicy = pipe.recv()
        pipe.send(_READY)
        while True:
            pipe.send(_pages_or_refusal(pipe.recv_bytes(), policy))


def _pages_or_refusal(data: bytes, policy: RenderPolicy) -> "list[Image] | _Refusal":
    try:
        with open_pdf(data, policy) as pdf:
            return [pdf.render(index) for index in range(pdf.num_pages)]
    except DocumentError as error:
        status = _STATUSES.get(error.status, 422)
        return _Refusal(f"the PDF is refused ({error.status}): {error.message}", status)
    except MemoryError:
        return _Refusal("the PDF needs too much memory", 422)
