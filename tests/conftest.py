"""Fixtures that tests of several packages share."""

import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from loopback_web import Web
from warm_commands import Warm, warm_commands

# The same examples in every run: a property that fails here fails everywhere.
settings.register_profile("same-every-time", derandomize=True)
settings.load_profile("same-every-time")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server of this test's own, and a cache folder of its own."""
    monkeypatch.setenv("SIGHTWRIGHT_CACHE", str(tmp_path / "cache"))
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield web
    finally:
        web.server.shutdown()
        thread.join()
        web.server.server_close()


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    # The path of a socket is a hundred characters at most.
    with TemporaryDirectory(prefix="warm") as folder, warm_commands(Path(folder)) as warm:
        yield warm
