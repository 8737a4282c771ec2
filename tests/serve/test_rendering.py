"""PDFs drawn in a child process: what it cannot survive, the server does."""

import os
import signal
from collections.abc import Iterator

import pytest

from sightwright.errors import RefusedError
from sightwright.ingest.render import RenderPolicy, open_pdf
from sightwright.serve.rendering import Renderer
from sightwright.vision import PixelPolicy

from .conftest import pdf_of

POLICY = RenderPolicy(pixels=PixelPolicy(1024, 65536), max_pages=3)


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(POLICY, seconds=30)
    yield renderer
    renderer.close()


def test_pages_are_those_of_ingest(renderer: Renderer) -> None:
    drawn = renderer.draw(pdf_of(2))
    with open_pdf(pdf_of(2), POLICY) as pdf:
        expected = [pdf.render(index) for index in range(2)]
    assert [page.tobytes() for page in drawn] == [page.tobytes() for page in expected]
    assert drawn[0].size == (192, 288)


def test_a_refusal_leaves_the_child_at_work(renderer: Renderer) -> None:
    renderer.draw(pdf_of(1))
    child = renderer._child
    for data, status in ((b"%PDF-1.7 x", 422), (pdf_of(4), 413)):
        with pytest.raises(RefusedError) as caught:
            renderer.draw(data)
        assert caught.value.status == status
    assert len(renderer.draw(pdf_of(1))) == 1
    assert renderer._child is child


def test_a_dead_child_is_replaced(renderer: Renderer) -> None:
    renderer.draw(pdf_of(1))
    assert renderer._child is not None
    os.kill(renderer._child.process.pid, signal.SIGKILL)
    renderer._child.process.wait()
    assert len(renderer.draw(pdf_of(1))) == 1


def test_a_pdf_that_takes_too_long_costs_its_own_request() -> None:
    renderer = Renderer(POLICY, seconds=1e-6)
    with pytest.raises(RefusedError, match="could not be drawn within") as caught:
        renderer.draw(pdf_of(3))
    assert caught.value.status == 422
    assert renderer._child is None
    renderer.close()


def test_a_child_that_dies_at_work_costs_its_own_request(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer.draw(pdf_of(1))
    assert renderer._child is not None
    process = renderer._child.process
    # As a crash in C code would: the child stops in the middle of a document.
    os.kill(process.pid, signal.SIGSTOP)
    import threading

    threading.Timer(0.2, process.kill).start()
    with pytest.raises(RefusedError, match="brought its drawing process down"):
        renderer.draw(pdf_of(1))
    assert len(renderer.draw(pdf_of(1))) == 1
